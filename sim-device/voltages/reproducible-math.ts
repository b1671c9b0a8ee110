/**
 * Elementary functions from +, -, *, / and comparisons only. `Math.exp` and `Math.sin` may differ in the last bit from
 * one engine to the next; what reaches the emulated samples must not.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** Natural exponential, within 1e-15 relative where the result is a normal number. */
export function exponential(x: number): number {
  if (x < -745) return 0;
  if (x > 710) return Number.POSITIVE_INFINITY;
  const halvings = Math.floor(x / 0.6931471805599453 + 0.5);
  // ln 2 in two parts (as in fdlibm): the first has zeros at its end, so that its product is exact.
  const rest = x - halvings * LN2_HIGH - halvings * LN2_LOW;
  let sum = 1;
  for (let k = 18; k >= 1; k--) sum = 1 + (sum * rest) / k;
  return scaleByPowerOfTwo(sum, halvings);
}

/** sin(2 pi x): the angle in turns, so that whole turns cost nothing. Within 1e-15 absolute. */
export function sineOfTurns(x: number): number {
  const turn = x - Math.floor(x + 0.5);
  if (turn > 0.25) return sineNearZero(0.5 - turn);
  if (turn < -0.25) return sineNearZero(-0.5 - turn);
  return sineNearZero(turn);
}

/** cos(2 pi x): the angle in turns. Within 1e-15 absolute. */
export function cosineOfTurns(x: number): number {
  return sineOfTurns(x - Math.floor(x) + 0.25);
}

/** Taylor series, |turn| <= 1/4. */
function sineNearZero(turn: number): number {
  const angle = turn * 6.283185307179586;
  const square = angle * angle;
  let sum = 1;
  for (let k = 13; k >= 1; k--) sum = 1 - (sum * square) / (2 * k * (2 * k + 1));
  return angle * sum;
}

function scaleByPowerOfTwo(value: number, exponent: number): number {
  let scaled = value;
  const factor = exponent < 0 ? 0.5 : 2;
  for (let i = Math.abs(exponent); i > 0; i--) scaled *= factor;
  return scaled;
}
