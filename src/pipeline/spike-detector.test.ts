import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import { joinBatches, type JoinedSpikes } from '../../tests/helpers/join-batches.js';
import { inputScaleOf } from './detector-memory.js';
import { MEDIAN_OF_SIGMA, planDetector, type NoiseSettings, type SpikeDetectorSettings } from './detector-settings.js';
import { openKernels } from './open-kernels.js';
import type { SpikeBatch } from './spike-batch.js';
import { createRowDetector, createSpikeDetector } from './spike-detector.js';
import { detectSpikesPlainly, type PlainRecording } from './twin/detect-spikes-plainly.js';

const BASE = { sampleRateHz: 20_000, gainUv: 0.195, noise: { mode: 'adaptive', settleMs: 100 } } as const;
const SHAPE = [-0.2, -0.6, -1, -0.9, -0.55, -0.2, 0.1, 0.3, 0.35, 0.3, 0.2, 0.1];

/** Noise with spikes of 6 to 14 times its size, at 40 a second; (frames, channels) int16. */
function makeRecording(channels: number, frames: number, seed = 1): Int16Array {
  const random = openRandomStream(seed, 'spike-detector-test');
  const samples = Int16Array.from({ length: channels * frames }, () => Math.round(30 * random.normal()) + 100);
  for (let k = 0; k < (channels * frames) / 500; k++) {
    const at = random.integer(frames - SHAPE.length) * channels + random.integer(channels);
    const size = 150 + 300 * random.uniform();
    SHAPE.forEach((value, i) => (samples[at + i * channels]! += Math.round(value * size)));
  }
  return samples;
}

interface Cut {
  readonly block: number;
  readonly firstSample?: number;
}

function runInt16(
  settings: SpikeDetectorSettings,
  samples: Int16Array,
  { block, firstSample = 0 }: Cut,
): JoinedSpikes & { readonly noiseUv: Float32Array } {
  const { channels } = settings;
  const detector = createSpikeDetector(settings);
  const batches: SpikeBatch[] = [];
  const frames = samples.length / channels;
  for (let at = 0; at < frames; at += block) {
    const part = samples.subarray(at * channels, Math.min(frames, at + block) * channels);
    const firstOfBlock = sampleIndex(firstSample + at);
    batches.push(
      detector.processInt16({ firstSample: firstOfBlock, frames: part.length / channels, channels, samples: part }),
    );
  }
  batches.push(detector.end());
  return { ...joinBatches(batches, channels), noiseUv: detector.noiseUv() };
}

function runFloat(
  settings: SpikeDetectorSettings,
  recording: PlainRecording & { readonly samples: Float32Array; readonly mask: Uint8Array },
  block: number,
): JoinedSpikes {
  const kernels = openKernels();
  const detector = createRowDetector(settings, kernels);
  const padded = detector.paddedChannels;
  const input = kernels.allocate(4 * padded * block);
  const mask = kernels.allocate(padded * block);
  const batches: SpikeBatch[] = [];
  for (let at = 0; at < recording.frames; at += block) {
    const frames = Math.min(block, recording.frames - at);
    const part = recording.mask.subarray(at * padded, (at + frames) * padded);
    new Float32Array(kernels.memory.buffer, input, padded * frames).set(
      recording.samples.subarray(at * padded, (at + frames) * padded),
    );
    new Uint8Array(kernels.memory.buffer, mask, padded * frames).set(part);
    const firstSample = sampleIndex(recording.firstSample + at);
    detector.feedScaled(input, part.includes(1) ? mask : 0, { frames, firstSample });
    batches.push(detector.take());
  }
  batches.push(detector.end());
  return joinBatches(batches, settings.channels);
}

/** Rows in uV as a row detector takes them. */
function toScaled(settings: SpikeDetectorSettings, rowsUv: Float32Array): Float32Array {
  const scale = inputScaleOf(planDetector(settings)) / settings.gainUv;
  return rowsUv.map((value) => scale * value);
}

/** What the twin finds, in the same form: a search that the end cuts off is blind. */
function runTwin(
  settings: SpikeDetectorSettings,
  recording: PlainRecording,
): JoinedSpikes & { readonly noiseUv: Float32Array } {
  const found = detectSpikesPlainly(planDetector(settings), recording);
  return {
    samples: [...found.samples],
    electrodes: [...found.electrodes],
    amplitudesUv: [...found.amplitudesUv],
    blind: found.blind.map((spans) => [...spans]),
    noiseUv: found.noiseMedians.map((median) => median / MEDIAN_OF_SIGMA),
  };
}

