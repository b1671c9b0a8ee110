import { sumOf } from './descriptive.js';

/** A discrete distribution: distinct or repeated values with how many equally likely arrangements give each. */
export interface NullDistribution {
  readonly values: Float64Array;
  /** Numbers of arrangements, or those divided by a common factor where they would not fit into a double. */
  readonly weights: Float64Array;
}

/** Which deviations from the null count as extreme: first above second, below it, or both. */
export type Alternative = 'two-sided' | 'greater' | 'less';

/** Differences below this share of the statistic's range count as ties, so that rounding never makes a p smaller. */
const TIE_SHARE = 1e-9;

/** C(n, k), as a double: exact up to 2^53. */
export function combinations(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) product = (product * (n - i + 1)) / i;
  return product;
}

/** The distribution that is certainly `value`. */
export function certainly(value: number): NullDistribution {
  return { values: Float64Array.of(value), weights: Float64Array.of(1) };
}

/** Sums of `chosen` of the given scores over all C(n, chosen) choices, one by one. For small numbers of choices. */
export function enumerateChoices(scores: Float64Array, chosen: number): NullDistribution {
  const values: number[] = [];
  const extend = (from: number, left: number, sum: number): void => {
    if (left === 0) {
      values.push(sum);
      return;
    }
    for (let i = from; i <= scores.length - left; i++) extend(i + 1, left - 1, sum + scores[i]!);
  };
  extend(0, chosen, 0);
  return { values: Float64Array.from(values), weights: new Float64Array(values.length).fill(1) };
}

/**
 * Sums of `chosen` of the given scores over all choices, counted by dynamic programming over the reachable sums, ties
 * and all. Work and memory grow with chosen x (sum of scores).
 *
 * Source: Pagano & Tritchler 1983 (recursion over items); for ranks without ties it is Mann & Whitney's 1947 recursion.
 *
 * @param scores non-negative integers
 */
export function countChoices(scores: Float64Array, chosen: number): NullDistribution {
  const width = sumOf(scores) + 1;
  const counts = new Float64Array((chosen + 1) * width);
  counts[0] = 1;
  for (const score of scores) {
    for (let k = chosen; k >= 1; k--) {
      const from = (k - 1) * width;
      for (let sum = width - 1 - score; sum >= 0; sum--) counts[k * width + sum + score]! += counts[from + sum]!;
    }
  }
  const reached: number[] = [];
  for (let sum = 0; sum < width; sum++) if (counts[chosen * width + sum]! > 0) reached.push(sum);
  const values = Float64Array.from(reached);
  return { values, weights: values.map((sum) => counts[chosen * width + sum]!) };
}

/** Multiplies every value of a distribution. */
export function scaled(distribution: NullDistribution, factor: number): NullDistribution {
  return { values: distribution.values.map((value) => value * factor), weights: distribution.weights };
}

/** The distribution of the sum of two independent variables; equal sums are merged. */
export function addIndependent(a: NullDistribution, b: NullDistribution): NullDistribution {
  const merged = new Map<number, number>();
  for (let i = 0; i < a.values.length; i++) {
    for (let j = 0; j < b.values.length; j++) {
      const value = a.values[i]! + b.values[j]!;
      merged.set(value, (merged.get(value) ?? 0) + a.weights[i]! * b.weights[j]!);
    }
  }
  const weights = Float64Array.from(merged.values());
  const total = sumOf(weights);
  return {
    values: Float64Array.from(merged.keys()),
    weights: total > Number.MAX_SAFE_INTEGER ? weights.map((weight) => weight / total) : weights,
  };
}

/**
 * How far from the null, on the side of the alternative, a statistic is; the two-sided measure is the distance from
 * the null mean (the convention of exact conditional tests, Strasser & Weber 1999; package coin of R).
 */
function extremeness(statistic: number, nullMean: number, alternative: Alternative): number {
  const deviation = statistic - nullMean;
  switch (alternative) {
    case 'greater':
      return deviation;
    case 'less':
      return -deviation;
    case 'two-sided':
      return Math.abs(deviation);
  }
}

/** Share of the arrangements at least as extreme as the observed one, and the smallest share that any could have. */
export interface TailShares {
  readonly p: number;
  readonly smallestPossibleP: number;
}

/** Exact tail shares of an observed statistic under its null distribution. */
export function tailShares(
  distribution: NullDistribution,
  observed: number,
  against: { readonly nullMean: number; readonly alternative: Alternative },
): TailShares {
  const { nullMean, alternative } = against;
  const distances = distribution.values.map((value) => extremeness(value, nullMean, alternative));
  const [lowest, highest] = rangeOf(distribution.values);
  const tie = TIE_SHARE * (highest - lowest);
  const shareFrom = (threshold: number): number => {
    let weight = 0;
    for (let i = 0; i < distances.length; i++) if (distances[i]! >= threshold - tie) weight += distribution.weights[i]!;
    return weight / sumOf(distribution.weights);
  };
  return {
    p: Math.min(1, shareFrom(extremeness(observed, nullMean, alternative))),
    smallestPossibleP: Math.min(1, shareFrom(rangeOf(distances)[1])),
  };
}

/** Smallest and largest value. */
function rangeOf(values: Float64Array): readonly [lowest: number, highest: number] {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}
