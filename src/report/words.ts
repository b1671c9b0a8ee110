import type { Baseline, Comparison, CultureAnalysis, EnergyEvidence, GroupStability } from '../model/analysis.js';
import {
  FORECAST_NAMES,
  insideBand,
  judgeCoverage,
  type BandScore,
  type ScoredForecast,
} from '../model/forecast-score.js';
import type { Verdict } from '../model/verdict.js';
import { formatFixed, formatNats, formatNumber, formatShare, listInWords } from './format.js';

/** Two errors closer than this share are called about the same. */
const ABOUT_THE_SAME = 0.05;

/** `better than`, `about as good as` or `worse than`: an error against another. */
export function compareErrors(error: number, reference: number): string {
  const scale = Math.max(error, reference);
  if (Math.abs(error - reference) <= ABOUT_THE_SAME * scale) return 'about as good as';
  return error < reference ? 'better than' : 'worse than';
}

/** One ensemble's preference for its own source alone over another alone, spikes per trial. */
export interface Preference {
  readonly ensemble: number;
  readonly first: number;
  readonly last: number;
}

/** What the response figure shows. */
export function responseWords(
  preferences: readonly Preference[],
  { firstName, lastName }: { readonly firstName: string; readonly lastName: string },
): string {
  const courses = preferences.map(
    ({ ensemble, first, last }) =>
      `from ${formatFixed(first, 2)} to ${formatFixed(last, 2)} in ensemble ${ensemble + 1}`,
  );
  return `From ${firstName} to ${lastName}, the preference for the own source alone over another alone (spikes per trial) goes ${listInWords(courses)}.`;
}

/** What the figure of observed against predicted responses shows. */
export function predictionWords(
  { lastErrors }: Comparison,
  { correlations, windowName }: { readonly correlations: readonly (number | undefined)[]; readonly windowName: string },
): string {
  const { published, constantMean } = lastErrors;
  const parts = correlations.map((value, a) => `${formatFixed(value, 2)} in ensemble ${a + 1}`);
  return (
    `The published prediction is ${compareErrors(published!, constantMean!)} the constant mean: ` +
    `mean squared error ${formatNumber(published)} against ${formatNumber(constantMean)} in ${windowName}. ` +
    `Observed and predicted responses correlate ${listInWords(parts)}.`
  );
}

/** How well W of the last session was predicted. */
export function weightMapWords(agreement: {
  readonly correlation: number | undefined;
  readonly changeCorrelation: number | undefined;
  readonly changeRatio: number | undefined;
  readonly session: number;
}): string {
  const { correlation, changeCorrelation, changeRatio, session } = agreement;
  const first = `In session ${session} observed and predicted W correlate ${formatFixed(correlation, 2)}.`;
  if (changeRatio === undefined) return `${first} Observed W has not changed since the calibration.`;
  return (
    `${first} Since the calibration, predicted W changed ${formatNumber(changeRatio, 2)} times as much as observed W; ` +
    `the two changes correlate ${formatFixed(changeCorrelation, 2)}.`
  );
}

/** Mean difference between W from the own and from the other blocks, in the last session. */
export function weightCourseWords({
  observed,
  predicted,
  session,
}: {
  readonly observed: number;
  readonly predicted: number;
  readonly session: number;
}): string {
  const difference = (value: number): string =>
    value >= 0 ? `${formatNumber(value)} above` : `${formatNumber(-value)} below`;
  return (
    `In session ${session}, averaged over ensembles, W from the own block lies ${difference(observed)} W from other blocks as observed, ` +
    `and ${difference(predicted)} it as predicted.`
  );
}

/** `41 of 90 (fewer than it claims)`: how many values a band held. */
export function coverageWords(score: BandScore, level: number): string {
  const word = judgeCoverage(score, level);
  if (word === undefined) return 'nothing to score';
  const judgement = { fewer: 'fewer than it claims', 'as many': 'as it claims', more: 'more than it claims' }[word];
  return `${score.insideSoFar} of ${score.scored} (${judgement})`;
}

