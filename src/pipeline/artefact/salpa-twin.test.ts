import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../../protocols/random.js';
import {
  DEFAULT_ARTEFACT_HANDLING,
  planArtefactHandling,
  type ArtefactHandling,
  type ArtefactPlan,
} from './artefact-settings.js';
import { createLocalCubic, weighMoments } from './local-cubic.js';
import { fitCubic, subtractLocalCubics } from './salpa-reference.js';
import { handleChannel, type HandledChannel } from './salpa-twin.js';

const GAIN = 0.195;
/** Largest difference that float32 output has, in uV: half a unit in the last place at 1 mV. */
const ROUNDING_UV = 4e-5;

/** N is 40 samples. */
function planOf(handling: Partial<ArtefactHandling>): ArtefactPlan {
  const fixed = { ...DEFAULT_ARTEFACT_HANDLING, halfWindowMs: 2, probeThreshold: 3 };
  return planArtefactHandling({ ...fixed, ...handling }, 20_000);
}

function noise(length: number, seed: number): Int16Array {
  const random = openRandomStream(seed, 'twin-noise');
  return Int16Array.from({ length }, () => 700 + random.integer(121) - 60);
}

/** Adds what a pulse at `sample` leaves behind: the rail for 40 samples, then an exponential of 12 samples. */
function addArtefact(samples: Int16Array, sample: number): void {
  for (let n = sample; n < samples.length; n++) {
    const after = n - sample - 40;
    const value = after < 0 ? 32_767 : samples[n]! + Math.round(30_000 * Math.exp(-after / 12));
    samples[n] = Math.min(32_767, value);
  }
}

function handle(handling: Partial<ArtefactHandling>, samples: Int16Array, pulses: readonly number[]): HandledChannel {
  const plan = planOf(handling);
  const blanks = pulses.map((from) => ({ from, to: from + 8 + plan.blank }));
  return handleChannel(plan, { samples, gainUvPerBit: GAIN, noiseUv: 5, blanks });
}

function largestGap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe('the local cubic', () => {
  it('leaves nothing of a cubic', () => {
    const cubic = Float64Array.from({ length: 200 }, (_, i) => 3 - 0.2 * i + 1e-3 * i * i - 2e-5 * i ** 3);
    expect(largestGap(subtractLocalCubics(cubic, 20), new Float64Array(200))).toBeLessThan(1e-9);
  });

  it('has weights that give the same as a fit by least squares', () => {
    for (const halfWindow of [8, 40, 126]) {
      const samples = noise(2 * halfWindow + 1, halfWindow);
      const fit = fitCubic(samples);
      for (const t of [-halfWindow, -3, 0, halfWindow]) {
        const weights = weighMoments(createLocalCubic(halfWindow), [t]);
        const moments = weights.map((_, k) =>
          samples.reduce((sum, value, i) => sum + (i - halfWindow) ** k * value, 0),
        );
        const value = weights.reduce((sum, weight, k) => sum + weight * moments[k]!, 0);
        expect(Math.abs(value - fit[t + halfWindow]!)).toBeLessThan(1e-8);
      }
    }
  });
});

