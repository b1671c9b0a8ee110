import { MeaError } from '../../protocols/errors.js';
import { assertResponseTable, type ResponseTable } from '../../protocols/responses.js';
import {
  errorsBySession,
  isPatternRepeated,
  meanOfLast,
  noiseFloor,
  predictConstantMean,
  predictRepeatMean,
  predictWithWeights,
  skillScore,
  type ComparisonData,
  type PredictorErrors,
  type PredictorName,
} from './comparators.js';
import type { BaselineSource } from './culture-comparison.js';
import { findLeftOut, maskOf, meanBlindShares, type ElectrodeChoice, type LeftOut } from './electrode-choice.js';
import { predictEmpirically } from './empirical-predictor.js';
import { chooseEnsembles, jaccardIndex, preferredSource, sourcePreferences, type SessionRange } from './ensembles.js';
import { forecastBand, type ForecastBand } from './forecast-band.js';
import { scoreForecast, type ScoredForecast } from './forecast-score.js';
import { repeatInitialStimuli, selectivityBySession } from './forecast-input.js';
import { fitPublished, publishedTraces, tracesOf, type EnsembleTraces } from './fit-published.js';
import {
  finalJointLikelihood,
  lastSessionCount,
  type ExperimentDesign,
  type ModelArrays,
  type ModelRun,
} from './model-run.js';
import { fitCausal } from './online-model.js';
import type { SessionStatistics } from './session-statistics.js';
import { computeSurrogates, energyCurve, type CurveData, type EnergyCurve, type Surrogates } from './surrogates.js';
import { traceSelectivity } from './trace-selectivity.js';
import { judgeLearning, type Verdict } from './verdict.js';
import type { ThresholdFactors } from './weights.js';

/** Which analysis: the published off-line one, or the causal one that can run during an experiment. */
export type AnalysisMode = 'published' | 'causal';

export interface Baseline {
  /** Spikes per trial. */
  readonly value: number;
  readonly source: BaselineSource;
}

/** How far the ensembles depend on which initial sessions they are chosen from. */
export interface GroupStability {
  /** Per ensemble: Jaccard index of the choice from the first and from the second half of the initial sessions; empty for a single initial session. */
  readonly jaccard: readonly number[];
  /** True when every index reaches `STABLE_JACCARD`. */
  readonly stable: boolean;
}

/** Overlap from which ensembles are called stable; chosen, not fitted. */
const STABLE_JACCARD = 0.6;

/** Everything the program says about one culture. */
export interface CultureAnalysis {
  readonly mode: AnalysisMode;
  readonly design: ExperimentDesign;
  readonly electrodeCount: number;
  /** Electrodes (from 0) of every ensemble. */
  readonly ensembles: readonly (readonly number[])[];
  /** Which electrodes ensembles and verdict could hold, and what the ensembles' choice left out. */
  readonly choice: ElectrodeChoice;
  readonly leftOut: LeftOut;
  /** (electrodes) mean share of the response windows that each could not see; undefined where all saw everything. */
  readonly blindShares: Float64Array | undefined;
  readonly preferences: ElectrodePreferences;
  readonly stability: GroupStability;
  /** Mean evoked count per trial over all electrodes, states and the initial sessions. */
  readonly evokedRate: number;
  readonly verdict: Verdict;
  readonly outcome: FittedCulture | EnsembleNotFound;
}

/**
 * (electrodes) mean count with one source on alone less that with another alone, spikes per trial: of two sources, the first
 * less the second; of more, the preferred one less the mean of the others. NaN where no session can tell.
 */
export interface ElectrodePreferences {
  /** Over the initial sessions. */
  readonly first: Float64Array;
  /** Over the last ones: as many, and none of those. */
  readonly last: Float64Array;
}

/** At least one source has no electrode that prefers it: there is nothing to fit, and no number pretends otherwise. */
export interface EnsembleNotFound {
  readonly type: 'ensemble-not-found';
  /** Sources (from 0) without an ensemble. */
  readonly missing: readonly number[];
}

