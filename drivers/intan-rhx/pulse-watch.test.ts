import { describe, expect, it } from 'vitest';
import { IDLE_STIM_WORD } from '../../protocols/intan-rhx/stim-word.js';
import { PulseWatch } from './pulse-watch.js';

/** A block of two STIM words a frame; `set` puts words into it. */
function blockOf(...set: readonly (readonly [place: number, from: number, to: number, word: number])[]): Uint16Array {
  const words = new Uint16Array(256).fill(IDLE_STIM_WORD);
  for (const [place, from, to, word] of set) {
    for (let frame = from; frame < to; frame++) words[2 * frame + place] = word;
  }
  return words;
}

function createWatch(): PulseWatch {
  return new PulseWatch([
    { electrode: 9, place: 0 },
    { electrode: 4, place: 1 },
  ]);
}

describe('pulses in STIM words', () => {
  it('begin where a current begins, and together where they do', () => {
    const watch = createWatch();
    const pulses = watch.look(
      blockOf([0, 10, 16, 0x0114], [0, 16, 22, 0x0014], [1, 10, 13, 0x0102], [1, 50, 60, 0x0002]),
      1000,
    )();
    expect(pulses).toEqual([
      { type: 'pulses-seen', sample: 1010, electrodes: [4, 9], atCompliance: [] },
      { type: 'pulses-seen', sample: 1050, electrodes: [4], atCompliance: [] },
    ]);
    expect(watch.hasOpen).toBe(false);
  });

  it('are none where amplifiers settle or charge is recovered', () => {
    expect(createWatch().look(blockOf([0, 0, 50, 0x2100], [1, 0, 128, 0xe100]), 0)()).toEqual([]);
  });

  it('go on over two blocks, and may reach compliance in the second', () => {
    const watch = createWatch();
    const first = watch.look(blockOf([0, 120, 128, 0x0114]), 0);
    expect(watch.hasOpen).toBe(true);
    const second = watch.look(blockOf([0, 0, 5, 0x8014]), 128);
    expect(watch.hasOpen).toBe(false);
    expect(first()).toEqual([{ type: 'pulses-seen', sample: 120, electrodes: [9], atCompliance: [9] }]);
    expect(second()).toEqual([]);
  });

  it('are one where there is a gap between two phases, two where it is longer', () => {
    for (const [gapSamples, begun] of [
      [4, [20]],
      [3, [20, 34]],
    ] as const) {
      const watch = createWatch();
      watch.gapSamples = gapSamples;
      const look = watch.look(blockOf([1, 20, 30, 0x0114], [1, 34, 44, 0x0014]), 0);
      expect(look().map(({ sample }) => sample)).toEqual(begun);
    }
  });

  it('begin anew after samples that are missing', () => {
    const watch = createWatch();
    watch.look(blockOf([0, 120, 128, 0x0114]), 0);
    watch.forget();
    expect(
      watch
        .look(blockOf([0, 0, 5, 0x0014]), 512)()
        .map(({ sample }) => sample),
    ).toEqual([512]);
  });
});
