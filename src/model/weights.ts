import type { Accumulators, SessionSums } from './accumulators.js';
import { CODE_VALUES, codeGroups, foldCodes, type TrialInputs } from './packed-inputs.js';

/**
 * Effective connectivity estimated from responses, as log odds, and what the model needs with it.
 *
 * W1 = logit q1 and W0 = logit q0, where q1_aj is the posterior mean of P(o_j = 1 | s_a = 1) and q0_aj of
 * P(o_j = 1 | s_a = 0). Nothing here is a synaptic strength.
 */
export interface Weights {
  readonly ensembles: number;
  readonly inputs: number;
  /** (ensembles, inputs) */
  readonly q1: Float64Array;
  /** (ensembles, inputs) */
  readonly q0: Float64Array;
  /** (ensembles, inputs) */
  readonly w1: Float64Array;
  /** (ensembles, inputs) */
  readonly w0: Float64Array;
  /** (ensembles, inputs) W = W1 - W0 */
  readonly w: Float64Array;
  /** (ensembles, groups, 16) sums of W over the inputs that a code switches on */
  readonly byCode: Float64Array;
  /** (ensembles) sum over inputs of ln(1 - q1): h1 less phi1 */
  readonly bias1: Float64Array;
  /** (ensembles) sum over inputs of ln(1 - q0): h0 less phi0 */
  readonly bias0: Float64Array;
}

/** Threshold factors phi1 = ln D and phi0 = ln(1 - D), (ensembles) each: the log prior of a source being on or off. */
export interface ThresholdFactors {
  readonly phi1: Float64Array;
  readonly phi0: Float64Array;
}

export function createWeights(ensembles: number, inputs: number): Weights {
  return {
    ensembles,
    inputs,
    q1: new Float64Array(ensembles * inputs),
    q0: new Float64Array(ensembles * inputs),
    w1: new Float64Array(ensembles * inputs),
    w0: new Float64Array(ensembles * inputs),
    w: new Float64Array(ensembles * inputs),
    byCode: new Float64Array(ensembles * codeGroups(inputs) * CODE_VALUES),
    bias1: new Float64Array(ensembles),
    bias0: new Float64Array(ensembles),
  };
}

/** Recomputes weights from accumulators: q = H / M, W = logit q. q stays inside (0, 1) because of the prior. */
export function updateWeights(target: Weights, source: Accumulators): void {
  const { ensembles, inputs } = target;
  for (let a = 0; a < ensembles; a++) {
    let bias1 = 0;
    let bias0 = 0;
    for (let j = 0; j < inputs; j++) {
      const i = a * inputs + j;
      const q1 = source.h1[i]! / source.m1[a]!;
      const q0 = source.h0[i]! / source.m0[a]!;
      const lnOff1 = Math.log1p(-q1);
      const lnOff0 = Math.log1p(-q0);
      target.q1[i] = q1;
      target.q0[i] = q0;
      target.w1[i] = Math.log(q1) - lnOff1;
      target.w0[i] = Math.log(q0) - lnOff0;
      target.w[i] = target.w1[i] - target.w0[i];
      bias1 += lnOff1;
      bias0 += lnOff0;
    }
    target.bias1[a] = bias1;
    target.bias0[a] = bias0;
  }
  foldCodes(target.w, target.byCode, inputs);
}

/**
 * Rebuilds the weights of one session from kept log odds of shape (ensembles, inputs, sessions);
 * ln(1 - q) = -ln(1 + e^W).
 */
export function loadWeights(target: Weights, kept: KeptWeights, { session, sessions }: KeptSession): void {
  const { ensembles, inputs } = target;
  for (let a = 0; a < ensembles; a++) {
    target.bias1[a] = 0;
    target.bias0[a] = 0;
    for (let i = a * inputs; i < (a + 1) * inputs; i++) {
      const w1 = kept.w1[i * sessions + session]!;
      const w0 = kept.w0[i * sessions + session]!;
      target.w1[i] = w1;
      target.w0[i] = w0;
      target.w[i] = w1 - w0;
      target.q1[i] = 1 / (1 + Math.exp(-w1));
      target.q0[i] = 1 / (1 + Math.exp(-w0));
      target.bias1[a]! -= Math.log1p(Math.exp(w1));
      target.bias0[a]! -= Math.log1p(Math.exp(w0));
    }
  }
  foldCodes(target.w, target.byCode, inputs);
}

/** (ensembles, inputs, sessions) each */
export interface KeptWeights {
  readonly w1: Float64Array;
  readonly w0: Float64Array;
}

export interface KeptSession {
  readonly session: number;
  readonly sessions: number;
}

/**
 * Network output x-hat = sig(W o + h1 - h0) of every ensemble: the posterior that its source is on, given o.
 *
 * @param prediction.out (ensembles) receives x-hat in (0, 1)
 */
export function predictResponse(weights: Weights, phi: ThresholdFactors, { trial, out }: Prediction): void {
  const { ensembles, byCode, bias1, bias0 } = weights;
  const { codes, offset } = trial;
  const tables = byCode.length / ensembles;
  for (let a = 0; a < ensembles; a++) {
    const end = (a + 1) * tables;
    let v = phi.phi1[a]! + bias1[a]! - phi.phi0[a]! - bias0[a]!;
    for (let table = end - tables, i = offset; table < end; table += CODE_VALUES, i++) v += byCode[table + codes[i]!]!;
    out[a] = 1 / (1 + Math.exp(-v));
  }
}

export interface Prediction {
  readonly trial: TrialInputs;
  readonly out: Float64Array;
}

/**
 * The part of a session's free energy that does not depend on the threshold factors, in nats:
 * sum of x ln x + (1 - x) ln(1 - x) - x [W1 o + bias1] - (1 - x) [W0 o + bias0].
 *
 * Source: the cost function L of the paper; being linear in x o, the sum over trials needs only the session's sums.
 */
export function sessionEnergy(weights: Weights, sums: SessionSums): number {
  const { ensembles, inputs, w1, w0, bias1, bias0 } = weights;
  let energy = sums.negativeEntropy;
  for (let a = 0; a < ensembles; a++) {
    const on = sums.on[a]!;
    let accuracy = bias1[a]! * on + bias0[a]! * (sums.trials - on);
    for (let j = 0; j < inputs; j++) {
      const onShown = sums.onShown[a * inputs + j]!;
      accuracy += w1[a * inputs + j]! * onShown + w0[a * inputs + j]! * (sums.shown[j]! - onShown);
    }
    energy -= accuracy;
  }
  return energy;
}

/** The rest of a session's free energy, in nats: - sum of x phi1 + (1 - x) phi0. */
export function thresholdEnergy(phi: ThresholdFactors, on: Float64Array, trials: number): number {
  let energy = 0;
  for (let a = 0; a < on.length; a++) energy -= on[a]! * phi.phi1[a]! + (trials - on[a]!) * phi.phi0[a]!;
  return energy;
}

/** `sessionEnergy` of a model that has learned nothing: every W is 0, every q is 1/2. Nats. */
export function unlearnedEnergy(sums: SessionSums): number {
  return sums.negativeEntropy + sums.on.length * sums.shown.length * sums.trials * Math.LN2;
}
