import { MeaError } from '../../protocols/errors.js';

/** Where the asymptotic series takes over: at 10 its first omitted term is 3e-18. */
const SERIES_START = 10;
/** B_2k / (2k) for k = 1..8, the coefficients of x^-2k in the asymptotic series. */
const SERIES = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12, -3617 / 8160] as const;

/**
 * The digamma function psi(x) = d ln Gamma(x) / dx for x > 0, to about 1e-15 of max(1, |psi|).
 *
 * Source: Abramowitz & Stegun 1964, recurrence 6.3.5 (psi(x + 1) = psi(x) + 1 / x) up to x >= 10, then the asymptotic
 * series 6.3.18.
 *
 * @throws MeaError `bad-input` for x that is not above zero
 */
export function digamma(x: number): number {
  if (!(x > 0)) {
    throw new MeaError('bad-input', { what: 'digamma outside its domain', got: String(x), wanted: 'x > 0' });
  }
  if (x >= SERIES_START) return asymptoticSeries(x);
  const steps = Math.ceil(SERIES_START - x);
  let below = 0;
  for (let k = steps - 1; k >= 0; k--) below += 1 / (x + k);
  return asymptoticSeries(x + steps) - below;
}

function asymptoticSeries(x: number): number {
  const inverseSquare = 1 / (x * x);
  let sum = 0;
  for (let k = SERIES.length - 1; k >= 0; k--) sum = (sum + SERIES[k]!) * inverseSquare;
  return Math.log(x) - 0.5 / x - sum;
}