export interface FittedCulture {
  readonly type: 'fitted';
  readonly baseline: Baseline;
  readonly phi: ThresholdFactors;
  readonly arrays: ModelArrays;
  /** (J, 2^n) belief about A at the last session's weights, columns from all sources on to all off */
  readonly qA1: Float64Array;
  /** (n, states, T) mean raw count of each ensemble by state and session; NaN where a session lacks the state */
  readonly responses: Float64Array;
  /** Selectivity in x over the initial sessions; over the last ones it is `energy.observed.selectivity`. */
  readonly initialSelectivity: number;
  readonly comparison: Comparison;
  readonly energy: EnergyEvidence;
  /** The forecast of selectivity in x with its bands, and what came; in `causal` alone, and where one could be made. */
  readonly forecast: ScoredForecast | undefined;
}

/** Errors of the prediction and of its comparators. */
export interface Comparison {
  /** (T) mean squared error per session of every predictor; undefined where the pattern does not repeat */
  readonly errors: PredictorErrors;
  /** Mean over the last `initialSessions` sessions. */
  readonly lastErrors: Readonly<Record<PredictorName, number | undefined>>;
  /** Variance that no function of the stimulus can predict; undefined where the pattern does not repeat. */
  readonly noiseFloor: number | undefined;
  /** Which predictor `empirical` was, and its ridge penalty. */
  readonly empirical: { readonly method: 'repeat-mean' | 'ridge'; readonly penalty: number | undefined };
  /** 1 - MSE / MSE of the reference, of `published` and `empirical`, over the last sessions. */
  readonly skill: {
    readonly publishedAgainstMean: number;
    readonly publishedAgainstRepeat: number | undefined;
    readonly empiricalAgainstMean: number;
    readonly empiricalAgainstPublished: number;
  };
  /** Relative squared error of q in the last session if the weights had stayed as calibrated, beside errW's. */
  readonly constantWeightsErrW: number;
}

/**
 * What the fall of the free energy is worth. A fall that a static culture reaches is the estimate converging. One that
 * goes beyond it says that the culture changed, by learning or by drift: only the verdict weighs drift.
 */
export interface EnergyEvidence {
  readonly observed: EnergyCurve;
  readonly surrogates: Surrogates;
  /** True when the free energy falls, and by more than in every draw of the static culture. */
  readonly beatsStatic: boolean;
  /** Mean fall of the static culture as a share of the observed one; undefined where the free energy does not fall. */
  readonly staticShare: number | undefined;
}

export interface AnalysisOptions {
  readonly mode: AnalysisMode;
  readonly initialSessions: number;
  /** Mixing of the generative process, for the errors of A. */
  readonly mixing: number;
  readonly baseline: Baseline | 'own';
  /** Electrodes that ensembles may hold; `seen` by default. */
  readonly choice?: ElectrodeChoice | undefined;
  /** What a run forecast; computed from the initial sessions where absent. */
  readonly forecast?: ForecastBand | undefined;
  /** False where later stimuli were decided on later responses: a forecast may not look at them. True by default. */
  readonly isKnownAhead?: boolean | undefined;
}

/** The design behind a table of responses. */
export function designOf(
  table: ResponseTable,
  { initialSessions, mixing }: Pick<AnalysisOptions, 'initialSessions' | 'mixing'>,
): ExperimentDesign {
  const { sessions, trialsPerSession, sourceCount, inputCount } = table;
  if (inputCount % sourceCount !== 0) {
    throw new MeaError('bad-input', {
      what: 'The inputs do not divide into one block per source',
      got: `${inputCount} inputs, ${sourceCount} sources`,
      wanted: 'a multiple of the number of sources',
    });
  }
  if (!(Number.isInteger(initialSessions) && initialSessions >= 1 && initialSessions < sessions)) {
    throw new MeaError('bad-input', {
      what: 'Bad number of initial sessions',
      got: String(initialSessions),
      wanted: `1 to ${sessions - 1}, since the recording has ${sessions} sessions and some must remain to predict`,
    });
  }
  return { sessions, trialsPerSession, sourceCount, inputsPerBlock: inputCount / sourceCount, initialSessions, mixing };
}

/**
 * Analyses one culture: ensembles, model, prediction, comparators, surrogates, verdict.
 *
 * @throws MeaError `bad-input` for a table or options that do not fit together, or `never-pulsed` where nobody knows
 */
