import { MeaError } from '../../../protocols/errors.js';

/** An observed rate with its interval. */
export interface RateInterval {
  readonly rate: number;
  readonly lower: number;
  readonly upper: number;
  readonly confidence: number;
}

/**
 * Clopper-Pearson interval of a rate: holds the true rate with at least the stated confidence, whatever it is.
 *
 * Source: Clopper & Pearson 1934. The ends are the rates at which the observed count, or a more extreme one, has
 * probability (1 - confidence) / 2; found by bisection on the binomial tail.
 *
 * @param successes integer in [0, trials]
 * @param trials integer, 1 to 1e5
 * @throws MeaError `bad-input` for other values
 */
export function rateInterval(successes: number, trials: number, confidence = 0.95): RateInterval {
  const isCount = Number.isInteger(successes) && Number.isInteger(trials) && trials >= 1 && trials <= 1e5;
  if (!isCount || successes < 0 || successes > trials || !(confidence > 0 && confidence < 1)) {
    throw new MeaError('bad-input', {
      what: 'Bad rate',
      got: `${successes} of ${trials} at confidence ${confidence}`,
      wanted: 'whole numbers with 0 <= successes <= trials <= 100000, and a confidence in (0, 1)',
    });
  }
  const tail = (1 - confidence) / 2;
  const logFactorials = cumulateLogs(trials);
  const upperEnd = (count: number): number => bisect((p) => binomialCdf({ count, trials, p, logFactorials }) - tail);
  return {
    rate: successes / trials,
    lower: successes === 0 ? 0 : 1 - upperEnd(trials - successes),
    upper: successes === trials ? 1 : upperEnd(successes),
    confidence,
  };
}

interface BinomialQuestion {
  readonly count: number;
  readonly trials: number;
  readonly p: number;
  readonly logFactorials: Float64Array;
}

/** P(X <= count) for X ~ Binomial(trials, p). */
function binomialCdf({ count, trials, p, logFactorials }: BinomialQuestion): number {
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    const logChoose = logFactorials[trials]! - logFactorials[k]! - logFactorials[trials - k]!;
    sum += Math.exp(logChoose + k * Math.log(p) + (trials - k) * Math.log1p(-p));
  }
  return sum;
}

/** Root in (0, 1) of a decreasing function. */
function bisect(decreasing: (p: number) => number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (decreasing(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** ln k! for k = 0..n. */
function cumulateLogs(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let k = 2; k <= n; k++) logs[k] = logs[k - 1]! + Math.log(k);
  return logs;
}
