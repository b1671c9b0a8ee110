import { describe, expect, it } from 'vitest';

import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import { planDetector, type SpikeDetectorSettings } from './detector-settings.js';
import { detectInFloat64 } from './reference/detect-in-float64.js';
import { filterSections } from './reference/filter-sections.js';
import { createSpikeDetector } from './spike-detector.js';
import { detectSpikesPlainly } from './twin/detect-spikes-plainly.js';

const SAMPLE_RATE_HZ = 20_000;
/** Rms of the white noise before the filter, in bits. */
const NOISE_BITS = 20;
const GAIN_UV = 0.5;
const SHAPE = [-0.2, -0.6, -1, -0.9, -0.55, -0.2, 0.1, 0.3, 0.35, 0.3, 0.2, 0.1];

/** Samples between a spike and the next of its channel. */
type NextGap = (random: RandomStream) => number;

const POISSON_75: NextGap = (random) => 40 - Math.log(1 - random.uniform()) * (20_000 / 75 - 40);
/** Bursts of 12 spikes 2 to 4 ms apart, 75 spikes a second on average. */
const BURSTS_75 = (): NextGap => {
  let left = 0;
  return (random) => {
    if (left === 0) {
      left = 12;
      return -Math.log(1 - random.uniform()) * 2500;
    }
    left--;
    return 40 + 40 * random.uniform();
  };
};

interface Scene {
  readonly channels: number;
  readonly frames: number;
  readonly nextGap?: () => NextGap;
  /** Height of the spikes' raw peaks in bits: from, to. */
  readonly heightBits?: readonly [number, number];
}

function renderScene({ channels, frames, nextGap, heightBits = [80, 250] }: Scene): Int16Array {
  const random = openRandomStream(11, 'accuracy-noise');
  const samples = Int16Array.from({ length: channels * frames }, () => Math.round(NOISE_BITS * random.normal()));
  if (nextGap === undefined) return samples;
  for (let c = 0; c < channels; c++) {
    const gap = nextGap();
    for (let at = gap(random); at < frames - SHAPE.length; at += gap(random)) {
      const height = heightBits[0] + (heightBits[1] - heightBits[0]) * random.uniform();
      const first = Math.floor(at) * channels + c;
      SHAPE.forEach((value, i) => (samples[first + i * channels]! += Math.round(value * height)));
    }
  }
  return samples;
}

/** Rms of the filtered noise alone, uV. */
function trueNoiseUv(channels: number, frames: number): Float64Array {
  const noise = renderScene({ channels, frames });
  const { sections } = planDetector(settingsOf(channels));
  return Float64Array.from({ length: channels }, (_, c) => {
    const values = Float64Array.from({ length: frames }, (__, i) => GAIN_UV * noise[i * channels + c]!);
    const filtered = filterSections(sections, values).subarray(2000);
    return Math.sqrt(filtered.reduce((sum, value) => sum + value * value, 0) / filtered.length);
  });
}

function settingsOf(channels: number): SpikeDetectorSettings {
  return { channels, sampleRateHz: SAMPLE_RATE_HZ, gainUv: GAIN_UV };
}

/** Mean over channels and time of what the noise is estimated at, after 5 s, over what it is, less 1; and the spikes. */
function measureBias(samples: Int16Array, truth: Float64Array): { readonly bias: number; readonly spikes: number } {
  const channels = truth.length;
  const detector = createSpikeDetector(settingsOf(channels));
  const block = 2000;
  let sum = 0;
  let count = 0;
  let spikes = 0;
  for (let at = 0; at < samples.length / channels; at += block) {
    const part = samples.subarray(at * channels, (at + block) * channels);
    const batch = detector.processInt16({ firstSample: sampleIndex(at), frames: block, channels, samples: part });
    if (at < 5 * SAMPLE_RATE_HZ) continue;
    spikes += batch.samples.length;
    detector.noiseUv().forEach((noise, c) => (sum += noise / truth[c]! - 1));
    count += channels;
  }
  return { bias: sum / count, spikes };
}

describe('the noise estimate', () => {
  const [channels, frames] = [8, 20 * SAMPLE_RATE_HZ];
  const truth = trueNoiseUv(channels, frames);
  const watched = (15 * channels * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ;

  it.each([
    ['of no spikes', undefined, 0],
    ['of 75 spikes a second', () => POISSON_75, 60],
    ['of bursts', BURSTS_75, 50],
  ] as const)('is within 2 % after 5 s in the presence %s', (_, nextGap, perSecond) => {
    const scene = renderScene({ channels, frames, ...(nextGap === undefined ? {} : { nextGap }) });
    const { bias, spikes } = measureBias(scene, truth);
    expect(spikes / watched).toBeGreaterThanOrEqual(perSecond);
    expect(Math.abs(bias)).toBeLessThan(0.02);
  });

  it('lets less than one false spike in 30 s and channel through at five times the noise', () => {
    expect(measureBias(renderScene({ channels, frames }), truth).spikes / watched).toBeLessThan(1 / 30);
  });

  it.each([0.05, 0.2, 0.4, 4])('comes back from %f times the noise', (factor) => {
    const few = 4;
    const samples = renderScene({ channels: few, frames: 12 * SAMPLE_RATE_HZ });
    const initialUv = Float32Array.from(truth.subarray(0, few), (noise) => factor * noise);
    const detector = createSpikeDetector({ ...settingsOf(few), noise: { mode: 'adaptive', initialUv } });
    detector.processInt16({ firstSample: sampleIndex(0), frames: samples.length / few, channels: few, samples });
    detector.noiseUv().forEach((noise, c) => {
      expect(Math.abs(noise / truth[c]! - 1)).toBeLessThan(0.06);
    });
  });
});

describe('the spikes that are found', () => {
  const [channels, frames] = [6, 8 * SAMPLE_RATE_HZ];
  const samples = renderScene({ channels, frames, nextGap: () => POISSON_75, heightBits: [60, 200] });

  it('are those of the float64 reference, 99 in 100 and more', () => {
    const initialUv = Float32Array.from(trueNoiseUv(channels, frames));
    const settings: SpikeDetectorSettings = {
      ...settingsOf(channels),
      railGuardMs: 0,
      noise: { mode: 'adaptive', initialUv },
    };
    const detector = createSpikeDetector(settings);
    const found = detector.processInt16({ firstSample: sampleIndex(0), frames, channels, samples });
    const wanted = detectInFloat64(planDetector(settings), samples, Float64Array.from(initialUv));
    const keys = new Set(Array.from(found.samples, (sample, i) => sample * channels + found.electrodes[i]!));
    const common = wanted.samples.filter((sample, i) => keys.has(sample * channels + wanted.electrodes[i]!)).length;
    expect(wanted.samples.length).toBeGreaterThan(2000);
    expect(common / Math.max(wanted.samples.length, keys.size)).toBeGreaterThan(0.99);
  });

  it('are those of the twin in float64, 99 in 100 and more', () => {
    const settings = settingsOf(channels);
    const detector = createSpikeDetector(settings);
    const found = detector.processInt16({ firstSample: sampleIndex(0), frames, channels, samples });
    const wanted = detectSpikesPlainly(planDetector(settings), { firstSample: 0, frames, samples }, (value) => value);
    const keys = new Set(Array.from(found.samples, (sample, i) => sample * channels + found.electrodes[i]!));
    const common = wanted.samples.filter((sample, i) => keys.has(sample * channels + wanted.electrodes[i]!)).length;
    expect(wanted.samples.length).toBeGreaterThan(1500);
    expect(common / Math.max(wanted.samples.length, keys.size)).toBeGreaterThan(0.99);
  });
});
