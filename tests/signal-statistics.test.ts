import { describe, expect, it } from 'vitest';

import {
  measureBurstRate,
  measureEvokedCounts,
  measureFallOff,
  measureNoise,
  measureRailTimes,
  measureSpontaneous,
} from './helpers/signal-runs.js';

// A smaller version of `npm run bench -- signal-statistics`: everything is measured from the samples of an emulated rig,
// but for the last test, and has to be within 20 % of what was set.
const SEED = 41;

function expectWithin20Percent(measured: number, setting: number): void {
  expect(Math.abs(measured / setting - 1), `${measured} for ${setting}`).toBeLessThanOrEqual(0.2);
}

describe('the samples of the emulated rig, measured,', () => {
  // 400 bursts are expected of each run, a counting error of 5 %; what overlaps is counted as one, 3 and 6 % of them.
  it.each([0.1, 0.2])('show network bursts at the rate of %f Hz that was set', (burstHz) => {
    const { hz, detectedShare } = measureBurstRate(burstHz, { seconds: 400 / burstHz, seed: SEED });
    expectWithin20Percent(hz, burstHz);
    expect(detectedShare).toBeGreaterThan(0.95);
  });

  it.each([1, 4])('show the Fano factor of %f that was set, and the rate', (setting) => {
    const { fano, hz, detectedShare } = measureSpontaneous(setting, { seconds: 60, seed: SEED });
    expectWithin20Percent(fano, setting);
    expectWithin20Percent(hz, 5);
    expect(Math.abs(detectedShare - 1)).toBeLessThan(0.02);
  });

  it.each([100, 150])('show spikes that fall to 1/e in the %f um that were set', (setting) => {
    const { lengthUm, amplitudes } = measureFallOff(setting, { seconds: 10, seed: SEED });
    expectWithin20Percent(lengthUm, setting);
    expectWithin20Percent(amplitudes[0]!.amplitude, 300);
  });

  it.each([
    { rmsUv: 5, slope: 1, neighbourCorrelation: 0.1 },
    { rmsUv: 8, slope: 1.4, neighbourCorrelation: 0.25 },
  ])('show the noise that was set: $rmsUv uV, 1/f^$slope, correlated by $neighbourCorrelation', (setting) => {
    const measured = measureNoise(setting, { seconds: 5, seed: SEED });
    expectWithin20Percent(measured.rmsUv, setting.rmsUv);
    expectWithin20Percent(measured.slope, setting.slope);
    expectWithin20Percent(measured.neighbourCorrelation, setting.neighbourCorrelation);
    expect(Math.abs(measured.distantCorrelation)).toBeLessThan(0.01);
  });

  it('leave the rail within 1 ms where no pulse was, with 32 black squares pulsed at once', () => {
    const { pulsedMs, otherMs } = measureRailTimes(2, SEED);
    expect(otherMs).toBeGreaterThan(0);
    expect(otherMs).toBeLessThanOrEqual(1);
    expect(pulsedMs).toBeGreaterThan(otherMs);
  });

  it('hold, by the truth about them, the counts of the trial-level culture 10 to 30 ms after a stimulus', async () => {
    const { spikes, different } = await measureEvokedCounts(20, SEED);
    expect(spikes).toBeGreaterThan(300);
    expect(different).toBe(0);
  });
});
