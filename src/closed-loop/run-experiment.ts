import type { Clock } from '../../protocols/clock.js';
import { MeaError } from '../../protocols/errors.js';
import {
  LEDGER_VERSION,
  type ArmingRecord,
  type LedgerSink,
  type PolicyFallback,
  type SessionEnded,
  type StoppedRecord,
} from '../../protocols/ledger.js';
import { assertResponseTable, firstSessions, type ResponseTable } from '../../protocols/responses.js';
import {
  bootIdOf,
  isDetecting,
  isRearming,
  isResumable,
  isTimed,
  type TrialRequest,
  type TrialResponse,
  type TrialSource,
  type TrialSourceDescription,
} from '../../protocols/trial.js';
import { seconds } from '../../protocols/units.js';
import type { LeftOut } from '../model/electrode-choice.js';
import {
  createOnlineModel,
  endOnlineSession,
  observeOnlineTrial,
  restartOnlineSession,
  type ObservedTrial,
  type OnlineModel,
} from '../model/online-model.js';
import type { ForecastBand } from '../model/forecast-band.js';
import { tracePreference } from '../model/trace-selectivity.js';
import { toDesign, type Experiment } from './experiment.js';
import type { Rig } from './rig.js';
import { createLatencyMeter, type LatencyMeter } from './latency-meter.js';
import type { PatternDecision, PatternPolicy } from './pattern-policy.js';
import {
  alignPlan,
  noteUncounted,
  sampleOf,
  takeBoot,
  takePlanChange,
  whyUncounted,
  type PlannedTrial,
  type TrialPlan,
} from './trial-plan.js';
import { createSeenSamples, type SampleSpans, type SeenSamples } from './seen-samples.js';
import { assertAnswer, toTrialRecord } from './trial-record.js';
import { forecastHere, toForecastInput, toForecastRecord, toScoreRecord, type Forecaster } from './publish-forecast.js';
import { figuresOf, initialFiguresOf } from './session-figures.js';
import { createStopWatch, type StopWatch } from './stop-rules.js';

/** What an experiment needs. All of it is injected: the engine knows neither files nor devices nor wall time. */
export interface ExperimentRun {
  readonly experiment: Experiment;
  /** Recorded with the experiment; what it says reaches the engine through the source. */
  readonly rig: Rig;
  /** What a person said before a device could stimulate; recorded with the experiment. */
  readonly arming?: ArmingRecord | undefined;
  readonly policy: PatternPolicy;
  readonly source: TrialSource;
  readonly ledger: LedgerSink;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Most trials handed to the source at once; results do not depend on it. The rest of the session by default. */
  readonly batchTrials?: number | undefined;
  /** Computes the forecast of the later sessions; in this thread by default. Results do not depend on where. */
  readonly forecast?: Forecaster | undefined;
}

/** How far an experiment has come, after each trial. */
export interface ExperimentProgress {
  readonly session: number;
  /** Trials done in this session. */
  readonly trials: number;
  /** Figures of the last finished session; undefined before the first. */
  readonly last: SessionEnded | undefined;
}

/** What an experiment leaves in memory: the responses of the sessions carried out, and the online model at its end. */
export interface ExperimentResult {
  readonly table: ResponseTable;
  readonly model: OnlineModel;
  /** What was forecast; undefined where nothing could be. */
  readonly forecast: ForecastBand | undefined;
  /** The stop rule that ended it; undefined where it went on to its last session. */
  readonly stopped: StoppedRecord | undefined;
  /** Trials that a fallback policy decided; undefined where the policy has none. */
  readonly fallbacks: FallbackCounts | undefined;
}

/** Trials that a fallback policy decided, by cause. */
export interface FallbackCounts {
  readonly deadline: number;
  readonly badAnswer: number;
}

