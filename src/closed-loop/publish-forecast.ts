import type { ForecastRecord, ForecastScoreRecord } from '../../protocols/ledger.js';
import type { StimulusPattern } from '../../protocols/mixed-sources.js';
import { forecastBand, type ForecastBand } from '../model/forecast-band.js';
import { repeatInitialStimuli, selectivityBySession, type ForecastInput } from '../model/forecast-input.js';
import { scoreSessions } from '../model/forecast-score.js';
import type { OnlineModel } from '../model/online-model.js';
import { stateOf } from '../model/states.js';
import type { PatternPolicy } from './pattern-policy.js';

/**
 * Computes a forecast from what the initial sessions left; undefined where there is nothing to forecast. It may take a
 * good part of a second, so where a device is behind the run it belongs into a thread (`createForecastThread`). Wherever
 * it runs, the same input gives the same numbers.
 */
export type Forecaster = (input: ForecastInput, signal: AbortSignal) => Promise<ForecastBand | undefined>;

/** Forecasts in the calling thread: for virtual time, replay and tests. */
export const forecastHere: Forecaster = (input) => Promise.resolve(forecastBand(input));

/**
 * What a calibrated model and its policy leave for a forecast. Where the policy cannot say what later sessions show,
 * `repeatInitialStimuli` stands in.
 */
export function toForecastInput({ design, run, inputs, states }: OnlineModel, policy: PatternPolicy): ForecastInput {
  const { sessions, trialsPerSession: trials, initialSessions, sourceCount } = design;
  const [rows, known] = [sessions * trials, initialSessions * trials];
  const width = inputs.length / rows;
  const x = new Float64Array(sourceCount * known);
  for (let a = 0; a < sourceCount; a++) x.set(run.arrays.x.subarray(a * rows, a * rows + known), a * known);
  if (policy.later === undefined) {
    return { design, x, ...repeatInitialStimuli({ inputs, states }, design), isKnownAhead: false };
  }
  const all = { inputs: inputs.slice(), states: states.slice() };
  for (let session = initialSessions; session < sessions; session++) {
    const pattern = policy.later(session);
    all.inputs.set(pattern.inputs, session * trials * width);
    all.states.set(statesOf(pattern, sourceCount), session * trials);
  }
  return { design, x, ...all, isKnownAhead: true };
}

function statesOf({ sources, trials }: StimulusPattern, sourceCount: number): Uint8Array {
  return Uint8Array.from({ length: trials }, (_, trial) => stateOf(sources, trial, sourceCount));
}

/** A forecast as the ledger keeps it. */
export function toForecastRecord(band: ForecastBand, session: number): ForecastRecord {
  return { type: 'forecast', session, ...band };
}

/** How the sessions since the initial ones came out, as of the last finished one. */
export function toScoreRecord(band: ForecastBand, { design, run, states }: OnlineModel): ForecastScoreRecord {
  const { trialsPerSession: trials, initialSessions, sourceCount, sessions } = design;
  const [rows, known] = [sessions * trials, initialSessions * trials];
  const count = (run.session - initialSessions) * trials;
  const x = new Float64Array(sourceCount * count);
  for (let a = 0; a < sourceCount; a++) {
    x.set(run.arrays.x.subarray(a * rows + known, a * rows + known + count), a * count);
  }
  const observed = selectivityBySession({ ...design, x, states: states.subarray(known, known + count) });
  return { type: 'forecast-score', session: run.session - 1, ...scoreSessions(band, observed) };
}
