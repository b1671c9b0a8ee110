import { expect, it } from 'vitest';

import { openRandomStream } from '../protocols/random.js';
import { drawLatencyMs } from './spike-latency.js';

it('latencies lie in the response window with the mean of the cut gamma distribution', () => {
  const random = openRandomStream(1, 'latency');
  const drawn = Array.from({ length: 20_000 }, () => drawLatencyMs(random));
  expect(drawn.every((latency) => latency >= 10 && latency <= 30)).toBe(true);
  // Gamma(2, 4 ms) cut at 20 ms: 8 (1 - e^-5 (1 + 5 + 12.5)) / (1 - 6 e^-5) = 7.297 ms.
  const mean = drawn.reduce((sum, latency) => sum + latency, 0) / drawn.length;
  expect(Math.abs(mean - 17.297)).toBeLessThan(0.15);
});
