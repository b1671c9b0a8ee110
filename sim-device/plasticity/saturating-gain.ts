import { writeWeightedRowSum } from '../row-sums.js';

/**
 * ln G_e = beta tanh(v_e / 4) with v_e = sum_j W_ej centred_j, the gain that weights of any rule have on the drive of
 * an electrode: G lies in [exp(-beta), exp(beta)] and is 1 for a stimulus like the average one.
 *
 * Source: docs/emulated-culture.md.
 *
 * @param weights `values` (inputs, electrodes) input-major W, `beta` depth of the gain
 * @param centred (inputs) stimulus less its mean
 * @param logGains (electrodes) written
 */
export function writeSaturatingLogGains(
  weights: { readonly values: Float64Array; readonly beta: number },
  centred: Float64Array,
  logGains: Float64Array,
): void {
  const { values, beta } = weights;
  writeWeightedRowSum(values, centred, logGains);
  for (let e = 0; e < logGains.length; e++) logGains[e] = beta * Math.tanh(logGains[e]! / 4);
}
