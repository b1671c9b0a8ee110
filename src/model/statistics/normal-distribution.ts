import { MeaError } from '../../../protocols/errors.js';

const SQRT_2_PI = Math.sqrt(2 * Math.PI);
/** Where the continued fraction of the tail takes over from the series. */
const TAIL_START = 4;
/** Depth of the continued fraction; at 4 it has converged to the last bit. */
const TAIL_DEPTH = 60;

/**
 * P(Z <= z) of a standard normal Z, to about 1e-15, with relative accuracy kept in the lower tail.
 *
 * Source: Abramowitz & Stegun 1964, series 26.2.11 in the middle, continued fraction 26.2.14 in the tails.
 */
export function normalCdf(z: number): number {
  if (z < -TAIL_START) return upperTail(-z);
  if (z > TAIL_START) return 1 - upperTail(z);
  let term = z;
  let sum = z;
  for (let odd = 3; Math.abs(term) > 1e-18 * Math.abs(sum); odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 + density(z) * sum;
}

/**
 * The z with P(Z <= z) = `probability`: Newton's method on `normalCdf` from the rational start of Abramowitz & Stegun
 * 26.2.23, to about 1e-14.
 *
 * @param probability in [0, 1]; 0 and 1 give -Infinity and Infinity
 */
export function normalQuantile(probability: number): number {
  if (!(probability >= 0 && probability <= 1)) {
    throw new MeaError('bad-input', {
      what: 'Bad quantile',
      got: String(probability),
      wanted: 'a probability in [0, 1]',
    });
  }
  if (probability === 0 || probability === 1) return probability === 0 ? -Infinity : Infinity;
  if (probability > 0.5) return -normalQuantile(1 - probability);
  const t = Math.sqrt(-2 * Math.log(probability));
  let z = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (let step = 0; step < 4; step++) z -= (normalCdf(z) - probability) / density(z);
  return z;
}

function density(z: number): number {
  return Math.exp(-0.5 * z * z) / SQRT_2_PI;
}

/** P(Z > z) for large z: density / (z + 1 / (z + 2 / (z + 3 / ...))). */
function upperTail(z: number): number {
  if (z > 40) return 0;
  let fraction = z;
  for (let k = TAIL_DEPTH; k >= 1; k--) fraction = z + k / fraction;
  return density(z) / fraction;
}
