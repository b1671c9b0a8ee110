import { MeaError } from '../../../protocols/errors.js';
import { openRandomStream } from '../../../protocols/random.js';
import type { Values } from './descriptive.js';
import { mean, sumOf } from './descriptive.js';
import { blockedMeanDifference } from './effect-size.js';
import type { NullDistribution } from './null-distribution.js';
import { addIndependent, certainly, enumerateChoices, enumerateSigns, scaled } from './null-distribution.js';
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

/**
 * Sign-flip test that paired differences, or one sample, are symmetric about zero. The statistic is their mean.
 *
 * Source: Fisher 1935, section 21; Good 2005, section 3.2.
 *
 * @throws MeaError `bad-input` when there is no difference, or one is not finite
 */
export function signFlipTest(differences: Values, options: TestOptions = {}): TestResult {
  const count = differences.length;
  const magnitudes = Float64Array.from(differences, Math.abs).sort();
  if (count === 0 || !magnitudes.every((magnitude) => Number.isFinite(magnitude))) {
    throw new MeaError('bad-input', {
      what: 'Bad differences for a sign-flip test',
      got: `${count} values`,
      wanted: 'one or more, all finite',
    });
  }
  const arrangements = 2 ** count;
  const isSmall = arrangements <= (options.exactLimit ?? DEFAULT_EXACT_LIMIT);
  return solveTest(
    {
      statistic: mean(differences),
      nullMean: 0,
      arrangements,
      exactNull: () => (isSmall ? scaled(enumerateSigns(magnitudes), 1 / count) : undefined),
      sampleNull: (draws, seed) => {
        const random = openRandomStream(seed, 'sign-flip-test');
        const flipped = (): number => sumOf(magnitudes.map((size) => (random.integer(2) === 0 ? size : -size)));
        return Float64Array.from({ length: draws }, () => flipped() / count);
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