/** What came of the forecasts and their bands. */
export function forecastWords({ band, later, score }: ScoredForecast): string {
  const level = `${formatFixed(100 * band.level, 0)} %`;
  const sentences = FORECAST_NAMES.map((name) => {
    const inside = insideBand(band[name], later);
    const each = inside.map((values, a) => {
      const scored = values.filter((value) => value !== undefined);
      return `${scored.filter(Boolean).length} of ${scored.length} sessions in ensemble ${a + 1}`;
    });
    const word = judgeCoverage(score[name], band.level);
    const judgement =
      word === undefined
        ? 'there is nothing to hold it against'
        : { fewer: 'fewer than the band claims', 'as many': 'as the band claims', more: 'more than the band claims' }[
            word
          ];
    return `${listInWords(each)} lie inside the ${level} band of the ${FORECAST_TITLES[name]}: ${judgement}.`;
  });
  const { published, empirical, initialMeanError } = score;
  const errors = `Squared error of the forecast selectivity: published ${formatNumber(published.error ?? undefined)}, empirical ${formatNumber(empirical.error ?? undefined)}, mean of the initial sessions ${formatNumber(initialMeanError ?? undefined)}.`;
  return [...sentences.toReversed(), errors].join(' ');
}

/** Plain names of the forecasts with a band. */
const FORECAST_TITLES = { published: 'published prediction', empirical: 'empirical forecast' } as const;

/** Plain names of the predictors. */
export const PREDICTOR_NAMES = {
  published: 'published prediction',
  constantMean: 'constant mean',
  frozenWeights: 'frozen W',
  repeatMean: 'repeat mean',
  lagOneFilter: 'lag-1 filter',
  empirical: 'empirical',
} as const;

/** The published prediction among its comparators. */
export function errorWords({ lastErrors, noiseFloor }: Comparison, windowName: string): string {
  const { published, constantMean, frozenWeights } = lastErrors;
  const best = (['published', 'constantMean', 'frozenWeights', 'repeatMean', 'empirical'] as const)
    .flatMap((name) => (lastErrors[name] === undefined ? [] : [{ name, error: lastErrors[name] }]))
    .reduce((least, next) => (next.error < least.error ? next : least));
  const floor = noiseFloor === undefined ? '' : `; the noise floor is ${formatNumber(noiseFloor)}`;
  return (
    `In ${windowName} the published prediction (${formatNumber(published)}) is ${compareErrors(published!, constantMean!)} the constant mean ` +
    `(${formatNumber(constantMean)}) and ${compareErrors(published!, frozenWeights!)} the same model with W frozen after the calibration ` +
    `(${formatNumber(frozenWeights)}). The smallest error is that of the ${PREDICTOR_NAMES[best.name]}, ${formatNumber(best.error)}${floor}.`
  );
}

/** The error of predicted W beside the error of not predicting any change. */
export function weightErrorWords({
  errW,
  constantErrW,
  session,
}: {
  readonly errW: number;
  readonly constantErrW: number;
  readonly session: number;
}): string {
  const judgement = {
    'better than': 'so predicting their change helps',
    'about as good as': 'so predicting their change neither helps nor harms',
    'worse than': 'so predicting their change is worse than predicting none',
  }[compareErrors(errW, constantErrW)]!;
  return `In session ${session} errW is ${formatNumber(errW)}; weights that stay as calibrated give ${formatNumber(constantErrW)}, ${judgement}.`;
}

/** The error of the belief about A, first and last session. */
export function likelihoodErrorWords({
  first,
  last,
  session,
}: {
  readonly first: number;
  readonly last: number;
  readonly session: number;
}): string {
  const direction = last < first ? 'comes closer to' : 'moves away from';
  return `The belief about A ${direction} the true mixing process: errA goes from ${formatNumber(first)} in session 1 to ${formatNumber(last)} in session ${session} (mean of q1 and q0 over ensembles).`;
}

/** What the fall of the free energy is worth. */
export function energyWords(energy: EnergyEvidence, lastName: string): string {
  const { observed, surrogates, beatsStatic, staticShare } = energy;
  const falls = surrogates.staticCulture.map(({ fall }) => fall);
  const mean = falls.reduce((sum, fall) => sum + fall, 0) / falls.length;
  const range = `${formatFixed(Math.min(...falls), 1)} to ${formatFixed(Math.max(...falls), 1)} in ${falls.length} draws`;
  const rule =
    'A falling L alone is the estimate converging unless it beats the static culture, which stops changing after the calibration.';
  if (!(observed.fall > 0)) {
    return `L does not fall: from session 1 to ${lastName} it rises by ${formatNats(-observed.fall)} (static culture: a fall of ${formatFixed(mean, 1)} on average, ${range}).`;
  }
  const share = `${formatShare(staticShare)} of the observed fall`;
  const fall = `From session 1 to ${lastName} L falls by ${formatNats(observed.fall)}; the static culture falls by ${formatFixed(mean, 1)} on average (${share}; ${range})`;
  return beatsStatic
    ? `${rule} ${fall}. Here it beats every draw: responses changed after the calibration in a way that the model explains better. Drift can do that as well as learning; the verdict tells them apart.`
    : `${rule} ${fall}. Here it does not beat every draw, so this fall is no evidence of learning.`;
}

