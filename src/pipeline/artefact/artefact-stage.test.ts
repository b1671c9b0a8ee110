import { describe, expect, it } from 'vitest';

import { isMeaError } from '../../../protocols/errors.js';
import { openRandomStream } from '../../../protocols/random.js';
import { sampleIndex } from '../../../protocols/units.js';
import { openKernels } from '../open-kernels.js';
import type { StimulusMark } from '../spike-batch.js';
import {
  DEFAULT_ARTEFACT_HANDLING,
  planArtefactHandling,
  type ArtefactHandling,
  type ArtefactPlan,
} from './artefact-settings.js';
import { createArtefactStage, type ArtefactStage, type HandledSamples } from './artefact-stage.js';
import { handleChannel } from './salpa-twin.js';

const RATE = 20_000;
const GAIN = 0.195;
/** N is 40 samples. */
const FIXED = { halfWindowMs: 2, probeThreshold: 3 } as const;

/** Frames of some channels with stimuli in them. */
interface Recording {
  readonly channels: number;
  readonly samples: Int16Array;
  readonly marks: readonly StimulusMark[];
}

/** What a stage made of a recording. */
interface Handled {
  readonly samplesUv: Float32Array;
  readonly blind: Uint8Array;
  /** Samples that came raw, and the furthest that settled samples lay behind. */
  readonly rawFrames: number;
  readonly largestLag: number;
}

/** Noise, offsets, artefacts that saturate and decay, and a rail now and then that no stimulus explains. */
function record(channels: number, frames: number, seed: number): Recording {
  const random = openRandomStream(seed, 'artefact-test');
  const marks: StimulusMark[] = [];
  // An odd seed begins with a stimulus.
  for (let sample = seed % 2 === 1 ? 0 : 500; sample < frames; sample += 900 + random.integer(2500)) {
    const electrodes = Array.from({ length: channels }, (_, c) => c).filter(() => random.integer(2) === 1);
    marks.push({ sample: sampleIndex(sample), electrodes, durationSamples: 8 });
  }
  const samples = new Int16Array(frames * channels);
  for (let c = 0; c < channels; c++) {
    const offset = random.integer(4000) - 2000;
    let artefact = [0, 0];
    let due = 0;
    let rails = 0;
    for (let n = 0; n < frames; n++) {
      const mark = marks[due];
      if (mark !== undefined && n >= mark.sample + mark.durationSamples) {
        const size = mark.electrodes.includes(c) ? 160_000 : 20_000;
        artefact = [size + artefact[0]!, size / 6 + artefact[1]!];
        due++;
      }
      if (random.integer(4000) === 0) rails = 1 + random.integer(30);
      const isPulse = mark !== undefined && n >= mark.sample;
      const value = isPulse ? 40_000 : offset + random.integer(101) - 50 + artefact[0]! + artefact[1]!;
      samples[n * channels + c] = rails-- > 0 ? -32_768 : Math.max(-32_768, Math.min(32_767, Math.round(value)));
      artefact = [artefact[0]! * Math.exp(-1 / 12), artefact[1]! * Math.exp(-1 / 80)];
    }
  }
  return { channels, samples, marks };
}

/** Copies what was settled out of the memory, raw or not. */
function read(memory: WebAssembly.Memory, stage: ArtefactStage, out: HandledSamples): [Float32Array, Uint8Array] {
  const frames = out.to - out.from;
  const { channels, paddedChannels } = stage;
  const uv = new Float32Array(frames * channels);
  const blind = new Uint8Array(frames * channels);
  const size = frames * paddedChannels;
  const raw = new Int16Array(memory.buffer, out.rawOffset, size);
  const rows = new Float32Array(memory.buffer, out.outputOffset, size);
  const mask = new Uint8Array(memory.buffer, out.blindOffset, size);
  for (let i = 0; i < frames; i++) {
    for (let c = 0; c < channels; c++) {
      const at = i * paddedChannels + c;
      uv[i * channels + c] = out.isRaw ? raw[at]! * Math.fround(GAIN) : rows[at]!;
      blind[i * channels + c] = out.isRaw ? 0 : mask[at]!;
    }
  }
  return [uv, blind];
}

