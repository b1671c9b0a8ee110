import { MeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { responseFields, type Culture, type ResponseField } from './find-responses.js';
import type { MatNumbers, MatValue } from './mat5/mat-value.js';

/** One array of a culture: column-major, as MATLAB keeps it. */
interface Columns {
  readonly rows: number;
  readonly columns: number;
  readonly data: MatNumbers;
}

/** Trials turned at a time: source and destination of one tile fit the first-level cache. */
const TILE_ROWS = 256;

/**
 * Checks the arrays of one culture and turns them row-major.
 *
 * @returns a table with arrays of its own
 * @throws MeaError `bad-input` naming culture, field, trial and column
 */
export function toResponseTable(culture: Culture, trialsPerSession: number): ResponseTable {
  const { where } = culture;
  const s = toColumns(culture, 's');
  const o = toColumns(culture, 'o');
  const r = toColumns(culture, 'r');
  assertSameTrials({ s, o, r }, where);
  assertWholeSessions(r.rows, trialsPerSession, where);
  const place = { trialsPerSession, where };
  assertValues(s, 's', place);
  assertValues(o, 'o', place);
  assertValues(r, 'r', place);
  return {
    sessions: r.rows / trialsPerSession,
    trialsPerSession,
    sourceCount: s.columns,
    inputCount: o.columns,
    electrodeCount: r.columns,
    sources: turn(s, new Uint8Array(s.data.length)),
    inputs: turn(o, new Uint8Array(o.data.length)),
    counts: turn(r, new Uint16Array(r.data.length)),
  };
}

function toColumns({ fields, where }: Culture, field: ResponseField): Columns {
  const value = fields[field];
  const fail = (got: string): MeaError =>
    new MeaError('bad-input', {
      what: `Field ${field} is not an array of numbers`,
      got,
      wanted: 'trials x columns',
      where,
    });
  if (value.type !== 'numeric') throw fail(describeType(value));
  if (value.imaginary !== undefined) throw fail('complex numbers');
  const [rows = 0, columns = 0] = value.dims;
  if (value.dims.length !== 2 || rows === 0 || columns === 0) throw fail(value.dims.join(' x '));
  return { rows, columns, data: value.data };
}

function describeType(value: MatValue): string {
  return value.type === 'unsupported' ? value.classOf : value.type;
}

function assertSameTrials(arrays: Readonly<Record<ResponseField, Columns>>, where: string): void {
  const all = responseFields.map((field) => ({ field, ...arrays[field] }));
  const longest = Math.max(...all.flatMap(({ rows, columns }) => [rows, columns]));
  if (all.every(({ rows }) => rows === all[0]?.rows)) return;
  const turned = all.filter(({ rows, columns }) => rows !== longest && columns === longest);
  throw new MeaError('bad-input', {
    what: turned.length === 0 ? 's, o and r differ in their numbers of trials' : `${nameAll(turned)} transposed`,
    got: all.map(({ field, rows, columns }) => `${field} ${rows} x ${columns}`).join(', '),
    wanted: 'one row for each trial in all three',
    where,
    ...(turned.length === 0 ? {} : { remedy: `save ${turned.map(({ field }) => `${field}'`).join(', ')}` }),
  });
}

function nameAll(all: readonly { readonly field: ResponseField }[]): string {
  return `${all.map(({ field }) => field).join(', ')} ${all.length === 1 ? 'is' : 'are'}`;
}

function assertWholeSessions(rows: number, trialsPerSession: number, where: string): void {
  if (rows % trialsPerSession === 0) return;
  throw new MeaError('bad-input', {
    what: 'The last session is not whole',
    got: `${rows} trials`,
    wanted: `a multiple of ${trialsPerSession}`,
    where,
    remedy: 'check the number of trials per session',
  });
}

/** What the place of a wrong value is told from. */
interface Place {
  readonly trialsPerSession: number;
  readonly where: string;
}

function assertValues(columns: Columns, field: ResponseField, place: Place): void {
  const wrong = findOutside(columns.data, field === 'r' ? 65535 : 1);
  if (wrong >= 0) throw badValue(columns, wrong, { field, ...place });
}

/** Index of the first value that is not an integer from 0 to `max`, or -1. */
function findOutside(data: MatNumbers, max: number): number {
  const isUnsigned = data instanceof Uint8Array || data instanceof Uint16Array;
  if (isUnsigned && max === 65535) return -1;
  for (let index = 0; index < data.length; index += 1) {
    const value = data[index]!;
    if (!(value >= 0 && value <= max && Number.isInteger(value))) return index;
  }
  return -1;
}

/** Copies column-major into row-major, tile by tile: the order of reading and the order of writing both stay local. */
function turn<T extends Uint8Array | Uint16Array>({ rows, columns, data }: Columns, into: T): T {
  for (let first = 0; first < rows; first += TILE_ROWS) {
    const end = Math.min(first + TILE_ROWS, rows);
    for (let column = 0; column < columns; column += 1) {
      let to = first * columns + column;
      for (let from = column * rows + first; from < column * rows + end; from += 1) {
        into[to] = data[from]!;
        to += columns;
      }
    }
  }
  return into;
}

function badValue(
  { rows, data }: Columns,
  index: number,
  { field, trialsPerSession, where }: Place & { readonly field: ResponseField },
): MeaError {
  const row = index % rows;
  const session = Math.floor(row / trialsPerSession);
  return new MeaError('bad-input', {
    what: field === 'r' ? 'Field r must hold spike counts' : `Field ${field} must be binary`,
    got: String(data[index]),
    wanted: field === 'r' ? 'an integer from 0 to 65535' : '0 or 1',
    where: `${where}, session ${session}, trial ${row - session * trialsPerSession}, column ${Math.floor(index / rows)}`,
  });
}
