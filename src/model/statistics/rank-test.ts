import { openRandomStream } from '../../../protocols/random.js';
import type { Values } from './descriptive.js';
import { sumOf } from './descriptive.js';
import type { NullDistribution } from './null-distribution.js';
import { addIndependent, certainly, combinations, countChoices, scaled } from './null-distribution.js';
import { midranks } from './ranks.js';
import type { TestOptions, TestResult } from './test-result.js';
import { solveTest } from './test-result.js';
import type { ScoredBlock, TwoGroupBlock } from './two-group-blocks.js';
import { arrangementCount, drawArrangement, informativeBlocks, nullMeanOf, scoreBlock } from './two-group-blocks.js';

/** Additions that the exact count of one block may take: about a quarter of a second. */
const LARGEST_BLOCK_WORK = 2e8;
/** Pairs of sums that joining two blocks may take. */
const LARGEST_JOIN_WORK = 1e7;

/**
 * Mann-Whitney (Wilcoxon rank-sum) test. The statistic is U: the number of pairs in which the first group's value is
 * the larger, ties counting one half. Ties are exact too: the null is over midranks.
 *
 * Source: Mann & Whitney 1947; conditional null with ties, Lehmann 1975, section 1.4.
 *
 * @throws MeaError `bad-input` when a group is empty or a value is not finite
 */
export function mannWhitneyTest(first: Values, second: Values, options: TestOptions = {}): TestResult {
  const result = blockedRankTest([{ first, second }], options);
  const rankSum = result.statistic * (first.length + second.length + 1);
  return { ...result, statistic: Math.round(2 * rankSum - first.length * (first.length + 1)) / 2 };
}

/**
 * Van Elteren's blocked rank test: midranks inside each block, labels shuffled only inside blocks. The statistic is the
 * sum over blocks of (rank sum of the first group) / (block size + 1), the weights that are best against a common
 * shift. Chosen before aligned ranks because it needs no estimate of the block's level and stays the same under any
 * increasing change of scale inside a block. With one block it is the Mann-Whitney test.
 *
 * Source: van Elteren 1960; Lehmann 1975, section 3.3. Exact by dynamic programming inside blocks and convolution of
 * blocks; random arrangements where that would take too long.
 *
 * @param options `exactLimit` counts arrangements only when it is 0, which asks for random ones
 * @throws MeaError `bad-input` when no block holds both groups, or a value is not finite
 */
export function blockedRankTest(blocks: readonly TwoGroupBlock[], options: TestOptions = {}): TestResult {
  const doubled = informativeBlocks(blocks).map((block) => scoreBlock(block, doubledMidranks));
  const scored = doubled.map(({ scores, firstCount, firstSum }) => {
    const weight = 1 / (2 * (scores.length + 1));
    return { firstCount, firstSum: firstSum * weight, scores: scores.map((score) => score * weight) };
  });
  return solveTest(
    {
      statistic: scored.reduce((sum, { firstSum }) => sum + firstSum, 0),
      nullMean: nullMeanOf(scored),
      arrangements: arrangementCount(scored),
      exactNull: () => (options.exactLimit === 0 ? undefined : countBlocks(doubled)),
      sampleNull: (draws, seed) => {
        const random = openRandomStream(seed, 'blocked-rank-test');
        return Float64Array.from({ length: draws }, () => drawArrangement(scored, random));
      },
    },
    options,
  );
}

function doubledMidranks(pooled: Float64Array): Float64Array {
  return midranks(pooled).map((rank) => 2 * rank);
}

/**
 * The null of the statistic. Sums are kept as integers, over the common denominator of all blocks' weights, so that
 * equal sums merge.
 */
function countBlocks(blocks: readonly ScoredBlock[]): NullDistribution | undefined {
  const denominator = blocks.map(({ scores }) => scores.length + 1).reduce(leastCommonMultiple, 1);
  const largestSum = blocks.reduce((sum, { scores }) => sum + (sumOf(scores) * denominator) / (scores.length + 1), 0);
  if (!(largestSum <= Number.MAX_SAFE_INTEGER)) return undefined;
  let total = certainly(0);
  for (const { scores, firstCount } of blocks) {
    if (scores.length * firstCount * sumOf(scores) > LARGEST_BLOCK_WORK) return undefined;
    if (!(combinations(scores.length, firstCount) < Number.MAX_VALUE)) return undefined;
    const block = scaled(countChoices(scores, firstCount), denominator / (scores.length + 1));
    if (total.values.length * block.values.length > LARGEST_JOIN_WORK) return undefined;
    total = addIndependent(total, block);
  }
  return scaled(total, 1 / (2 * denominator));
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / greatestCommonDivisor(a, b)) * b;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
