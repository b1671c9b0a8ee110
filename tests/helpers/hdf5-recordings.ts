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
export function plain(data: GuessableDataTypes, shape?: readonly number[], attributes: Hdf5Content['attributes'] = {}): Write {
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

/** Compound values, by the columns of their members. */
export function table(columns: Readonly<Record<string, GuessableDataTypes>>): Write {
  return (group, name) => {
    group.create_dataset({ name, data: new Map(Object.entries(columns)) });
  };
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
