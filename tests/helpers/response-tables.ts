import type { CultureCondition, CultureParameterName, PlasticityName } from '../../protocols/culture-names.js';
import { drawPattern, type StimulusPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream, shuffleInPlace } from '../../protocols/random.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { simulateResponses } from '../../sim-device/simulate-responses.js';

/** An emulated culture and what it is shown; the published experiment on an untreated control culture by default. */
export interface EmulatedExperiment {
  readonly seed: number;
  readonly parameters?: CultureParameterName;
  readonly plasticity?: PlasticityName;
  readonly condition?: CultureCondition;
  readonly sessions?: number;
  readonly trialsPerSession?: number;
  readonly sourceCount?: number;
  readonly inputsPerBlock?: number;
  readonly mixing?: number;
  /** One pattern for all sessions, or a new one for each. */
  readonly pattern?: 'frozen' | 'fresh';
}

/** Responses of an emulated culture over a whole experiment, the same for the same settings. */
export function emulateResponses(experiment: EmulatedExperiment): ResponseTable {
  const { seed, sessions = 100, trialsPerSession = 256, pattern = 'frozen' } = experiment;
  const { sourceCount = 2, inputsPerBlock = 16, mixing = 0.25 } = experiment;
  const draw = (...indices: readonly number[]): StimulusPattern =>
    drawPattern(
      { sourceCount, inputsPerBlock, mixing },
      trialsPerSession,
      openRandomStream(seed, 'pattern', ...indices),
    );
  const frozen = draw();
  const { parameters = 'ctrl', plasticity = 'free-energy', condition = 'none' } = experiment;
  return simulateResponses(
    { parameters, plasticity, condition, seed },
    { sessions, patterns: pattern === 'frozen' ? frozen : (session) => draw(session) },
  );
}

/** One trial of a table made by hand. */
export interface HandmadeTrial {
  readonly sources: readonly number[];
  readonly inputs: readonly number[];
  readonly counts: readonly number[];
}

/** A table from its trials, session after session. */
export function tableOfTrials(trialsPerSession: number, trials: readonly HandmadeTrial[]): ResponseTable {
  const [first] = trials;
  return {
    sessions: trials.length / trialsPerSession,
    trialsPerSession,
    sourceCount: first?.sources.length ?? 0,
    inputCount: first?.inputs.length ?? 0,
    electrodeCount: first?.counts.length ?? 0,
    sources: Uint8Array.from(trials.flatMap(({ sources }) => sources)),
    inputs: Uint8Array.from(trials.flatMap(({ inputs }) => inputs)),
    counts: Uint16Array.from(trials.flatMap(({ counts }) => counts)),
  };
}

/** The same trials in another order within each session, sources, inputs and counts together, every session its own order. */
export function permuteTrials(table: ResponseTable, seed: number): ResponseTable {
  const { sessions, trialsPerSession } = table;
  const order = new Uint32Array(sessions * trialsPerSession);
  for (let session = 0; session < sessions; session++) {
    const first = session * trialsPerSession;
    const rows = Uint32Array.from({ length: trialsPerSession }, (_, trial) => first + trial);
    order.set(shuffleInPlace(rows, openRandomStream(seed, 'permuted-trials', session)), first);
  }
  return takeRows(table, order);
}

/** A table with other rows of the same table, in the given order; the number of rows is a multiple of the session. */
export function takeRows(table: ResponseTable, order: ArrayLike<number>): ResponseTable {
  const { sources, inputs, counts, trialsPerSession } = table;
  return {
    ...table,
    sessions: order.length / trialsPerSession,
    sources: new Uint8Array(rowsOf(sources, order, table.sourceCount)),
    inputs: new Uint8Array(rowsOf(inputs, order, table.inputCount)),
    counts: new Uint16Array(rowsOf(counts, order, table.electrodeCount)),
  };
}

function rowsOf(values: ArrayLike<number>, order: ArrayLike<number>, width: number): number[] {
  return Array.from(
    { length: order.length * width },
    (_, i) => values[order[Math.floor(i / width)]! * width + (i % width)]!,
  );
}
