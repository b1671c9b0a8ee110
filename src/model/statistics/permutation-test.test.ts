import { describe, expect, it } from 'vitest';

import { blockedMeanTest } from './permutation-test.js';

describe('blocked permutation test of means', () => {
  const first = [0.1, 0.4, 0.5, 0.3];
  const second = [0.3, 0.2, 0.9, 0.7, 0.8];
  const blocks = [
    { first: [3, 5, 7], second: [4, 9, 9, 12] },
    { first: [10, 12], second: [11, 15, 16] },
    { first: [1], second: [2, 2] },
  ];

  it('is the exact test of one block, ties of decimal fractions included', () => {
    // scipy.stats.permutation_test(..., n_resamples=inf, alternative='less') and fractions in Python
    const less = blockedMeanTest([{ first, second }], { alternative: 'less' });
    expect(less.statistic).toBeCloseTo(-0.255, 14);
    expect(less.p).toBeCloseTo(0.1111111111111111, 14);
    expect(blockedMeanTest([{ first, second }]).p).toBeCloseTo(4 / 21, 14);
    expect(blockedMeanTest([{ first, second }], { alternative: 'greater' }).p).toBeCloseTo(13 / 14, 14);
  });

  it('counts the arrangements inside blocks', () => {
    // all 35 x 10 x 3 arrangements of values centred in their block, in fractions (Python)
    const result = blockedMeanTest(blocks);
    expect(result.p).toBeCloseTo(22 / 525, 14);
    expect(result.smallestPossibleP).toBeCloseTo(1 / 525, 14);
    expect(result.statistic).toBeCloseTo(-10.266666666666667 / (12 / 7 + 6 / 5 + 2 / 3), 13);
    expect(result.exactness).toEqual({ type: 'exact', arrangements: 1050 });
  });

  it('does not see a constant added to a block', () => {
    const moved = blocks.map(({ first: a, second: b }, i) => ({
      first: a.map((value) => value + 1000 * i),
      second: b.map((value) => value + 1000 * i),
    }));
    const result = blockedMeanTest(moved);
    expect(result.p).toBeCloseTo(22 / 525, 14);
    expect(result.statistic).toBeCloseTo(blockedMeanTest(blocks).statistic, 10);
  });

  it('draws seeded arrangements above its limit, near the exact p and the same again', () => {
    const options = { exactLimit: 1000, draws: 40_000, seed: 3 };
    const drawn = blockedMeanTest(blocks, options);
    expect(drawn.exactness).toEqual({ type: 'monte-carlo', draws: 40_000, seed: 3 });
    expect(Math.abs(drawn.p - 22 / 525)).toBeLessThan(4 * Math.sqrt(22 / 525 / 40_000));
    expect(blockedMeanTest(blocks, options)).toEqual(drawn);
    expect(blockedMeanTest(blocks, { ...options, seed: 4 }).p).not.toBe(drawn.p);
  });

  it('never gives a random p of zero', () => {
    const far = [
      { first: Array.from({ length: 20 }, (_, i) => i), second: Array.from({ length: 20 }, (_, i) => 100 + i) },
    ];
    expect(blockedMeanTest(far, { draws: 99 }).p).toBe(0.01);
  });
});
