import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readTable } from '../hdf5/dataset-reading.js';

const TABLE = '/general/extracellular_ephys/electrodes';

/** A row of the table of electrodes. */
export interface NwbElectrode {
  readonly name: string;
  readonly id: number;
  /** Absent where the table has none. */
  readonly xUm?: number;
  readonly yUm?: number;
}

/** The table of electrodes; positions on the probe where it has them, otherwise in the brain; none without a table. */
export async function readElectrodes(file: Hdf5File): Promise<readonly NwbElectrode[]> {
  const ids = (await readTable(file, `${TABLE}/id`)) ?? new Float64Array(0);
  const x = await readPosition(file, 'x', ids.length);
  const y = await readPosition(file, 'y', ids.length);
  return Array.from(ids, (id, row) => {
    const [xUm, yUm] = [x?.[row], y?.[row]];
    const isKnown = Number.isFinite(xUm) && Number.isFinite(yUm);
    return { name: `electrode ${id}`, id, ...(isKnown && xUm !== undefined && yUm !== undefined && { xUm, yUm }) };
  });
}

async function readPosition(file: Hdf5File, axis: string, rows: number): Promise<Float64Array | undefined> {
  for (const name of [`rel_${axis}`, axis]) {
    const column = await readTable(file, `${TABLE}/${name}`);
    if (column?.length === rows) return column;
  }
  return undefined;
}
