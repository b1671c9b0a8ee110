import { endianness } from 'node:os';
import { MeaError } from '../../protocols/errors.js';
import { writeWholeFile, type WriteWholeFileOptions } from './whole-file.js';

/** An array in a `.npy` file, in C order (the last index runs fastest). */
export interface NpyArray {
  /** Sizes; none for a single number. */
  readonly shape: readonly number[];
  /** (product of the shape). */
  readonly data: Float64Array | Uint8Array;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Magic (6), version (2) and length of the header (2). */
const PREAMBLE_BYTES = 10;
const ALIGNMENT = 64;
const HEADER = /^\{'descr': '(<f8|\|u1)', 'fortran_order': False, 'shape': \(([\d, ]*)\), *\}\s*$/;

/**
 * Writes an array as `.npy` version 1.0, little-endian, whole or not at all.
 *
 * @throws MeaError `bad-input` when the shape does not fit the data; `exists`, `missing` or `storage` as `writeWholeFile`
 */
export async function writeNpy(path: string, array: NpyArray, options: WriteWholeFileOptions = {}): Promise<void> {
  assertShape(array, path);
  await writeWholeFile(path, [encodeHeader(array), toLittleEndian(array.data)], options);
}

/**
 * Reads the bytes of a `.npy` file of version 1.0 that holds float64 or uint8 in C order.
 *
 * @returns the array, owned by the receiver
 * @throws MeaError `bad-format` when it is anything else, or cut short
 */
export function decodeNpy(bytes: Uint8Array, where: string): NpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isNpy = bytes.length >= PREAMBLE_BYTES && MAGIC.every((byte, index) => bytes[index] === byte);
  if (!isNpy || bytes[6] !== 1) throw badNpy('Not a .npy file of version 1.0', where);
  const start = PREAMBLE_BYTES + view.getUint16(8, true);
  const header = Buffer.from(bytes.subarray(PREAMBLE_BYTES, start)).toString('latin1');
  const [, descr, sizes] = HEADER.exec(header) ?? [];
  if (descr === undefined || sizes === undefined)
    throw badNpy('Unsupported .npy header', where, JSON.stringify(header));
  const shape = (sizes.match(/\d+/g) ?? []).map(Number);
  const size = descr === '<f8' ? 8 : 1;
  const copy = new Uint8Array(bytes.subarray(start));
  if (copy.length !== count(shape) * size) throw badNpy('Wrong length', where, `${copy.length} bytes`);
  const body = endianness() === 'LE' ? copy : swap(copy, size);
  return { shape, data: size === 8 ? new Float64Array(body.buffer) : body };
}

function encodeHeader({ shape, data }: NpyArray): Uint8Array {
  const descr = data instanceof Float64Array ? '<f8' : '|u1';
  // Python writes a tuple of one with a comma
  const tuple = shape.length === 1 ? `(${shape.join()},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((PREAMBLE_BYTES + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = Buffer.alloc(total, ' ');
  bytes.set([...MAGIC, 1, 0]);
  bytes.writeUInt16LE(total - PREAMBLE_BYTES, 8);
  bytes.write(`${text.padEnd(total - PREAMBLE_BYTES - 1)}\n`, PREAMBLE_BYTES, 'latin1');
  return bytes;
}

/** The bytes in the file's order: a view of the data, or a swapped copy on a big-endian machine. */
function toLittleEndian(data: Float64Array | Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return endianness() === 'LE' ? bytes : swap(new Uint8Array(bytes), data.BYTES_PER_ELEMENT);
}

function swap(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (size === 8) Buffer.from(bytes.buffer).swap64();
  return bytes;
}

function assertShape({ shape, data }: NpyArray, where: string): void {
  if (shape.every((size) => Number.isSafeInteger(size) && size >= 0) && count(shape) === data.length) return;
  throw new MeaError('bad-input', {
    what: 'The shape does not fit the data',
    got: `(${shape.join(', ')})`,
    wanted: `${data.length} values`,
    where,
  });
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function badNpy(what: string, where: string, got?: string): MeaError {
  return new MeaError('bad-format', { what, ...(got === undefined ? {} : { got }), wanted: 'float64 or uint8', where });
}
