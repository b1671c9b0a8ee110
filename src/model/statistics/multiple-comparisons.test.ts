import { describe, expect, it } from 'vitest';

import { correctHolm } from './multiple-comparisons.js';

const P = [0.01, 0.04, 0.03, 0.005, 0.6];

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  expect(got).toHaveLength(wanted.length);
  got.forEach((value, i) => {
    expect(value).toBeCloseTo(wanted[i]!, 14);
  });
}

describe('correction for many comparisons', () => {
  it('steps down by Holm and never lets a larger p overtake a smaller one', () => {
    expectClose(correctHolm(P), [0.04, 0.09, 0.09, 0.025, 0.6]);
    expectClose(correctHolm([0.5, 0.9]), [1, 1]);
  });

  it('claims 3 of the 15 tests in the example of Benjamini and Hochberg 1995', () => {
    const example = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1,
    ];
    expect(correctHolm(example).filter((p) => p <= 0.05)).toHaveLength(3);
  });

  it('has nothing to do for no tests, and refuses what is no p', () => {
    expect(correctHolm([])).toEqual([]);
    expect(() => correctHolm([0.5, Number.NaN])).toThrow(/got NaN/);
    expect(() => correctHolm([-0.1])).toThrow(/Bad p-value/);
  });
});