describe('the twin of the artefact kernels', () => {
  it('subtracts what least squares fit, at both ends of a stretch and between', () => {
    const samples = noise(900, 1);
    const { samplesUv, blind } = handle({ mode: 'always' }, samples, []);
    const expected = subtractLocalCubics(Float64Array.from(samples), 40).map((value) => value * GAIN);
    expect(blind.includes(1)).toBe(false);
    expect(largestGap(samplesUv, expected)).toBeLessThan(ROUNDING_UV);
  });

  it('subtracts the end of the fit to the samples before, one-sided', () => {
    const samples = noise(400, 2);
    const { samplesUv, blind } = handle({ mode: 'always', form: 'one-sided' }, samples, []);
    expect(blind.lastIndexOf(1)).toBe(79);
    for (let n = 80; n < 400; n++) {
      const expected = (samples[n]! - fitCubic(samples.subarray(n - 80, n + 1))[80]!) * GAIN;
      expect(Math.abs(samplesUv[n]! - expected)).toBeLessThan(ROUNDING_UV);
    }
  });

  it('is blind from the pulse to the first window whose first residuals add up to little', () => {
    const samples = noise(1500, 3);
    addArtefact(samples, 300);
    const { samplesUv, blind } = handle({ mode: 'always' }, samples, [300]);
    const limit = (3 * Math.sqrt(5) * 5) / GAIN;
    // The rail ends at 340, its guard of 5 samples at 345.
    let first = 345;
    for (; ; first++) {
      const window = samples.subarray(first, first + 81);
      const fit = fitCubic(window);
      if (Math.abs(window.subarray(0, 5).reduce((sum, value, i) => sum + value - fit[i]!, 0)) <= limit) break;
    }
    expect(first).toBeGreaterThan(350);
    expect([blind.indexOf(1), blind.lastIndexOf(1)]).toEqual([300, first - 1]);
    const after = subtractLocalCubics(Float64Array.from(samples.subarray(first)), 40).map((value) => value * GAIN);
    expect(largestGap(samplesUv.subarray(first), after)).toBeLessThan(ROUNDING_UV);
    const before = subtractLocalCubics(Float64Array.from(samples.subarray(0, 300)), 40).map((value) => value * GAIN);
    expect(largestGap(samplesUv.subarray(0, 300), before)).toBeLessThan(ROUNDING_UV);
  });

  it('holds the level before the pulse, goes on around it, and comes back to the raw signal without a step', () => {
    const samples = noise(6000, 4);
    addArtefact(samples, 1000);
    const { samplesUv, blind } = handle({}, samples, [1000]);
    const level = (samples.subarray(980, 1000).reduce((sum, value) => sum + value, 0) / 20) * GAIN;
    const seen = blind.lastIndexOf(1) + 1;
    for (let n = 1000; n < seen; n++) expect(samplesUv[n]!).toBeCloseTo(level, 3);
    const active = meanOf(samplesUv.subarray(seen + 400, seen + 1900));
    expect(Math.abs(active - level)).toBeLessThan(1);
    // From the rail's guard on 2000 samples of SALPA, 400 of fade.
    const raw = Float32Array.from(samples, (value) => Math.fround(value * Math.fround(GAIN)));
    expect(largestGap(samplesUv.subarray(3445), raw.subarray(3445))).toBe(0);
    expect(largestGap(samplesUv.subarray(3345, 3445), raw.subarray(3345, 3445))).toBeGreaterThan(0);
    expect(largestGap(samplesUv.subarray(0, 1000), raw.subarray(0, 1000))).toBe(0);
    for (let n = 3000; n < 3500; n++) {
      // The mean over 100 samples moves by no more than noise does.
      const step = meanOf(samplesUv.subarray(n, n + 100)) - meanOf(samplesUv.subarray(n - 100, n));
      expect(Math.abs(step)).toBeLessThan(5);
    }
  });

  it('has no larger step in its fade than the share of the offset that is due', () => {
    const samples = new Int16Array(6000).fill(10_000);
    samples.fill(12_000, 1100);
    addArtefact(samples, 1000);
    const { samplesUv } = handle({}, samples, [1000]);
    const steps = Array.from({ length: 3000 }, (_, i) => Math.abs(samplesUv[2001 + i]! - samplesUv[2000 + i]!));
    expect(samplesUv[2000]).toBeCloseTo(10_000 * GAIN, 1);
    expect(samplesUv[4999]).toBeCloseTo(12_000 * GAIN, 1);
    // 390 uV over half a cosine of 400 samples: pi / 2 / 400 of it at most.
    expect(Math.max(...steps)).toBeLessThan(1.6);
  });

  it('is blind at the rail and for a guard after it, whether there was a pulse or not', () => {
    const samples = noise(3000, 5);
    samples.fill(-32_768, 1500, 1507);
    const { blind } = handle({ mode: 'blank' }, samples, []);
    expect([blind.indexOf(1), blind.lastIndexOf(1)]).toEqual([1500, 1511]);
  });

  it('never sees a stretch that is shorter than its window', () => {
    const samples = noise(3000, 6);
    samples.fill(32_767, 1500, 1501);
    samples.fill(32_767, 1586, 1587);
    const { blind } = handle({}, samples, []);
    expect(blind.subarray(1500, 1592).includes(0)).toBe(false);
    expect(blind[1592]).toBe(0);
    samples[1586] = 700;
    samples.fill(32_767, 1587, 1588);
    expect(handle({}, samples, []).blind[1506]).toBe(0);
  });
});

function meanOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