/** L against the L of a model without connections. */
export function unlearnedWords(below: number, session: number): string {
  return below >= 0
    ? `In session ${session} L is ${formatNats(below)} below L with W = 0.`
    : `In session ${session} L is ${formatNats(-below)} above L with W = 0: the connections make it worse.`;
}

/** The verdict as a heading. */
export function answerWords({ answer }: Verdict): string {
  return { learned: 'learned', not: 'did not learn', 'cannot tell': 'cannot tell' }[answer];
}

/** The reason of a verdict, with true minus signs. */
export function reasonWords({ reason }: Verdict): string {
  return reason.replace(/(^|[\s(])-(?=\d)/g, '$1−');
}

/** Whether the choice of electrodes is stable. */
export function stabilityWords({ jaccard, stable }: GroupStability, initialSessions: number): string {
  if (initialSessions < 2) return 'stability unknown: a single initial session has no halves to compare';
  const overlaps = listInWords(jaccard.map((value) => formatFixed(value, 2)));
  return stable
    ? `stable: chosen from either half of the initial sessions, the electrodes overlap by ${overlaps} (Jaccard)`
    : `unstable: chosen from either half of the initial sessions, the electrodes overlap by only ${overlaps} (Jaccard); results depend on the choice`;
}

/** Which electrodes could be chosen, and which were left out. */
export function choiceWords({ choice, leftOut, mode }: CultureAnalysis): string {
  if (choice === 'all') return 'all, also those that were blind in part of their response windows';
  const sessions = mode === 'causal' ? 'the initial sessions' : 'any stretch of sessions';
  const blind =
    leftOut.blind.length === 0
      ? `every electrode saw at least 99 % of its response windows in ${sessions}`
      : `left out, because they were blind in more than 1 % of their response windows in ${sessions}: ${leftOut.blind.join(', ')}`;
  if (choice === 'seen') return blind;
  return `those that no stimulus used; pulsed and left out: ${leftOut.pulsed.join(', ')}; ${blind}`;
}

/** What electrodes did not see of their response windows over the whole experiment. */
export function blindWords(shares: Float64Array): string {
  const partly = Array.from(shares, (share, electrode) => ({ share, electrode })).filter(({ share }) => share > 0);
  if (partly.length === 0) return 'none: every electrode saw all of its response windows';
  const worst = partly.reduce((most, next) => (next.share > most.share ? next : most));
  const count = `${partly.length} of ${shares.length} electrodes were blind in part of their response windows`;
  return `${count}; electrode ${worst.electrode} most, ${formatNumber(100 * worst.share)} % of the time`;
}

/** B and where it came from. */
export function baselineWords({ value, source }: Baseline): string {
  const origin = {
    own: "this culture's own mean over the initial sessions",
    group: 'mean over all cultures of this analysis',
    given: 'given by the user',
    control: 'mean over control cultures',
  }[source];
  return `${formatNumber(value, 4)} spikes per trial, ${origin}`;
}

/** Whether phi may be compared with that of other cultures. */
export function phiNote({ source }: Baseline): string {
  return source === 'control'
    ? 'comparable between cultures that share this control baseline'
    : 'not comparable between cultures: that needs a baseline from control cultures';
}

/** Why a culture has no figures. */
export function notFoundWords(missing: readonly number[]): string {
  if (missing.length === 0) return 'ensemble not found: no ensembles could be chosen';
  const sources = missing.map((source) => `source ${source + 1}`).join(' or ');
  return `ensemble not found: no electrode prefers ${sources}, so no model was fitted and there are no figures`;
}

/** Where the responses come from. */
export function provenanceWords(provenance: 'emulated' | 'replayed' | 'real' | 'file' | 'several'): string {
  return {
    emulated: 'Emulated: a simulated culture answered; no living neurons were recorded.',
    replayed: 'Replayed: a recording was run again; nothing was stimulated.',
    real: 'Real: recorded from a culture on a device.',
    file: 'File: responses were read from a file; this program did not record them.',
    several: 'Of several origins: that of each culture is named below.',
  }[provenance];
}
