import type { Alternative, NullDistribution } from './null-distribution.js';
import { tailShares } from './null-distribution.js';

/** How a p-value was obtained: over all arrangements of the labels, or over random ones. */
type Exactness =
  | { readonly type: 'exact'; readonly arrangements: number }
  | { readonly type: 'monte-carlo'; readonly draws: number; readonly seed: number };

/** The outcome of a test. */
export interface TestResult {
  /** In the units that the test's own comment names. */
  readonly statistic: number;
  readonly alternative: Alternative;
  readonly p: number;
  /** The p of the most extreme arrangement of these very values; above 0.05 the test cannot reach 0.05, whatever is true. */
  readonly smallestPossibleP: number;
  readonly exactness: Exactness;
}

/** What every test takes. */
export interface TestOptions {
  /** `two-sided` by default. `greater`: the first group is above the second. */
  readonly alternative?: Alternative;
  /** Up to so many arrangements are counted one by one; above it, random ones are drawn. 200,000 by default. */
  readonly exactLimit?: number;
  /** Number of random arrangements; 19,999 by default. */
  readonly draws?: number;
  /** Seed of the random arrangements; 1 by default. Unused where the test is exact. */
  readonly seed?: number;
}

/** A statistic, its mean under the null, and the ways to its null distribution. */
export interface TestProblem {
  readonly statistic: number;
  readonly nullMean: number;
  /** Number of equally likely arrangements. */
  readonly arrangements: number;
  /** The exact null distribution; undefined when it would cost too much. */
  readonly exactNull: () => NullDistribution | undefined;
  /** `draws` random values of the statistic. */
  readonly sampleNull: (draws: number, seed: number) => Float64Array;
}

export const DEFAULT_EXACT_LIMIT = 200_000;
const DEFAULT_DRAWS = 19_999;

/**
 * Solves a test: exactly where it can, else p = (b + 1) / (m + 1) over m random arrangements, b of which are as
 * extreme as the observed one.
 *
 * Source of the Monte Carlo p: Davison & Hinkley 1997, section 4.2; Phipson & Smyth 2010.
 */
export function solveTest(problem: TestProblem, options: TestOptions): TestResult {
  const { alternative = 'two-sided', draws = DEFAULT_DRAWS, seed = 1 } = options;
  const { statistic, nullMean, arrangements } = problem;
  const exact = problem.exactNull();
  const against = { nullMean, alternative };
  if (exact !== undefined) {
    const exactness = { type: 'exact', arrangements } as const;
    return { statistic, alternative, exactness, ...tailShares(exact, statistic, against) };
  }
  const values = new Float64Array(draws + 1);
  values.set(problem.sampleNull(draws, seed));
  values[draws] = statistic;
  const { p } = tailShares({ values, weights: new Float64Array(draws + 1).fill(1) }, statistic, against);
  const exactness = { type: 'monte-carlo', draws, seed } as const;
  return { statistic, alternative, exactness, p, smallestPossibleP: 1 / (draws + 1) };
}
