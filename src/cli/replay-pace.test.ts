import { describe, expect, it } from 'vitest';
import { virtualClock } from '../clock.js';
import { createPace, parseSpeed } from './replay-pace.js';

const RATE_HZ = 20_000;
const { signal } = new AbortController();

describe('the pace of a replay', () => {
  it.each([
    [1, 10_000],
    [4, 2500],
    [0.5, 20_000],
  ])('of %d times real time is that of the clock, whatever the blocks', async (speed, wantedMs) => {
    for (const frames of [200, 7000]) {
      const clock = virtualClock();
      const pace = createPace(speed, RATE_HZ, clock);
      for (let at = 0; at < 10 * RATE_HZ; at += frames) await pace(Math.min(at + frames, 10 * RATE_HZ), signal);
      expect(clock.monotonicMs()).toBeCloseTo(wantedMs, 6);
    }
  });

  it('makes up for what took longer than it should', async () => {
    const clock = virtualClock();
    const pace = createPace(1, RATE_HZ, clock);
    await clock.sleep(700, signal);
    await pace(RATE_HZ, signal);
    expect(clock.monotonicMs()).toBe(1000);
    await clock.sleep(5000, signal);
    await pace(2 * RATE_HZ, signal);
    expect(clock.monotonicMs()).toBe(6000);
  });

  it('waits for nothing at `max`', async () => {
    const clock = virtualClock();
    await createPace(parseSpeed('max'), RATE_HZ, clock)(1e9, signal);
    expect(clock.monotonicMs()).toBe(0);
  });
});
