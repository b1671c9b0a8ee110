import { MeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import {
  calibrateCausal,
  createStateMeans,
  normaliseSession,
  normaliseTrial,
  shiftFrom,
  type CausalScale,
  type StateMeans,
} from './causal-normaliser.js';
import {
  addBlindFractions,
  createBlindSums,
  listBlind,
  listPulsed,
  maskOf,
  type BlindSums,
  type ElectrodeChoice,
  type LeftOut,
} from './electrode-choice.js';
import { ensembleMean } from './ensemble-response.js';
import { chooseEnsembles } from './ensembles.js';
import { createModelRun, runSession, type ExperimentDesign, type ModelRun } from './model-run.js';
import { addCounts, createSessionStatistics, sessionMean, type SessionStatistics } from './session-statistics.js';
import { packInputs } from './packed-inputs.js';
import { stateCountOf, stateOf } from './states.js';
import { predictResponse } from './weights.js';

/**
 * The `causal` model: usable while an experiment runs, looking at nothing that has not happened yet.
 *
 * The initial sessions calibrate (raw counts only). At their end ensembles, scale and threshold factors are fixed, the
 * initial sessions get their free energy retrospectively and the prediction of all later sessions starts. From then on
 * every trial has a provisional x at once; the end of each session gives the exact x and the plastic update.
 */
export interface OnlineModel {
  readonly design: ExperimentDesign;
  readonly electrodes: number;
  /** B in spikes per trial, or the culture's own mean over the initial sessions. */
  readonly baselineOption: number | 'own';
  readonly choice: ElectrodeChoice;
  /** (inputs) recording electrode of each, where known */
  readonly stimulatedElectrodes: readonly number[] | undefined;
  readonly run: ModelRun;
  /** (T K, J) stimuli so far */
  readonly inputs: Uint8Array;
  /** (T K) joint states so far */
  readonly states: Uint8Array;
  readonly statistics: SessionStatistics;
  /** (initial sessions x K, electrodes) raw counts, needed once the ensembles are known */
  readonly initialCounts: Uint16Array;
  /** What the initial sessions did not see. */
  readonly blind: BlindSums;
  /** Trials observed so far. */
  row: number;
  /** Sessions ended so far. */
  sessionsEnded: number;
  calibration: Calibration | undefined;
  /** Sums as they were before the running session, for `restartOnlineSession`. */
  before: SumsBefore;
}

interface SumsBefore {
  readonly blind: BlindSums;
  readonly trailing: readonly StateMeans[];
}

/** What the end of the initial sessions fixes. */
export type Calibration =
  | {
      readonly type: 'calibrated';
      readonly ensembles: readonly (readonly number[])[];
      /** What the choice of ensembles left out. */
      readonly leftOut: LeftOut;
      readonly members: readonly Uint16Array[];
      readonly baseline: number;
      readonly scales: readonly CausalScale[];
      /** (n, T K) mean counts of the ensembles */
      readonly traces: Float64Array;
      /** Per ensemble: sums over the trailing K trials. */
      readonly trailing: readonly StateMeans[];
    }
  | {
      readonly type: 'ensemble-not-found';
      readonly ensembles: readonly (readonly number[])[];
      readonly leftOut: LeftOut;
      /** Sources (from 0) that no electrode prefers. */
      readonly missing: readonly number[];
    };

export interface OnlineModelOptions {
  readonly design: ExperimentDesign;
  readonly electrodes: number;
  /** B in spikes per trial; `own`: mean over ensembles and initial sessions of this culture. */
  readonly baseline: number | 'own';
  /** Electrodes that ensembles may hold; `seen` by default. */
  readonly choice?: ElectrodeChoice | undefined;
  /** (inputs) recording electrode of each; needed for `never-pulsed`. */
  readonly stimulatedElectrodes?: readonly number[] | undefined;
}

/** One trial as the model takes it. */
export interface ObservedTrial {
  /** (sources) 0 or 1 */
  readonly sources: Uint8Array;
  /** (inputs) 0 or 1 */
  readonly inputs: Uint8Array;
  /** (electrodes) spikes in the response window */
  readonly counts: Uint16Array;
  /** (electrodes) share of the window that could not be seen; absent where all saw everything */
  readonly blindFraction?: Float32Array | undefined;
}

/** What is known right after a trial: provisional responses and what the prediction said. */
export interface TrialEstimate {
  /** (ensembles) provisional x, from the trailing mean of the last K trials */
  readonly x: Float64Array;
  /** (ensembles) response predicted from the initial sessions */
  readonly xp: Float64Array;
}

/** @throws MeaError `bad-input` for a number of initial sessions that cannot be, or a choice that needs what is not known */
export function createOnlineModel(options: OnlineModelOptions): OnlineModel {
  const { design, electrodes, baseline, choice = 'seen', stimulatedElectrodes } = options;
  if (!(design.initialSessions >= 1 && design.initialSessions < design.sessions)) {
    throw new MeaError('bad-input', {
      what: 'Bad number of initial sessions',
      got: String(design.initialSessions),
      wanted: `1 to ${design.sessions - 1}, so that sessions remain to predict`,
    });
  }
  if (choice === 'never-pulsed') listPulsed(new Uint8Array(0), stimulatedElectrodes);
  const rows = design.sessions * design.trialsPerSession;
  const states = stateCountOf(design.sourceCount);
  const blind = createBlindSums({ states, electrodes });
  return {
    design,
    electrodes,
    baselineOption: baseline,
    choice,
    stimulatedElectrodes,
    run: createModelRun(design),
    inputs: new Uint8Array(rows * design.sourceCount * design.inputsPerBlock),
    states: new Uint8Array(rows),
    statistics: createSessionStatistics({ sessions: design.sessions, states, electrodes }),
    initialCounts: new Uint16Array(design.initialSessions * design.trialsPerSession * electrodes),
    blind,
    row: 0,
    sessionsEnded: 0,
    calibration: undefined,
    before: { blind: structuredClone(blind), trailing: [] },
  };
}

/**
 * Takes the next trial.
 *
 * @returns the estimate, or undefined while calibrating and where an ensemble was not found
 */
export function observeOnlineTrial(model: OnlineModel, trial: ObservedTrial): TrialEstimate | undefined {
  const { design, electrodes, row } = model;
  assertNextTrial(model, trial);
  const session = Math.floor(row / design.trialsPerSession);
  const state = stateOf(trial.sources, 0, design.sourceCount);
  if (row % design.trialsPerSession === 0) model.before = copySums(model);
  model.inputs.set(trial.inputs, row * trial.inputs.length);
  model.states[row] = state;
  addCounts(model.statistics, { session, state, counts: trial.counts, offset: 0 });
  model.row++;
  if (session < design.initialSessions) {
    model.initialCounts.set(trial.counts, row * electrodes);
    addBlindFractions(model.blind, state, trial.blindFraction);
    return undefined;
  }
  return estimateTrial(model, row, trial.counts);
}

/** Forgets the trials of the running session: it begins anew. */
export function restartOnlineSession(model: OnlineModel): void {
  const { design, statistics, before, calibration, row } = model;
  const session = Math.floor(row / design.trialsPerSession);
  if (row === session * design.trialsPerSession) return;
  const cell = session * statistics.states;
  statistics.trials.fill(0, cell, cell + statistics.states);
  statistics.sums.fill(0, cell * statistics.electrodes, (cell + statistics.states) * statistics.electrodes);
  model.blind.trials.set(before.blind.trials);
  model.blind.sums.set(before.blind.sums);
  if (calibration?.type === 'calibrated') {
    calibration.trailing.forEach((means, a) => {
      means.sums.set(before.trailing[a]!.sums);
      means.trials.set(before.trailing[a]!.trials);
    });
  }
  model.row = session * design.trialsPerSession;
}

function copySums({ blind, calibration }: OnlineModel): SumsBefore {
  const trailing = calibration?.type === 'calibrated' ? calibration.trailing : [];
  return {
    blind: { ...blind, trials: blind.trials.slice(), sums: blind.sums.slice() },
    trailing: trailing.map(({ sums, trials }) => ({ sums: sums.slice(), trials: trials.slice() })),
  };
}

function assertNextTrial({ design, electrodes, row, sessionsEnded }: OnlineModel, trial: ObservedTrial): void {
  const { trialsPerSession, sourceCount, inputsPerBlock } = design;
  if (row >= (sessionsEnded + 1) * trialsPerSession || row >= design.sessions * trialsPerSession) {
    throw new MeaError('bad-input', {
      what: 'A trial beyond the session',
      got: `trial ${row}`,
      wanted: `at most ${trialsPerSession} trials in each of ${design.sessions} sessions, endOnlineSession after each`,
    });
  }
  const sizes = [trial.sources.length, trial.inputs.length, trial.counts.length];
  if (sizes[0] === sourceCount && sizes[1] === sourceCount * inputsPerBlock && sizes[2] === electrodes) return;
  throw new MeaError('bad-input', {
    what: 'A trial of the wrong size',
    got: `${sizes.join(', ')} sources, inputs, electrodes`,
    wanted: `${sourceCount}, ${sourceCount * inputsPerBlock}, ${electrodes}`,
  });
}

/** Ends the running session: exact responses, free energy, plastic update; after the last initial session, calibration. */
export function endOnlineSession(model: OnlineModel): void {
  const { design, run, row } = model;
  const finished = row / design.trialsPerSession;
  if (!Number.isInteger(finished)) {
    throw new MeaError('bad-input', {
      what: 'A session ended early',
      got: `${row % design.trialsPerSession} trials`,
      wanted: String(design.trialsPerSession),
      where: `session ${Math.floor(finished) + 1}`,
    });
  }
  model.sessionsEnded = finished;
  if (finished === design.initialSessions) {
    model.calibration = calibrate(model);
    if (model.calibration.type === 'calibrated') {
      for (let session = 0; session < finished; session++) runCausalSession(model, session);
    }
  } else if (finished > design.initialSessions && model.calibration?.type === 'calibrated') {
    runCausalSession(model, run.session);
  }
}

/** The causal analysis of stored responses: the stream, run over the table. */
export function fitCausal(table: ResponseTable, options: OnlineModelOptions): OnlineModel {
  const model = createOnlineModel({ stimulatedElectrodes: table.stimulatedElectrodes, ...options });
  const { sourceCount, inputCount, electrodeCount, trialsPerSession, blindFraction } = table;
  for (let row = 0; row < table.sessions * trialsPerSession; row++) {
    observeOnlineTrial(model, {
      sources: table.sources.subarray(row * sourceCount, (row + 1) * sourceCount),
      inputs: table.inputs.subarray(row * inputCount, (row + 1) * inputCount),
      counts: table.counts.subarray(row * electrodeCount, (row + 1) * electrodeCount),
      blindFraction: blindFraction?.subarray(row * electrodeCount, (row + 1) * electrodeCount),
    });
    if ((row + 1) % trialsPerSession === 0) endOnlineSession(model);
  }
  return model;
}

function runCausalSession(model: OnlineModel, session: number): void {
  const { design, run, states } = model;
  if (model.calibration?.type !== 'calibrated') return;
  const { scales, traces } = model.calibration;
  const rows = design.sessions * design.trialsPerSession;
  const first = session * design.trialsPerSession;
  scales.forEach((scale, a) => {
    const range = { states, first, end: first + design.trialsPerSession };
    const trace = traces.subarray(a * rows, (a + 1) * rows);
    normaliseSession(scale, { ...range, trace }, run.arrays.x.subarray(a * rows, (a + 1) * rows));
  });
  runSession(run, { x: run.arrays.x, inputs: model.inputs });
}

function calibrate(model: OnlineModel): Calibration {
  const { design, electrodes, statistics, states } = model;
  const { initialSessions, trialsPerSession } = design;
  const leftOut = leftOutOf(model);
  statistics.leftOut = maskOf(leftOut, electrodes);
  const ensembles = chooseEnsembles(statistics, { first: 0, end: initialSessions });
  const missing = ensembles.flatMap((members, a) => (members.length === 0 ? [a] : []));
  if (missing.length > 0) return { type: 'ensemble-not-found', ensembles, leftOut, missing };
  const baseline = model.baselineOption === 'own' ? ownBaseline(model, ensembles) : model.baselineOption;
  const members = ensembles.map((list) => Uint16Array.from(list));
  const rows = design.sessions * trialsPerSession;
  const traces = new Float64Array(ensembles.length * rows);
  const stateCount = statistics.states;
  const trailing = members.map(() => createStateMeans(stateCount));
  members.forEach((list, a) => {
    for (let row = 0; row < initialSessions * trialsPerSession; row++) {
      traces[a * rows + row] = ensembleMean(model.initialCounts, row * electrodes, list);
    }
    const last = a * rows + initialSessions * trialsPerSession;
    for (let row = last - trialsPerSession; row < last; row++) {
      trailing[a]!.sums[states[row - a * rows]!]! += traces[row]!;
      trailing[a]!.trials[states[row - a * rows]!]! += 1;
    }
  });
  const scales = ensembles.map((_, a) =>
    calibrateCausal(traces.subarray(a * rows, (a + 1) * rows), states, {
      trialsPerSession,
      initialSessions,
      stateCount,
      baseline,
    }),
  );
  return { type: 'calibrated', ensembles, leftOut, members, baseline, scales, traces, trailing };
}

/** What the initial sessions say of electrodes: as in `findLeftOut`, with nothing that has not happened yet. */
function leftOutOf({ choice, blind, inputs, row, design, stimulatedElectrodes }: OnlineModel): LeftOut {
  const width = design.sourceCount * design.inputsPerBlock;
  const used = new Uint8Array(width);
  if (choice === 'never-pulsed') for (let i = 0; i < row * width; i++) used[i % width]! |= inputs[i]!;
  return {
    blind: choice === 'all' ? [] : listBlind(blind),
    pulsed: choice === 'never-pulsed' ? listPulsed(used, stimulatedElectrodes) : [],
  };
}

function ownBaseline(model: OnlineModel, ensembles: readonly (readonly number[])[]): number {
  const { initialSessions } = model.design;
  let sum = 0;
  for (const members of ensembles) {
    let ensembleSum = 0;
    for (let session = 0; session < initialSessions; session++) {
      for (const electrode of members) ensembleSum += sessionMean(model.statistics, session, electrode);
    }
    sum += ensembleSum / members.length / initialSessions;
  }
  return sum / ensembles.length;
}

function estimateTrial(model: OnlineModel, row: number, counts: Uint16Array): TrialEstimate | undefined {
  const { design, run, states, inputs } = model;
  if (model.calibration?.type !== 'calibrated') return undefined;
  const { members, scales, traces, trailing } = model.calibration;
  const rows = design.sessions * design.trialsPerSession;
  const x = new Float64Array(members.length);
  const xp = new Float64Array(members.length);
  members.forEach((list, a) => {
    const count = ensembleMean(counts, 0, list);
    traces[a * rows + row] = count;
    const window = trailing[a]!;
    const leaving = row - design.trialsPerSession;
    window.sums[states[row]!]! += count;
    window.trials[states[row]!]! += 1;
    window.sums[states[leaving]!]! -= traces[a * rows + leaving]!;
    window.trials[states[leaving]!]! -= 1;
    x[a] = normaliseTrial(scales[a]!, { count, state: states[row]!, shift: shiftFrom(scales[a]!, window) });
  });
  if (run.forecast !== undefined && run.phi !== undefined) {
    const codes = packInputs(inputs, { first: row, end: row + 1, width: run.core.weights.inputs });
    const trial = { codes, offset: 0 };
    predictResponse(run.forecast.weights, run.phi, { trial, out: xp });
  }
  return { x, xp };
}
