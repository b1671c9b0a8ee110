import type { ExperimentDesign, ModelArrays } from './model-run.js';
import { codeGroups, packInputs, type TrialInputs } from './packed-inputs.js';
import { createWeights, loadWeights, predictResponse, type ThresholdFactors } from './weights.js';

/**
 * Names of the predictors of later responses. `published` runs on its own output; the others say what that is worth:
 *
 * - `constantMean`: each ensemble's mean response over the initial sessions
 * - `frozenWeights`: the model with W as learned from the initial sessions, never updated
 * - `repeatMean`: the mean response to the same trial of the pattern over the initial sessions; only where it repeats
 * - `lagOneFilter`: the model with W learned from everything observed before the session: not a prediction, it looks at
 *   responses after the initial sessions
 * - `empirical`: the better predictor: `repeatMean` where the pattern repeats, ridge on the stimulus where it does not
 */
export type PredictorName =
  'published' | 'constantMean' | 'frozenWeights' | 'repeatMean' | 'lagOneFilter' | 'empirical';

/** Mean squared error of every predictor, per session. */
export type PredictorErrors = Readonly<Record<PredictorName, Float64Array | undefined>>;

export interface ComparisonData {
  readonly design: ExperimentDesign;
  readonly arrays: ModelArrays;
  readonly phi: ThresholdFactors;
  /** (T K, J) stimuli */
  readonly inputs: Uint8Array;
}

/** What predictors need that look at stimuli and responses alone. */
export interface StimulusData extends Pick<ComparisonData, 'design' | 'inputs'> {
  readonly arrays: Pick<ModelArrays, 'x'>;
}

/** True when every session shows the same stimuli in the same order. */
export function isPatternRepeated(inputs: Uint8Array, sessions: number): boolean {
  const width = inputs.length / sessions;
  for (let i = width; i < inputs.length; i++) if (inputs[i] !== inputs[i - width]) return false;
  return true;
}

/** (n, T K) each ensemble's mean over the initial sessions, on every row. */
export function predictConstantMean({ design, arrays }: ComparisonData): Float64Array {
  const rows = design.sessions * design.trialsPerSession;
  const calibration = design.initialSessions * design.trialsPerSession;
  const out = new Float64Array(arrays.x.length);
  for (let a = 0; a < design.sourceCount; a++) {
    let sum = 0;
    for (let row = 0; row < calibration; row++) sum += arrays.x[a * rows + row]!;
    out.fill(sum / calibration, a * rows, (a + 1) * rows);
  }
  return out;
}

/** (n, T K) mean over the initial sessions of the response to the trial at the same place of the pattern. */
export function predictRepeatMean({ design, arrays }: StimulusData): Float64Array {
  const { trialsPerSession: trials, sessions, initialSessions, sourceCount } = design;
  const rows = sessions * trials;
  const out = new Float64Array(arrays.x.length);
  for (let a = 0; a < sourceCount; a++) {
    for (let trial = 0; trial < trials; trial++) {
      let sum = 0;
      for (let session = 0; session < initialSessions; session++) sum += arrays.x[a * rows + session * trials + trial]!;
      for (let session = 0; session < sessions; session++) {
        out[a * rows + session * trials + trial] = sum / initialSessions;
      }
    }
  }
  return out;
}

/** (n, T K) network output with the weights of session `weightsOf(t)`, for every session t. */
export function predictWithWeights(data: ComparisonData, weightsOf: (session: number) => number): Float64Array {
  const { design, arrays, phi, inputs } = data;
  const { sessions, trialsPerSession, sourceCount: n } = design;
  const rows = sessions * trialsPerSession;
  const width = n * design.inputsPerBlock;
  const weights = createWeights(n, width);
  const codes = packInputs(inputs, { first: 0, end: rows, width });
  const groups = codeGroups(width);
  const trial: TrialInputs = { codes, offset: 0 };
  const out = new Float64Array(n);
  const predicted = new Float64Array(n * rows);
  for (let session = 0; session < sessions; session++) {
    loadWeights(weights, arrays, { session: weightsOf(session), sessions });
    for (let row = session * trialsPerSession; row < (session + 1) * trialsPerSession; row++) {
      trial.offset = row * groups;
      predictResponse(weights, phi, { trial, out });
      for (let a = 0; a < n; a++) predicted[a * rows + row] = out[a]!;
    }
  }
  return predicted;
}

/** (T) mean squared error per session between x and a prediction of the same shape. */
export function errorsBySession(design: ExperimentDesign, x: Float64Array, predicted: Float64Array): Float64Array {
  const { sessions, trialsPerSession: trials, sourceCount } = design;
  const rows = sessions * trials;
  const errors = new Float64Array(sessions);
  for (let session = 0; session < sessions; session++) {
    let sum = 0;
    for (let a = 0; a < sourceCount; a++) {
      const end = a * rows + (session + 1) * trials;
      for (let i = end - trials; i < end; i++) {
        const error = x[i]! - predicted[i]!;
        sum += error * error;
      }
    }
    errors[session] = sum / (sourceCount * trials);
  }
  return errors;
}

/**
 * Noise floor: variance of x at the same place of the pattern over the last sessions (ddof 1), averaged. No function of
 * the stimulus alone can predict better. Only where the pattern repeats.
 */
export function noiseFloor({ design, arrays }: ComparisonData, lastSessions: number): number {
  const { trialsPerSession: trials, sessions, sourceCount } = design;
  const rows = sessions * trials;
  let total = 0;
  for (let a = 0; a < sourceCount; a++) {
    for (let trial = 0; trial < trials; trial++) {
      let sum = 0;
      let squares = 0;
      for (let session = sessions - lastSessions; session < sessions; session++) {
        const value = arrays.x[a * rows + session * trials + trial]!;
        sum += value;
        squares += value * value;
      }
      total += (squares - (sum * sum) / lastSessions) / (lastSessions - 1);
    }
  }
  return total / (sourceCount * trials);
}

/** Mean of per-session values over the last `count` sessions. */
export function meanOfLast(values: Float64Array, count: number): number {
  let sum = 0;
  for (let i = values.length - count; i < values.length; i++) sum += values[i]!;
  return sum / count;
}

/**
 * Skill of a prediction against a reference: 1 - MSE / MSE of the reference; 1 is perfect, 0 no better, below 0 worse.
 * A reference without error leaves nothing to be better at: 0.
 */
export function skillScore(error: number, referenceError: number): number {
  return referenceError === 0 ? 0 : 1 - error / referenceError;
}
