import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';

/** The impedance of one electrode. */
export interface MeasuredImpedance {
  readonly electrode: number;
  readonly ohm: number;
  /** ISO 8601 with its zone. */
  readonly measuredAt: string;
}

const COLUMNS = ['electrode', 'ohm', 'measured_at'] as const;
const timeSchema = z.iso.datetime({ offset: true });

/**
 * Reads a table of impedances: comma-separated, a header with at least the columns `electrode`, `ohm` and `measured_at`.
 *
 * @param where the file, for messages, which name the line
 * @throws MeaError `bad-input` for a header that lacks a column, a value that is none, an electrode twice, no rows
 */
export function parseImpedances(text: string, where: string): readonly MeasuredImpedance[] {
  const [header = '', ...lines] = text.replace(/^\uFEFF/u, '').split(/\r?\n/u);
  const names = cellsOf(header);
  const at = COLUMNS.map((column) => names.indexOf(column));
  if (at.some((index) => index < 0)) {
    throw badTable('A table of impedances lacks its header', {
      got: header.trim() === '' ? 'nothing' : header,
      wanted: COLUMNS.join(','),
      where: `${where}, line 1`,
    });
  }
  const lineOf = new Map<number, number>();
  const rows = lines.flatMap((line, i) => {
    if (line.trim() === '') return [];
    const number = i + 2;
    const row = toRow(cellsOf(line), { at, width: names.length, where: `${where}, line ${number}` });
    const before = lineOf.get(row.electrode);
    if (before !== undefined) {
      const got = `electrode ${row.electrode} in lines ${before} and ${number}`;
      throw badTable('A table has two impedances of one electrode', { got, wanted: 'one, the newest', where });
    }
    lineOf.set(row.electrode, number);
    return [row];
  });
  if (rows.length > 0) return rows;
  throw badTable('A table of impedances is empty', { got: 'no rows', wanted: 'a row for each electrode', where });
}

interface Line {
  readonly at: readonly number[];
  readonly width: number;
  readonly where: string;
}

function toRow(cells: readonly string[], { at, width, where }: Line): MeasuredImpedance {
  if (cells.length !== width) {
    const got = `${cells.length} values`;
    throw badTable('A line of a table does not fit its header', { got, wanted: `${width}`, where });
  }
  const [electrode = '', ohm = '', measuredAt = ''] = at.map((index) => cells[index]);
  if (!/^\d{1,5}$/u.test(electrode) || Number(electrode) > 65_535)
    throw badCell('electrode', { got: electrode, wanted: 'the number of an electrode, from 0', where });
  if (!(Number(ohm) > 0 && Number.isFinite(Number(ohm))))
    throw badCell('ohm', { got: ohm, wanted: 'a number above 0', where });
  if (!timeSchema.safeParse(measuredAt).success)
    throw badCell('measured_at', {
      got: measuredAt,
      wanted: 'a time in ISO 8601 with its zone, e.g. 2026-11-28T09:30:00Z',
      where,
    });
  return { electrode: Number(electrode), ohm: Number(ohm), measuredAt };
}

function cellsOf(line: string): readonly string[] {
  return line.split(',').map((cell) => cell.trim());
}

type Details = Omit<ConstructorParameters<typeof MeaError>[1], 'what'>;

function badCell(column: (typeof COLUMNS)[number], { got, ...details }: Details): MeaError {
  return badTable(`Bad ${column} of an impedance`, { got: got === '' ? 'nothing' : `${got}`, ...details });
}

function badTable(what: string, details: Details): MeaError {
  return new MeaError('bad-input', { what, remedy: 'docs/rig-file.md describes the table', ...details });
}
