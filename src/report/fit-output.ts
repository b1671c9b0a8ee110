import { z } from 'zod';
import { ELECTRODE_CHOICES } from '../model/electrode-choice.js';
import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import { judgeCoverage, type ForecastName, type ScoredForecast } from '../model/forecast-score.js';

const number = z.number();
const perSession = z.array(number);
const optional = <T extends z.ZodType>(schema: T): z.ZodNullable<T> => schema.nullable();

const mse = z.strictObject({
  published: number.describe('The published prediction.'),
  constantMean: number.describe("Each ensemble's mean over the initial sessions."),
  frozenWeights: number.describe('The model with W as after the initial sessions.'),
  repeatMean: optional(number).describe(
    'Mean response to the same trial over the initial sessions; null where patterns are fresh.',
  ),
  lagOneFilter: number.describe('The model with W from everything observed before each session: no prediction.'),
  empirical: number.describe('The better predictor: repeat mean, or ridge where patterns are fresh.'),
});

const curve = z.strictObject({
  fall: number.describe('L of the first session less the mean of the last sessions, nats.'),
  selectivity: number.describe('Selectivity in x over the last sessions: as many as initial ones, and none of those.'),
});

const firstAndLast = z.strictObject({ first: number, last: number, gain: number });

const series = z.array(z.array(number.nullable()));

const forecastBand = z.strictObject({
  centre: z.array(perSession),
  low: z.array(perSession),
  high: z.array(perSession),
  inside: z.int().min(0).describe('Values inside the band, over ensembles and sessions.'),
  scored: z.int().min(0).describe('Values that it was held against.'),
  holds: z.enum(['fewer', 'as many', 'more']).nullable().describe('Share inside against the level, within 0.05.'),
  error: number.nullable().describe('Mean squared error of the centre.'),
});

const fittedCulture = {
  baseline: optional(number).describe('B in spikes per trial.'),
  baselineSource: optional(z.enum(['own', 'group', 'given', 'control'])).describe('Where B came from.'),
  phi1: optional(z.array(number)).describe(
    'Threshold factor ln D of each ensemble; comparable between cultures only where baselineSource is `control`.',
  ),
  phi0: optional(z.array(number)).describe('ln (1 - D) of each ensemble.'),
  errX: optional(perSession).describe('Mean squared error of the predicted responses, per session.'),
  errW: optional(perSession).describe('Relative squared error of the predicted q, per session.'),
  freeEnergy: optional(perSession).describe('L per session, nats.'),
  belowUnlearned: optional(perSession).describe(
    'Free energy with W = 0 less L, per session, nats: what the learned W saves.',
  ),
  errA: optional(z.array(perSession)).describe(
    'Relative squared error of q1 and then q0 of each ensemble against the true process, per session.',
  ),
  selectivity: optional(z.strictObject({ first: number, last: number })).describe(
    'In units of x: own source on less other source on, initial and last sessions; it starts near 0 by construction.',
  ),
  skill: optional(
    z.strictObject({
      publishedAgainstMean: number,
      publishedAgainstRepeat: optional(number),
      empiricalAgainstMean: number,
      empiricalAgainstPublished: number,
    }),
  ).describe('1 - MSE / MSE of the reference, over the last sessions: as many as initial ones, and none of those.'),
  comparators: optional(
    z.strictObject({
      mse: mse.describe('Mean squared errors over the last sessions: as many as initial ones, and none of those.'),
      noiseFloor: optional(number).describe(
        'Variance that no function of the stimulus can predict; null where patterns are fresh.',
      ),
      empiricalMethod: z.enum(['repeat-mean', 'ridge']),
      constantWeightsErrW: number.describe('errW of the last session had W stayed as calibrated.'),
    }),
  ).describe('What stands beside the prediction.'),
  surrogates: optional(
    z.strictObject({
      observed: curve,
      staticCulture: z
        .array(curve)
        .describe('Later sessions drawn from the initial ones: a culture that stopped changing.'),
      reversed: curve.describe('Sessions in reverse order.'),
      shuffled: z.array(curve).describe('Later sessions in random order.'),
      rolled: z.array(curve).describe('Responses shifted against stimuli.'),
      beatsStatic: z
        .boolean()
        .describe('Whether the free energy falls, by more than in every static draw; drift can do that too.'),
      staticShare: number
        .nullable()
        .describe('Mean static fall as a share of the observed one; null where the free energy does not fall.'),
    }),
  ).describe('What the fall of the free energy is worth.'),
  forecast: optional(
    z.strictObject({
      method: z.string().describe('Names the method with its constants.'),
      level: number.describe('Share of the sessions that the bands claim to hold.'),
      draws: z.int().min(1).describe('Futures that the bands were taken from.'),
      isKnownAhead: z.boolean().describe('Whether the stimuli of later sessions were known when it was made.'),
      observed: series.describe('Per ensemble and later session; null where a session cannot tell.'),
      published: forecastBand.describe('The published prediction run on its own output.'),
      empirical: forecastBand.describe('The culture goes on as in the last initial session, and drifts.'),
      initialMeanError: number.nullable().describe('Mean squared error of the mean over the initial sessions.'),
    }),
  ).describe(
    'Selectivity in x (own source on less off) forecast for every session after the initial ones, from those alone; null in mode `published`.',
  ),
};

