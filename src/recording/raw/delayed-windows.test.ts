import { describe, expect, it } from 'vitest';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import { sampleIndex } from '../../../protocols/units.js';
import { DelayedWindows } from './delayed-windows.js';

const CHANNELS = 2;
const FIRST = 1000;
const FRAMES = 300;
const KEPT = { before: 10, after: 25 };

/** Every value says its sample and its channel. */
function blockOf(firstSample: number, frames: number): SampleBlock {
  const samples = Int16Array.from(
    { length: frames * CHANNELS },
    (_, i) => (firstSample + Math.floor(i / CHANNELS)) * CHANNELS + (i % CHANNELS),
  );
  return { firstSample: sampleIndex(firstSample), frames, channels: CHANNELS, samples };
}

/** Numbers of the samples of blocks, each of which is held against what it should be. */
function samplesOf(blocks: readonly SampleBlock[]): readonly number[] {
  return blocks.flatMap((block) => {
    expect(block).toEqual(blockOf(block.firstSample, block.frames));
    expect(block.frames).toBeGreaterThan(0);
    return Array.from({ length: block.frames }, (_, i) => block.firstSample + i);
  });
}

/** A stimulus, and the first sample of the block after which it was asked for, at the latest. */
interface Asked {
  readonly at: number;
  readonly sample: number;
}

/** Hands on samples in blocks of a size; every stimulus is asked for as soon as its time has come. */
function keep(
  stimuli: readonly Asked[],
  size: number,
): { readonly pushed: readonly number[]; readonly ended: readonly number[] } {
  const windows = new DelayedWindows(KEPT);
  const waiting = [...stimuli];
  const pushed: SampleBlock[] = [];
  for (let at = 0; at < FRAMES; at += size) {
    while (waiting.length > 0 && waiting[0]!.at < FIRST + at + size) windows.want(waiting.shift()!.sample);
    pushed.push(...windows.push(blockOf(FIRST + at, Math.min(size, FRAMES - at))));
  }
  return { pushed: samplesOf(pushed), ended: samplesOf(windows.end()) };
}

function around(...stimuli: readonly number[]): readonly number[] {
  const wanted = (sample: number): boolean =>
    stimuli.some((stimulus) => sample >= stimulus - KEPT.before && sample < stimulus + KEPT.after);
  return Array.from({ length: FRAMES }, (_, i) => FIRST + i).filter(wanted);
}

const SIZES = [1, 2, 7, 13, FRAMES];

describe('windows around stimuli', () => {
  const cases: readonly (readonly [what: string, stimuli: readonly Asked[]])[] = [
    ['one stimulus', [{ at: 1040, sample: 1060 }]],
    ['a stimulus that is asked for at its own sample', [{ at: 1060, sample: 1060 }]],
    ['one before anything came, whose window begins before the first sample', [{ at: 0, sample: 1004 }]],
    ['one whose window ends after the last sample', [{ at: 1200, sample: 1295 }]],
    [
      'windows that overlap',
      [
        { at: 1050, sample: 1060 },
        { at: 1060, sample: 1070 },
        { at: 1061, sample: 1090 },
      ],
    ],
    [
      'windows that touch',
      [
        { at: 1000, sample: 1060 },
        { at: 1000, sample: 1095 },
      ],
    ],
    [
      'one that is asked for after a later one',
      [
        { at: 1010, sample: 1200 },
        { at: 1020, sample: 1060 },
        { at: 1030, sample: 1130 },
        { at: 1110, sample: 1112 },
      ],
    ],
    [
      'the same stimulus twice',
      [
        { at: 1010, sample: 1060 },
        { at: 1012, sample: 1060 },
      ],
    ],
  ];

  it.each(cases)('keep the same samples, once and in order, for any cut into blocks: %s', (_, stimuli) => {
    const wanted = around(...stimuli.map(({ sample }) => sample));
    expect(wanted.length).toBeGreaterThan(KEPT.before);
    for (const size of SIZES) {
      const { pushed, ended } = keep(stimuli, size);
      expect([...pushed, ...ended], `blocks of ${size}`).toEqual(wanted);
    }
  });

  it('keep nothing where nothing is asked for', () => {
    for (const size of SIZES) expect(keep([], size)).toEqual({ pushed: [], ended: [] });
  });

  it('hold samples back no longer than is kept before a stimulus, and the block that holds the last of them', () => {
    const { pushed, ended } = keep([{ at: 1000, sample: 1290 }], 1);
    expect(pushed).toEqual(around(1290).filter((sample) => sample < FIRST + FRAMES - KEPT.before));
    expect(ended).toEqual(around(1290).filter((sample) => sample >= FIRST + FRAMES - KEPT.before));
    expect([pushed.length, ended.length]).toEqual([10, 10]);
  });

  it('do not keep the memory that a block was lent with', () => {
    const windows = new DelayedWindows(KEPT);
    windows.want(FIRST);
    const lent = blockOf(FIRST, 5);
    windows.push(lent);
    lent.samples.fill(0);
    expect(samplesOf(windows.end())).toEqual([FIRST, FIRST + 1, FIRST + 2, FIRST + 3, FIRST + 4]);
  });

  it('begin anew where samples do not go on: numbers may be smaller then', () => {
    const windows = new DelayedWindows(KEPT);
    windows.want(2049);
    windows.push(blockOf(2000, 45));
    expect(samplesOf(windows.end())).toEqual([2039, 2040, 2041, 2042, 2043, 2044]);
    expect(windows.end()).toEqual([]);
    windows.want(20);
    const parts = [0, 40, 80].flatMap((first) => windows.push(blockOf(first, 40)));
    expect(samplesOf(parts)).toEqual(Array.from({ length: 35 }, (_, i) => 10 + i));
  });
});
