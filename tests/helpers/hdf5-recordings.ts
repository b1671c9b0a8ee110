import { File, ready, type GuessableDataTypes, type Group } from 'h5wasm/node';

/** Something that is written into a group by its name. */
type Write = (group: Group, name: string) => void;

/** A group: what is in it, by name, and its attributes. */
export interface Hdf5Content {
  readonly attributes?: Readonly<Record<string, string | number>>;
  readonly items?: Readonly<Record<string, Hdf5Content | Write>>;
}

/** Writes an HDF5 file. */
export async function writeHdf5(path: string, content: Hdf5Content): Promise<void> {
  await ready;
  const file = new File(path, 'w');
  fill(file, content);
  file.flush();
  file.close();
}

function fill(group: Group, { attributes = {}, items = {} }: Hdf5Content): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string') group.create_attribute(name, value);
    else group.create_attribute(name, value, [], '<d');
  }
  for (const [name, item] of Object.entries(items)) {
    if (typeof item === 'function') item(group, name);
    else fill(group.create_group(name), item);
  }
}

/** A dataset without chunks. */
export function plain(
  data: GuessableDataTypes,
  shape?: readonly number[],
  attributes: Hdf5Content['attributes'] = {},
): Write {
  return (group, name) => {
    const dataset = group.create_dataset({ name, data, ...(shape !== undefined && { shape: [...shape] }) });
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === 'string') dataset.create_attribute(key, value);
      else dataset.create_attribute(key, value, [], '<d');
    }
  };
}

/** A dataset in compressed chunks. */
export function chunked(data: GuessableDataTypes, shape: readonly number[], chunks: readonly number[]): Write {
  return (group, name) => {
    group.create_dataset({ name, data, shape: [...shape], chunks: [...chunks], compression: 'gzip' });
  };
}

/** Columns of compound values. */
type Columns = Readonly<Record<string, Int32Array | Float32Array | Float64Array | BigInt64Array | readonly string[]>>;

/** Compound values, by the columns of their members. */
export function table(columns: Columns): Write {
  const dtype = Object.entries(columns).map(([key, column]): [string, string] => [key, dtypeOf(column)]);
  return (group, name) => {
    group.create_dataset({ name, data: new Map(Object.entries(columns)), dtype });
  };
}

/** Texts of a length that does not change: the library writes no others into compound values. */
function dtypeOf(column: Columns[string]): string {
  if (column instanceof Int32Array) return '<i';
  if (column instanceof Float32Array) return '<f';
  if (column instanceof Float64Array) return '<d';
  return column instanceof BigInt64Array ? '<q' : 'S16';
}

/** A link into another file. */
export function externalLink(file: string, target: string): Write {
  return (group, name) => {
    group.create_external_link(file, target, name);
  };
}

export function softLink(target: string): Write {
  return (group, name) => {
    group.create_soft_link(target, name);
  };
}

/** A dataset that claims to be larger than the values, in its first dimension, that were written into it. */
export function grown(
  data: Int16Array | Int32Array | Float64Array,
  chunks: readonly number[],
  shape: readonly number[],
): Write {
  return (group, name) => {
    const written = shape.map((size, axis) => (axis === 0 ? data.length : size));
    const maxshape = shape.map(() => null);
    group.create_dataset({ name, data, shape: written, maxshape, chunks: [...chunks] }).resize([...shape]);
  };
}
