import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../../protocols/random.js';
import { bootstrapInterval } from './bootstrap.js';
import { mean } from './descriptive.js';
import { blockedMeanTest } from './permutation-test.js';
import { blockedRankTest } from './rank-test.js';
import type { TestOptions, TestResult } from './test-result.js';
import type { TwoGroupBlock } from './two-group-blocks.js';

const EXPERIMENTS = 2000;
const LEVELS = [0.02, 0.05, 0.1, 0.25, 0.5, 0.75];

/** Two groups without a difference, unequal in number, in three batches that differ a lot. */
function drawNullBlocks(experiment: number): TwoGroupBlock[] {
  const random = openRandomStream(11, 'calibration', experiment);
  return [
    { sizes: [4, 2], level: 0 },
    { sizes: [2, 3], level: 50 },
    { sizes: [1, 3], level: -20 },
  ].map(({ sizes, level }) => {
    const draw = (count: number): number[] => Array.from({ length: count }, () => level + random.normal());
    return { first: draw(sizes[0]!), second: draw(sizes[1]!) };
  });
}

/** The share of p at or below each level must be what a uniform p gives, within 4 standard errors and one exact step. */
function expectUniform(pValues: readonly number[], step: number): void {
  expect(pValues).toHaveLength(EXPERIMENTS);
  for (const level of LEVELS) {
    const share = pValues.filter((p) => p <= level).length / EXPERIMENTS;
    const error = 4 * Math.sqrt((level * (1 - level)) / EXPERIMENTS);
    expect(share).toBeLessThanOrEqual(level + error);
    expect(share).toBeGreaterThanOrEqual(level - step - error);
  }
}

function drawPValues(test: (experiment: number) => TestResult): number[] {
  return Array.from({ length: EXPERIMENTS }, (_, experiment) => test(experiment).p);
}

describe('p-values without a difference are uniform', () => {
  it.each(['two-sided', 'greater', 'less'] as const)('in the exact blocked test of means (%s)', (alternative) => {
    expectUniform(
      drawPValues((i) => blockedMeanTest(drawNullBlocks(i), { alternative })),
      2 / 600,
    );
  });

  it('in the blocked test of means over random arrangements', () => {
    const options = (i: number): TestOptions => ({ exactLimit: 0, draws: 199, seed: i });
    expectUniform(
      drawPValues((i) => blockedMeanTest(drawNullBlocks(i), options(i))),
      1 / 200,
    );
  });

  it('in the blocked rank test', () => {
    expectUniform(
      drawPValues((i) => blockedRankTest(drawNullBlocks(i))),
      0.03,
    );
  });
});

describe('a difference inside batches', () => {
  it('is found although batches differ far more than groups do', () => {
    const shifted = (i: number): TwoGroupBlock[] =>
      drawNullBlocks(i).map(({ first, second }) => ({ first: Array.from(first, (value) => value + 3), second }));
    const found = (test: (blocks: readonly TwoGroupBlock[]) => TestResult): number =>
      Array.from({ length: 200 }, (_, i) => test(shifted(i)).p).filter((p) => p < 0.05).length / 200;
    expect(found((blocks) => blockedMeanTest(blocks))).toBeGreaterThan(0.9);
    expect(found((blocks) => blockedRankTest(blocks))).toBeGreaterThan(0.9);
    const unblocked = (blocks: readonly TwoGroupBlock[]): TestResult =>
      blockedMeanTest([
        { first: blocks.flatMap((block) => [...block.first]), second: blocks.flatMap((block) => [...block.second]) },
      ]);
    expect(found(unblocked)).toBeLessThan(0.1);
  });
});

describe('bootstrap intervals', () => {
  it.each(['bca', 'percentile'] as const)('hold the true mean about as often as they say (%s)', (method) => {
    const repeats = 300;
    let holds = 0;
    for (let i = 0; i < repeats; i++) {
      const random = openRandomStream(13, 'coverage', i);
      const values = Array.from({ length: 30 }, () => random.normal() ** 2);
      const { lower, upper } = bootstrapInterval([values], ([only]) => mean(only!), {
        seed: i,
        resamples: 999,
        method,
      });
      if (lower <= 1 && upper >= 1) holds++;
    }
    // a skewed sample of 30: nominal 95 %, a few points short is known behaviour
    expect(holds / repeats).toBeGreaterThan(0.86);
    expect(holds / repeats).toBeLessThan(0.985);
  });
});
