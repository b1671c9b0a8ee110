import { describe, expect, it } from 'vitest';
import { nextSequence, sequenceDistance, unwrapSequence } from './sequence.js';

const LAST = 2 ** 32 - 1;

describe('sequence numbers', () => {
  it('are followed by 0 after 2^32 - 1', () => {
    expect([0, 1, 2 ** 31 - 1, 2 ** 31, LAST].map(nextSequence)).toEqual([1, 2, 2 ** 31, 2 ** 31 + 1, 0]);
  });

  it.each([
    [0, 0, 0],
    [5, 9, 4],
    [9, 5, -4],
    [LAST, 0, 1],
    [0, LAST, -1],
    [LAST - 2, 4, 7],
    [4, LAST - 2, -7],
    [0, 2 ** 31 - 1, 2 ** 31 - 1],
    [0, 2 ** 31, -(2 ** 31)],
    [2 ** 31, 0, -(2 ** 31)],
  ])('from %d to %d are %d apart', (from, to, distance) => {
    expect(sequenceDistance(from, to)).toBe(distance);
  });

  it('unwrap to the nearest full number, on both sides of 2^32', () => {
    expect(unwrapSequence(LAST, 0)).toBe(2 ** 32);
    expect(unwrapSequence(2 ** 32, LAST)).toBe(LAST);
    expect(unwrapSequence(2 ** 32 - 3, 2)).toBe(2 ** 32 + 2);
    expect(unwrapSequence(5 * 2 ** 32 + 1, LAST - 1)).toBe(5 * 2 ** 32 - 2);
    expect(unwrapSequence(2 ** 52 + 10, (2 ** 52 + 11) % 2 ** 32)).toBe(2 ** 52 + 11);
  });

  it('never unwrap to a negative number', () => {
    expect(unwrapSequence(0, LAST)).toBe(LAST);
    expect(unwrapSequence(3, 2 ** 31 + 5)).toBe(2 ** 31 + 5);
  });

  it('count on through three wraps', () => {
    let full = 2 ** 32 - 2;
    let wrapped = full;
    const stride = 2 ** 30 + 1;
    for (let step = 1; step <= 12; step++) {
      wrapped = (wrapped + stride) >>> 0;
      full = unwrapSequence(full, wrapped);
      expect(full).toBe(2 ** 32 - 2 + step * stride);
    }
    expect(full).toBeGreaterThan(3 * 2 ** 32);
  });
});
