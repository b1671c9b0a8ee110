import { MeaError } from './errors.js';

/**
 * The evoked responses of one culture over a whole experiment: rows are trials, session after session.
 * Arrays are row-major; a row is `session * trialsPerSession + trial`.
 */
export interface ResponseTable {
  readonly sessions: number;
  readonly trialsPerSession: number;
  /** Number of hidden sources. */
  readonly sourceCount: number;
  /** Number of stimulated electrodes. */
  readonly inputCount: number;
  readonly electrodeCount: number;
  /** (rows, sourceCount) hidden sources, 0 or 1. */
  readonly sources: Uint8Array;
  /** (rows, inputCount) stimuli, 0 or 1. */
  readonly inputs: Uint8Array;
  /** (rows, electrodeCount) evoked spike counts in the response window, non-negative integers. */
  readonly counts: Uint16Array;
  /** (rows, electrodeCount) share of the response window that could not be seen; absent where all saw everything. */
  readonly blindFraction?: Float32Array | undefined;
  /** (inputCount) recording electrode of each input; absent where nobody wrote it down. */
  readonly stimulatedElectrodes?: readonly number[] | undefined;
}

/** Number of trials in the table. */
export function rowCount(table: ResponseTable): number {
  return table.sessions * table.trialsPerSession;
}

/** The first sessions of a table: views into its arrays, or the table itself where that is all. */
export function firstSessions(table: ResponseTable, sessions: number): ResponseTable {
  if (sessions === table.sessions) return table;
  const rows = sessions * table.trialsPerSession;
  return {
    ...table,
    sessions,
    sources: table.sources.subarray(0, rows * table.sourceCount),
    inputs: table.inputs.subarray(0, rows * table.inputCount),
    counts: table.counts.subarray(0, rows * table.electrodeCount),
    ...(table.blindFraction !== undefined && {
      blindFraction: table.blindFraction.subarray(0, rows * table.electrodeCount),
    }),
  };
}

/**
 * Checks that the arrays have the shapes that the sizes claim and that sources and inputs are 0 or 1.
 *
 * @throws MeaError `bad-input` naming the first field that does not fit
 */
export function assertResponseTable(table: ResponseTable, where: string): void {
  const rows = rowCount(table);
  const shapes = [
    ['sources', table.sources, table.sourceCount],
    ['inputs', table.inputs, table.inputCount],
    ['counts', table.counts, table.electrodeCount],
  ] as const;
  const optional = [
    ...(table.blindFraction === undefined
      ? []
      : [['blindFraction', table.blindFraction, table.electrodeCount] as const]),
  ];
  for (const [field, values, width] of [...shapes, ...optional]) {
    if (values.length === rows * width) continue;
    throw new MeaError('bad-input', {
      what: `Wrong number of values in ${field}`,
      got: String(values.length),
      wanted: `${rows} trials x ${width} = ${rows * width}`,
      where,
    });
  }
  for (const [field, values, width] of [shapes[0], shapes[1]] as const) {
    const bad = values.findIndex((value) => value > 1);
    if (bad < 0) continue;
    throw new MeaError('bad-input', {
      what: `${field} must be binary`,
      got: String(values[bad]),
      wanted: '0 or 1',
      where: `${where}, trial ${Math.floor(bad / width)}, column ${bad % width}`,
    });
  }
}
