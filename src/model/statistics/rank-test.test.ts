import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../../protocols/random.js';
import { blockedRankTest, mannWhitneyTest } from './rank-test.js';

describe('Mann-Whitney test', () => {
  // scipy.stats.mannwhitneyu(a, b, method='exact') 1.10.1
  const a = [1.1, 2.3, 2.9, 4.8];
  const b = [3.1, 4.9, 5.2, 6.0, 7.7];
  it.each([
    ['two-sided', 0.031746031746031744],
    ['greater', 0.9920634920634921],
    ['less', 0.015873015873015872],
  ] as const)('is exact without ties (%s)', (alternative, p) => {
    const result = mannWhitneyTest(a, b, { alternative });
    expect(result.statistic).toBe(1);
    expect(result.p).toBeCloseTo(p, 14);
    expect(result.exactness).toEqual({ type: 'exact', arrangements: 126 });
  });

  // Table J of Siegel 1956, critical U of the two-sided test at 0.05: the largest U with p <= 0.05.
  it.each([
    [4, 4, 0],
    [5, 5, 2],
    [6, 8, 8],
    [8, 8, 13],
    [10, 10, 23],
    [12, 15, 49],
    [20, 20, 127],
  ])('has the tabled critical value for %d against %d', (m, n, critical) => {
    const withStatistic = (u: number): number => {
      // Values whose U is u: every first value starts below all second ones; the topmost climb over u of them.
      const climbs = Array.from({ length: m }, (_, i) => Math.min(n, Math.max(0, u - (m - 1 - i) * n)));
      const result = mannWhitneyTest(
        climbs.map((climb, i) => climb + (i + 1) / (m + 1)),
        Array.from({ length: n }, (_, j) => j + 1),
      );
      expect(result.statistic).toBe(u);
      return result.p;
    };
    expect(withStatistic(critical)).toBeLessThanOrEqual(0.05);
    expect(withStatistic(critical + 1)).toBeGreaterThan(0.05);
  });

  it('is exact with ties', () => {
    // all 210 choices of midranks, in fractions (Python's itertools.combinations and fractions.Fraction)
    const [first, second] = [
      [1, 2, 2, 3],
      [2, 3, 3, 4, 5, 5],
    ];
    expect(mannWhitneyTest(first, second).p).toBeCloseTo(8 / 105, 14);
    expect(mannWhitneyTest(first, second).smallestPossibleP).toBeCloseTo(1 / 210, 14);
    expect(mannWhitneyTest(first, second, { alternative: 'greater' }).p).toBeCloseTo(209 / 210, 14);
    expect(mannWhitneyTest(first, second, { alternative: 'less' }).p).toBeCloseTo(1 / 21, 14);
    expect(mannWhitneyTest(first, second).statistic).toBe(3);
  });

  it('stays exact for 30 against 28, 7e16 arrangements', () => {
    const first = [
      -0.802, -1.324, -0.248, 0.42, 1.136, 0.11, -0.553, -0.785, 0.749, 1.635, 0.273, -1.233, -0.958, 1.6, 0.203,
      -1.732, -0.084, -1.163, -0.629, -0.488, -0.713, 0.553, -0.063, -0.589, 0.41, 0.83, -1.643, -0.257, -0.981, -0.173,
    ];
    const second = [
      -0.789, 0.521, 0.462, 0.196, -0.548, 0.104, -0.591, -0.855, 0.725, -0.609, 1.67, 1.217, -1.498, 0.772, -0.602,
      0.533, 0.544, -1.488, 0.267, 0.244, 1.462, -0.681, 1.238, -0.599, 0.169, -0.34, 1.949, 1.068,
    ];
    const result = mannWhitneyTest(first, second);
    expect(result.statistic).toBe(321);
    expect(result.p).toBeCloseTo(0.12600466855173717, 12);
    expect(result.exactness.type).toBe('exact');
  });

  it('says how small its p can get: a third for 2 against 2', () => {
    const result = mannWhitneyTest([1, 2], [3, 4]);
    expect(result.p).toBeCloseTo(1 / 3, 14);
    expect(result.smallestPossibleP).toBeCloseTo(1 / 3, 14);
  });

  it('finds nothing in values that are all equal', () => {
    const result = mannWhitneyTest([0.1, 0.1, 0.1], [0.1, 0.1]);
    expect(result.p).toBe(1);
    expect(result.smallestPossibleP).toBe(1);
  });

  it('draws arrangements where counting would take too long, and says so', () => {
    const random = openRandomStream(4, 'rank-test-test');
    const draw = (shift: number): number[] => Array.from({ length: 220 }, () => random.normal() + shift);
    const result = mannWhitneyTest(draw(0.5), draw(0), { draws: 999, seed: 5 });
    expect(result.exactness).toEqual({ type: 'monte-carlo', draws: 999, seed: 5 });
    expect(result.p).toBe(0.001);
    expect(result.smallestPossibleP).toBe(0.001);
  });
});

describe('blocked rank test', () => {
  const blocks = [
    { first: [3, 5, 7], second: [4, 9, 9, 12] },
    { first: [10, 12], second: [11, 15, 16] },
    { first: [1], second: [2, 2] },
  ];

  // all 35 x 10 x 3 arrangements, in fractions (Python)
  it.each([
    ['two-sided', 1 / 50],
    ['greater', 173 / 175],
    ['less', 13 / 1050],
  ] as const)('counts the arrangements inside blocks (%s)', (alternative, p) => {
    const result = blockedRankTest(blocks, { alternative });
    expect(result.statistic).toBeCloseTo(1.9166666666666667, 14);
    expect(result.p).toBeCloseTo(p, 14);
    expect(result.exactness).toEqual({ type: 'exact', arrangements: 1050 });
  });

  it('says the smallest p that these values allow', () => {
    expect(blockedRankTest(blocks).smallestPossibleP).toBeCloseTo(1 / 1050, 14);
  });

  it('agrees with its own random arrangements', () => {
    const drawn = blockedRankTest(blocks, { exactLimit: 0, draws: 40_000, seed: 2, alternative: 'less' });
    expect(drawn.exactness.type).toBe('monte-carlo');
    expect(Math.abs(drawn.p - 13 / 1050)).toBeLessThan(4 * Math.sqrt(13 / 1050 / 40_000));
  });

  it('does not see what differs between blocks', () => {
    const shifted = blocks.map(({ first, second }, b) => ({
      first: first.map((value) => value * 2 ** b + 1000 * b),
      second: second.map((value) => value * 2 ** b + 1000 * b),
    }));
    const [plain, moved] = [blockedRankTest(blocks), blockedRankTest(shifted)];
    expect(moved).toEqual(plain);
  });

  it('is not moved by a block that holds one group only', () => {
    expect(blockedRankTest([...blocks, { first: [99, 98], second: [] }])).toEqual(blockedRankTest(blocks));
  });

  it('refuses blocks of which none holds both groups, and values that are not finite', () => {
    const apart = [
      { first: [1, 2], second: [] },
      { first: [], second: [3] },
    ];
    expect(() => blockedRankTest(apart)).toThrow(/No block holds both groups/);
    expect(() => blockedRankTest([{ first: [Number.NaN], second: [1] }])).toThrow(/got NaN, expected a finite number/);
  });
});
