import {
  addEntropy,
  addSession,
  addTrial,
  clearSessionSums,
  createAccumulators,
  createSessionSums,
  finishSums,
  type Accumulators,
  type AccumulatorShape,
  type SessionSums,
} from './accumulators.js';
import type { TrialInputs } from './packed-inputs.js';
import {
  createWeights,
  sessionEnergy,
  unlearnedEnergy,
  updateWeights,
  type ThresholdFactors,
  type Weights,
} from './weights.js';

/**
 * The streaming core of the free-energy model: takes (x, o) trial by trial, learns after each session.
 *
 * The weights used during a session depend only on earlier sessions. Both normalisers, `published` and `causal`, feed
 * this same core, so a batch analysis is the stream run over stored trials.
 */
export interface StreamingCore {
  readonly accumulators: Accumulators;
  /** The weights in force during the running session. */
  readonly weights: Weights;
  readonly sums: SessionSums;
}

/** What a finished session leaves behind. Energies exclude the threshold factors, which are known only after calibration. */
export interface SessionOutcome {
  /** Nats; add `thresholdEnergy` for the free energy L. */
  readonly energy: number;
  /** The same with W = 0, nats. */
  readonly unlearnedEnergy: number;
  /** (ensembles) sum of x over the session */
  readonly on: Float64Array;
  readonly trials: number;
}

export function createStreamingCore(shape: AccumulatorShape): StreamingCore {
  const accumulators = createAccumulators(shape);
  const weights = createWeights(shape.ensembles, shape.inputs);
  updateWeights(weights, accumulators);
  return { accumulators, weights, sums: createSessionSums(shape.ensembles, shape.inputs) };
}

/** Takes one trial: responses x (ensembles) in [0, 1] and the stimulus. */
export function observeTrial(core: StreamingCore, x: Float64Array, trial: TrialInputs): void {
  addTrial(core.sums, x, trial);
  addEntropy(core.sums, x);
}

/** Closes the running session: its energies with the weights it ran under, then the plastic update. */
export function endSession(core: StreamingCore): SessionOutcome {
  const { sums, weights, accumulators } = core;
  finishSums(sums);
  const outcome = {
    energy: sessionEnergy(weights, sums),
    unlearnedEnergy: unlearnedEnergy(sums),
    on: sums.on.slice(),
    trials: sums.trials,
  };
  addSession(accumulators, sums);
  updateWeights(weights, accumulators);
  clearSessionSums(sums);
  return outcome;
}

/** A baseline far from the culture's counts clips every response to 0 or 1; the prior stays this far from certainty. */
const LEAST_PRIOR = 1e-6;

/** Threshold factors from calibration: phi1 = ln of the mean response over the given sessions, phi0 = ln of one minus it. */
export function thresholdFactors(outcomes: readonly Pick<SessionOutcome, 'on' | 'trials'>[]): ThresholdFactors {
  const n = outcomes[0]!.on.length;
  const phi1 = new Float64Array(n);
  const phi0 = new Float64Array(n);
  for (let a = 0; a < n; a++) {
    let on = 0;
    let trials = 0;
    for (const outcome of outcomes) {
      on += outcome.on[a]!;
      trials += outcome.trials;
    }
    phi1[a] = Math.log(Math.max(on / trials, LEAST_PRIOR));
    phi0[a] = Math.log(Math.max(1 - on / trials, LEAST_PRIOR));
  }
  return { phi1, phi0 };
}
