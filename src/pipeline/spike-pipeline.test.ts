import { beforeAll, describe, expect, it } from 'vitest';

import type { SampleBlock } from '../../protocols/sample-block.js';
import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import { joinBatches, type JoinedSpikes } from '../../tests/helpers/join-batches.js';
import type { ArtefactHandling } from './artefact/artefact-settings.js';
import { createSpikeDetector } from './spike-detector.js';
import type { SpikeBatch, StimulusMark } from './spike-batch.js';
import {
  createSpikePipeline,
  type PipelineLevels,
  type SpikePipeline,
  type SpikePipelineSettings,
} from './spike-pipeline.js';

const RATE = 20_000;
const GAIN_UV = 0.195;
const SHAPE = [-0.2, -0.6, -1, -0.9, -0.55, -0.2, 0.1, 0.3, 0.35, 0.3, 0.2, 0.1];
const BASE = { sampleRateHz: RATE, gainUv: GAIN_UV, noise: { mode: 'adaptive', settleMs: 100 } } as const;
const CHANNELS = 11;
const FRAMES = 24_000;
const FIRST = 987_654_321_001;

/** Noise on a level of its own for each channel, with spikes; artefacts that saturate and decay where marks say. */
function record(marks: readonly StimulusMark[]): Int16Array {
  const random = openRandomStream(5, 'spike-pipeline-test');
  const values = Float64Array.from({ length: CHANNELS * FRAMES }, (_, i) => 30 * random.normal() + 40 * (i % CHANNELS));
  for (let k = 0; k < (CHANNELS * FRAMES) / 500; k++) {
    const at = random.integer(FRAMES - SHAPE.length) * CHANNELS + random.integer(CHANNELS);
    const size = 150 + 300 * random.uniform();
    SHAPE.forEach((value, i) => (values[at + i * CHANNELS]! += value * size));
  }
  for (const { sample, electrodes } of marks) {
    for (let c = 0; c < CHANNELS; c++) {
      const size = electrodes.includes(c) ? 120_000 : 9_000;
      for (let n = sample - FIRST, t = 0; n < FRAMES && t < 1200; n++, t++) {
        values[n * CHANNELS + c]! += size * Math.exp(-t / 12) + 0.15 * size * Math.exp(-t / 80);
      }
    }
  }
  return Int16Array.from(values, (value) => Math.max(-32_768, Math.min(32_767, Math.round(value))));
}

const MARKS: readonly StimulusMark[] = [
  { sample: sampleIndex(FIRST + 4001), electrodes: [0, 3, 9], durationSamples: 8 },
  { sample: sampleIndex(FIRST + 9000), electrodes: [], durationSamples: 0 },
  // The next one comes while the last is still being handled.
  { sample: sampleIndex(FIRST + 13_007), electrodes: [1, 2], durationSamples: 8 },
  { sample: sampleIndex(FIRST + 13_600), electrodes: [2, 10], durationSamples: 8 },
];

function blockAt(samples: Int16Array, from: number, to: number): SampleBlock {
  return {
    firstSample: sampleIndex(FIRST + from),
    frames: to - from,
    channels: CHANNELS,
    samples: samples.subarray(from * CHANNELS, to * CHANNELS),
  };
}

interface Run extends JoinedSpikes {
  readonly range: readonly [number, number];
  readonly noiseUv: Float32Array;
  readonly samplesSeen: number;
}

/** Marks come right before the block that holds them. */
function run(
  samples: Int16Array,
  block: number,
  { marks = MARKS, ...settings }: Partial<SpikePipelineSettings> & { readonly marks?: readonly StimulusMark[] } = {},
): Run {
  const pipeline = createSpikePipeline({ ...BASE, channels: CHANNELS, ...settings });
  const batches: SpikeBatch[] = [];
  for (let from = 0; from < FRAMES; from += block) {
    const to = Math.min(FRAMES, from + block);
    for (const mark of marks) {
      if (mark.sample - FIRST >= from && mark.sample - FIRST < to) pipeline.mark(mark);
    }
    batches.push(pipeline.push(blockAt(samples, from, to)));
  }
  batches.push(pipeline.end());
  return {
    ...joinBatches(batches, CHANNELS),
    range: [batches[0]!.from, batches.at(-1)!.to],
    noiseUv: pipeline.noiseUv(),
    samplesSeen: pipeline.counters.samples,
  };
}