/**
 * Carries out an experiment: patterns from the policy, responses from the source, every trial through the online model
 * and into the ledger, a rest between sessions. Yields after each trial. A stop rule of the experiment ends it after a session.
 *
 * The forecast is computed from the end of the initial sessions on, during the rest, and recorded before the first session
 * that it is about: that session does not begin before.
 *
 * A trial whose stimulus did not go out as asked, or whose window nobody saw, does not count: it is written down and carried
 * out again, at most `maxRepeats` times. A source that ends a batch early, because trials must come later than planned, is
 * asked for the rest. After a gap of more than `maxGapS` the session begins anew.
 *
 * An aborted signal stops it between two trials with an `interrupted` record; it then returns undefined.
 *
 * @throws MeaError whatever source or ledger throw; the ledger then ends with the last trial that counted
 */
export async function* runExperiment(
  run: ExperimentRun,
): AsyncGenerator<ExperimentProgress, ExperimentResult | undefined, undefined> {
  const { experiment, rig, source, ledger, arming } = run;
  const state = prepare(run);
  ledger.append({
    type: 'experiment-started',
    version: LEDGER_VERSION,
    experiment,
    rig,
    source: source.description,
    ...(arming !== undefined && { arming }),
  });
  for (let session = 0; session < experiment.sessions; session++) {
    await publishForecast(run, state);
    if (isAborted(run, session, 0)) return undefined;
    beginPlan(run, state, session);
    ledger.append({ type: 'session-started', session, atSample: state.plan.firstSample });
    let trial = 0;
    while (trial < experiment.trials) {
      if (isAborted(run, session, trial)) return undefined;
      trial = planNext(run, state, { session, trial });
      state.pending ??= await decideBatch(run, state, { session, trial });
      // Deciding may have taken so long that the trial is late already.
      const next = planNext(run, state, { session, trial });
      if (next !== trial) {
        trial = next;
        continue;
      }
      const batch = nextBatch(state, state.pending, { session, trial });
      // Deciding may have taken a while, and was cut short by a stop.
      if (isAborted(run, session, trial)) return undefined;
      for await (const done of runBatch(run, state, batch)) {
        trial = done.trials;
        yield done;
      }
    }
    await finishSession(run, state, session);
    if (state.stopped !== undefined) break;
    if (session < experiment.sessions - 1) await rest(run, session);
  }
  const table = firstSessions(state.table, state.model.sessionsEnded);
  ledger.append({ type: 'experiment-ended', trials: table.sessions * experiment.trials });
  assertResponseTable(table, 'the experiment');
  return {
    table,
    model: state.model,
    forecast: state.forecast,
    stopped: state.stopped,
    fallbacks: countFallbacks(run, state),
  };
}

interface RunState {
  readonly model: OnlineModel;
  /** Its blind fractions are there from the first trial on that has some. */
  readonly table: { -readonly [Key in keyof ResponseTable]: ResponseTable[Key] };
  readonly latency: LatencyMeter;
  readonly plan: TrialPlan;
  /** What is left of a batch that ended early; its first trial comes next. */
  pending: PendingBatch | undefined;
  /** Batches in a row that the source ended without a trial. */
  emptyBatches: number;
  readonly stopWatch: StopWatch | undefined;
  /** Why each trial that a fallback policy decided was not decided by the policy. */
  readonly causes: PolicyFallback['cause'][];
  /** Samples of the responses that a policy may have looked at. */
  readonly seen: SeenSamples;
  last: SessionEnded | undefined;
  /** On its way from the end of the initial sessions to the beginning of the next one. */
  pendingForecast: Promise<ForecastBand | undefined> | undefined;
  forecast: ForecastBand | undefined;
  stopped: StoppedRecord | undefined;
}

/** Patterns that were decided. */
interface PendingBatch {
  /** (trials, inputs) */
  readonly inputs: readonly Uint8Array[];
  /** (trials, sources) */
  readonly sources: Uint8Array;
  readonly fallbacks: PatternDecision['fallbacks'];
  /** Samples of the responses that they were decided from. */
  readonly decidedFrom: SampleSpans | undefined;
  /** How often its first trial failed; 0 where the source ended the batch by itself. */
  readonly attempts: number;
  /** True where the source ended the last batch before them, and has to say why: the plan must have moved. */
  readonly hasEnded: boolean;
}

