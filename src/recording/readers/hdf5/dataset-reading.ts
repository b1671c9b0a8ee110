import { MeaError } from '../../../../protocols/errors.js';
import { MAX_REQUEST_BYTES, type Hdf5File } from './hdf5-file.js';
import { isValueList, type Hdf5Dataset, type Hdf5Numbers, type Hdf5Value } from './hdf5-messages.js';

/** Deflate, shuffle, checksum, n-bit, scale-offset: what the library has built in. */
const BUILT_IN_FILTERS = [1, 2, 3, 5, 6];
/** Filters from here on are others' programs. */
const FIRST_FOREIGN_FILTER = 256;
/** Said of a link that is not followed. */
export const OUTSIDE = 'is a link to another file, or to nothing; it is not followed';
/** Small tables: electrodes, channels, names. */
const MAX_TABLE_ROWS = 1_000_000;

/** Why the values of a dataset cannot be read, with the remedy; undefined when they can. */
export function whyUnreadable({ filters, chunks, size, isVirtual }: Hdf5Dataset, file: Hdf5File): string | undefined {
  const foreign = filters.find(({ id }) => !BUILT_IN_FILTERS.includes(id));
  if (foreign !== undefined) {
    const whose = foreign.id >= FIRST_FOREIGN_FILTER ? "the vendor's filter" : 'filter';
    const name = foreign.name === '' ? '' : ` (${foreign.name})`;
    return `compressed by ${whose} ${foreign.id}${name}, which is not here; convert it first, e.g. with h5repack -f NONE and the vendor's plugin`;
  }
  if (isVirtual) return 'its values lie in other files; copy them into one first';
  const chunkBytes = (chunks ?? []).reduce((product, length) => product * length, size);
  const { chunkBytes: limit } = file.limits;
  return chunks !== undefined && chunkBytes > limit ? `chunks of ${chunkBytes} bytes, more than ${limit}` : undefined;
}

/**
 * A dataset that must be there and readable.
 *
 * @throws MeaError `bad-format` otherwise, naming it
 */
export async function needDataset(file: Hdf5File, path: string): Promise<Hdf5Dataset> {
  const dataset = await file.describe(path);
  const reason = dataset === undefined ? 'it is not there' : whyUnreadable(dataset, file);
  if (dataset !== undefined && reason === undefined) return dataset;
  throw new MeaError('bad-format', {
    what: 'A dataset that is needed cannot be read',
    got: reason ?? 'nothing',
    where: `${file.path}, ${path}`,
  });
}

/** All numbers of one dimension, read in pieces. The caller has looked at how many there are. */
export async function readAll(file: Hdf5File, { path, shape, size }: Hdf5Dataset): Promise<Float64Array> {
  const count = countOf(shape);
  if (shape.length === 0) return toFloats(await file.numbers(path, []));
  const all = new Float64Array(count);
  const rowLength = count / (shape[0] ?? 1);
  const atOnce = Math.max(1, Math.floor(MAX_REQUEST_BYTES / (rowLength * Math.max(size, 8))));
  const rest = shape.slice(1).map((length): readonly [number, number] => [0, length]);
  for (let row = 0; count > 0 && row < shape[0]!; row += atOnce) {
    const to = Math.min(shape[0]!, row + atOnce);
    all.set(toFloats(await file.numbers(path, [[row, to], ...rest])), row * rowLength);
  }
  return all;
}

/** How many values a dataset of that shape has. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/**
 * The numbers of a small dataset: a table's column, a setting.
 *
 * @returns undefined where it is not there, or no numbers
 * @throws MeaError `bad-format` when it is too long
 */
export async function readTable(file: Hdf5File, path: string): Promise<Float64Array | undefined> {
  const dataset = await file.describe(path);
  if (dataset === undefined || (dataset.kind !== 'integer' && dataset.kind !== 'float')) return undefined;
  if (whyUnreadable(dataset, file) !== undefined) return undefined;
  assertTable(file, dataset);
  return readAll(file, dataset);
}

/** The first number of a small dataset; undefined as `readTable`. */
export async function readNumber(file: Hdf5File, path: string): Promise<number | undefined> {
  return (await readTable(file, path))?.[0];
}

/** Rows of a small dataset of texts or compound values; none where it is not there. Errors as `readTable`. */
export async function readRows(file: Hdf5File, path: string): Promise<readonly Hdf5Value[]> {
  const dataset = await file.describe(path);
  if (dataset === undefined || whyUnreadable(dataset, file) !== undefined || dataset.shape.length > 1) return [];
  assertTable(file, dataset);
  return file.rows(path, [0, dataset.shape[0] ?? 1]);
}

/** Rows of a small compound dataset, each by the names of its members. Errors as `readTable`. */
export async function readRecords(file: Hdf5File, path: string): Promise<ReadonlyMap<string, Hdf5Value>[]> {
  const dataset = await file.describe(path);
  if (dataset?.kind !== 'compound') return [];
  const rows = await readRows(file, path);
  return rows.map(
    (row) =>
      new Map(
        dataset.members.map(({ name }, k): [string, Hdf5Value] => [name, isValueList(row) ? (row[k] ?? '') : '']),
      ),
  );
}

function assertTable(file: Hdf5File, { path, shape }: Hdf5Dataset): void {
  const count = countOf(shape);
  if (count <= MAX_TABLE_ROWS) return;
  throw new MeaError('bad-format', {
    what: 'A table is too long',
    got: `${count} values`,
    wanted: `at most ${MAX_TABLE_ROWS}`,
    where: `${file.path}, ${path}`,
  });
}

function toFloats(numbers: Hdf5Numbers): Float64Array {
  if (numbers instanceof Float64Array) return numbers;
  return Float64Array.from<number | bigint>(numbers, Number);
}
