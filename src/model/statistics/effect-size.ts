import type { Values } from './descriptive.js';
import { mean } from './descriptive.js';
import type { TwoGroupBlock } from './two-group-blocks.js';
import { informativeBlocks } from './two-group-blocks.js';

/**
 * Difference of means, first less second, of blocks weighted by m n / (m + n): the best weights when values vary alike
 * in every block. With one block it is the plain difference.
 *
 * Source: the treatment effect of a two-way additive layout, Scheffe 1959, section 4.4.
 *
 * @throws MeaError `bad-input` when no block holds both groups
 */
export function blockedMeanDifference(blocks: readonly TwoGroupBlock[]): number {
  return weightedMean(
    informativeBlocks(blocks).map(({ first, second }) => ({
      value: mean(first) - mean(second),
      weight: (first.length * second.length) / (first.length + second.length),
    })),
  );
}

/**
 * Probability that a value of the first group is above one of the second in the same block, ties counting one half.
 * Blocks weigh as in van Elteren's test, m n / (m + n + 1), so that the test and its effect agree in sign.
 *
 * Source: Mann & Whitney 1947, U / (m n).
 *
 * @returns in [0, 1]; 1/2 is no effect
 * @throws MeaError `bad-input` when no block holds both groups
 */
export function probabilityOfSuperiority(blocks: readonly TwoGroupBlock[]): number {
  return weightedMean(
    informativeBlocks(blocks).map(({ first, second }) => {
      const pairs = first.length * second.length;
      return { value: countWins(first, second) / pairs, weight: pairs / (first.length + second.length + 1) };
    }),
  );
}

/**
 * Cliff's delta: probability that the first group's value is the larger less that it is the smaller.
 *
 * Source: Cliff 1993.
 *
 * @returns in [-1, 1]; 0 is no effect
 * @throws MeaError `bad-input` when no block holds both groups
 */
export function cliffsDelta(blocks: readonly TwoGroupBlock[]): number {
  return 2 * probabilityOfSuperiority(blocks) - 1;
}

/**
 * Hedges' g: `blockedMeanDifference` in units of the standard deviation pooled inside groups and blocks, with the
 * small-sample correction 1 - 3 / (4 df - 1), df = values - cells.
 *
 * Source: Hedges 1981.
 *
 * @returns undefined where nothing varies inside a cell, or df is below 2 (g then has no mean)
 * @throws MeaError `bad-input` when no block holds both groups
 */
export function hedgesG(blocks: readonly TwoGroupBlock[]): number | undefined {
  const cells = informativeBlocks(blocks).flatMap(({ first, second }) => [first, second]);
  const degrees = cells.reduce((sum, cell) => sum + cell.length - 1, 0);
  const squares = cells.reduce((sum, cell) => sum + squaredDeviations(cell), 0);
  if (degrees < 2 || squares === 0) return undefined;
  return (blockedMeanDifference(blocks) / Math.sqrt(squares / degrees)) * (1 - 3 / (4 * degrees - 1));
}

interface Weighted {
  readonly value: number;
  readonly weight: number;
}

function weightedMean(parts: readonly Weighted[]): number {
  let sum = 0;
  let weights = 0;
  for (const { value, weight } of parts) {
    sum += value * weight;
    weights += weight;
  }
  return sum / weights;
}

function countWins(first: Values, second: Values): number {
  let wins = 0;
  for (const a of first) for (const b of second) wins += (Math.sign(a - b) + 1) / 2;
  return wins;
}

function squaredDeviations(values: Values): number {
  const centre = mean(values);
  let sum = 0;
  for (const value of values) sum += (value - centre) ** 2;
  return sum;
}