function countFallbacks({ experiment }: ExperimentRun, { causes }: RunState): FallbackCounts | undefined {
  if (experiment.policy?.type !== 'external') return undefined;
  const deadline = causes.filter((cause) => cause === 'deadline').length;
  return { deadline, badAnswer: causes.length - deadline };
}

/**
 * Checks that a source has the inputs that an experiment stimulates. `runExperiment` does so too; who makes folders for a
 * run does it before.
 *
 * @throws MeaError `bad-input`
 */
export function assertFitting(
  experiment: Experiment,
  { stimulatedElectrodes }: Pick<TrialSourceDescription, 'stimulatedElectrodes'>,
): void {
  const inputCount = experiment.sources * experiment.inputsPerBlock;
  if (stimulatedElectrodes.length === inputCount) return;
  throw new MeaError('bad-input', {
    what: 'Experiment and rig do not fit together',
    got: `${stimulatedElectrodes.length} stimulated electrodes`,
    wanted: `${experiment.sources} sources x ${experiment.inputsPerBlock} inputs per block = ${inputCount}`,
    remedy: 'change inputsPerBlock in the experiment or the stimulated electrodes in the rig',
  });
}

function prepare({ experiment, source, clock }: ExperimentRun): RunState {
  assertFitting(experiment, source.description);
  const { electrodes, sampleRateHz, stimulatedElectrodes } = source.description;
  const { baseline, ensembleElectrodes: choice } = experiment;
  const inputCount = experiment.sources * experiment.inputsPerBlock;
  const rows = experiment.sessions * experiment.trials;
  return {
    model: createOnlineModel({ design: toDesign(experiment), electrodes, baseline, choice, stimulatedElectrodes }),
    table: {
      sessions: experiment.sessions,
      trialsPerSession: experiment.trials,
      sourceCount: experiment.sources,
      inputCount,
      electrodeCount: electrodes,
      sources: new Uint8Array(rows * experiment.sources),
      inputs: new Uint8Array(rows * inputCount),
      counts: new Uint16Array(rows * electrodes),
      blindFraction: undefined,
      stimulatedElectrodes,
    },
    latency: createLatencyMeter(clock),
    plan: {
      periodSamples: Math.round(experiment.trialPeriodS * sampleRateHz),
      firstSample: 0,
      bootId: undefined,
      change: undefined,
    },
    pending: undefined,
    emptyBatches: 0,
    stopWatch: createStopWatch(experiment.stop),
    causes: [],
    seen: createSeenSamples(),
    last: undefined,
    pendingForecast: undefined,
    forecast: undefined,
    stopped: undefined,
  };
}

/** Plans a session from where its source stands, by whatever clock. */
function beginPlan({ source, ledger }: ExperimentRun, { plan, seen }: RunState, session: number): void {
  plan.firstSample = source.nextSample();
  const boots = takeBoot(plan, bootIdOf(source));
  if (boots === undefined) return;
  seen.beginClock();
  ledger.append({ type: 'another-clock', session, trial: 0, atSample: plan.firstSample, ...boots });
}

/**
 * Moves the plan on where the next trial cannot be when it should.
 *
 * @returns the trial that comes next: 0 where the session begins anew
 * @throws MeaError `bad-input` when a source ended a batch early for no reason
 */
