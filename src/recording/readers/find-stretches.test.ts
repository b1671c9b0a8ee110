import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import { findStretches } from './find-stretches.js';

function fromCounters(counters: readonly number[]): { read: (frame: number) => Promise<number>; asked: () => number } {
  let asked = 0;
  return {
    read: (frame) => {
      asked += 1;
      return Promise.resolve(counters[frame]!);
    },
    asked: () => asked,
  };
}

describe('findStretches', () => {
  it('finds no stretch in an empty file, and one in a file without a gap, asking twice', async () => {
    expect(await findStretches(0, () => Promise.reject(new Error('asked')), 'x')).toEqual([]);
    const { read, asked } = fromCounters(Array.from({ length: 1000 }, (_, k) => 70 + k));
    expect(await findStretches(1000, read, 'x')).toEqual([{ from: 0, to: 1000, first: 70 }]);
    expect(asked()).toBe(2);
  });

  it('finds every gap, wherever they are', async () => {
    const random = openRandomStream(31, 'gaps');
    for (let round = 0; round < 50; round++) {
      const frames = 1 + random.integer(300);
      const counters: number[] = [];
      const wanted: { from: number; to: number; first: number }[] = [];
      let counter = random.integer(1000);
      for (let frame = 0; frame < frames; frame++) {
        const gap = frame > 0 && random.integer(20) === 0 ? 1 + random.integer(5) : 0;
        counter += 1 + gap;
        if (frame === 0 || gap > 0) wanted.push({ from: frame, to: frames, first: counter });
        counters.push(counter);
      }
      const closed = wanted.map((part, k) => ({ ...part, to: wanted[k + 1]?.from ?? frames }));
      expect(await findStretches(frames, fromCounters(counters).read, 'x')).toEqual(closed);
    }
  });

  it('refuses a counter that goes back', async () => {
    const { read } = fromCounters([5, 6, 2, 3]);
    await expect(findStretches(4, read, 'x.dat')).rejects.toMatchObject({
      tag: 'bad-format',
      details: { what: 'The sample counter goes back', where: 'x.dat' },
    });
  });

  it('refuses more gaps than a recording has', async () => {
    await expect(findStretches(20_002, (frame) => Promise.resolve(frame * 2), 'x')).rejects.toMatchObject({
      details: { what: 'The sample counter jumps too often' },
    });
  });
});
