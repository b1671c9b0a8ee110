import { CODE_VALUES, codeGroups, unfoldCodes, type TrialInputs } from './packed-inputs.js';

/**
 * Sufficient statistics of the plasticity estimate: how often each input was shown while an ensemble was on (H1, M1)
 * and while it was off (H0, M0), counted in trials and weighted by the response x in [0, 1].
 *
 * Source: Isomura et al. 2023, synaptic update; restated as H1_aj = lambda/2 + sum x_a o_j, M1_a = lambda + sum x_a and
 * the same with 1 - x for the off state. As Dirichlet counts: (H, M - H) for o = 1 and o = 0.
 */
export interface Accumulators {
  readonly ensembles: number;
  readonly inputs: number;
  /** (ensembles, inputs) */
  readonly h1: Float64Array;
  /** (ensembles) */
  readonly m1: Float64Array;
  /** (ensembles, inputs) */
  readonly h0: Float64Array;
  /** (ensembles) */
  readonly m0: Float64Array;
}

/** Prior strength lambda of the published analysis, in trials. */
export const PUBLISHED_PRIOR_TRIALS = 3000;

export interface AccumulatorShape {
  readonly ensembles: number;
  readonly inputs: number;
  /** lambda > 0, in trials: what the prior q = 1/2 weighs. */
  readonly priorTrials: number;
}

/** Accumulators that hold only the prior: every q is 1/2, every weight 0. */
export function createAccumulators({ ensembles, inputs, priorTrials }: AccumulatorShape): Accumulators {
  return {
    ensembles,
    inputs,
    h1: new Float64Array(ensembles * inputs).fill(priorTrials / 2),
    m1: new Float64Array(ensembles).fill(priorTrials),
    h0: new Float64Array(ensembles * inputs).fill(priorTrials / 2),
    m0: new Float64Array(ensembles).fill(priorTrials),
  };
}

/** A copy with every count multiplied by `gain`: the same estimates, held with `gain` times the confidence. */
export function scaleAccumulators(source: Accumulators, gain: number): Accumulators {
  return {
    ensembles: source.ensembles,
    inputs: source.inputs,
    h1: source.h1.map((value) => value * gain),
    m1: source.m1.map((value) => value * gain),
    h0: source.h0.map((value) => value * gain),
    m0: source.m0.map((value) => value * gain),
  };
}

/**
 * Adds one session's sums to the accumulators. A session is added as a whole, because the weights used inside a session
 * depend only on what came before it.
 */
export function addSession(target: Accumulators, sums: SessionSums): void {
  const { ensembles, inputs, h1, m1, h0, m0 } = target;
  for (let a = 0; a < ensembles; a++) {
    const on = sums.on[a]!;
    m1[a]! += on;
    m0[a]! += sums.trials - on;
    for (let j = 0; j < inputs; j++) {
      const onShown = sums.onShown[a * inputs + j]!;
      h1[a * inputs + j]! += onShown;
      h0[a * inputs + j]! += sums.shown[j]! - onShown;
    }
  }
}

/**
 * Sums over the trials of the running session; everything a session's update and free energy need. Trials are summed by
 * code; `finishSums` unfolds them into sums per input.
 */
export interface SessionSums {
  trials: number;
  /** (inputs) trials in which the input was pulsed; valid after `finishSums` */
  readonly shown: Float64Array;
  /** (ensembles) sum of x */
  readonly on: Float64Array;
  /** (ensembles, inputs) sum of x o; valid after `finishSums` */
  readonly onShown: Float64Array;
  /** Sum over ensembles and trials of x ln(x + eps) + (1 - x) ln(1 - x + eps), nats. */
  negativeEntropy: number;
  /** (groups, 16) trials by code */
  readonly shownByCode: Float64Array;
  /** (ensembles, groups, 16) sum of x by code */
  readonly onByCode: Float64Array;
}

export function createSessionSums(ensembles: number, inputs: number): SessionSums {
  const tables = codeGroups(inputs) * CODE_VALUES;
  return {
    trials: 0,
    shown: new Float64Array(inputs),
    on: new Float64Array(ensembles),
    onShown: new Float64Array(ensembles * inputs),
    negativeEntropy: 0,
    shownByCode: new Float64Array(tables),
    onByCode: new Float64Array(ensembles * tables),
  };
}

/** Unfolds the session's sums, so that `shown` and `onShown` can be read. */
export function finishSums(sums: SessionSums): void {
  unfoldCodes(sums.shownByCode, sums.shown, sums.shown.length);
  unfoldCodes(sums.onByCode, sums.onShown, sums.shown.length);
}

export function clearSessionSums(sums: SessionSums): void {
  sums.trials = 0;
  sums.on.fill(0);
  sums.negativeEntropy = 0;
  sums.shownByCode.fill(0);
  sums.onByCode.fill(0);
}

/** eps inside the logarithms of the published cost function. */
const ENTROPY_EPSILON = 1e-6;
const CLIPPED_NEGATIVE_ENTROPY = Math.log(1 + ENTROPY_EPSILON);

/**
 * Adds one trial: the streaming core's whole work per trial, without a branch and without a step per input.
 *
 * @param x (ensembles) responses in [0, 1]
 */
export function addTrial(sums: SessionSums, x: Float64Array, trial: TrialInputs): void {
  const { on, onByCode, shownByCode } = sums;
  const { codes, offset } = trial;
  const tables = shownByCode.length;
  sums.trials++;
  for (let table = 0, i = offset; table < tables; table += CODE_VALUES, i++) shownByCode[table + codes[i]!]! += 1;
  for (let a = 0; a < on.length; a++) {
    const xa = x[a]!;
    const end = (a + 1) * tables;
    on[a]! += xa;
    for (let table = end - tables, i = offset; table < end; table += CODE_VALUES, i++)
      onByCode[table + codes[i]!]! += xa;
  }
}

/** Adds the entropy term of one observed trial: the part of the free energy that depends on x alone. */
export function addEntropy(sums: SessionSums, x: Float64Array): void {
  let negativeEntropy = 0;
  for (let a = 0; a < x.length; a++) {
    const xa = x[a]!;
    // A quarter to a half of all responses are clipped to 0 or 1, where the term is a constant.
    negativeEntropy +=
      xa === 0 || xa === 1
        ? CLIPPED_NEGATIVE_ENTROPY
        : xa * Math.log(xa + ENTROPY_EPSILON) + (1 - xa) * Math.log(1 - xa + ENTROPY_EPSILON);
  }
  sums.negativeEntropy += negativeEntropy;
}