function handle(recording: Recording, handling: Partial<ArtefactHandling>, block: number): Handled {
  const { channels, samples, marks } = recording;
  const kernels = openKernels();
  const frames = samples.length / channels;
  const settings = { channels, sampleRateHz: RATE, gainUvPerBit: GAIN, maxFrames: block };
  const stage = createArtefactStage(kernels, { ...settings, handling: { ...FIXED, ...handling } });
  const samplesUv = new Float32Array(samples.length);
  const blind = new Uint8Array(samples.length);
  let [due, rawFrames, largestLag, expected] = [0, 0, 0, 0];
  const take = (out: HandledSamples): void => {
    expect(out.from).toBe(expected);
    expected = out.to;
    const [uv, mask] = read(kernels.memory, stage, out);
    samplesUv.set(uv, out.from * channels);
    blind.set(mask, out.from * channels);
    if (out.isRaw) rawFrames += out.to - out.from;
  };
  for (let from = 0; from < frames; from += block) {
    const to = Math.min(frames, from + block);
    for (; due < marks.length && marks[due]!.sample < to; due++) stage.mark(marks[due]!);
    take(stage.push(samples.subarray(from * channels, to * channels)));
    largestLag = Math.max(largestLag, stage.nextSample - stage.settledTo);
  }
  take(stage.end());
  expect(expected).toBe(frames);
  return { samplesUv, blind, rawFrames, largestLag };
}

/** The twin's answer for all channels. */
function handleByTwin({ channels, samples, marks }: Recording, plan: ArtefactPlan): [Float32Array, Uint8Array] {
  const samplesUv = new Float32Array(samples.length);
  const blind = new Uint8Array(samples.length);
  const frames = samples.length / channels;
  for (let c = 0; c < channels; c++) {
    const handled = handleChannel(plan, {
      samples: Int16Array.from({ length: frames }, (_, n) => samples[n * channels + c]!),
      gainUvPerBit: GAIN,
      noiseUv: 5,
      blanks: marks.map(({ sample, durationSamples, electrodes }) => ({
        from: sample,
        to: sample + durationSamples + (electrodes.includes(c) ? Math.max(plan.blank, plan.pulsedBlank) : plan.blank),
      })),
    });
    for (let n = 0; n < frames; n++) {
      samplesUv[n * channels + c] = handled.samplesUv[n]!;
      blind[n * channels + c] = handled.blind[n]!;
    }
  }
  return [samplesUv, blind];
}

function planOf(handling: Partial<ArtefactHandling>): ArtefactPlan {
  return planArtefactHandling({ ...DEFAULT_ARTEFACT_HANDLING, ...FIXED, ...handling }, RATE);
}

const HANDLINGS: readonly (readonly [string, Partial<ArtefactHandling>])[] = [
  ['off', { mode: 'off' }],
  ['blank', { mode: 'blank', blankMs: 3, pulsedBlankMs: 6 }],
  ['after-stimulus', { activeMs: 30, fadeMs: 10 }],
  ['after-stimulus, pulses before the fade is over', { activeMs: 60, fadeMs: 60 }],
  ['after-stimulus, no fade', { activeMs: 5, fadeMs: 0, railGuardMs: 0 }],
  ['after-stimulus, over before a fit is taken', { activeMs: 1, fadeMs: 0.5 }],
  ['one-sided, over before its guard is', { form: 'one-sided', activeMs: 1, fadeMs: 0.1, edgeGuardMs: 1 }],
  ['always, no guard', { mode: 'always', railGuardMs: 0 }],
  ['always, window of 6 ms, guards', { mode: 'always', halfWindowMs: 3, edgeGuardMs: 1, railGuardMs: 1 }],
  ['after-stimulus, one-sided', { form: 'one-sided', activeMs: 30, fadeMs: 10, edgeGuardMs: 0.5 }],
  ['always, one-sided', { mode: 'always', form: 'one-sided', halfWindowMs: 1.5 }],
];

