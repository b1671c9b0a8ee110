import { Appender } from '../disk/appender.js';
import type { DiskFile } from '../disk/disk.js';

/** Types of the columns beside a recording, as NumPy names them. */
export type NpyType = '<i8' | '<f8' | '<i2' | '<u8';

/** Fixed, so that the shape can grow without moving the data. */
export const NPY_HEADER_BYTES = 128;
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
const SIZES: Readonly<Record<NpyType, number>> = { '<i8': 8, '<f8': 8, '<i2': 2, '<u8': 8 };

/**
 * Header of a `.npy` file in C order, version 1.0.
 *
 * @param type as NumPy names it
 * @param rowShape sizes after the first
 * @returns 128 bytes
 */
export function encodeNpyHeader(type: string, rows: number, rowShape: readonly number[] = []): Buffer {
  // Python writes a tuple of one with a comma
  const shape = rowShape.length === 0 ? `${rows},` : [rows, ...rowShape].join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`;
  const bytes = Buffer.alloc(NPY_HEADER_BYTES, ' ');
  bytes.set(MAGIC);
  bytes.writeUInt16LE(NPY_HEADER_BYTES - 10, 8);
  bytes.write(text, 10, 'latin1');
  bytes[NPY_HEADER_BYTES - 1] = 0x0a;
  return bytes;
}

/** Values of a column, little-endian. */
export function encodeNpyValues(type: NpyType, values: ArrayLike<number>): Buffer {
  const size = SIZES[type];
  const bytes = Buffer.alloc(values.length * size);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (type === '<f8') bytes.writeDoubleLE(value, i * size);
    else if (type === '<i2') bytes.writeInt16LE(value, i * size);
    else bytes.writeBigInt64LE(BigInt(value), i * size);
  }
  return bytes;
}

/**
 * A column that grows. Its header never promises more than is on the disk: values are appended, and the header is written
 * when they are safe. A class because it knows both lengths.
 */
export class NpyColumn {
  readonly #file: Appender;
  readonly #type: NpyType;
  #length = 0;
  #promised = 0;

  /** @throws MeaError `storage` */
  constructor(file: DiskFile, type: NpyType) {
    this.#file = new Appender(file);
    this.#type = type;
    this.#file.append(encodeNpyHeader(type, 0));
  }

  append(values: ArrayLike<number>): void {
    this.#file.append(encodeNpyValues(this.#type, values));
    this.#length += values.length;
  }

  /** Takes back what came after so many values. @throws MeaError `storage` */
  cut(length: number): void {
    this.#file.cut(NPY_HEADER_BYTES + length * SIZES[this.#type]);
    this.#length = length;
  }

  /** Forces the values to the disk, then says in the header how many there are. */
  commit(): void {
    this.#file.sync();
    if (this.#promised === this.#length) return;
    this.#file.overwrite(encodeNpyHeader(this.#type, this.#length), 0);
    this.#promised = this.#length;
  }

  close(): void {
    this.#file.close();
  }
}
