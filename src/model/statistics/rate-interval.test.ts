import { describe, expect, it } from 'vitest';

import { rateInterval } from './rate-interval.js';

describe('Clopper-Pearson interval', () => {
  // scipy.stats.binomtest(k, n).proportion_ci(method='exact') 1.10.1
  it.each([
    [10, 200, 0.95, 0.02423416547210829, 0.09002753770155869],
    [0, 200, 0.95, 0, 0.018275340355148807],
    [200, 200, 0.95, 0.9817246596448512, 1],
    [3, 12, 0.95, 0.05486064452799241, 0.5718584618780997],
    [180, 200, 0.95, 0.8497872121322442, 0.937840633745934],
    [7, 50, 0.99, 0.04246878737883378, 0.3091069659648189],
  ])('of %d in %d at confidence %d', (...[successes, trials, confidence, lower, upper]) => {
    const interval = rateInterval(successes, trials, confidence);
    expect(interval.rate).toBe(successes / trials);
    expect(interval.lower).toBeCloseTo(lower, 11);
    expect(interval.upper).toBeCloseTo(upper, 11);
  });

  it.each([
    [5, 4, 0.95],
    [-1, 4, 0.95],
    [1.5, 4, 0.95],
    [0, 0, 0.95],
    [1, 4, 1],
  ])('refuses %d of %d at confidence %d', (successes, trials, confidence) => {
    expect(() => rateInterval(successes, trials, confidence)).toThrow(/Bad rate/);
  });
});