/** Without blind stretches that the end of the data opens. */
function closedSpans({ blind }: JoinedSpikes, end: number): number[][] {
  return blind.map((spans) =>
    spans.length % 2 === 1 || spans.at(-1)! >= end ? spans.slice(0, -1 - ((spans.length + 1) % 2)) : spans,
  );
}

describe('the spike detector', () => {
  it.each([
    ['as it is', {}],
    ['at both polarities', { polarity: 'both', threshold: 4.5 }],
    [
      'at positive polarity with a short dead time',
      { polarity: 'positive', deadMs: 0.5, searchMs: 0.5, threshold: 3.5 },
    ],
    ['with another band', { band: { type: 'band-pass', lowHz: 400, highHz: 4000, order: 3 } }],
    [
      'with sections of the first order',
      { band: { type: 'cascade', lowHz: 300, highHz: 5000, highPassOrder: 3, lowPassOrder: 1 } },
    ],
    ['with a mean reference', { reference: 'mean', excluded: [2] }],
    ['with a median reference', { reference: 'median' }],
    ['with a frozen threshold', { noise: { mode: 'frozen', settleMs: 100, baselineMs: 150 } }],
    ['with epochs of 17 samples', { epochFrames: 17 }],
    ['with a dead time that outlasts the gate', { deadMs: 5 }],
    [
      'where the rule for ringing holds much back',
      { polarity: 'both', deadMs: 0.5, threshold: 3, ringing: { share: 0.9, ms: 4 } },
    ],
    ['with a short dead time and no rule for ringing', { deadMs: 0.8, ringing: { share: 0 } }],
  ] satisfies [string, Partial<SpikeDetectorSettings>][])('finds what its plain twin finds, %s', (_, special) => {
    const settings = { ...BASE, channels: 13, ...special };
    const samples = makeRecording(13, 8000);
    const twin = runTwin(settings, { firstSample: 5, frames: 8000, samples });
    const found = runInt16(settings, samples, { block: 333, firstSample: 5 });
    expect(found.samples.length).toBeGreaterThan(50);
    expect(found.samples).toEqual(twin.samples);
    expect(found.electrodes).toEqual(twin.electrodes);
    expect(found.amplitudesUv).toEqual(twin.amplitudesUv);
    expect(found.noiseUv).toEqual(twin.noiseUv);
    expect(closedSpans(found, 8005)).toEqual(closedSpans(twin, 8005));
  });

  it.each([
    ['adaptive', {}],
    ['frozen', { mode: 'frozen', settleMs: 100, baselineMs: 150 }],
    ['known noise', { initialUv: new Float32Array(13).fill(5) }],
  ] satisfies [string, Partial<NoiseSettings>][])(
    'finds what its plain twin finds where channels are dead from the start, fall silent, and speak again: %s',
    (_, noise) => {
      const settings: SpikeDetectorSettings = {
        ...BASE,
        channels: 13,
        noise: { ...BASE.noise, ...noise },
        silence: { afterMs: 20 },
      };
      const samples = makeRecording(13, 12_000);
      for (let i = 0; i < 12_000; i++) {
        samples[i * 13 + 2] = -7;
        if (i > 2000 && i < 7000) samples[i * 13 + 5] = 40;
        if (i > 5000 && i < 5013) samples[i * 13 + 6] = 32_767;
        if (i > 6000) samples[i * 13 + 12] = 3;
      }
      const twin = runTwin(settings, { firstSample: 5, frames: 12_000, samples });
      const found = runInt16(settings, samples, { block: 333, firstSample: 5 });
      expect(found.samples.length).toBeGreaterThan(100);
      expect(found.samples).toEqual(twin.samples);
      expect(found.electrodes).toEqual(twin.electrodes);
      expect(found.amplitudesUv).toEqual(twin.amplitudesUv);
      expect(found.noiseUv).toEqual(twin.noiseUv);
      expect(closedSpans(found, 12_005)).toEqual(closedSpans(twin, 12_005));
      expect(found.blind[5]!.length).toBeGreaterThan(2);
      for (const block of [1, 40]) expect(runInt16(settings, samples, { block, firstSample: 5 })).toEqual(found);
    },
  );

  it.each([1, 2, 7, 13, 160, 8000])('finds the same in blocks of %i samples', (block) => {
    const settings: SpikeDetectorSettings = {
      ...BASE,
      channels: 11,
      deadMs: 0.8,
      duplicates: { positions: Array.from({ length: 11 }, (_, c) => ({ xUm: 100 * c, yUm: 0 })), radiusUm: 150 },
    };
    const samples = makeRecording(11, 8000);
    // A channel at the rail, one that is dead for a while.
    for (let i = 4000; i < 4400; i++) samples[i * 11 + 3] = i % 50 < 10 ? -32768 : 120;
    for (let i = 3000; i < 6500; i++) samples[i * 11 + 10] = 77;
    const whole = runInt16(settings, samples, { block: 700, firstSample: 123_456_789_013 });
    expect(whole.samples.length).toBeGreaterThan(50);
    expect(runInt16(settings, samples, { block, firstSample: 123_456_789_013 })).toEqual(whole);
  });

  it('finds what its plain twin finds where input is masked, at any cut', () => {
    const settings: SpikeDetectorSettings = { ...BASE, channels: 13, reference: 'median', deadMs: 1 };
    const random = openRandomStream(3, 'masks');
    const raw = makeRecording(13, 8000);
    const samples = new Float32Array(16 * 8000);
    raw.forEach((value, i) => (samples[Math.floor(i / 13) * 16 + (i % 13)] = 0.195 * value));
    const mask = new Uint8Array(16 * 8000);
    for (let k = 0; k < 300; k++) {
      const channel = random.integer(13);
      const at = k < 5 ? 0 : random.integer(7000);
      for (let i = at; i < at + 1 + random.integer(80); i++) mask[i * 16 + channel] = 1;
    }
    // Some end in the middle of a stretch; one channel is masked from the beginning.
    for (let i = 0; i < 3000; i++) mask[i * 16 + 12] = 1;
    const recording = { firstSample: 0, frames: 8000, samples: toScaled(settings, samples), mask };
    const twin = runTwin(settings, recording);
    const found = runFloat(settings, recording, 1000);
    expect(found.samples.length).toBeGreaterThan(50);
    expect(found.samples).toEqual(twin.samples);
    expect(found.electrodes).toEqual(twin.electrodes);
    expect(found.amplitudesUv).toEqual(twin.amplitudesUv);
    expect(closedSpans(found, 8000)).toEqual(closedSpans(twin, 8000));
    for (const block of [1, 7, 20]) expect(runFloat(settings, recording, block)).toEqual(found);
    // The mask, its guard of 0.5 ms, and what it takes a late channel to settle.
    expect(found.blind[12]![1]).toBeGreaterThanOrEqual(5000);
    const spans = found.blind[12]!;
    found.samples.forEach((sample, i) => {
      if (found.electrodes[i] !== 12) return;
      for (let s = 0; s < spans.length; s += 2) expect(sample < spans[s]! || sample >= spans[s + 1]!).toBe(true);
    });
  });

  it('does not see a spike under a mask, and sees one after the guard', () => {
    const settings: SpikeDetectorSettings = {
      ...BASE,
      channels: 1,
      noise: { mode: 'frozen', initialUv: Float32Array.of(5) },
      silence: { belowUv: 0 },
    };
    const samples = new Float32Array(8 * 2000);
    const mask = new Uint8Array(8 * 2000);
    for (const at of [500, 1000, 1060]) SHAPE.forEach((value, i) => (samples[(at + i) * 8] = 100 * value));
    for (let i = 1000; i < 1040; i++) mask[i * 8] = 1;
    const recording = { firstSample: 0, frames: 2000, samples: toScaled(settings, samples), mask };
    const found = runFloat(settings, recording, 100);
    expect(found.samples.map((sample) => Math.round(sample / 10))).toEqual([50, 106]);
    expect(found.blind[0]!.slice(2)).toEqual([1000, 1050]);
  });

  it('drops a search that the mask cuts off, and says that it was blind from the crossing on', () => {
    const settings: SpikeDetectorSettings = {
      ...BASE,
      channels: 1,
      noise: { mode: 'frozen', initialUv: Float32Array.of(5) },
      silence: { belowUv: 0 },
    };
    const samples = new Float32Array(8 * 1000);
    const mask = new Uint8Array(8 * 1000);
    SHAPE.forEach((value, i) => (samples[(500 + i) * 8] = 200 * value));
    for (let i = 508; i < 520; i++) mask[i * 8] = 1;
    const recording = { firstSample: 0, frames: 1000, samples: toScaled(settings, samples), mask };
    const found = runFloat(settings, recording, 3);
    expect(found.samples).toEqual([]);
    const [from, to] = found.blind[0]!.slice(2);
    expect(from).toBeGreaterThan(499);
    expect(from).toBeLessThan(508);
    expect(to).toBe(530);
  });

  it('says of a search that the end cuts off that it was blind from the crossing on', () => {
    const settings: SpikeDetectorSettings = {
      ...BASE,
      channels: 1,
      noise: { mode: 'frozen', initialUv: Float32Array.of(5) },
      silence: { belowUv: 0 },
    };
    const samples = new Int16Array(508);
    SHAPE.forEach((value, i) => (samples[500 + i] = 1000 * value));
    const found = runInt16(settings, samples.subarray(0, 508), { block: 100 });
    expect(found.samples).toEqual([]);
    const [from, to] = found.blind[0]!.slice(2);
    expect(from).toBeGreaterThanOrEqual(500);
    expect(from).toBeLessThan(506);
    expect(to).toBe(508);
  });

  it('is blind at the rail and until the filter has swung in, and on a channel without a signal', () => {
    const samples = makeRecording(3, 12_000);
    for (let i = 5000; i < 5010; i++) samples[i * 3 + 1] = 32767;
    for (let i = 4000; i < 9000; i++) samples[i * 3 + 2] = -20;
    const found = runInt16({ ...BASE, channels: 3 }, samples, { block: 40 });
    expect(found.blind[0]).toHaveLength(2);
    const [from, to] = found.blind[1]!.slice(2);
    expect(from).toBe(5000);
    expect(to! - 5010).toBeGreaterThan(20);
    expect(to! - 5010).toBeLessThan(100);
    const [deadFrom, deadTo] = found.blind[2]!.slice(2);
    expect(deadFrom).toBeGreaterThan(6000);
    expect(deadFrom).toBeLessThan(6200);
    expect(deadTo).toBeGreaterThan(9000);
    expect(deadTo).toBeLessThan(9120);
  });

  it('begins afresh after a gap, blind for the filter only, and keeps the noise', () => {
    const channels = 3;
    const samples = makeRecording(channels, 12_000);
    const run = (block: number): JoinedSpikes => {
      const detector = createSpikeDetector({ ...BASE, channels });
      const batches: SpikeBatch[] = [];
      for (const [from, to, shift] of [
        [0, 6005, 0],
        [6005, 12_000, 1000],
      ] as const) {
        if (shift > 0) {
          const before = detector.noiseUv();
          detector.reset(sampleIndex(from + shift));
          expect(detector.noiseUv()).toEqual(before);
        }
        for (let at = from; at < to; at += block) {
          const part = samples.subarray(at * channels, Math.min(to, at + block) * channels);
          const firstSample = sampleIndex(at + shift);
          batches.push(detector.processInt16({ firstSample, frames: part.length / channels, channels, samples: part }));
        }
      }
      batches.push(detector.end());
      return joinBatches(batches, channels);
    };
    const found = run(100);
    expect(run(1)).toEqual(found);
    expect(found.samples.filter((sample) => sample > 7100).length).toBeGreaterThan(20);
    expect(found.samples.filter((sample) => sample > 3000 && sample < 6000).length).toBeGreaterThan(10);
    for (const spans of found.blind) {
      expect(spans[2]).toBeGreaterThan(6005 - 16);
      expect(spans[2]).toBeLessThanOrEqual(6005);
      expect(spans[3]).toBeGreaterThan(7005);
      expect(spans[3]).toBeLessThan(7100);
    }
  });

  it('refuses samples that are not the next, and a gap that goes back', () => {
    const detector = createSpikeDetector({ ...BASE, channels: 2 });
    const block = (firstSample: number): Parameters<typeof detector.processInt16>[0] => ({
      firstSample: sampleIndex(firstSample),
      frames: 10,
      channels: 2,
      samples: new Int16Array(20),
    });
    detector.processInt16(block(100));
    expect(() => detector.processInt16(block(111))).toThrow('reset');
    expect(() => {
      detector.reset(sampleIndex(109));
    }).toThrow('cannot go back');
    expect(() => detector.processInt16({ ...block(110), channels: 1 })).toThrow('1 channels');
  });

  it('keeps the largest of neighbours within 0.3 ms, and both of electrodes that are apart', () => {
    const settings: SpikeDetectorSettings = {
      ...BASE,
      channels: 4,
      noise: { mode: 'frozen', initialUv: new Float32Array(4).fill(5) },
      silence: { belowUv: 0 },
      duplicates: { positions: [0, 100, 200, 500].map((xUm) => ({ xUm, yUm: 0 })), radiusUm: 120 },
    };
    const samples = new Int16Array(4 * 2000);
    const spike = (at: number, channel: number, size: number): void => {
      SHAPE.forEach((value, i) => (samples[(at + i) * 4 + channel] = size * value));
    };
    spike(500, 0, 400);
    spike(502, 1, 900);
    spike(504, 2, 500);
    spike(503, 3, 400);
    spike(1000, 0, 400);
    spike(1012, 1, 900);
    for (const block of [1, 50, 2000]) {
      expect(runInt16(settings, samples, { block }).electrodes).toEqual([1, 3, 0, 1]);
    }
  });

  it('keeps the voltage around peaks, as much as there is room for', () => {
    const settings: SpikeDetectorSettings = { ...BASE, channels: 3, snippets: { capacity: 20 } };
    const samples = makeRecording(3, 8000);
    const twin = detectSpikesPlainly(planDetector(settings), { firstSample: 0, frames: 8000, samples });
    const detector = createSpikeDetector(settings);
    for (let at = 0; at < 8000; at += 800) {
      const part = samples.subarray(3 * at, 3 * (at + 800));
      detector.processInt16({ firstSample: sampleIndex(at), frames: 800, channels: 3, samples: part });
    }
    const snippets = detector.takeSnippets()!;
    expect(snippets.samples).toHaveLength(20);
    expect(snippets.dropped).toBeGreaterThan(0);
    expect(snippets).toMatchObject({ length: 41, peakAt: 20 });
    snippets.samples.forEach((peak, s) => {
      const own = Float32Array.from(
        { length: 41 },
        (_, k) => twin.filtered[(peak - 20 + k) * 3 + snippets.electrodes[s]!]!,
      );
      expect(snippets.waveformsUv.slice(41 * s, 41 * (s + 1))).toEqual(own);
    });
    expect(detector.takeSnippets()!.samples).toHaveLength(0);
  });

  it('freezes its thresholds after the baseline, and tells them', () => {
    const samples = makeRecording(2, 8000).map((value, i) => Math.round(i < 8000 ? value : 1.5 * value));
    const thresholdsAfter = (mode: 'adaptive' | 'frozen', frames: number): Float32Array => {
      const detector = createSpikeDetector({ ...BASE, channels: 2, noise: { mode, settleMs: 100, baselineMs: 150 } });
      const part = samples.subarray(0, 2 * frames);
      detector.processInt16({ firstSample: sampleIndex(0), frames, channels: 2, samples: part });
      return detector.thresholdsUv();
    };
    expect(thresholdsAfter('frozen', 8000)).toEqual(thresholdsAfter('frozen', 3100));
    expect(thresholdsAfter('adaptive', 8000)[0]).toBeGreaterThan(1.01 * thresholdsAfter('adaptive', 3100)[0]!);
    expect(thresholdsAfter('frozen', 1000)).toEqual(new Float32Array(2).fill(Infinity));
  });

  it.each([
    [{ threshold: Number.NaN }, 'threshold'],
    [{ threshold: 0 }, 'threshold'],
    [{ deadMs: 0.4 }, 'deadMs'],
    [{ channels: 0 }, 'channels'],
    [{ channels: 2.5 }, 'channels'],
    [{ gainUv: Number.NaN }, 'gainUv'],
    [{ band: { type: 'cascade', lowHz: 300, highHz: 10_000 } }, 'half the sampling rate'],
    [{ excluded: [2] }, 'excluded'],
    [{ noise: { mode: 'adaptive', initialUv: Float32Array.of(1) } }, 'initialUv'],
    [{ noise: { mode: 'frozen', baselineMs: 60_000_000 } }, 'baselineMs'],
    [{ duplicates: { positions: [], radiusUm: 100 } }, 'positions'],
  ] satisfies [Partial<SpikeDetectorSettings>, string][])('refuses impossible settings: %o', (special, message) => {
    expect(() => createSpikeDetector({ ...BASE, channels: 2, ...special })).toThrow(message);
  });
});
