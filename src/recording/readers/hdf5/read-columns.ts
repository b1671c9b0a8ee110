import { Module, type Dataset } from 'h5wasm/node';

/** One number of a value at a byte. */
type ReadNumber = (view: DataView, at: number) => number;

const INTEGER = 0;
const FLOAT = 1;
const ENUM = 8;

/**
 * Numbers of some members of compound values, each as a column. The values are decoded from the library's memory: an object
 * for each of millions of spikes would be too much.
 *
 * @throws Error when a member is missing or no number; what the library throws
 */
export function readColumns(
  dataset: Dataset,
  names: readonly string[],
  [from, to]: readonly [number, number],
): Float64Array<ArrayBuffer>[] {
  const { size, compound_type: compound } = dataset.metadata;
  const members = compound?.members ?? [];
  if (members.some(({ vlen }) => vlen)) throw new Error('values of no fixed length');
  const readers = names.map((name) => {
    const member = members.find((one) => one.name === name);
    const read = member === undefined ? undefined : numberReader(member);
    if (member === undefined || read === undefined) throw new Error(`no numbers named ${name}`);
    return { at: member.offset, read };
  });
  const count = to - from;
  const address = Module._malloc(count * size);
  if (address === 0) throw new Error(`no memory for ${count * size} bytes`);
  try {
    const { file_id: file, path } = dataset;
    Module.get_dataset_data(file, path, [BigInt(count)], [BigInt(from)], [1n], BigInt(address));
    const view = new DataView(Module.HEAPU8.buffer, address, count * size);
    return readers.map(({ at, read }) => Float64Array.from({ length: count }, (_, k) => read(view, k * size + at)));
  } finally {
    Module._free(address);
  }
}

function numberReader({ type, size, signed }: { type: number; size: number; signed: boolean }): ReadNumber | undefined {
  if (type === FLOAT) {
    if (size === 8) return (view, at) => view.getFloat64(at, true);
    return size === 4 ? (view, at) => view.getFloat32(at, true) : undefined;
  }
  if (type !== INTEGER && type !== ENUM) return undefined;
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed ? (view, at) => view.getInt16(at, true) : (view, at) => view.getUint16(at, true);
    case 4:
      return signed ? (view, at) => view.getInt32(at, true) : (view, at) => view.getUint32(at, true);
    case 8:
      return signed
        ? (view, at) => Number(view.getBigInt64(at, true))
        : (view, at) => Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}