describe('the pipeline from samples to spikes', () => {
  let samples: Int16Array;
  beforeAll(() => {
    samples = record(MARKS);
  });

  describe.each([
    ['off', {}],
    ['blank', {}],
    ['after-stimulus', {}],
    ['after-stimulus', { form: 'one-sided' }],
    ['always', {}],
    ['always', { form: 'one-sided', edgeGuardMs: 0.4 }],
  ] satisfies [ArtefactHandling['mode'], Partial<ArtefactHandling>][])(
    'with artefacts handled: %s %o',
    (mode, other) => {
      const artefacts = { mode, ...other };

      it('finds the same, bit for bit, however samples are cut into blocks', () => {
        const whole = run(samples, FRAMES, { artefacts });
        expect(whole.samples.length).toBeGreaterThan(200);
        expect([...whole.range, whole.samplesSeen]).toEqual([FIRST, FIRST + FRAMES, FRAMES]);
        for (const block of [1, 2, 7, 13, 1000]) expect(run(samples, block, { artefacts })).toEqual(whole);
      });
    },
  );

  it('finds what the detector alone finds where artefacts are not handled', () => {
    const detector = createSpikeDetector({ ...BASE, channels: CHANNELS });
    const batches = [detector.processInt16(blockAt(samples, 0, FRAMES)), detector.end()];
    const alone = joinBatches(batches, CHANNELS);
    expect(alone.samples.length).toBeGreaterThan(200);
    expect(run(samples, 500, { artefacts: { mode: 'off' } })).toMatchObject(alone);
  });

  it('finds the same in samples passed as they are and in samples that went through the artefact stage', () => {
    const calm = record([]);
    const asTheyAre = run(calm, 500, { artefacts: { mode: 'off' }, marks: [] });
    // A stimulus without any length keeps the stage awake, but nothing is blanked or subtracted.
    const marks = MARKS.map((mark) => ({ ...mark, electrodes: [], durationSamples: 0 }));
    const artefacts = { mode: 'after-stimulus', blankMs: 0, pulsedBlankMs: 0, activeMs: 0, fadeMs: 0 } as const;
    expect(asTheyAre.samples.length).toBeGreaterThan(200);
    expect(run(calm, 500, { artefacts, marks })).toEqual(asTheyAre);
    const channel = calm.map((value, i) =>
      i % CHANNELS === 4 && Math.floor(i / CHANNELS) % 6000 === 0 ? 32_767 : value,
    );
    const stuck = run(channel, 500, { artefacts: { mode: 'blank' }, marks: [] });
    const others = (found: JoinedSpikes): number[] => found.samples.filter((_, i) => found.electrodes[i] !== 4);
    expect(others(stuck)).toEqual(others(asTheyAre));
  });

  it('sees no spike in an artefact, and says where it was not looking', () => {
    const { samples: found, electrodes, blind } = run(samples, 200);
    for (const { sample, electrodes: pulsed } of MARKS) {
      if (pulsed.length === 0) continue;
      blind.forEach((spans, c) => {
        const k = spans.findIndex((from, i) => i % 2 === 0 && from <= sample && spans[i + 1]! > sample);
        expect(k).toBeGreaterThanOrEqual(0);
        const blindFor = spans[k + 1]! - sample;
        expect(blindFor).toBeGreaterThan(8);
        expect(blindFor).toBeLessThan(pulsed.includes(c) ? 200 : 120);
        expect(found.some((at, i) => electrodes[i] === c && at >= spans[k]! && at < spans[k + 1]!)).toBe(false);
      });
    }
    // Blanking alone takes the decay of an artefact for spikes.
    const near = (all: readonly number[]): number =>
      all.filter((at) => MARKS.some(({ sample, electrodes: e }) => e.length > 0 && at >= sample && at < sample + 200))
        .length;
    expect(near(run(samples, 200, { artefacts: { mode: 'off' } }).samples)).toBeGreaterThan(2 * near(found));
  });

  it('tells the artefact stage of the noise at whole seconds of the sample clock, at any cut', () => {
    // Ten times the noise: what a fit may leave must grow with it, or the stage would stay blind.
    const random = openRandomStream(8, 'loud');
    const quiet = record([]);
    const loud = quiet.map((value) => Math.max(-30_000, Math.min(30_000, value + Math.round(300 * random.normal()))));
    const late: StimulusMark = { sample: sampleIndex(FIRST + 22_000), electrodes: [], durationSamples: 8 };
    const blindFor = (block: number): readonly number[] =>
      run(loud, block, { marks: [late] }).blind.map((spans) => {
        const k = spans.findIndex((from, i) => i % 2 === 0 && from <= late.sample && spans[i + 1]! > late.sample);
        return spans[k + 1]! - late.sample;
      });
    const times = blindFor(FRAMES);
    expect(Math.max(...times)).toBeLessThan(60);
    expect(blindFor(13)).toEqual(times);
  });

  it('says at each whole second what it goes by, the same at any cut', () => {
    const samples = record(MARKS);
    const levelsOf = (block: number): readonly PipelineLevels[] => {
      const pipeline = createSpikePipeline({ ...BASE, channels: CHANNELS });
      const levels: PipelineLevels[] = [];
      for (let from = 0; from < FRAMES; from += block) {
        pipeline.push(blockAt(samples, from, Math.min(FRAMES, from + block)));
        levels.push(...pipeline.takeLevels());
      }
      return levels;
    };
    const whole = levelsOf(FRAMES);
    // Of 1.2 s that begin 1001 samples after a whole second.
    expect(whole.map(({ atSample }) => atSample)).toEqual([FIRST + 18_999]);
    expect(whole[0]!.noiseUv.every((noise) => noise > 1)).toBe(true);
    whole[0]!.thresholdsUv.forEach((limit, c) => {
      expect(limit / whole[0]!.noiseUv[c]!).toBeCloseTo(5, 5);
    });
    for (const block of [20, 13, 7001]) expect(levelsOf(block)).toEqual(whole);
  });

  describe('over gaps and rests', () => {
    function runWithHole(
      block: number,
      skip: (pipeline: SpikePipeline, toSample: number) => void,
    ): {
      readonly found: JoinedSpikes;
      readonly counters: SpikePipeline['counters'];
    } {
      const pipeline = createSpikePipeline({ ...BASE, channels: CHANNELS });
      const batches: SpikeBatch[] = [];
      for (const [from, to] of [
        [0, 10_003],
        [12_000, FRAMES],
      ] as const) {
        if (from > 0) skip(pipeline, FIRST + from);
        for (let at = from; at < to; at += block) {
          for (const mark of MARKS) {
            if (mark.sample - FIRST >= at && mark.sample - FIRST < Math.min(to, at + block)) pipeline.mark(mark);
          }
          batches.push(pipeline.push(blockAt(samples, at, Math.min(to, at + block))));
        }
      }
      batches.push(pipeline.end());
      return { found: joinBatches(batches, CHANNELS), counters: pipeline.counters };
    }
    const nothing = (): void => undefined;

    it('counts a gap, is blind in it and until the filter has swung in, and finds the same at any cut', () => {
      const whole = runWithHole(FRAMES, nothing);
      expect(whole.counters).toEqual({ samples: FRAMES - 1997, gaps: 1, gapSamples: 1997, rests: 0 });
      for (const spans of whole.found.blind) {
        const k = spans.findIndex((from, i) => i % 2 === 0 && from <= FIRST + 11_000 && spans[i + 1]! > FIRST + 11_000);
        expect(spans[k]).toBeLessThanOrEqual(FIRST + 10_003);
        expect(spans[k]).toBeGreaterThan(FIRST + 10_003 - 60);
        expect(spans[k + 1]).toBeGreaterThan(FIRST + 12_010);
        expect(spans[k + 1]).toBeLessThan(FIRST + 12_200);
      }
      for (const block of [1, 7, 333]) expect(runWithHole(block, nothing)).toEqual(whole);
    });

    it('counts a rest as a rest', () => {
      const rested = runWithHole(100, (pipeline, toSample) => {
        pipeline.rest(sampleIndex(toSample));
      });
      expect(rested.counters).toEqual({ samples: FRAMES - 1997, gaps: 0, gapSamples: 0, rests: 1 });
      expect(rested.found).toEqual(runWithHole(100, nothing).found);
    });
  });

  it('is blind on a saturated channel and on a dead one, and sees the others', () => {
    const broken = samples.map((value, i) => {
      const frame = Math.floor(i / CHANNELS);
      if (i % CHANNELS === 5 && frame > 8000 && frame < 16_000) return 32_767;
      return i % CHANNELS === 6 && frame > 8000 ? 17 : value;
    });
    const { blind, electrodes, samples: found } = run(broken, 200);
    const isBlindAt = (channel: number, sample: number): boolean =>
      blind[channel]!.some((from, i, spans) => i % 2 === 0 && from <= sample && spans[i + 1]! > sample);
    expect([isBlindAt(5, FIRST + 12_000), isBlindAt(5, FIRST + 20_000)]).toEqual([true, false]);
    expect([isBlindAt(6, FIRST + 12_000), isBlindAt(6, FIRST + 20_000)]).toEqual([true, true]);
    expect(found.filter((at, i) => electrodes[i] === 6 && at > FIRST + 12_000)).toEqual([]);
    expect(found.filter((at, i) => electrodes[i] === 7 && at > FIRST + 12_000).length).toBeGreaterThan(10);
  });

  it('keeps nothing of stimuli that it does not handle', () => {
    const pipeline = createSpikePipeline({ ...BASE, channels: 1, artefacts: { mode: 'off' } });
    for (let k = 0; k < 1000; k++) pipeline.mark({ sample: sampleIndex(k), electrodes: [0], durationSamples: 8 });
    const batch = pipeline.push({
      firstSample: sampleIndex(0),
      frames: 100,
      channels: 1,
      samples: new Int16Array(100),
    });
    expect(batch.samples).toHaveLength(0);
  });

  it('refuses blocks that do not fit, that go back, and marks that come too late', () => {
    const pipeline = createSpikePipeline({ ...BASE, channels: 2 });
    const block = (firstSample: number, channels = 2): SampleBlock => ({
      firstSample: sampleIndex(firstSample),
      frames: 10,
      channels,
      samples: new Int16Array(10 * channels),
    });
    pipeline.push(block(100));
    expect(() => pipeline.push(block(110, 3))).toThrow('got 3 channels');
    expect(() => pipeline.push({ ...block(110), samples: new Int16Array(7) })).toThrow('7 samples');
    expect(() => pipeline.push(block(109))).toThrow('sample 109');
    expect(() => {
      pipeline.mark({ sample: sampleIndex(109), electrodes: [0], durationSamples: 8 });
    }).toThrow('sample of a stimulus');
    expect(() => {
      pipeline.mark({ sample: sampleIndex(120), electrodes: [2], durationSamples: 8 });
    }).toThrow('electrode of a stimulus');
    expect(() => {
      pipeline.rest(sampleIndex(109));
    }).toThrow('went back');
    // None of it has done harm.
    expect(pipeline.push(block(110)).to).toBeGreaterThan(0);
  });

  it.each([
    ['a threshold of 0', { threshold: 0 }, 'threshold 0'],
    ['a threshold that is no number', { threshold: Number.NaN }, 'threshold NaN'],
    ['an edge above half the sampling rate', { band: { type: 'cascade', lowHz: 300, highHz: 10_000 } }, '10000 Hz'],
    ['edges the wrong way round', { band: { type: 'cascade', lowHz: 3000, highHz: 300 } }, '3000-300 Hz'],
    ['no channel', { channels: 0 }, 'channels 0'],
    ['a sampling rate that is no number', { sampleRateHz: Number.NaN }, 'sampleRateHz NaN'],
    ['a gain of 0', { gainUv: 0 }, 'gainUv 0'],
    ['a blank that is no number', { artefacts: { blankMs: Number.NaN } }, 'blankMs'],
    ['a fit over no time', { artefacts: { halfWindowMs: 0 } }, 'half a window'],
  ] satisfies [string, Partial<SpikePipelineSettings>, string][])('refuses %s', (_, settings, words) => {
    expect(() => createSpikePipeline({ ...BASE, channels: 4, ...settings })).toThrow(words);
  });
});
