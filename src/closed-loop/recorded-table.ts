import { MeaError } from '../../protocols/errors.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { Experiment } from './experiment.js';
import { countedTrials } from './recorded-run.js';

/** The responses of a recorded run, whole sessions only. */
export interface RecordedTable {
  readonly table: ResponseTable;
  /** Trials of a last, unfinished session, which the table leaves out. */
  readonly trialsLeftOut: number;
}

export interface RecordedTableOptions {
  readonly experiment: Experiment;
  /** Recording electrode of each input. */
  readonly stimulatedElectrodes: readonly number[];
  /** File, for messages. */
  readonly where: string;
}

/**
 * Gathers the trials of a ledger into a table.
 *
 * @throws MeaError `bad-input` when no session is whole; `bad-format` when trials do not follow each other
 */
export function toRecordedTable(
  records: readonly LedgerRecord[],
  { experiment, stimulatedElectrodes, where }: RecordedTableOptions,
): RecordedTable {
  const trials = countedTrials(records);
  const sessions = Math.floor(trials.length / experiment.trials);
  const [first] = trials;
  if (sessions < 1 || first === undefined) {
    throw new MeaError('bad-input', {
      what: 'The recording has no whole session',
      got: `${trials.length} trials`,
      wanted: `at least ${experiment.trials}`,
      where,
    });
  }
  const inputCount = experiment.sources * experiment.inputsPerBlock;
  const rows = sessions * experiment.trials;
  const isBlind = trials.some(({ blindFraction }) => blindFraction !== undefined);
  const table: ResponseTable = {
    sessions,
    trialsPerSession: experiment.trials,
    sourceCount: experiment.sources,
    inputCount,
    electrodeCount: first.counts.length,
    sources: new Uint8Array(rows * experiment.sources),
    inputs: new Uint8Array(rows * inputCount),
    counts: new Uint16Array(rows * first.counts.length),
    ...(isBlind && { blindFraction: new Float32Array(rows * first.counts.length) }),
    stimulatedElectrodes,
  };
  for (const [row, record] of trials.slice(0, rows).entries()) {
    if (record.session * experiment.trials + record.trial !== row || record.counts.length !== table.electrodeCount) {
      throw new MeaError('bad-format', {
        what: 'A trial of the ledger is out of order or has other electrodes',
        got: `session ${record.session}, trial ${record.trial}, ${record.counts.length} electrodes`,
        wanted: `session ${Math.floor(row / experiment.trials)}, trial ${row % experiment.trials}, ${table.electrodeCount} electrodes`,
        where,
      });
    }
    table.sources.set(Array.from(record.sources, Number), row * table.sourceCount);
    table.inputs.set(Array.from(record.inputs, Number), row * inputCount);
    table.counts.set(record.counts, row * table.electrodeCount);
    if (record.blindFraction !== undefined) table.blindFraction?.set(record.blindFraction, row * table.electrodeCount);
  }
  return { table, trialsLeftOut: trials.length - rows };
}