const culture = z.strictObject({
  file: z.string().describe('File that the responses came from.'),
  index: z.int().min(0).describe('Culture within the file, from 0.'),
  found: z.boolean().describe('False when an ensemble was not found; then all values of the fit are null.'),
  missing: z.array(z.int().min(0)).describe('Sources (from 0) without an ensemble.'),
  ensembles: z.array(z.array(z.int().min(0))).describe('Electrodes (from 0) of each ensemble.'),
  electrodes: z
    .strictObject({
      choice: z.enum(ELECTRODE_CHOICES),
      blind: z.array(z.int().min(0)),
      pulsed: z.array(z.int().min(0)),
    })
    .optional()
    .describe(
      'Electrodes that ensembles could hold, and those (from 0) left out: blind in more than 1 % of their response windows in some state of the sources, or pulsed.',
    ),
  stability: z
    .strictObject({ jaccard: z.array(number), stable: z.boolean() })
    .describe('Overlap of the ensembles chosen from the first and second half of the initial sessions.'),
  design: z
    .strictObject({
      sessions: z.int().min(1),
      trialsPerSession: z.int().min(1),
      initialSessions: z.int().min(1).describe('Sessions that calibrated the model.'),
      sourceCount: z.int().min(1),
      inputsPerBlock: z.int().min(1),
      mixing: number,
    })
    .describe('Sizes of the experiment.'),
  evokedRate: number.describe('Mean count per electrode and trial over the initial sessions.'),
  verdict: z
    .strictObject({
      answer: z.enum(['learned', 'not', 'cannot tell']),
      reason: z.string(),
      electrodes: z.array(z.int().min(0)),
      index: firstAndLast.nullable().describe('Selectivity index, first half of the initial and last sessions.'),
      counts: firstAndLast.nullable().describe('The same in spikes per trial.'),
      gainInterval: z.tuple([number, number]).nullable().describe('95 % interval of the gain in index.'),
      commonDrift: number.nullable().describe('Widening of the interval for drift shared by electrodes.'),
    })
    .describe('Whether the culture learned.'),
  ...fittedCulture,
});

/** Schema of what `meactl fit --json` prints and `result.json` holds; docs/fit-output.md is made from it. */
export const fitOutputSchema = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  mode: z.enum(['published', 'causal']).describe('Which analysis.'),
  cultures: z.array(culture),
  fallbacks: z
    .strictObject({ deadline: z.int().min(0), badAnswer: z.int().min(0) })
    .optional()
    .describe(
      'Trials of a run that the fallback policy decided, because the external one gave no answer in time or a bad one; absent for other policies.',
    ),
});

/** Results of a fit, for programs. Values of an ensemble that was not found are null, never NaN. */
export type FitOutput = z.infer<typeof fitOutputSchema>;

/** One analysed culture and where it came from. */
export interface NamedAnalysis {
  readonly file: string;
  readonly index: number;
  readonly analysis: CultureAnalysis;
}

/** Puts analyses into the form that programs read. All analyses must be of one mode. */
export function toFitOutput(analyses: readonly NamedAnalysis[]): FitOutput {
  const [first] = analyses;
  return {
    version: 1,
    mode: first?.analysis.mode ?? 'published',
    cultures: analyses.map(toCulture),
  };
}

type CultureOutput = FitOutput['cultures'][number];

