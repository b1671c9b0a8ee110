import { MeaError } from '../../../protocols/errors.js';

/** Numbers to compute with, in an array of any kind. */
export type Values = ArrayLike<number> & Iterable<number>;

/** Arithmetic mean; the mean of nothing is refused. */
export function mean(values: Values): number {
  assertCount(values, 1, 'mean');
  return sumOf(values) / values.length;
}

/** Sample variance with divisor n - 1, by the two-pass algorithm; needs two values. */
export function sampleVariance(values: Values): number {
  assertCount(values, 2, 'sample variance');
  const centre = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - centre) ** 2;
  return squares / (values.length - 1);
}

/**
 * Quantile by linear interpolation between order statistics: definition 7 of Hyndman & Fan 1996, the default of R and
 * numpy.
 *
 * @param probability in [0, 1]
 */
export function quantile(values: Values, probability: number): number {
  return quantileOfSorted(Float64Array.from(values).sort(), probability);
}

/** `quantile` of values that are in ascending order already. */
export function quantileOfSorted(sorted: Values, probability: number): number {
  assertCount(sorted, 1, 'quantile');
  if (!(probability >= 0 && probability <= 1)) {
    throw new MeaError('bad-input', {
      what: 'Bad quantile',
      got: String(probability),
      wanted: 'a probability in [0, 1]',
    });
  }
  const position = probability * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (position - below) * (high - low);
}

export function median(values: Values): number {
  return quantile(values, 0.5);
}

/** Sum from the first value to the last. */
export function sumOf(values: Values): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function assertCount(values: Values, needed: number, what: string): void {
  if (values.length >= needed) return;
  throw new MeaError('bad-input', {
    what: `Too few values for a ${what}`,
    got: String(values.length),
    wanted: `at least ${needed}`,
  });
}
