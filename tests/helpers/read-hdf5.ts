import { Dataset, File, Group, ready, Reference, type Attribute } from 'h5wasm/node';

/** What is in an HDF5 file. */
export interface Hdf5Contents {
  /** One line for each object and each of its attributes, in the order of their paths: types, shapes, values of attributes. */
  readonly lines: readonly string[];
  /** Values of each dataset: numbers and texts as they are, paths in place of references. */
  readonly values: ReadonlyMap<string, unknown>;
}

/** Reads a whole file with h5wasm. */
export async function readHdf5(path: string): Promise<Hdf5Contents> {
  const library = await ready;
  library.activate_throwing_error_handler();
  const file = new File(path, 'r');
  try {
    const targetOf: TargetOf = ({ ref_data }) => library.get_referenced_name(file.file_id, ref_data, true);
    const lines: string[] = [];
    const values = new Map<string, unknown>();
    for (const name of ['/', ...file.paths().map((each) => `/${each.replace(/^\/+/, '')}`)].sort()) {
      const object = name === '/' ? file : file.get(name);
      if (object instanceof Dataset) {
        const chunks = object.metadata.chunks === null ? '' : ', chunked';
        const filters = object.filters.map(({ id }) => `, filter ${id}`).join('');
        lines.push(`${name}: ${JSON.stringify(object.dtype)} [${object.shape?.join() ?? ''}]${chunks}${filters}`);
        values.set(name, toPlain(targetOf, object.value));
      } else if (object instanceof Group) {
        lines.push(`${name}: group`);
      }
      if (!(object instanceof Dataset) && !(object instanceof Group)) continue;
      for (const [key, attribute] of Object.entries(object.attrs).sort(([a], [b]) => (a < b ? -1 : 1))) {
        lines.push(`  @${key}: ${describeAttribute(targetOf, attribute)}`);
      }
    }
    return { lines, values };
  } finally {
    file.close();
  }
}

function describeAttribute(target: TargetOf, { dtype, shape, value }: Attribute): string {
  return `${JSON.stringify(dtype)} [${shape?.join() ?? ''}] ${JSON.stringify(toPlain(target, value))}`;
}

type TargetOf = (reference: Reference) => string;

function toPlain(targetOf: TargetOf, value: unknown): unknown {
  if (value instanceof Reference) return targetOf(value);
  if (!Array.isArray(value)) return value;
  const all = value.map((each: unknown) => toPlain(targetOf, each));
  return value[0] instanceof Reference && value.length === 1 ? all[0] : all;
}
