import { rowCount, type ResponseTable } from '../../protocols/responses.js';
import { findLeftOut, maskOf, type ElectrodeChoice, type LeftOut } from './electrode-choice.js';
import { chooseEnsembles } from './ensembles.js';
import { ensembleResponses } from './ensemble-response.js';
import { createModelRun, runSession, type ExperimentDesign, type ModelRun } from './model-run.js';
import { normalisePublished, traceMeans, type TraceMeans } from './published-normaliser.js';
import { addCounts, createSessionStatistics, type SessionStatistics } from './session-statistics.js';
import { listStates, stateCountOf } from './states.js';

/** First pass over the responses: sums per session, state and electrode. */
export function summariseResponses(table: ResponseTable, states: Uint8Array): SessionStatistics {
  const { sessions, electrodeCount: electrodes, counts, trialsPerSession } = table;
  const statistics = createSessionStatistics({ sessions, electrodes, states: stateCountOf(table.sourceCount) });
  const rows = rowCount(table);
  for (let row = 0; row < rows; row++) {
    const session = Math.floor(row / trialsPerSession);
    addCounts(statistics, { session, state: states[row]!, counts, offset: row * electrodes });
  }
  return statistics;
}

/** A culture before normalisation: its ensembles and their mean counts. */
export interface EnsembleTraces {
  /** (rows) joint state of the sources */
  readonly states: Uint8Array;
  readonly statistics: SessionStatistics;
  readonly ensembles: readonly (readonly number[])[];
  /** What the choice of ensembles left out. */
  readonly leftOut: LeftOut;
  /** (ensembles, rows) mean count over the ensemble's electrodes; NaN rows for an empty ensemble */
  readonly traces: Float64Array;
  /** per ensemble */
  readonly means: readonly TraceMeans[];
  /** Mean over ensembles and initial sessions of the mean evoked count: the culture's own baseline B. */
  readonly ownBaseline: number;
}

/** Ensembles from all sessions, as published, and their traces. */
export function publishedTraces(
  table: ResponseTable,
  initialSessions: number,
  choice: ElectrodeChoice = 'seen',
): EnsembleTraces {
  const states = listStates(table.sources, table.sourceCount);
  const statistics = summariseResponses(table, states);
  const leftOut = findLeftOut(table, { choice, stretch: initialSessions, end: table.sessions });
  statistics.leftOut = maskOf(leftOut, table.electrodeCount);
  const ensembles = chooseEnsembles(statistics, { first: 0, end: table.sessions });
  return tracesOf(table, { states, statistics, ensembles, leftOut, initialSessions });
}

export function tracesOf(
  table: ResponseTable,
  chosen: Pick<EnsembleTraces, 'states' | 'statistics' | 'ensembles' | 'leftOut'> & {
    readonly initialSessions: number;
  },
): EnsembleTraces {
  const { states, statistics, ensembles, leftOut, initialSessions } = chosen;
  const traces = ensembleResponses(table, ensembles);
  const rows = rowCount(table);
  const means = ensembles.map((_, a) =>
    traceMeans(traces.subarray(a * rows, (a + 1) * rows), states, {
      trialsPerSession: table.trialsPerSession,
      stateCount: statistics.states,
    }),
  );
  return { states, statistics, ensembles, leftOut, traces, means, ownBaseline: meanBaseline(means, initialSessions) };
}

/**
 * The published analysis after its ensembles are chosen: normalisation against baseline B, model, prediction, errors.
 *
 * @param baseline B in spikes per trial: the culture's own, or the mean over a condition's cultures
 * Every ensemble must have a member: an empty one has no response to normalise.
 */
export function fitPublished(table: ResponseTable, culture: EnsembleTraces, options: PublishedFitOptions): ModelRun {
  const { design, baseline } = options;
  const rows = rowCount(table);
  const run = createModelRun(design);
  const { x } = run.arrays;
  x.set(culture.traces);
  culture.means.forEach((means, a) => {
    normalisePublished(x.subarray(a * rows, (a + 1) * rows), culture.states, {
      trialsPerSession: table.trialsPerSession,
      baseline,
      means,
    });
  });
  for (let session = 0; session < design.sessions; session++) runSession(run, { x, inputs: table.inputs });
  return run;
}

export interface PublishedFitOptions {
  readonly design: ExperimentDesign;
  readonly baseline: number;
}

function meanBaseline(means: readonly TraceMeans[], initialSessions: number): number {
  let sum = 0;
  for (const { bySession } of means) {
    for (let session = 0; session < initialSessions; session++) sum += bySession[session]!;
  }
  return sum / (means.length * initialSessions);
}
