import { predictEmpirically } from './empirical-predictor.js';
import { ownSource, selectivityBySession, type ForecastInput } from './forecast-input.js';

/**
 * How far selectivity wanders, from the initial sessions alone. The units are those of selectivity in x, squared for
 * variances.
 */
export interface DriftEstimate {
  /** (n) selectivity of the last initial session, less what its stimuli make of it */
  readonly level: readonly number[];
  /** (n)(all sessions) what the stimuli of a session make of its selectivity; 0 on average over the initial ones */
  readonly byStimulus: readonly (readonly number[])[];
  /** Variance of the step from session to session that is drift, all ensembles together. */
  readonly stepVariance: number;
  /** Steps it was estimated from. */
  readonly steps: number;
  /** (n) variance of a session's selectivity from the noise of its trials */
  readonly noiseVariance: readonly number[];
}

/** Sessions at the beginning that are not looked at: the first is the reference of x, and much changes right after it. */
const SETTLING_SHARE = 1 / 3;

/** Drift is taken to be at least this share of the steps seen, whatever the noise of the trials explains. */
const LEAST_DRIFT_SHARE = 0.25;

/**
 * Estimates the drift of selectivity: the steps from session to session, less what the noise of trials explains of them.
 * What the stimuli of a session do to its selectivity (the empirical predictor's) is taken off before.
 */
export function estimateDrift(input: ForecastInput): DriftEstimate {
  const { design } = input;
  const { initialSessions } = design;
  const observed = selectivityBySession({ ...input, ...design });
  const { predicted, byStimulus } = followStimuli(input);
  const settled = Math.floor(SETTLING_SHARE * initialSessions);
  const own = observed.map((values, a) => values.map((value, t) => value - byStimulus[a]![t]!));
  let squares = 0;
  let steps = 0;
  for (const values of own) {
    for (let t = settled + 1; t < initialSessions; t++) {
      squares += (values[t]! - values[t - 1]!) ** 2;
      steps++;
    }
  }
  const trialNoise = noiseOfTrials(input, predicted);
  const meanNoise = trialNoise.reduce((sum, value) => sum + value, 0) / trialNoise.length;
  const step = squares / steps;
  return {
    level: own.map((values) => values[initialSessions - 1]!),
    byStimulus: input.isKnownAhead ? byStimulus : byStimulus.map((values) => values.map(() => 0)),
    stepVariance: Math.max(step - 2 * meanNoise, LEAST_DRIFT_SHARE * step),
    steps,
    noiseVariance: input.isKnownAhead ? trialNoise : trialNoise.map((noise, a) => noise + varianceOf(byStimulus[a]!)),
  };
}

/** The empirical predictor's responses on all stimuli, and their selectivity about its mean over the initial sessions. */
function followStimuli({ design, x, inputs, states }: ForecastInput): {
  readonly predicted: Float64Array;
  readonly byStimulus: readonly (readonly number[])[];
} {
  const { sessions, trialsPerSession: trials, initialSessions, sourceCount } = design;
  const known = initialSessions * trials;
  const rows = sessions * trials;
  const padded = new Float64Array(sourceCount * rows);
  for (let a = 0; a < sourceCount; a++) padded.set(x.subarray(a * known, (a + 1) * known), a * rows);
  const { predicted } = predictEmpirically({ design, arrays: { x: padded }, inputs });
  const selectivity = selectivityBySession({ x: predicted, states, ...design });
  const byStimulus = selectivity.map((values) => {
    const mean = values.slice(0, initialSessions).reduce((sum, value) => sum + value, 0) / initialSessions;
    return values.map((value) => value - mean);
  });
  return { predicted, byStimulus };
}

/**
 * (n) variance of a session's selectivity from the scatter of its trials about the empirical prediction, within trials
 * with the source on and within those with it off.
 */
function noiseOfTrials({ design, x, states }: ForecastInput, predicted: Float64Array): number[] {
  const { sessions, trialsPerSession: trials, initialSessions, sourceCount } = design;
  const known = initialSessions * trials;
  const rows = sessions * trials;
  // The repeat mean was fitted to the same sessions: it has taken its share of the scatter.
  const correction = initialSessions / (initialSessions - 1);
  return Array.from({ length: sourceCount }, (_, a) => {
    const own = ownSource(states, a, sourceCount);
    let total = 0;
    for (let session = 0; session < initialSessions; session++) {
      for (const side of [0, 1]) {
        let count = 0;
        let sum = 0;
        let squares = 0;
        for (let row = session * trials; row < (session + 1) * trials; row++) {
          if (own[row] !== side) continue;
          const rest = x[a * known + row]! - predicted[a * rows + row]!;
          count++;
          sum += rest;
          squares += rest * rest;
        }
        total += Math.max(squares / count - (sum / count) ** 2, 0) / count;
      }
    }
    return (correction * total) / initialSessions;
  });
}

function varianceOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}
