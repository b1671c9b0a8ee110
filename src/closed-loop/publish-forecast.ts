import type { ForecastRecord, ForecastScoreRecord } from '../../protocols/ledger.js';
import type { StimulusPattern } from '../../protocols/mixed-sources.js';
import { forecastBand, type ForecastBand } from '../model/forecast-band.js';
import { selectivityBySession, type ForecastInput } from '../model/forecast-input.js';
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
 * What a calibrated model and its policy leave for a forecast. Where the policy cannot say what later sessions show, the
 * stimuli of the initial sessions stand in, one session after the other and again: the forecast is then about the mix of
 * states that the initial sessions had.
 */
export function toForecastInput({ design, run, inputs, states }: OnlineModel, policy: PatternPolicy): ForecastInput {
  const { sessions, trialsPerSession: trials, initialSessions, sourceCount } = design;
  const [rows, known] = [sessions * trials, initialSessions * trials];
  const width = inputs.length / rows;
  const x = new Float64Array(sourceCount * known);
  for (let a = 0; a < sourceCount; a++) x.set(run.arrays.x.subarray(a * rows, a * rows + known), a * known);
  const all = { inputs: inputs.slice(), states: states.slice() };
  for (let session = initialSessions; session < sessions; session++) {
    const first = session * trials;
    const pattern = policy.later?.(session);
    if (pattern === undefined) {
      const from = (session % initialSessions) * trials;
      all.inputs.copyWithin(first * width, from * width, (from + trials) * width);
      all.states.copyWithin(first, from, from + trials);
    } else {
      all.inputs.set(pattern.inputs, first * width);
      all.states.set(statesOf(pattern, sourceCount), first);
    }
  }
  return { design, x, ...all, isKnownAhead: policy.later !== undefined };
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
