import type { MixingDesign } from '../../protocols/mixed-sources.js';
import { PUBLISHED_PRIOR_TRIALS } from './accumulators.js';
import { createForecast, endForecastSession, forecastTrial, type Forecast } from './forecast.js';
import { idealLikelihood, jointLikelihood, likelihoodErrors, weightError } from './ideal-observer.js';
import { codeGroups, packInputs, type TrialInputs } from './packed-inputs.js';
import {
  createStreamingCore,
  endSession,
  observeTrial,
  thresholdFactors,
  type SessionOutcome,
  type StreamingCore,
} from './streaming-core.js';
import {
  createWeights,
  loadWeights,
  predictResponse,
  thresholdEnergy,
  type ThresholdFactors,
  type Weights,
} from './weights.js';

/** Sizes of an experiment, and the generative process that its stimuli come from. */
export interface ExperimentDesign extends MixingDesign {
  readonly sessions: number;
  readonly trialsPerSession: number;
  /** Sessions that calibrate the model; all later ones are predicted from them. */
  readonly initialSessions: number;
}

/** How many sessions at the end are called the last ones: as many as calibrate, and never one of those. */
export function lastSessionCount({
  sessions,
  initialSessions,
}: Pick<ExperimentDesign, 'sessions' | 'initialSessions'>): number {
  return Math.min(initialSessions, sessions - initialSessions);
}

/** Everything the model says about a culture, as arrays over the whole experiment. T sessions, K trials, n ensembles, J inputs. */
export interface ModelArrays {
  /** (n, T K) normalised responses in [0, 1] */
  readonly x: Float64Array;
  /** (n, T K) predicted responses */
  readonly xp: Float64Array;
  /** (n, J, T) weights in force during each session */
  readonly w1: Float64Array;
  readonly w0: Float64Array;
  /** (n, J, T) predicted weights */
  readonly w1p: Float64Array;
  readonly w0p: Float64Array;
  /** (T) free energy per session, nats */
  readonly freeEnergy: Float64Array;
  /** (T) free energy with W = 0, nats: what learning is measured from */
  readonly unlearnedFreeEnergy: Float64Array;
  /** (T) mean squared error of the predicted responses */
  readonly errX: Float64Array;
  /** (T) relative squared error of the predicted q */
  readonly errW: Float64Array;
  /** (2n, T) relative squared error of q1 and q0 against the true generative process */
  readonly errA: Float64Array;
}

/**
 * The model's side of an experiment, fed session by session: core, prediction and errors over normalised responses.
 * Both the off-line analysis and a running experiment drive this same object.
 */
export interface ModelRun {
  readonly design: ExperimentDesign;
  readonly arrays: ModelArrays;
  readonly core: StreamingCore;
  /** Sessions finished so far. */
  session: number;
  /** Known once the initial sessions are over. */
  phi: ThresholdFactors | undefined;
  forecast: Forecast | undefined;
  readonly outcomes: SessionOutcome[];
  readonly ideal: Float64Array;
}

export function createModelRun(design: ExperimentDesign): ModelRun {
  const { sourceCount: n, sessions, trialsPerSession, inputsPerBlock } = design;
  const inputs = n * inputsPerBlock;
  const rows = sessions * trialsPerSession;
  const traces = (): Float64Array => new Float64Array(n * rows);
  const weights = (): Float64Array => new Float64Array(n * inputs * sessions);
  const perSession = (): Float64Array => new Float64Array(sessions);
  return {
    design,
    arrays: {
      x: traces(),
      xp: traces(),
      w1: weights(),
      w0: weights(),
      w1p: weights(),
      w0p: weights(),
      freeEnergy: perSession(),
      unlearnedFreeEnergy: perSession(),
      errX: perSession(),
      errW: perSession(),
      errA: new Float64Array(2 * n * sessions),
    },
    core: createStreamingCore({ ensembles: n, inputs, priorTrials: PUBLISHED_PRIOR_TRIALS }),
    session: 0,
    phi: undefined,
    forecast: undefined,
    outcomes: [],
    ideal: idealLikelihood(design),
  };
}

/** One session's data: views into arrays over the whole experiment. */
export interface SessionData {
  /** (n, T K) normalised responses; the running session's rows must be final */
  readonly x: Float64Array;
  /** (T K, J) stimuli */
  readonly inputs: Uint8Array;
}

/** Runs the next session. Responses beyond it are not looked at. */
export function runSession(run: ModelRun, data: SessionData): void {
  const { design, arrays, core, session } = run;
  const { trialsPerSession: trials, sourceCount: n } = design;
  const rows = design.sessions * trials;
  const codes = packSession(design, data.inputs, session);
  const trial: TrialInputs = { codes, offset: 0 };
  const groups = codeGroups(core.weights.inputs);
  const x = new Float64Array(n);
  const normalised = data.x;
  const kept = arrays.x;
  keepWeights(arrays.w1, arrays.w0, { weights: core.weights, session, sessions: design.sessions });
  for (let row = session * trials; row < (session + 1) * trials; row++) {
    trial.offset = (row - session * trials) * groups;
    for (let a = 0; a < n; a++) {
      x[a] = normalised[a * rows + row]!;
      kept[a * rows + row] = x[a]!;
    }
    observeTrial(core, x, trial);
  }
  keepErrorsOfA(run);
  predictSession(run, codes);
  run.outcomes.push(endSession(core));
  run.session++;
  if (run.session === design.initialSessions) finishCalibration(run, data.inputs);
  if (run.session > design.initialSessions) finishSession(run, session);
}

