import { openRandomStream } from '../../protocols/random.js';
import {
  addSession,
  addTrial,
  createAccumulators,
  createSessionSums,
  finishSums,
  PUBLISHED_PRIOR_TRIALS,
  type SessionSums,
} from './accumulators.js';
import { selectivityBySession, type ForecastInput } from './forecast-input.js';
import { createForecast, endForecastSession, forecastTrial, type Forecast } from './forecast.js';
import type { ExperimentDesign } from './model-run.js';
import { codeGroups, packInputs } from './packed-inputs.js';
import { thresholdFactors } from './streaming-core.js';

/** Sums of each initial session, from which the model can learn any choice of them. */
export function sumSessions({ design, x, inputs }: ForecastInput): readonly SessionSums[] {
  const { trialsPerSession: trials, initialSessions, sourceCount: n } = design;
  const width = n * design.inputsPerBlock;
  const rows = initialSessions * trials;
  const trial = { codes: packInputs(inputs, { first: 0, end: rows, width }), offset: 0 };
  const groups = codeGroups(width);
  const now = new Float64Array(n);
  return Array.from({ length: initialSessions }, (_, session) => {
    const sums = createSessionSums(n, width);
    for (let row = session * trials; row < (session + 1) * trials; row++) {
      for (let a = 0; a < n; a++) now[a] = x[a * rows + row]!;
      trial.offset = row * groups;
      addTrial(sums, now, trial);
    }
    finishSums(sums);
    return sums;
  });
}

/** As many sessions again, drawn with replacement. */
export function resampleSessions(sessions: readonly SessionSums[], seed: number, draw: number): readonly SessionSums[] {
  const random = openRandomStream(seed, 'forecast-resample', draw);
  return sessions.map(() => sessions[random.integer(sessions.length)]!);
}

/**
 * Selectivity of the published prediction in the later sessions, (n)(later sessions), as a function of the sessions that it
 * starts from: the stimuli are packed once for all of them.
 */
export function openPublishedForecast(input: ForecastInput): (sessions: readonly SessionSums[]) => number[][] {
  const { design, inputs, states } = input;
  const { trialsPerSession: trials, initialSessions, sourceCount: n } = design;
  const width = n * design.inputsPerBlock;
  const first = initialSessions * trials;
  const rows = design.sessions * trials - first;
  const trial = { codes: packInputs(inputs, { first, end: first + rows, width }), offset: 0 };
  const groups = codeGroups(width);
  const out = new Float64Array(n);
  const predicted = new Float64Array(n * rows);
  return (sessions) => {
    const forecast = learn(design, sessions);
    for (let row = 0; row < rows; row++) {
      trial.offset = row * groups;
      forecastTrial(forecast, trial, out);
      for (let a = 0; a < n; a++) predicted[a * rows + row] = out[a]!;
      if ((row + 1) % trials === 0) endForecastSession(forecast);
    }
    return selectivityBySession({ ...design, x: predicted, states: states.subarray(first) });
  };
}

function learn({ sourceCount, inputsPerBlock }: ExperimentDesign, sessions: readonly SessionSums[]): Forecast {
  const accumulators = createAccumulators({
    ensembles: sourceCount,
    inputs: sourceCount * inputsPerBlock,
    priorTrials: PUBLISHED_PRIOR_TRIALS,
  });
  for (const sums of sessions) addSession(accumulators, sums);
  return createForecast(accumulators, thresholdFactors(sessions));
}
