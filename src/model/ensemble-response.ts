import { rowCount, type ResponseTable } from '../../protocols/responses.js';

/** Mean count over an ensemble's electrodes on every trial: X of shape (ensembles, rows), spikes per trial. */
export function ensembleResponses(table: ResponseTable, ensembles: readonly (readonly number[])[]): Float64Array {
  const rows = rowCount(table);
  const out = new Float64Array(ensembles.length * rows);
  ensembles.forEach((members, a) => {
    const electrodes = Uint16Array.from(members);
    for (let row = 0; row < rows; row++) {
      out[a * rows + row] = ensembleMean(table.counts, row * table.electrodeCount, electrodes);
    }
  });
  return out;
}

/** Mean of `counts[offset + e]` over the electrodes e. */
export function ensembleMean(counts: Uint16Array, offset: number, electrodes: Uint16Array): number {
  let sum = 0;
  for (let m = 0; m < electrodes.length; m++) sum += counts[offset + electrodes[m]!]!;
  return sum / electrodes.length;
}
