import { inputCountOf, type MixingDesign } from '../../protocols/mixed-sources.js';
import type { Weights } from './weights.js';

/**
 * P(o_j = 1 | s_a = 1) of the true generative process, for every input and source; P(o_j = 1 | s_a = 0) is one minus it.
 *
 * For two sources: own block 1 - m/2, other block (1 + m)/2. In general an input of block b follows another source with
 * probability m, uniform among the others, and all other sources are fair bits.
 *
 * @returns (ensembles, inputs)
 */
export function idealLikelihood(design: MixingDesign): Float64Array {
  const { sourceCount, inputsPerBlock, mixing } = design;
  const inputs = inputCountOf(design);
  const likelihood = new Float64Array(sourceCount * inputs);
  const own = 1 - mixing / 2;
  const followsThisOne = 1 / (sourceCount - 1);
  const other = (1 - mixing) / 2 + mixing * (followsThisOne + (1 - followsThisOne) / 2);
  for (let a = 0; a < sourceCount; a++) {
    for (let j = 0; j < inputs; j++) {
      likelihood[a * inputs + j] = Math.floor(j / inputsPerBlock) === a ? own : other;
    }
  }
  return likelihood;
}

/**
 * Error of the posterior belief about A: mean over inputs of (q - A*)^2, relative to the mean square of all of A*.
 *
 * @param out (2 * ensembles) receives the errors of q1 of every ensemble, then of q0 of every ensemble
 */
export function likelihoodErrors(weights: Weights, ideal: Float64Array, out: Float64Array): void {
  const { ensembles, inputs, q1, q0 } = weights;
  let scale = 0;
  for (const a of ideal) scale += a * a + (1 - a) * (1 - a);
  scale /= 2 * ideal.length;
  for (let a = 0; a < ensembles; a++) {
    let on = 0;
    let off = 0;
    for (let i = a * inputs; i < (a + 1) * inputs; i++) {
      on += (q1[i]! - ideal[i]!) ** 2;
      off += (q0[i]! - (1 - ideal[i]!)) ** 2;
    }
    out[a] = on / inputs / scale;
    out[ensembles + a] = off / inputs / scale;
  }
}

/**
 * Posterior belief about P(o_j = 1 | joint state): the product over ensembles of q1 where the state has the source on
 * and q0 where it is off.
 *
 * @returns (inputs, 2^ensembles), columns from all sources on to all off: 11, 10, 01, 00
 */
export function jointLikelihood({ ensembles, inputs, q1, q0 }: Weights): Float64Array {
  const states = 2 ** ensembles;
  const out = new Float64Array(inputs * states);
  for (let j = 0; j < inputs; j++) {
    for (let column = 0; column < states; column++) {
      let product = 1;
      for (let a = 0; a < ensembles; a++) {
        const off = Math.floor(column / 2 ** (ensembles - 1 - a)) % 2 === 1;
        product *= (off ? q0 : q1)[a * inputs + j]!;
      }
      out[j * states + column] = product;
    }
  }
  return out;
}

/** Relative squared distance of two estimates of q: the error of predicted weights. */
export function weightError(observed: Weights, predicted: Weights): number {
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < observed.q1.length; i++) {
    difference += (observed.q1[i]! - predicted.q1[i]!) ** 2 + (observed.q0[i]! - predicted.q0[i]!) ** 2;
    scale += observed.q1[i]! ** 2 + observed.q0[i]! ** 2;
  }
  return difference / scale;
}