export function analyseCulture(table: ResponseTable, options: AnalysisOptions): CultureAnalysis {
  assertResponseTable(table, 'responses');
  const design = designOf(table, options);
  const choice = options.choice ?? 'seen';
  const offline = publishedTraces(table, design.initialSessions, choice);
  const fit =
    options.mode === 'published'
      ? fitOffline(table, offline, { ...options, design })
      : fitOnline(table, offline, { ...options, design });
  const shared = {
    mode: options.mode,
    design,
    electrodeCount: table.electrodeCount,
    choice,
    leftOut: fit.leftOut,
    blindShares: meanBlindShares(table),
    preferences: {
      first: preferencesIn(offline.statistics, { first: 0, end: design.initialSessions }),
      last: preferencesIn(offline.statistics, {
        first: design.sessions - lastSessionCount(design),
        end: design.sessions,
      }),
    },
    stability: groupStability(
      { ...offline.statistics, leftOut: maskOf(fit.leftOut, table.electrodeCount) },
      design.initialSessions,
    ),
    evokedRate: evokedRate(offline.statistics, design.initialSessions),
    verdict: judgeLearning(table, design.initialSessions, choice),
  };
  if (fit.type === 'ensemble-not-found')
    return { ...shared, ensembles: fit.ensembles, outcome: notFound(fit.ensembles) };
  return { ...shared, ensembles: fit.culture.ensembles, outcome: assess(table, fit, options) };
}

/** Baseline B of a condition: the mean of its cultures' own baselines; cultures without both ensembles have none. */
export function ownBaselineOf(
  table: ResponseTable,
  options: Pick<AnalysisOptions, 'mode' | 'initialSessions' | 'choice'>,
): number | undefined {
  const offline = publishedTraces(table, options.initialSessions, options.choice);
  if (options.mode === 'published') return offline.ensembles.some(isEmpty) ? undefined : offline.ownBaseline;
  const { choice = 'seen', initialSessions } = options;
  const leftOut = findLeftOut(table, { choice, stretch: initialSessions, end: initialSessions });
  const statistics = { ...offline.statistics, leftOut: maskOf(leftOut, table.electrodeCount) };
  const ensembles = chooseEnsembles(statistics, { first: 0, end: initialSessions });
  if (ensembles.some(isEmpty)) return undefined;
  return tracesOf(table, { ...offline, ensembles, leftOut, initialSessions }).ownBaseline;
}

interface Fit {
  readonly type: 'fit';
  readonly culture: EnsembleTraces;
  readonly leftOut: LeftOut;
  readonly baseline: Baseline;
  readonly run: ModelRun;
}

interface NoFit {
  readonly type: 'ensemble-not-found';
  readonly ensembles: readonly (readonly number[])[];
  readonly leftOut: LeftOut;
}

type FitOptions = AnalysisOptions & { readonly design: ExperimentDesign };

function fitOffline(table: ResponseTable, offline: EnsembleTraces, options: FitOptions): Fit | NoFit {
  const { ensembles, leftOut } = offline;
  if (ensembles.some(isEmpty)) return { type: 'ensemble-not-found', ensembles, leftOut };
  const baseline = options.baseline === 'own' ? own(offline.ownBaseline) : options.baseline;
  const run = fitPublished(table, offline, { design: options.design, baseline: baseline.value });
  return { type: 'fit', culture: offline, leftOut, baseline, run };
}

function fitOnline(table: ResponseTable, offline: EnsembleTraces, options: FitOptions): Fit | NoFit {
  const { design } = options;
  const model = fitCausal(table, {
    design,
    electrodes: table.electrodeCount,
    choice: options.choice,
    baseline: options.baseline === 'own' ? 'own' : options.baseline.value,
  });
  const calibration = model.calibration!;
  const { ensembles, leftOut } = calibration;
  if (calibration.type !== 'calibrated') return { type: 'ensemble-not-found', ensembles, leftOut };
  const { baseline } = calibration;
  const culture = tracesOf(table, { ...offline, ensembles, leftOut, initialSessions: design.initialSessions });
  return {
    type: 'fit',
    culture,
    leftOut,
    baseline: options.baseline === 'own' ? own(baseline) : options.baseline,
    run: model.run,
  };
}

