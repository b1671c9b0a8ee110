import { Dataset, Group, type Entity, type File } from 'h5wasm/node';
import type {
  Hdf5Answer,
  Hdf5Dataset,
  Hdf5Entry,
  Hdf5Kind,
  Hdf5Numbers,
  Hdf5Request,
  Hdf5Value,
} from './hdf5-messages.js';
import { readColumns } from './read-columns.js';

/** A group with more links is not one of a recording. */
const MAX_ENTRIES = 100_000;
/** Attributes that are larger are no words about the data. */
const MAX_ATTRIBUTE_BYTES = 65_536;
const MAX_ATTRIBUTES = 1000;
/** Classes of types, as HDF5 numbers them. */
const KINDS: readonly Hdf5Kind[] = ['integer', 'float', 'other', 'text', 'other', 'other', 'compound'];
const ENUM = 8;

/** Answers one request about an open file; throws what the library throws. */
export function answerRequest(file: File, request: Hdf5Request): Hdf5Answer {
  switch (request.type) {
    case 'list':
      return { type: 'entries', entries: listGroup(file, request.path) };
    case 'describe': {
      const dataset = findDataset(file, request.path);
      return { type: 'dataset', dataset: dataset === undefined ? undefined : describeDataset(dataset) };
    }
    case 'attributes':
      return { type: 'attributes', attributes: readAttributes(file, request.path) };
    case 'numbers':
      return { type: 'numbers', numbers: readNumbers(needDataset(file, request.path), request.ranges) };
    case 'rows':
      return { type: 'rows', rows: readRows(needDataset(file, request.path), request.range) };
    case 'columns':
      return { type: 'columns', columns: readColumns(needDataset(file, request.path), request.names, request.range) };
  }
}

function listGroup(file: File, path: string): Hdf5Entry[] {
  const group = find(file, path);
  if (!(group instanceof Group)) return [];
  const names = group.keys();
  if (names.length > MAX_ENTRIES) throw new Error(`${names.length} links in one group`);
  return names.map((name) => {
    const entity = group.get(name);
    return { name, type: entity instanceof Group ? 'group' : entity instanceof Dataset ? 'dataset' : 'outside' };
  });
}

/** What has that path; undefined where there is nothing, or where the path leads through a link into another file. */
function find(file: File, path: string): Entity | undefined {
  let entity: Entity = file;
  for (const name of path.split('/').filter((part) => part !== '')) {
    const next: Entity | null = entity instanceof Group ? entity.get(name) : null;
    if (next === null) return undefined;
    entity = next;
  }
  return entity;
}

function findDataset(file: File, path: string): Dataset | undefined {
  const entity = find(file, path);
  return entity instanceof Dataset ? entity : undefined;
}

function needDataset(file: File, path: string): Dataset {
  const dataset = findDataset(file, path);
  if (dataset === undefined) throw new Error('no such dataset');
  return dataset;
}

function describeDataset({ path, metadata, filters }: Dataset): Hdf5Dataset {
  const { chunks, compound_type: compound } = metadata;
  return {
    path,
    kind: kindOf(metadata.type),
    size: metadata.size,
    isSigned: metadata.signed,
    // A dataset without a value has no sizes: nothing is in it.
    shape: metadata.shape ?? [0],
    ...(chunks !== null && { chunks }),
    filters: filters.map(({ id, name }) => ({ id, name })),
    members: (compound?.members ?? []).map(({ name, type }) => ({ name, kind: kindOf(type) })),
    isVirtual: (metadata.virtual_sources?.length ?? 0) > 0,
  };
}

function kindOf(type: number): Hdf5Kind {
  return type === ENUM ? 'integer' : (KINDS[type] ?? 'other');
}

function readAttributes(file: File, path: string): Record<string, Hdf5Value> {
  const entity = find(file, path);
  if (!(entity instanceof Group) && !(entity instanceof Dataset)) return {};
  const found: Record<string, Hdf5Value> = {};
  for (const [name, attribute] of Object.entries(entity.attrs).slice(0, MAX_ATTRIBUTES)) {
    const { size, total_size: count } = attribute.metadata;
    if (size * count <= MAX_ATTRIBUTE_BYTES) found[name] = toValue(attribute.value);
  }
  return found;
}

/** Numbers of a hyperslab, in the order of the file. */
function readNumbers(dataset: Dataset, ranges: readonly (readonly [number, number])[]): Hdf5Numbers {
  const value: unknown = ranges.length === 0 ? dataset.value : dataset.slice(ranges.map(([from, to]) => [from, to]));
  if (isNumbers(value)) return value;
  if (typeof value === 'number') return Float64Array.of(value);
  if (typeof value === 'bigint') return BigInt64Array.of(value);
  throw new Error('no numbers');
}

function isNumbers(value: unknown): value is Hdf5Numbers {
  return ArrayBuffer.isView(value) && value.buffer instanceof ArrayBuffer && !(value instanceof DataView);
}

function readRows(dataset: Dataset, [from, to]: readonly [number, number]): Hdf5Value[] {
  const value: unknown = dataset.shape?.length === 0 ? [dataset.value] : dataset.slice([[from, to]]);
  return Array.isArray(value) ? value.map(toValue) : [toValue(value)];
}

function toValue(value: unknown): Hdf5Value {
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (Array.isArray(value)) return value.map(toValue);
  if (isNumbers(value)) return Array.from<number | bigint, number>(value, Number);
  return '';
}
