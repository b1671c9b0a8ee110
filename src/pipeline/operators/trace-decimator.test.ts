import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import { sampleIndex } from '../../../protocols/units.js';
import { TraceDecimator, type DecimatedTrace, type DecimateOptions } from './trace-decimator.js';

const random = openRandomStream(5, 'traces');
const CHANNELS = 3;
const SAMPLES = Int16Array.from({ length: 500 * CHANNELS }, () => random.integer(65_536) - 32_768);

function blockAt(first: number, end: number): SampleBlock {
  return {
    firstSample: sampleIndex(first),
    frames: end - first,
    channels: CHANNELS,
    samples: SAMPLES.slice(first * CHANNELS, end * CHANNELS),
  };
}

/** Blocks of at most `cut` frames over stretches of samples. */
function run(
  options: DecimateOptions,
  stretches: readonly (readonly [number, number])[],
  cut: number,
): DecimatedTrace[] {
  const decimator = new TraceDecimator(options);
  const traces: DecimatedTrace[] = [];
  for (const [first, end] of stretches) {
    for (let at = first; at < end; at += cut) traces.push(...decimator.push(blockAt(at, Math.min(end, at + cut))));
  }
  return [...traces, ...decimator.end()];
}

/** What a point of 8 samples must be, when the samples of [13, 333) were seen. */
function extremes(point: number, channel: number): [number, number] {
  const values = Array.from({ length: 8 }, (_, k) => point * 8 + k)
    .filter((sample) => sample >= 13 && sample < 333)
    .map((sample) => SAMPLES[sample * CHANNELS + channel]!);
  return [Math.min(...values), Math.max(...values)];
}

const OPTIONS: DecimateOptions = { samplesPerPoint: 8, pointsPerTrace: 5 };

describe('decimated traces', () => {
  it('hold the lowest and highest sample of every point, on the grid of the sample clock', () => {
    const traces = run(OPTIONS, [[13, 333]], 10);
    const points = traces.flatMap(({ firstSample, points: count, minima, maxima }) =>
      Array.from({ length: count }, (_, k) => ({
        point: firstSample / 8 + k,
        columns: [0, 1, 2].map((c) => [minima[k * 3 + c]!, maxima[k * 3 + c]!]),
      })),
    );
    expect(points).toEqual(
      Array.from({ length: 41 }, (_, k) => ({
        point: 1 + k,
        columns: [0, 1, 2].map((c) => extremes(1 + k, c)),
      })),
    );
    expect(traces.map(({ firstSample }) => firstSample)).toEqual([8, 40, 80, 120, 160, 200, 240, 280, 320]);
  });

  it('are the same for every cut into blocks, gaps included', () => {
    const stretches = [[3, 90], [92, 94], [130, 300], [301, 478]] as const; // prettier-ignore
    const whole = run(OPTIONS, stretches, 1000);
    expect(whole.length).toBeGreaterThan(8);
    for (const cut of [1, 2, 7, 13]) expect(run(OPTIONS, stretches, cut), `cut ${cut}`).toEqual(whole);
  });

  it('end before a gap, so that points follow each other', () => {
    const traces = run(OPTIONS, [[0, 20], [60, 70]], 1000); // prettier-ignore
    expect(traces.map(({ firstSample, points }) => [firstSample, points])).toEqual([
      [0, 3],
      [56, 2],
    ]);
  });

  it('go on over a gap within one point, which then holds both sides', () => {
    const [trace, ...others] = run(OPTIONS, [[0, 10], [12, 16]], 1000); // prettier-ignore
    expect([others, trace!.firstSample, trace!.points]).toEqual([[], 0, 2]);
    const seen = [8, 9, 12, 13, 14, 15].map((sample) => SAMPLES[sample * CHANNELS]!);
    expect([trace!.minima[3], trace!.maxima[3]]).toEqual([Math.min(...seen), Math.max(...seen)]);
  });

  it('come as soon as their last sample has', () => {
    const decimator = new TraceDecimator(OPTIONS);
    expect(decimator.push(blockAt(0, 39))).toEqual([]);
    expect(decimator.push(blockAt(39, 40))).toHaveLength(1);
    expect(decimator.end()).toEqual([]);
  });

  it('begin anew when the samples go back', () => {
    const traces = run(OPTIONS, [[100, 110], [0, 10]], 1000); // prettier-ignore
    expect(traces.map(({ firstSample, points }) => [firstSample, points])).toEqual([
      [96, 2],
      [0, 2],
    ]);
  });

  it('hold the chosen channels alone, in their order', () => {
    const [chosen] = run({ ...OPTIONS, channels: [2, 0] }, [[0, 40]], 40);
    const [all] = run(OPTIONS, [[0, 40]], 40);
    const pick = (column: number): number[] => Array.from({ length: 5 }, (_, k) => all!.minima[k * 3 + column]!);
    expect(chosen!.channels).toEqual([2, 0]);
    expect(Array.from(chosen!.minima)).toEqual(pick(2).flatMap((value, k) => [value, pick(0)[k]!]));
  });

  it('that were given are not written to again', () => {
    const decimator = new TraceDecimator(OPTIONS);
    const [first] = decimator.push(blockAt(0, 40));
    const before = first!.maxima.slice();
    decimator.push(blockAt(40, 400));
    expect(first!.maxima).toEqual(before);
  });

  it.each([
    { samplesPerPoint: 0 },
    { pointsPerTrace: Number.NaN },
    { pointsPerTrace: 2e6 },
    { channels: [3] },
    { channels: [-1] },
  ])('are refused %o', (bad) => {
    expect(() => new TraceDecimator({ ...OPTIONS, ...bad }).push(blockAt(0, 10))).toThrow('of the decimated traces');
  });
});
