import type { ForecastBand, SelectivityBand } from './forecast-band.js';

/** How a session came out against what was forecast of it. */
export interface SessionScore {
  /** (n) selectivity in x; null where the session has no trial with the source on, or none with it off */
  readonly selectivity: readonly (number | null)[];
  readonly published: BandScore;
  readonly empirical: BandScore;
  /** Mean squared error of the mean over the initial sessions, over the sessions scored so far; null before the first. */
  readonly initialMeanError: number | null;
}

export interface BandScore {
  /** (n) null where there was nothing to score */
  readonly inside: readonly (boolean | null)[];
  /** Values inside the band, of `scored`, over ensembles and the sessions so far. */
  readonly insideSoFar: number;
  readonly scored: number;
  /** Mean squared error of the centre over the sessions so far; null before the first. */
  readonly error: number | null;
}

/** Which forecasts have a band. */
export const FORECAST_NAMES = ['published', 'empirical'] as const;

export type ForecastName = (typeof FORECAST_NAMES)[number];

/**
 * Scores the forecast after later sessions.
 *
 * @param observed (n)(later sessions so far) selectivity in x, at least one session; NaN where there is none
 * @returns the score as of the last of them
 */
export function scoreSessions(band: ForecastBand, observed: readonly (readonly number[])[]): SessionScore {
  return {
    selectivity: observed.map((values) => finiteOrNull(values.at(-1)!)),
    published: scoreBand(band.published, observed),
    empirical: scoreBand(band.empirical, observed),
    initialMeanError: meanSquare(observed.map((values, a) => values.map((value) => value - band.initialMean[a]!))),
  };
}

/** (n)(later sessions so far) true inside the band, edges included; undefined where there is nothing to score. */
export function insideBand(
  { low, high }: SelectivityBand,
  observed: readonly (readonly number[])[],
): readonly (readonly (boolean | undefined)[])[] {
  return observed.map((values, a) =>
    values.map((value, t) => (Number.isFinite(value) ? value >= low[a]![t]! && value <= high[a]![t]! : undefined)),
  );
}

/** A forecast beside what came. */
export interface ScoredForecast {
  /** No longer than the sessions that came. */
  readonly band: ForecastBand;
  /** (n)(initial sessions) */
  readonly initial: readonly (readonly number[])[];
  /** (n)(later sessions); NaN where a session has no trial with the source on, or none with it off */
  readonly later: readonly (readonly number[])[];
  /** As of the last session. */
  readonly score: SessionScore;
}

/** Puts a forecast beside the sessions that came, be they fewer than were forecast. */
export function scoreForecast(band: ForecastBand, observed: Pick<ScoredForecast, 'initial' | 'later'>): ScoredForecast {
  const sessions = observed.later[0]!.length;
  const shorten = ({ centre, low, high }: SelectivityBand): SelectivityBand => ({
    centre: centre.map((values) => values.slice(0, sessions)),
    low: low.map((values) => values.slice(0, sessions)),
    high: high.map((values) => values.slice(0, sessions)),
  });
  return {
    band: { ...band, published: shorten(band.published), empirical: shorten(band.empirical) },
    ...observed,
    score: scoreSessions(band, observed.later),
  };
}

/** What a band's coverage says of its claim; a single culture's sessions depend on each other, so it is told and not tested. */
export type CoverageWord = 'fewer' | 'as many' | 'more';

/** A band claims `level`; coverage within this of it is called as claimed. */
const COVERAGE_TOLERANCE = 0.05;

/** Whether a band held fewer values than it claims, as many, or more; undefined where nothing was scored. */
export function judgeCoverage({ insideSoFar, scored }: BandScore, level: number): CoverageWord | undefined {
  if (scored === 0) return undefined;
  const share = insideSoFar / scored;
  if (share < level - COVERAGE_TOLERANCE) return 'fewer';
  return share > level + COVERAGE_TOLERANCE ? 'more' : 'as many';
}

function scoreBand(band: SelectivityBand, observed: readonly (readonly number[])[]): BandScore {
  const inside = insideBand(band, observed);
  const scored = inside.flat().filter((one) => one !== undefined);
  return {
    inside: inside.map((values) => values.at(-1) ?? null),
    insideSoFar: scored.filter(Boolean).length,
    scored: scored.length,
    error: meanSquare(observed.map((values, a) => values.map((value, t) => value - band.centre[a]![t]!))),
  };
}

function meanSquare(differences: readonly (readonly number[])[]): number | null {
  const finite = differences.flat().filter(Number.isFinite);
  return finite.length === 0 ? null : finite.reduce((sum, value) => sum + value * value, 0) / finite.length;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