function packSession(
  { trialsPerSession, sourceCount, inputsPerBlock }: ExperimentDesign,
  inputs: Uint8Array,
  session: number,
): Uint8Array {
  const first = session * trialsPerSession;
  return packInputs(inputs, { first, end: first + trialsPerSession, width: sourceCount * inputsPerBlock });
}

/** With phi known, the calibration sessions get their free energy and fitted responses, and the prediction can start. */
function finishCalibration(run: ModelRun, inputs: Uint8Array): void {
  const phi = thresholdFactors(run.outcomes);
  run.phi = phi;
  run.forecast = createForecast(run.core.accumulators, phi);
  const weights = createWeights(run.core.weights.ensembles, run.core.weights.inputs);
  for (let session = 0; session < run.design.initialSessions; session++) {
    loadWeights(weights, run.arrays, { session, sessions: run.design.sessions });
    predictRows(run, session, { codes: packSession(run.design, inputs, session), by: { weights, phi } });
    finishSession(run, session);
  }
}

function predictSession(run: ModelRun, codes: Uint8Array): void {
  const { forecast, arrays, core, session, design } = run;
  if (forecast === undefined) {
    keepWeights(arrays.w1p, arrays.w0p, { weights: core.weights, session, sessions: design.sessions });
    return;
  }
  keepWeights(arrays.w1p, arrays.w0p, { weights: forecast.weights, session, sessions: design.sessions });
  arrays.errW[session] = weightError(core.weights, forecast.weights);
  predictRows(run, session, { codes, by: forecast });
  endForecastSession(forecast);
}

interface RowPrediction {
  /** Codes of the session's trials. */
  readonly codes: Uint8Array;
  /** The running prediction, which takes its output as data, or fixed weights. */
  readonly by: Forecast | { readonly weights: Weights; readonly phi: ThresholdFactors };
}

function predictRows(run: ModelRun, session: number, { codes, by }: RowPrediction): void {
  const { trialsPerSession: trials, sourceCount: n, sessions } = run.design;
  const rows = sessions * trials;
  const { xp } = run.arrays;
  const forecast = 'sums' in by ? by : undefined;
  const out = new Float64Array(n);
  const groups = codeGroups(run.core.weights.inputs);
  const trial: TrialInputs = { codes, offset: 0 };
  for (let row = session * trials; row < (session + 1) * trials; row++) {
    trial.offset = (row - session * trials) * groups;
    if (forecast !== undefined) forecastTrial(forecast, trial, out);
    else predictResponse(by.weights, by.phi, { trial, out });
    for (let a = 0; a < n; a++) xp[a * rows + row] = out[a]!;
  }
}

function finishSession(run: ModelRun, session: number): void {
  const { arrays, design, outcomes, phi } = run;
  const outcome = outcomes[session]!;
  const threshold = thresholdEnergy(phi!, outcome.on, outcome.trials);
  arrays.freeEnergy[session] = outcome.energy + threshold;
  arrays.unlearnedFreeEnergy[session] = outcome.unlearnedEnergy + threshold;
  arrays.errX[session] = meanSquaredError(arrays.x, arrays.xp, { design, first: session, end: session + 1 });
}

/** Mean over ensembles and trials of (x - xp)^2 in sessions [first, end). */
export function meanSquaredError(x: Float64Array, xp: Float64Array, range: ErrorRange): number {
  const { design, first, end } = range;
  const rows = design.sessions * design.trialsPerSession;
  let sum = 0;
  for (let a = 0; a < design.sourceCount; a++) {
    const last = a * rows + end * design.trialsPerSession;
    for (let i = a * rows + first * design.trialsPerSession; i < last; i++) {
      const error = x[i]! - xp[i]!;
      sum += error * error;
    }
  }
  return sum / (design.sourceCount * (end - first) * design.trialsPerSession);
}

export interface ErrorRange {
  readonly design: ExperimentDesign;
  readonly first: number;
  readonly end: number;
}

function keepErrorsOfA(run: ModelRun): void {
  const { arrays, core, ideal, session, design } = run;
  const errors = new Float64Array(2 * design.sourceCount);
  likelihoodErrors(core.weights, ideal, errors);
  errors.forEach((error, i) => (arrays.errA[i * design.sessions + session] = error));
}

interface WeightSlice {
  readonly weights: Weights;
  readonly session: number;
  readonly sessions: number;
}

function keepWeights(w1: Float64Array, w0: Float64Array, { weights, session, sessions }: WeightSlice): void {
  for (let i = 0; i < weights.w1.length; i++) {
    w1[i * sessions + session] = weights.w1[i]!;
    w0[i * sessions + session] = weights.w0[i]!;
  }
}

/** (J, 2^n) belief about A at the last finished session's weights. */
export function finalJointLikelihood(run: ModelRun): Float64Array {
  const { ensembles, inputs } = run.core.weights;
  const weights = createWeights(ensembles, inputs);
  loadWeights(weights, run.arrays, { session: Math.max(0, run.session - 1), sessions: run.design.sessions });
  return jointLikelihood(weights);
}
