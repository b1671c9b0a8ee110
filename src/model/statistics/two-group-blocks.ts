import { MeaError } from '../../../protocols/errors.js';
import type { RandomStream } from '../../../protocols/random.js';
import type { Values } from './descriptive.js';
import { mean, sumOf } from './descriptive.js';
import { combinations } from './null-distribution.js';

/** The values of two groups in one block (a batch of cultures); without blocking there is one block. */
export interface TwoGroupBlock {
  readonly first: Values;
  readonly second: Values;
}

/** Scores of one block in ascending order, how many of them are the first group's, and their observed sum. */
export interface ScoredBlock {
  readonly scores: Float64Array;
  readonly firstCount: number;
  readonly firstSum: number;
}

/**
 * The blocks in which both groups are present; the others hold no information on the difference.
 *
 * @throws MeaError `bad-input` for a value that is not finite, or when no block holds both groups
 */
export function informativeBlocks(blocks: readonly TwoGroupBlock[]): readonly TwoGroupBlock[] {
  for (const { first, second } of blocks) for (const group of [first, second]) assertFinite(group);
  const informative = blocks.filter(({ first, second }) => first.length > 0 && second.length > 0);
  if (informative.length > 0) return informative;
  throw new MeaError('bad-input', {
    what: 'No block holds both groups',
    got: `${blocks.length} blocks`,
    wanted: 'at least one block with values of both groups',
  });
}

/** Gives each value of a block its score, `scoresOf` being handed first and second group in a row. */
export function scoreBlock(block: TwoGroupBlock, scoresOf: (pooled: Float64Array) => Float64Array): ScoredBlock {
  const firstCount = block.first.length;
  const pooled = new Float64Array(firstCount + block.second.length);
  pooled.set(block.first);
  pooled.set(block.second, firstCount);
  const scores = scoresOf(pooled);
  return { firstSum: sumOf(scores.slice(0, firstCount).sort()), scores: scores.sort(), firstCount };
}

/** Number of ways to hand out the labels inside the blocks. */
export function arrangementCount(blocks: readonly ScoredBlock[]): number {
  return blocks.reduce((product, block) => product * combinations(block.scores.length, block.firstCount), 1);
}

/** Mean, over all arrangements, of the sum of the first group's scores. */
export function nullMeanOf(blocks: readonly ScoredBlock[]): number {
  return blocks.reduce((sum, block) => sum + block.firstCount * mean(block.scores), 0);
}

/** Draws one arrangement: the sum of the first group's scores after the labels are shuffled inside each block (which reorders `scores`). */
export function drawArrangement(blocks: readonly ScoredBlock[], random: RandomStream): number {
  let sum = 0;
  for (const { scores, firstCount } of blocks) {
    for (let i = 0; i < firstCount; i++) {
      const taken = i + random.integer(scores.length - i);
      const score = scores[taken]!;
      scores[taken] = scores[i]!;
      scores[i] = score;
      sum += score;
    }
  }
  return sum;
}

function assertFinite(values: Values): void {
  for (const value of values) {
    if (Number.isFinite(value)) continue;
    throw new MeaError('bad-input', { what: 'Bad value in a test', got: String(value), wanted: 'a finite number' });
  }
}
