import { join } from 'node:path';
import { isMeaError } from '../../../../protocols/errors.js';
import { openNpyColumn, type NpyColumn } from '../npy-column.js';

/** Columns of one folder, those that are there; all as long as the shortest. Close it. */
export interface EventColumns {
  readonly count: number;
  readonly columns: ReadonlyMap<string, NpyColumn>;
  close(): Promise<void>;
}

/** Opens the named `.npy` files of a folder; each name may have older ones, that are taken where the newer is missing. */
export async function openEventColumns(
  folder: string,
  names: Readonly<Record<string, readonly string[]>>,
): Promise<EventColumns> {
  const columns = new Map<string, NpyColumn>();
  const close = async (): Promise<void> => {
    await Promise.allSettled(Array.from(columns.values(), (column) => column.close()));
  };
  try {
    for (const [name, files] of Object.entries(names)) {
      const column = await openFirst(folder, files);
      if (column !== undefined) columns.set(name, column);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const count = columns.size === 0 ? 0 : Math.min(...Array.from(columns.values(), ({ length }) => length));
  return { count, columns, close };
}

async function openFirst(folder: string, files: readonly string[]): Promise<NpyColumn | undefined> {
  for (const file of files) {
    const column = await openNpyColumn(join(folder, `${file}.npy`)).catch((error: unknown) => {
      if (isMeaError(error, 'missing')) return undefined;
      throw error;
    });
    if (column !== undefined) return column;
  }
  return undefined;
}