describe('the artefact stage', () => {
  it.each(HANDLINGS)('is bit-equal to its twin: %s', (_, handling) => {
    for (const seed of [4, 5]) {
      const recording = record(11, 6000, seed);
      const [samplesUv, blind] = handleByTwin(recording, planOf(handling));
      const handled = handle(recording, handling, 6000);
      expect(firstDifference(handled.blind, blind)).toBe(-1);
      expect(firstDifference(handled.samplesUv, samplesUv)).toBe(-1);
      if (handling.mode !== 'off') expect(blind.includes(1) && blind.includes(0)).toBe(true);
    }
  });

  it.each(HANDLINGS)('gives the same bits however its samples are cut into blocks: %s', (_, handling) => {
    for (const channels of [1, 8, 13]) {
      const recording = record(channels, 5000, 8);
      const whole = handle(recording, handling, 5000);
      // 500 begins a block with a stimulus.
      for (const block of [1, 2, 7, 13, 500, 1000]) {
        const cut = handle(recording, handling, block);
        expect(firstDifference(cut.samplesUv, whole.samplesUv)).toBe(-1);
        expect(firstDifference(cut.blind, whole.blind)).toBe(-1);
      }
    }
  });

  it('lags by N samples while a fit goes on, by 2N at most, and not at all one-sided or when idle', () => {
    const recording = record(8, 6000, 9);
    expect(handle(recording, { mode: 'always' }, 1).largestLag).toBe(80);
    expect(handle(recording, { mode: 'always', form: 'one-sided' }, 1).largestLag).toBe(0);
    const stage = open({ mode: 'always' });
    stage.push(new Int16Array(8 * 1000));
    expect([stage.nextSample, stage.settledTo]).toEqual([1000, 960]);
    const idle = open({});
    idle.push(new Int16Array(8 * 1000));
    expect(idle.settledTo).toBe(1000);
  });

  it('says that nothing is to be done before the first stimulus and after the fade', () => {
    const { samples } = { samples: new Int16Array(8 * 6000) };
    const marks = [{ sample: sampleIndex(1000), electrodes: [], durationSamples: 8 }];
    const { rawFrames, blind } = handle({ channels: 8, samples, marks }, {}, 10);
    // Blank for 8 + 10 samples, then 2000 and 400: raw from 3418 on, seen with the block that ends at 3460.
    expect(rawFrames).toBeGreaterThan(6000 - 2480);
    expect(rawFrames).toBeLessThan(6000 - 2400);
    expect(blind.reduce((sum, value) => sum + value, 0)).toBe(8 * 18);
  });

  it('treats an empty pattern as any other, and blanks pulsed electrodes for longer where that is set', () => {
    const samples = new Int16Array(8 * 2000);
    const marks = [
      { sample: sampleIndex(500), electrodes: [], durationSamples: 8 },
      { sample: sampleIndex(1000), electrodes: [2, 5], durationSamples: 8 },
      // While the first one's blank goes on, and shorter.
      { sample: sampleIndex(1005), electrodes: [], durationSamples: 8 },
    ];
    const { blind } = handle({ channels: 8, samples, marks }, { mode: 'blank', blankMs: 1, pulsedBlankMs: 2 }, 100);
    const blindOf = (channel: number): number[] =>
      Array.from({ length: 2000 }, (_, n) => n).filter((n) => blind[n * 8 + channel] === 1);
    const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
    expect(blindOf(1)).toEqual([...range(500, 528), ...range(1000, 1033)]);
    expect(blindOf(5)).toEqual([...range(500, 528), ...range(1000, 1048)]);
  });

  it('starts afresh after a gap, and still knows the stimuli before and within it', () => {
    const stage = open({ mode: 'after-stimulus' });
    stage.push(new Int16Array(8 * 100).fill(500));
    stage.reset(sampleIndex(10_000));
    expect([stage.nextSample, stage.settledTo]).toEqual([10_000, 10_000]);
    expect(stage.push(new Int16Array(8 * 100).fill(500))).toMatchObject({ from: 10_000, to: 10_100, isRaw: true });
    stage.mark({ sample: sampleIndex(10_500), electrodes: [], durationSamples: 8 });
    stage.reset(sampleIndex(10_510));
    // 8 samples left of the blank, 81 for the first window, of which the last is the 89th.
    expect(stage.push(new Int16Array(8 * 88).fill(500)).to).toBe(10_518);
    expect(stage.push(new Int16Array(8 * 1).fill(500)).to).toBe(10_559);
    stage.end();
    // The blank is over, the 100 ms after it are not.
    stage.reset(sampleIndex(12_000));
    expect(stage.push(new Int16Array(8 * 88).fill(500))).toMatchObject({ isRaw: false, to: 12_048 });
    stage.end();
    stage.reset(sampleIndex(40_000));
    expect(stage.push(new Int16Array(8 * 100)).isRaw).toBe(true);
  });

  it('sees with a reset what a new stage sees', () => {
    const recording = record(8, 3000, 11);
    const once = handle({ ...recording, marks: [] }, { mode: 'always' }, 3000);
    const kernels = openKernels();
    const stage = createArtefactStage(kernels, { ...SETTINGS, handling: { ...FIXED, mode: 'always' } });
    stage.push(recording.samples.subarray(0, 8 * 1777));
    stage.end();
    stage.reset(sampleIndex(2 ** 40));
    const first = read(kernels.memory, stage, stage.push(recording.samples));
    const last = read(kernels.memory, stage, stage.end());
    expect(firstDifference(Float32Array.of(...first[0], ...last[0]), once.samplesUv)).toBe(-1);
    expect(firstDifference(Uint8Array.of(...first[1], ...last[1]), once.blind)).toBe(-1);
  });

  it('takes a fit the sooner, the more noise a channel has', () => {
    const { samples, marks } = record(8, 3000, 4);
    const blindWith = (noiseUv: number): number => {
      const kernels = openKernels();
      const stage = createArtefactStage(kernels, { ...SETTINGS, handling: { ...FIXED, mode: 'always' } });
      stage.setNoise(new Float32Array(8).fill(noiseUv));
      for (const mark of marks) stage.mark(mark);
      const [, blind] = read(kernels.memory, stage, stage.push(samples));
      return blind.reduce((sum, value) => sum + value, 0);
    };
    expect(blindWith(50)).toBeLessThan(blindWith(5));
    expect(blindWith(5)).toBeLessThan(blindWith(2));
  });

  it.each([
    ['a NaN', { halfWindowMs: Number.NaN }],
    ['a window that is too short', { halfWindowMs: 0.3 }],
    ['a window that is too long', { halfWindowMs: 7 }],
    ['a negative time', { blankMs: -1 }],
    ['a negative fade', { fadeMs: -1 }],
    ['an endless time', { activeMs: Number.POSITIVE_INFINITY }],
    ['a threshold of 0', { probeThreshold: 0 }],
    ['rails the wrong way round', { railLow: 5, railHigh: 5 }],
    ['more samples to probe than half a window', { probeSamples: 41 }],
    ['part of a sample to probe', { probeSamples: 2.5 }],
    ['a guard longer than half a window', { edgeGuardMs: 2.1 }],
  ] as const)('refuses %s', (_, handling) => {
    expect(tagOf(() => open(handling))).toBe('bad-input');
  });

  it('refuses what is not its input', () => {
    const stage = open({});
    stage.push(new Int16Array(8 * 100));
    const mark = { sample: sampleIndex(200), electrodes: [], durationSamples: 8 };
    for (const act of [
      () => stage.push(new Int16Array(8 * 3001)),
      () => stage.push(new Int16Array(12)),
      () => {
        stage.mark({ ...mark, sample: sampleIndex(99) });
      },
      () => {
        stage.mark({ ...mark, durationSamples: -1 });
      },
      () => {
        stage.mark({ ...mark, electrodes: [8] });
      },
      () => {
        stage.reset(sampleIndex(99));
      },
      () => {
        stage.setNoise(new Float32Array(7).fill(5));
      },
      () => {
        stage.setNoise(new Float32Array(8).fill(Number.NaN));
      },
      () => createArtefactStage(openKernels(), { ...SETTINGS, gainUvPerBit: Number.NaN }),
      () => createArtefactStage(openKernels(), { ...SETTINGS, sampleRateHz: 0 }),
      () => createArtefactStage(openKernels(), { ...SETTINGS, channels: 0 }),
    ]) {
      expect(tagOf(act)).toBe('bad-input');
    }
    const busy = open({ mode: 'always' });
    busy.push(new Int16Array(8 * 100));
    expect(
      tagOf(() => {
        busy.reset(sampleIndex(1000));
      }),
    ).toBe('bad-input');
  });
});

const SETTINGS = { channels: 8, sampleRateHz: RATE, gainUvPerBit: GAIN, maxFrames: 3000 };

function open(handling: Partial<ArtefactHandling>): ArtefactStage {
  return createArtefactStage(openKernels(), { ...SETTINGS, handling: { ...FIXED, ...handling } });
}

function tagOf(act: () => unknown): string {
  try {
    act();
    return 'none';
  } catch (error) {
    return isMeaError(error) ? error.tag : 'other';
  }
}

function firstDifference(a: Float32Array | Uint8Array, b: Float32Array | Uint8Array): number {
  return a.length === b.length ? a.findIndex((value, i) => !Object.is(value, b[i])) : a.length;
}
