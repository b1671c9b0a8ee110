import { openRandomStream } from '../../../protocols/random.js';
import { mean } from './descriptive.js';
import { blockedMeanDifference } from './effect-size.js';
import type { NullDistribution } from './null-distribution.js';
import { addIndependent, certainly, enumerateChoices, scaled } from './null-distribution.js';
import type { TestOptions, TestResult } from './test-result.js';
import { DEFAULT_EXACT_LIMIT, solveTest } from './test-result.js';
import type { ScoredBlock, TwoGroupBlock } from './two-group-blocks.js';
import { arrangementCount, drawArrangement, informativeBlocks, scoreBlock } from './two-group-blocks.js';

/**
 * Permutation test for a difference of means, labels shuffled only inside blocks, so that differences between blocks
 * neither make nor hide an effect. The statistic is `blockedMeanDifference`, first less second, in the values' units.
 *
 * Source: Fisher 1935 and Pitman 1937 (permutation test), Good 2005, section 7.1 (blocks).
 *
 * @throws MeaError `bad-input` when no block holds both groups, or a value is not finite
 */
export function blockedMeanTest(blocks: readonly TwoGroupBlock[], options: TestOptions = {}): TestResult {
  const informative = informativeBlocks(blocks);
  // With values centred in each block, the weighted difference of means is the sum of the first group over this weight.
  const weight = informative.reduce((sum, { first, second }) => sum + harmonicWeight(first.length, second.length), 0);
  const scored = informative.map((block) => scoreBlock(block, centred));
  const arrangements = arrangementCount(scored);
  const isSmall = arrangements <= (options.exactLimit ?? DEFAULT_EXACT_LIMIT);
  return solveTest(
    {
      statistic: blockedMeanDifference(informative),
      nullMean: 0,
      arrangements,
      exactNull: () => (isSmall ? scaled(enumerateBlocks(scored), 1 / weight) : undefined),
      sampleNull: (draws, seed) => {
        const random = openRandomStream(seed, 'permutation-test');
        return Float64Array.from({ length: draws }, () => drawArrangement(scored, random) / weight);
      },
    },
    options,
  );
}

function enumerateBlocks(blocks: readonly ScoredBlock[]): NullDistribution {
  return blocks.reduce(
    (sum, { scores, firstCount }) => addIndependent(sum, enumerateChoices(scores, firstCount)),
    certainly(0),
  );
}

function centred(pooled: Float64Array): Float64Array {
  const centre = mean(pooled);
  return pooled.map((value) => value - centre);
}

function harmonicWeight(firstCount: number, secondCount: number): number {
  return (firstCount * secondCount) / (firstCount + secondCount);
}
