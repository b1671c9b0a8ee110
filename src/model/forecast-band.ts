import { estimateDrift, type DriftEstimate } from './forecast-drift.js';
import { drawFutures, edgesOf, type Futures } from './forecast-futures.js';
import { selectivityBySession, type ForecastInput } from './forecast-input.js';
import { openPublishedForecast, resampleSessions, sumSessions } from './forecast-published.js';
import type { ExperimentDesign } from './model-run.js';

/** Names the method and its constants; a change of either gets another name. */
const FORECAST_METHOD = 'selectivity-1';

/** Share of the sessions that a band claims to hold. */
const FORECAST_LEVEL = 0.9;

/** Fewer initial sessions do not say how much sessions differ. */
export const FEWEST_INITIAL_SESSIONS = 3;

/** How often chance is asked. */
export interface BandDraws {
  /** Futures that the edges are taken from. */
  readonly futures: number;
  /** Times that the initial sessions are drawn anew for the published forecast. */
  readonly resamples: number;
}

/** On 15 emulated cultures ten times as many futures and six times as many resamples move either coverage by 0.003 or less. */
const DRAWS: BandDraws = { futures: 1000, resamples: 10 };

const SEED = 1;

/** A forecast with its band; (n)(sessions after the initial ones), to four decimals. */
export interface SelectivityBand {
  readonly centre: readonly (readonly number[])[];
  readonly low: readonly (readonly number[])[];
  readonly high: readonly (readonly number[])[];
}

/**
 * Forecasts of each ensemble's selectivity in x (mean over a session's trials with the own source on, less the mean with
 * it off) for all later sessions, made from the initial sessions alone.
 */
export interface ForecastBand {
  readonly method: string;
  readonly level: number;
  /** Futures that the bands were taken from. */
  readonly draws: number;
  /** False where the stimuli of later sessions were not known, and those of the initial ones stood in for them. */
  readonly isKnownAhead: boolean;
  /** The published prediction, run on its own output, as if it were right on average. */
  readonly published: SelectivityBand;
  /** The culture goes on as in the last initial session, and drifts. */
  readonly empirical: SelectivityBand;
  /** (n) mean over the initial sessions: what a forecast has to beat */
  readonly initialMean: readonly number[];
}

/**
 * Forecasts the remaining sessions by a parametric bootstrap. Futures are drawn from what the initial sessions show: drift
 * from session to session, its size uncertain; the noise of a session's trials; and for `published` what the model has
 * learned, the initial sessions being drawn anew with replacement. Both bands have the same drift and noise: they differ
 * in where they think that the culture is going.
 *
 * The same input gives the same numbers. A band over fewer sessions is the beginning of that over more.
 *
 * @returns undefined with fewer than `FEWEST_INITIAL_SESSIONS` initial sessions, or where a session has no trial with a
 *   source on or none with it off: there is no selectivity to forecast
 */
export function forecastBand(input: ForecastInput, draws: BandDraws = DRAWS): ForecastBand | undefined {
  const { design } = input;
  if (design.initialSessions < FEWEST_INITIAL_SESSIONS || !hasSelectivity(input)) return undefined;
  const drift = estimateDrift(input);
  const later = design.sessions - design.initialSessions;
  const futures = drawFutures(drift, { seed: SEED, sessions: later, draws: draws.futures });
  const sessions = sumSessions(input);
  const forecast = openPublishedForecast(input);
  const published = forecast(sessions);
  const resampled = Array.from({ length: draws.resamples }, (_, draw) =>
    forecast(resampleSessions(sessions, SEED, draw)),
  );
  const empirical = continuedLevel(design, drift);
  return {
    method: FORECAST_METHOD,
    level: FORECAST_LEVEL,
    draws: futures.draws,
    isKnownAhead: input.isKnownAhead,
    published: toBand(published, futures, resampled),
    empirical: toBand(empirical, futures, [empirical]),
    initialMean: selectivityBySession({ ...input, ...design }).map((values) => round(meanOf(values))),
  };
}

function hasSelectivity({ design, states }: ForecastInput): boolean {
  const x = new Float64Array(design.sourceCount * design.sessions * design.trialsPerSession);
  return selectivityBySession({ ...design, x, states }).every((values) => values.every(Number.isFinite));
}

/** (n)(later sessions) the level of the last initial session, moved by what the stimuli of each session change. */
function continuedLevel({ initialSessions }: ExperimentDesign, { level, byStimulus }: DriftEstimate): number[][] {
  return byStimulus.map((values, a) => values.slice(initialSessions).map((value) => level[a]! + value));
}

function toBand(
  centre: readonly (readonly number[])[],
  futures: Futures,
  expected: readonly (readonly (readonly number[])[])[],
): SelectivityBand {
  const { low, high } = edgesOf(futures, expected, FORECAST_LEVEL);
  const rounded = (rows: readonly (readonly number[])[]): number[][] =>
    // Selectivity in x lies in [-1, 1], whatever an expectation with its drift reaches.
    rows.map((values) => values.map((value) => round(Math.max(-1, Math.min(1, value)))));
  return { centre: rounded(centre), low: rounded(low), high: rounded(high) };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
