import { describe, expect, it } from 'vitest';

import { listStates, singleSourceState, stateCountOf, stateOf } from './states.js';

describe('the state of a trial', () => {
  it('has the first source as its most significant bit: 11, 10, 01, 00 are 3, 2, 1, 0', () => {
    expect(Array.from(listStates(Uint8Array.from([1, 1, 1, 0, 0, 1, 0, 0]), 2))).toEqual([3, 2, 1, 0]);
    expect(stateOf(Uint8Array.from([0, 0, 0, 1, 0, 1]), 1, 3)).toBe(5);
  });

  it('is one power of two for each source alone', () => {
    expect([0, 1].map((k) => singleSourceState(k, 2))).toEqual([2, 1]);
    expect([0, 1, 2].map((k) => singleSourceState(k, 3))).toEqual([4, 2, 1]);
    expect(stateCountOf(4)).toBe(16);
  });
});