function planNext(run: ExperimentRun, state: RunState, { session, trial }: PlannedTrial): number {
  const { experiment, source } = run;
  const { plan } = state;
  const { sampleRateHz } = source.description;
  const { firstSample, bootId } = plan;
  const earliest = source.nextSample();
  const hasEnded = state.pending?.hasEnded === true;
  const { maxGapS } = experiment;
  if (
    alignPlan(plan, { trial, earliest, hasEnded, bootId: bootIdOf(source) }, { maxGapS, sampleRateHz }) === 'restart'
  ) {
    restartSession(state, session);
    return 0;
  }
  const hasChanged = plan.firstSample !== firstSample || plan.bootId !== bootId;
  const isMoved = hasChanged && state.emptyBatches <= experiment.maxRepeats;
  if (state.pending === undefined || !hasEnded || isMoved) {
    if (state.pending !== undefined) state.pending = { ...state.pending, hasEnded: false };
    return trial;
  }
  throw new MeaError('bad-input', {
    what: 'The source ended before the batch did',
    got: `nothing for trial ${trial} of session ${session}`,
    wanted: `${state.pending.inputs.length} responses more`,
  });
}

function restartSession(state: RunState, session: number): void {
  const { table, model } = state;
  restartOnlineSession(model);
  state.seen.restartSession();
  const width = table.trialsPerSession * table.electrodeCount;
  const [first, end] = [session * table.trialsPerSession, (session + 1) * table.trialsPerSession];
  table.sources.fill(0, first * table.sourceCount, end * table.sourceCount);
  table.inputs.fill(0, first * table.inputCount, end * table.inputCount);
  table.counts.fill(0, session * width, (session + 1) * width);
  table.blindFraction?.fill(0, session * width, (session + 1) * width);
  state.pending = undefined;
}

interface Batch {
  readonly requests: readonly TrialRequest[];
  /** (trials, sources) */
  readonly sources: Uint8Array;
  readonly fallbacks: PatternDecision['fallbacks'];
  /** Samples of the responses that they were decided from. */
  readonly decidedFrom: SampleSpans | undefined;
  /** How often its first trial failed already. */
  readonly attempts: number;
}

function nextBatch(state: RunState, { inputs, ...pending }: PendingBatch, at: PlannedTrial): Batch {
  state.pending = undefined;
  const requests = inputs.map((pattern, i) => ({
    session: at.session,
    trial: at.trial + i,
    inputs: pattern,
    atSample: sampleOf(state.plan, at.trial + i),
  }));
  const { sources, fallbacks, decidedFrom, attempts } = pending;
  return { requests, sources, fallbacks, decidedFrom, attempts };
}

async function decideBatch(run: ExperimentRun, state: RunState, at: PlannedTrial): Promise<PendingBatch> {
  const { experiment, policy, batchTrials } = run;
  const { inputCount } = state.table;
  const pattern = await policy.nextTrials(at.session, at.trial, state);
  const count = Math.min(pattern.trials, experiment.trials - at.trial, batchTrials ?? experiment.trials);
  const inputs = Array.from({ length: count }, (_, i) => pattern.inputs.slice(i * inputCount, (i + 1) * inputCount));
  const { sources, fallbacks, lookedAt } = pattern;
  const decidedFrom = lookedAt === undefined ? undefined : state.seen.spansOf(lookedAt);
  return { inputs, sources, fallbacks, decidedFrom, attempts: 0, hasEnded: false };
}

