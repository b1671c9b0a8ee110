import { describe, expect, it } from 'vitest';

import { bootstrapInterval } from './bootstrap.js';
import { mean } from './descriptive.js';
import { blockedMeanDifference, cliffsDelta, hedgesG, probabilityOfSuperiority } from './effect-size.js';

const FIRST = [2.1, 3.4, 1.9, 5.6, 2.2, 8.9, 3.1, 2.8];
const SECOND = [1.0, 1.7, 2.4, 0.3, 1.2, 1.9];
const ONE_BLOCK = [{ first: FIRST, second: SECOND }];

describe('effect sizes', () => {
  // numpy and scipy.stats.mannwhitneyu(...).statistic / 48
  it('are the textbook ones in a single block', () => {
    expect(blockedMeanDifference(ONE_BLOCK)).toBeCloseTo(2.333333333333333, 13);
    expect(probabilityOfSuperiority(ONE_BLOCK)).toBeCloseTo(0.9270833333333334, 14);
    expect(cliffsDelta(ONE_BLOCK)).toBeCloseTo(2 * 0.9270833333333334 - 1, 14);
    expect(hedgesG(ONE_BLOCK)).toBeCloseTo(1.1581575090281762, 13);
  });

  it('compare inside blocks only', () => {
    const blocks = [
      { first: [1, 2], second: [0, 1] },
      { first: [101], second: [100, 100] },
      { first: [-500], second: [] },
    ];
    expect(blockedMeanDifference(blocks)).toBe(1);
    // 3.5 of 4 pairs with weight 4 / 5, 2 of 2 with weight 2 / 4
    expect(probabilityOfSuperiority(blocks)).toBeCloseTo((0.8 * (3.5 / 4) + 0.5) / 1.3, 14);
    // pooled variance: 0.5 + 0.5 + 0 over 1 + 1 + 0 + 1 degrees
    expect(hedgesG(blocks)).toBeCloseTo((1 / Math.sqrt(1 / 3)) * (1 - 3 / 11), 14);
  });

  it('change sign when the groups change places', () => {
    const swapped = [{ first: SECOND, second: FIRST }];
    expect(cliffsDelta(swapped)).toBeCloseTo(-cliffsDelta(ONE_BLOCK), 14);
    expect(hedgesG(swapped)).toBeCloseTo(-hedgesG(ONE_BLOCK)!, 14);
  });

  it('has no g where nothing varies, or one difference alone would have to say how much', () => {
    expect(hedgesG([{ first: [1], second: [2] }])).toBeUndefined();
    expect(hedgesG([{ first: [1, 2], second: [2] }])).toBeUndefined();
    expect(hedgesG([{ first: [1, 1], second: [2, 2] }])).toBeUndefined();
  });
});

describe('bootstrap interval', () => {
  const difference = ([a, b]: readonly (ArrayLike<number> & Iterable<number>)[]): number => mean(a!) - mean(b!);

  // scipy.stats.bootstrap 1.10.1, 400,000 resamples
  it.each([
    ['bca', 1.1041666666666667, 4.6375],
    ['percentile', 0.9, 4.133333333333333],
  ] as const)('of a difference of means agrees with scipy (%s)', (method, lower, upper) => {
    const interval = bootstrapInterval([FIRST, SECOND], difference, { seed: 1, resamples: 100_000, method });
    expect(Math.abs(interval.lower - lower)).toBeLessThan(0.03);
    expect(Math.abs(interval.upper - upper)).toBeLessThan(0.05);
    expect(interval).toMatchObject({ method, confidence: 0.95, resamples: 100_000, isDegenerate: false });
    expect(interval.estimate).toBeCloseTo(2.333333333333333, 13);
  });

  it('of a variance agrees with scipy, where bias and acceleration matter', () => {
    const variance = ([only]: readonly (ArrayLike<number> & Iterable<number>)[]): number =>
      mean(Array.from(only!, (value) => (value - mean(only!)) ** 2));
    const interval = bootstrapInterval([FIRST], variance, { seed: 1, resamples: 100_000 });
    expect(Math.abs(interval.lower - 1.1148437499999997)).toBeLessThan(0.03);
    expect(Math.abs(interval.upper - 11.391875)).toBeLessThan(0.2);
  });

  it('is the same for a seed and any order of values, and another for another seed or purpose', () => {
    const at = (seed: number, purpose?: string): number =>
      bootstrapInterval([FIRST, SECOND], difference, {
        seed,
        resamples: 499,
        ...(purpose === undefined ? {} : { purpose }),
      }).lower;
    const reversed = bootstrapInterval([FIRST.toReversed(), SECOND], difference, { seed: 1, resamples: 499 });
    expect(reversed.lower).toBe(at(1));
    expect(at(2)).not.toBe(at(1));
    expect(at(1, 'another')).not.toBe(at(1));
  });

  it('says when it cannot tell anything', () => {
    const interval = bootstrapInterval([[4], [1]], difference, { seed: 1 });
    expect(interval).toMatchObject({ lower: 3, upper: 3, isDegenerate: true, method: 'percentile' });
  });

  it('refuses an empty stratum', () => {
    expect(() => bootstrapInterval([[1], []], difference, { seed: 1 })).toThrow(/stratum 1 is empty/);
  });
});
