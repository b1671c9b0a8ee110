import type { Hdf5Command, Hdf5Numbers, Hdf5Type, Hdf5Writer } from '../hdf5-commands.js';
import type { NwbAttributes, NwbObjects } from './nwb-objects.js';

/** Bytes of a chunk of a column, about. */
const CHUNK_BYTES = 2 ** 17;

/** A column of numbers. */
export interface NumberColumn {
  readonly name: string;
  readonly description: string;
  readonly dtype: Hdf5Type;
  /** Sizes after the first. */
  readonly rowShape?: readonly number[];
  /** Of a column that points to rows of another table. */
  readonly table?: string;
  /** Of an index: the column whose rows it cuts. */
  readonly indexOf?: string;
}

/** A column of text. */
export interface TextColumn {
  readonly name: string;
  readonly description: string;
}

/** What a table is. */
export interface NwbTable {
  readonly path: string;
  readonly type: string;
  readonly description: string;
  readonly numbers: readonly NumberColumn[];
  readonly texts?: readonly TextColumn[];
  /** About how many rows there will be: chunks need not be larger. */
  readonly rows: number;
  /** Names in the order in which readers show them, without indices. */
  readonly order: readonly string[];
  readonly attributes?: NwbAttributes;
}

/** A table that grows by pieces. Text is held until the end: the library writes a column of it only whole. */
export interface TableWriter {
  /** Adds values to a column. */
  add(name: string, data: Hdf5Numbers): Promise<void>;
  addText(name: string, values: readonly string[]): void;
  /** Writes ids and text; every column without an index of its own must have `rows` rows. */
  finish(rows: number): Promise<void>;
}

/** Opens a table in a file; its group must not be there yet, what is above it must. */
export async function openTable(writer: Hdf5Writer, objects: NwbObjects, table: NwbTable): Promise<TableWriter> {
  const { path, type, description, numbers, order, attributes } = table;
  await writer.apply([
    ...objects.group({ path, type, attributes: { description, colnames: order, ...attributes } }),
    ...numbers.flatMap((column) => openColumn(objects, table, column)),
  ]);
  const filled = new Map(numbers.map(({ name }) => [name, 0]));
  const widths = new Map(numbers.map(({ name, rowShape = [] }) => [name, product(rowShape)]));
  const texts = new Map((table.texts ?? []).map(({ name }) => [name, new Array<string>()]));
  return {
    async add(name, data) {
      const first = filled.get(name) ?? 0;
      filled.set(name, first + data.length / (widths.get(name) ?? 1));
      await writer.apply([{ type: 'fill', path: `${path}/${name}`, first, data }]);
    },
    addText(name, values) {
      for (const value of values) texts.get(name)?.push(value);
    },
    async finish(rows) {
      const ids = Int32Array.from({ length: rows }, (_, i) => i);
      await writer.apply([
        { type: 'numbers', path: `${path}/id`, dtype: '<i', data: ids, shape: [rows] },
        ...objects.label({ path: `${path}/id`, type: 'ElementIdentifiers' }),
        ...(table.texts ?? []).flatMap((column) =>
          writeText(objects, path, { ...column, value: texts.get(column.name) ?? [] }),
        ),
      ]);
    },
  };
}

/** An empty column of numbers, with what it refers to. */
function openColumn(objects: NwbObjects, table: NwbTable, column: NumberColumn): Hdf5Command[] {
  const path = `${table.path}/${column.name}`;
  const { rowShape = [] } = column;
  const rowBytes = 8 * product(rowShape);
  return [
    {
      type: 'rows',
      path,
      dtype: column.dtype,
      rows: 0,
      rowShape,
      chunkRows: Math.max(1, Math.min(table.rows, Math.floor(CHUNK_BYTES / rowBytes))),
      gzip: false,
    },
    ...labelColumn(objects, table.path, column),
  ];
}

/** What makes a column of a dataset of numbers. */
export function labelColumn(objects: NwbObjects, table: string, column: NumberColumn): Hdf5Command[] {
  const path = `${table}/${column.name}`;
  const attributes = { description: column.description };
  if (column.indexOf !== undefined) {
    const target = `${table}/${column.indexOf}`;
    return [
      ...objects.label({ path, type: 'VectorIndex', attributes }),
      { type: 'reference-attribute', path, name: 'target', target },
    ];
  }
  if (column.table !== undefined) {
    return [
      ...objects.label({ path, type: 'DynamicTableRegion', attributes }),
      { type: 'reference-attribute', path, name: 'table', target: column.table },
    ];
  }
  return objects.label({ path, type: 'VectorData', attributes });
}

/** A whole column of text. */
export function writeText(
  objects: NwbObjects,
  table: string,
  { name, description, value }: TextColumn & { readonly value: readonly string[] },
): Hdf5Command[] {
  const path = `${table}/${name}`;
  return [{ type: 'text', path, value }, ...objects.label({ path, type: 'VectorData', attributes: { description } })];
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((result, size) => result * size, 1);
}