async function* runBatch(run: ExperimentRun, state: RunState, batch: Batch): AsyncGenerator<ExperimentProgress> {
  const { experiment, source, ledger, signal } = run;
  const { table, model, latency } = state;
  let index = 0;
  latency.startResponse();
  for await (const response of endedByAbort(source.run(batch.requests, signal), signal)) {
    latency.endResponse();
    const request = batch.requests[index]!;
    noteRearmings(run, request);
    assertAnswer(request, response, source.description);
    for (const change of takePlanChange(state.plan, request)) {
      if (change.type === 'another-clock') state.seen.beginClock();
      ledger.append(change);
    }
    const sources = batch.sources.subarray(index * experiment.sources, (index + 1) * experiment.sources);
    const fallback = batch.fallbacks?.[index];
    const decidedFrom = fallback === undefined ? batch.decidedFrom : undefined;
    const reason = whyUncounted(request, response, source.description);
    if (reason !== undefined) {
      const attempt = index === 0 ? batch.attempts + 1 : 1;
      state.pending = tailOf(batch, { from: index, sources: experiment.sources, attempts: attempt });
      const { maxRepeats } = experiment;
      noteUncounted(ledger, { request, sources, fallback, decidedFrom, response, reason, attempt, maxRepeats });
      return;
    }
    latency.startUpdate();
    const estimate = observeOnlineTrial(model, { sources, inputs: request.inputs, ...countsOf(response) });
    latency.endUpdate();
    const row = request.session * experiment.trials + request.trial;
    table.sources.set(sources, row * table.sourceCount);
    table.inputs.set(request.inputs, row * table.inputCount);
    table.counts.set(response.counts, row * table.electrodeCount);
    if (response.blindFraction !== undefined) noteBlindness(table, row, response.blindFraction);
    if (fallback !== undefined) state.causes.push(fallback.cause);
    ledger.append(toTrialRecord({ request, sources, response, estimate, fallback, decidedFrom }));
    state.seen.addResponse(response);
    if (isResumable(source)) ledger.saveSourceState(source.saveState());
    index++;
    yield { session: request.session, trials: request.trial + 1, last: state.last };
    if (signal.aborted) return;
    latency.startResponse();
  }
  const left = batch.requests[index];
  if (left === undefined || signal.aborted) return;
  noteRearmings(run, left);
  state.pending = tailOf(batch, { from: index, sources: experiment.sources, attempts: 0 });
  state.emptyBatches = index === 0 ? state.emptyBatches + 1 : 0;
}

/** Before the record of the trial that was to be next. */
function noteRearmings({ source, ledger }: ExperimentRun, { session, trial }: PlannedTrial): void {
  if (!isRearming(source)) return;
  for (const rearming of source.takeRearmings()) ledger.append({ type: 'rearmed', session, trial, ...rearming });
}

function tailOf(
  { requests, sources, fallbacks, decidedFrom }: Batch,
  { from, sources: width, attempts }: { readonly from: number; readonly sources: number; readonly attempts: number },
): PendingBatch {
  return {
    inputs: requests.slice(from).map(({ inputs }) => inputs),
    sources: sources.subarray(from * width),
    fallbacks: fallbacks?.slice(from),
    decidedFrom,
    attempts,
    hasEnded: attempts === 0,
  };
}

function countsOf({ counts, blindFraction }: TrialResponse): Pick<ObservedTrial, 'counts' | 'blindFraction'> {
  return { counts, blindFraction };
}

function noteBlindness(table: RunState['table'], row: number, blindFraction: Float32Array): void {
  table.blindFraction ??= new Float32Array(table.counts.length);
  table.blindFraction.set(blindFraction, row * table.electrodeCount);
}

async function finishSession(run: ExperimentRun, state: RunState, session: number): Promise<void> {
  const { experiment, ledger, source } = run;
  const { model, latency } = state;
  latency.startUpdate();
  endOnlineSession(model);
  state.seen.endSession();
  latency.endUpdate();
  if (session === experiment.initialSessions - 1) {
    appendCalibration(run, model, session);
    startForecast(run, state);
  }
  const levels = isDetecting(source) ? source.detectorLevels() : undefined;
  if (levels !== undefined) ledger.append({ type: 'detector-levels', session, ...levels });
  state.last = describeSession(state, session);
  ledger.append(state.last);
  appendModel(run, model, session);
  if (state.forecast !== undefined) ledger.append(toScoreRecord(state.forecast, model));
  if (state.stopWatch !== undefined) {
    const initial = session < experiment.initialSessions ? undefined : initialFiguresOf(state);
    state.stopped = state.stopWatch.next(figuresOf(state.last, state), initial);
    if (state.stopped !== undefined) ledger.append(state.stopped);
  }
  const stagesUs = isTimed(source) ? await source.stageLatencies() : undefined;
  ledger.appendLatency({ ...latency.summarise(session), ...(stagesUs !== undefined && { stagesUs }) });
}

