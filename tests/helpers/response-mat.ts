import type { ResponseTable } from '../../protocols/responses.js';
import { bytesArray, cell, doubles, matFile, struct } from './mat-bytes.js';

/** The bytes of a response file as MATLAB would write it: a cell `data` of structs with s, o and r. */
export function responseMat(...tables: readonly ResponseTable[]): Buffer {
  const cultures = tables.map((table) => {
    const rows = table.sessions * table.trialsPerSession;
    const fields = [
      bytesArray([rows, table.sourceCount], toColumns(table.sources, rows)),
      bytesArray([rows, table.inputCount], toColumns(table.inputs, rows)),
      doubles([rows, table.electrodeCount], toColumns(table.counts, rows)),
    ];
    return struct(['s', 'o', 'r'], [fields]);
  });
  return matFile(cell([1, tables.length], cultures, 'data'));
}

/** Row-major to column-major. */
function toColumns(values: ArrayLike<number>, rows: number): number[] {
  const columns = values.length / rows;
  return Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}