function toCulture({ file, index, analysis }: NamedAnalysis): CultureOutput {
  const { outcome, verdict } = analysis;
  const interval = verdict.gainInterval;
  return {
    file,
    index,
    found: outcome.type === 'fitted',
    missing: outcome.type === 'fitted' ? [] : [...outcome.missing],
    ensembles: analysis.ensembles.map((members) => [...members]),
    electrodes: {
      choice: analysis.choice,
      blind: [...analysis.leftOut.blind],
      pulsed: [...analysis.leftOut.pulsed],
    },
    stability: { jaccard: [...analysis.stability.jaccard], stable: analysis.stability.stable },
    design: { ...analysis.design },
    evokedRate: analysis.evokedRate,
    verdict: {
      answer: verdict.answer,
      reason: verdict.reason,
      electrodes: [...verdict.electrodes],
      index: Number.isFinite(verdict.index.gain) ? { ...verdict.index } : null,
      counts: Number.isFinite(verdict.counts.gain) ? { ...verdict.counts } : null,
      gainInterval: interval.every(Number.isFinite) ? [interval[0], interval[1]] : null,
      commonDrift: Number.isFinite(verdict.commonDrift) ? verdict.commonDrift : null,
    },
    ...(outcome.type === 'fitted' ? toFitted(analysis, outcome) : NOT_FITTED),
  };
}

const NOT_FITTED = {
  baseline: null,
  baselineSource: null,
  phi1: null,
  phi0: null,
  errX: null,
  errW: null,
  freeEnergy: null,
  belowUnlearned: null,
  errA: null,
  selectivity: null,
  skill: null,
  comparators: null,
  surrogates: null,
  forecast: null,
} as const;

type FittedKeys = keyof typeof NOT_FITTED;

function toFitted({ design }: CultureAnalysis, fitted: FittedCulture): Pick<CultureOutput, FittedKeys> {
  const { arrays, comparison, energy } = fitted;
  const { skill, lastErrors } = comparison;
  const { observed, surrogates } = energy;
  const summary = ({
    fall,
    selectivity,
  }: {
    fall: number;
    selectivity: number;
  }): { fall: number; selectivity: number } => ({
    fall,
    selectivity,
  });
  return {
    baseline: fitted.baseline.value,
    baselineSource: fitted.baseline.source,
    phi1: Array.from(fitted.phi.phi1),
    phi0: Array.from(fitted.phi.phi0),
    errX: Array.from(arrays.errX),
    errW: Array.from(arrays.errW),
    freeEnergy: Array.from(arrays.freeEnergy),
    belowUnlearned: Array.from(arrays.freeEnergy, (value, t) => arrays.unlearnedFreeEnergy[t]! - value),
    errA: Array.from({ length: 2 * design.sourceCount }, (_, i) =>
      Array.from(arrays.errA.subarray(i * design.sessions, (i + 1) * design.sessions)),
    ),
    selectivity: { first: fitted.initialSelectivity, last: observed.selectivity },
    skill: { ...skill, publishedAgainstRepeat: skill.publishedAgainstRepeat ?? null },
    comparators: {
      mse: {
        published: lastErrors.published!,
        constantMean: lastErrors.constantMean!,
        frozenWeights: lastErrors.frozenWeights!,
        repeatMean: lastErrors.repeatMean ?? null,
        lagOneFilter: lastErrors.lagOneFilter!,
        empirical: lastErrors.empirical!,
      },
      noiseFloor: comparison.noiseFloor ?? null,
      empiricalMethod: comparison.empirical.method,
      constantWeightsErrW: comparison.constantWeightsErrW,
    },
    surrogates: {
      observed: summary(observed),
      staticCulture: surrogates.staticCulture.map(summary),
      reversed: summary(surrogates.reversed),
      shuffled: surrogates.shuffled.map(summary),
      rolled: surrogates.rolled.map(summary),
      beatsStatic: energy.beatsStatic,
      staticShare: energy.staticShare ?? null,
    },
    forecast: toForecast(fitted.forecast),
  };
}

function toForecast(forecast: ScoredForecast | undefined): CultureOutput['forecast'] {
  if (forecast === undefined) return null;
  const { band, later, score } = forecast;
  const copy = (rows: readonly (readonly number[])[]): number[][] => rows.map((values) => [...values]);
  const bandOf = (name: ForecastName): NonNullable<CultureOutput['forecast']>[ForecastName] => ({
    centre: copy(band[name].centre),
    low: copy(band[name].low),
    high: copy(band[name].high),
    inside: score[name].insideSoFar,
    scored: score[name].scored,
    holds: judgeCoverage(score[name], band.level) ?? null,
    error: score[name].error,
  });
  return {
    method: band.method,
    level: band.level,
    draws: band.draws,
    isKnownAhead: band.isKnownAhead,
    observed: later.map((values) => values.map((value) => (Number.isFinite(value) ? value : null))),
    published: bandOf('published'),
    empirical: bandOf('empirical'),
    initialMeanError: score.initialMeanError,
  };
}