function own(value: number): Baseline {
  return { value, source: 'own' };
}

function isEmpty(members: readonly number[]): boolean {
  return members.length === 0;
}

function notFound(ensembles: readonly (readonly number[])[]): EnsembleNotFound {
  return { type: 'ensemble-not-found', missing: ensembles.flatMap((members, a) => (isEmpty(members) ? [a] : [])) };
}

function assess(table: ResponseTable, { culture, baseline, run }: Fit, options: AnalysisOptions): FittedCulture {
  const { design, arrays } = run;
  const { mode } = options;
  const phi = run.phi!;
  return {
    type: 'fitted',
    baseline,
    phi,
    arrays,
    qA1: finalJointLikelihood(run),
    responses: responsesByState(culture, design),
    initialSelectivity: traceSelectivity(arrays.x, culture.states, { design, first: 0, end: design.initialSessions }),
    comparison: compare({ design, arrays, phi, inputs: table.inputs }),
    energy: weighEnergy({
      mode,
      design,
      traces: culture.traces,
      states: culture.states,
      inputs: table.inputs,
      baseline: baseline.value,
    }),
    forecast:
      mode === 'causal'
        ? judgeForecast(run, {
            table,
            states: culture.states,
            given: options.forecast,
            isKnownAhead: options.isKnownAhead ?? true,
          })
        : undefined,
  };
}

/** The forecast that a run published, or the one that it would have, against the sessions that came. */
function judgeForecast(
  { design, arrays }: ModelRun,
  { table, states, given, isKnownAhead }: ForecastData,
): ScoredForecast | undefined {
  const { sessions, trialsPerSession: trials, initialSessions, sourceCount } = design;
  const [rows, known] = [sessions * trials, initialSessions * trials];
  const stretch = (first: number, end: number): Float64Array => {
    const x = new Float64Array(sourceCount * (end - first));
    for (let a = 0; a < sourceCount; a++) x.set(arrays.x.subarray(a * rows + first, a * rows + end), a * (end - first));
    return x;
  };
  const seen = { inputs: table.inputs, states };
  const ahead = isKnownAhead ? seen : repeatInitialStimuli(seen, design);
  const band = given ?? forecastBand({ design, x: stretch(0, known), ...ahead, isKnownAhead });
  if (band === undefined) return undefined;
  return scoreForecast(band, {
    initial: selectivityBySession({ ...design, x: stretch(0, known), states }),
    later: selectivityBySession({ ...design, x: stretch(known, rows), states: states.subarray(known) }),
  });
}

interface ForecastData {
  readonly table: ResponseTable;
  readonly states: Uint8Array;
  readonly given: ForecastBand | undefined;
  readonly isKnownAhead: boolean;
}

function compare(data: ComparisonData): Comparison {
  const { design, arrays } = data;
  const { initialSessions, sessions } = design;
  const repeated = isPatternRepeated(data.inputs, sessions);
  const empirical = predictEmpirically(data);
  const errorOf = (predicted: Float64Array): Float64Array => errorsBySession(design, arrays.x, predicted);
  const errors = {
    published: errorOf(arrays.xp),
    constantMean: errorOf(predictConstantMean(data)),
    frozenWeights: errorOf(predictWithWeights(data, (session) => Math.min(session, initialSessions))),
    repeatMean: repeated ? errorOf(predictRepeatMean(data)) : undefined,
    lagOneFilter: errorOf(predictWithWeights(data, (session) => session)),
    empirical: errorOf(empirical.predicted),
  };
  const last = lastSessionCount(design);
  const lastErrors = {
    published: meanOfLast(errors.published, last),
    constantMean: meanOfLast(errors.constantMean, last),
    frozenWeights: meanOfLast(errors.frozenWeights, last),
    repeatMean: errors.repeatMean === undefined ? undefined : meanOfLast(errors.repeatMean, last),
    lagOneFilter: meanOfLast(errors.lagOneFilter, last),
    empirical: meanOfLast(errors.empirical, last),
  };
  return {
    errors,
    lastErrors,
    noiseFloor: repeated && last > 1 ? noiseFloor(data, last) : undefined,
    empirical: { method: empirical.method, penalty: empirical.penalty },
    skill: {
      publishedAgainstMean: skillScore(lastErrors.published, lastErrors.constantMean),
      publishedAgainstRepeat:
        lastErrors.repeatMean === undefined ? undefined : skillScore(lastErrors.published, lastErrors.repeatMean),
      empiricalAgainstMean: skillScore(lastErrors.empirical, lastErrors.constantMean),
      empiricalAgainstPublished: skillScore(lastErrors.empirical, lastErrors.published),
    },
    constantWeightsErrW: constantWeightsError(arrays, design),
  };
}

