import { cosineOfTurns, exponential } from './reproducible-math.js';

/** Where 1/f noise meets the white noise. */
const CORNER_HZ = 300;
/** The recording band, in which noise is quoted. */
const BAND_HZ = [300, 3000] as const;
const LN_8 = 2.0794415416798357;
const TWO_PI = 6.283185307179586;

/**
 * White noise to white plus 1/f noise: three first-order sections, a pole and a zero each, spread over 300 to 1.5 Hz
 * (van der Ziel's superposition of relaxations), as a sum of one-pole filters: y = direct x + sum weights[i] s[i],
 * s[i] = poles[i] s[i] + x. At high frequencies its gain is 1.
 */
export interface FlickerFilter {
  readonly direct: number;
  readonly poles: readonly [number, number, number];
  readonly weights: readonly [number, number, number];
  /** Root mean square in the recording band (300-3000 Hz) of the output for white input of variance 1. */
  readonly bandRms: number;
}

/**
 * Designs the filter for a power density that falls as 1/f to `exponent` below 300 Hz.
 *
 * Sections are a factor 8 apart, and a zero lies 8^(exponent/2) above its pole, so that the mean slope is right; the
 * ripple about it is below 1 dB.
 */
export function designFlickerFilter(exponent: number, sampleRateHz: number): FlickerFilter {
  const ratio = exponential((LN_8 * exponent) / 2);
  const root = (hz: number): number => exponential((-TWO_PI * hz) / sampleRateHz);
  const zeroHz = [CORNER_HZ, CORNER_HZ / 8, CORNER_HZ / 64] as const;
  const zeros = zeroHz.map(root);
  const [p0, p1, p2] = zeroHz.map((hz) => root(hz / ratio));
  const poles = [p0!, p1!, p2!] as const;
  const direct = poles.reduce((product, pole, i) => (product * zeros[i]!) / pole, 1);
  const residue = (i: 0 | 1 | 2): number => {
    const pole = poles[i];
    const above = zeros.reduce((product, zero) => product * (1 - zero / pole), 1);
    return poles.reduce((rest, other, j) => (j === i ? rest : rest / (1 - other / pole)), above);
  };
  const weights = exponent === 0 ? ([0, 0, 0] as const) : ([residue(0), residue(1), residue(2)] as const);
  return { direct, poles, weights, bandRms: bandRmsOf(zeros, poles, sampleRateHz) };
}

/** Simpson's rule over the band. */
function bandRmsOf(zeros: readonly number[], poles: readonly number[], sampleRateHz: number): number {
  const steps = 200;
  const width = (BAND_HZ[1] - BAND_HZ[0]) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const cosine = cosineOfTurns((BAND_HZ[0] + i * width) / sampleRateHz);
    const square = (root: number): number => 1 - 2 * root * cosine + root * root;
    const power = zeros.reduce((product, zero, k) => (product * square(zero)) / square(poles[k]!), 1);
    sum += power * (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2);
  }
  return Math.sqrt((2 / sampleRateHz) * sum * (width / 3));
}