function appendModel({ ledger }: ExperimentRun, { calibration, run }: OnlineModel, session: number): void {
  if (calibration?.type !== 'calibrated') return;
  const { ensembles, inputs, w1, w0 } = run.core.weights;
  ledger.appendModel?.({ session, sources: ensembles, inputs, w1, w0 });
}

function startForecast({ forecast = forecastHere, policy, signal }: ExperimentRun, state: RunState): void {
  if (state.model.calibration?.type !== 'calibrated') return;
  state.pendingForecast = forecast(toForecastInput(state.model, policy), signal);
  // A run that is stopped or fails before the forecast is wanted leaves nobody to hear of its error.
  state.pendingForecast.catch(() => undefined);
}

async function publishForecast({ ledger, signal }: ExperimentRun, state: RunState): Promise<void> {
  if (state.pendingForecast === undefined) return;
  try {
    state.forecast = await state.pendingForecast;
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  }
  state.pendingForecast = undefined;
  if (signal.aborted || state.forecast === undefined) return;
  ledger.append(toForecastRecord(state.forecast, state.model.sessionsEnded - 1));
}

function appendCalibration({ ledger }: ExperimentRun, { calibration, run }: OnlineModel, session: number): void {
  if (calibration === undefined) return;
  if (calibration.type === 'ensemble-not-found') {
    const { missing, leftOut } = calibration;
    ledger.append({ type: 'ensemble-not-found', session, missing, ...toLeftOut(leftOut) });
    return;
  }
  ledger.append({
    type: 'calibrated',
    session,
    ensembles: calibration.ensembles,
    ...toLeftOut(calibration.leftOut),
    baseline: calibration.baseline,
    phi1: Array.from(run.phi!.phi1),
    phi0: Array.from(run.phi!.phi0),
    freeEnergy: Array.from(run.arrays.freeEnergy.subarray(0, session + 1)),
    errX: Array.from(run.arrays.errX.subarray(0, session + 1)),
  });
}

function toLeftOut(leftOut: LeftOut): { readonly leftOut?: LeftOut } {
  return leftOut.blind.length + leftOut.pulsed.length > 0 ? { leftOut } : {};
}

function describeSession({ table, model }: RunState, session: number): SessionEnded {
  const first = session * table.trialsPerSession * table.electrodeCount;
  const counts = table.counts.subarray(first, first + table.trialsPerSession * table.electrodeCount);
  const meanCount = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const { calibration, run, states, design } = model;
  if (calibration?.type !== 'calibrated') return { type: 'session-ended', session, meanCount };
  const { freeEnergy, errX, errW } = run.arrays;
  const selectivity = tracePreference(calibration.traces, states, { design, first: session, end: session + 1 });
  return {
    type: 'session-ended',
    session,
    meanCount,
    ...(Number.isFinite(selectivity) && { selectivity }),
    freeEnergy: freeEnergy[session]!,
    errX: errX[session]!,
    errW: errW[session]!,
  };
}

/** Ends a stream in place of its abort error: being stopped between two trials is an outcome, not a failure. */
async function* endedByAbort<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error;
  }
}

async function rest({ experiment, source, ledger, signal }: ExperimentRun, session: number): Promise<void> {
  try {
    await source.rest(seconds(experiment.rest.seconds));
  } catch (error) {
    if (signal.aborted && error === signal.reason) return;
    throw error;
  }
  ledger.append({ type: 'rest', session, seconds: experiment.rest.seconds });
  if (isResumable(source)) ledger.saveSourceState(source.saveState());
}

function isAborted({ signal, ledger }: ExperimentRun, session: number, trial: number): boolean {
  if (signal.aborted) ledger.append({ type: 'interrupted', session, trial });
  return signal.aborted;
}