/** errW of the last session had W stayed as it was after the initial sessions. */
function constantWeightsError({ w1, w0 }: ModelArrays, { sessions, initialSessions }: ExperimentDesign): number {
  const q = (w: number): number => 1 / (1 + Math.exp(-w));
  let difference = 0;
  let scale = 0;
  for (const w of [w1, w0]) {
    for (let i = 0; i < w.length; i += sessions) {
      const now = q(w[i + sessions - 1]!);
      const then = q(w[i + initialSessions]!);
      difference += (now - then) * (now - then);
      scale += now * now;
    }
  }
  return difference / scale;
}

function weighEnergy(data: CurveData): EnergyEvidence {
  const observed = energyCurve(data);
  const surrogates = computeSurrogates(data);
  const staticFalls = surrogates.staticCulture.map(({ fall }) => fall);
  return {
    observed,
    surrogates,
    beatsStatic: observed.fall > 0 && staticFalls.every((fall) => observed.fall > fall),
    staticShare:
      observed.fall > 0
        ? staticFalls.reduce((sum, fall) => sum + fall, 0) / staticFalls.length / observed.fall
        : undefined,
  };
}

function responsesByState(culture: EnsembleTraces, design: ExperimentDesign): Float64Array {
  const { states } = culture.statistics;
  const { sessions, trialsPerSession: trials } = design;
  const rows = sessions * trials;
  const sums = new Float64Array(culture.ensembles.length * states * sessions);
  const seen = new Float64Array(states * sessions);
  for (let row = 0; row < rows; row++) {
    const session = Math.floor(row / trials);
    const state = culture.states[row]!;
    seen[state * sessions + session]! += 1;
    culture.ensembles.forEach((_, a) => {
      sums[(a * states + state) * sessions + session]! += culture.traces[a * rows + row]!;
    });
  }
  return sums.map((sum, i) => sum / seen[i % (states * sessions)]!);
}

function preferencesIn(statistics: SessionStatistics, range: SessionRange): Float64Array {
  const isPair = statistics.states === 4;
  return Float64Array.from({ length: statistics.electrodes }, (_, electrode) =>
    isPair
      ? sourcePreferences(statistics, electrode, range)[0]!
      : preferredSource(statistics, electrode, range).preference,
  );
}

function groupStability(statistics: SessionStatistics, initialSessions: number): GroupStability {
  // One session has no halves to compare: nothing is known, and unknown is not stable.
  if (initialSessions < 2) return { jaccard: [], stable: false };
  const half = Math.floor(initialSessions / 2);
  const early = chooseEnsembles(statistics, { first: 0, end: half });
  const late = chooseEnsembles(statistics, { first: half, end: initialSessions });
  const jaccard = early.map((members, a) => jaccardIndex(members, late[a]!));
  // Two empty choices agree on nothing.
  const found = early.every((members) => members.length > 0) && late.every((members) => members.length > 0);
  return { jaccard, stable: found && jaccard.every((index) => index >= STABLE_JACCARD) };
}

function evokedRate(statistics: SessionStatistics, initialSessions: number): number {
  const { states, electrodes } = statistics;
  let sum = 0;
  let trials = 0;
  for (let cell = 0; cell < initialSessions * states; cell++) {
    trials += statistics.trials[cell]!;
    for (let e = 0; e < electrodes; e++) sum += statistics.sums[cell * electrodes + e]!;
  }
  return sum / (trials * electrodes);
}
