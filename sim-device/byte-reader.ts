import { MeaError } from '../protocols/errors.js';

/** Reads little-endian values from bytes, one after the other; what would lie beyond the end is `bad-format`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #where: string;
  #at = 0;

  /** @param where names the bytes in errors */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#where = where;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  /** A view of the next `length` bytes. */
  borrowBytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  #advance(size: number): number {
    const at = this.#at;
    if (size > this.left) {
      throw new MeaError('bad-format', {
        what: `${this.#where} ends early`,
        got: `${this.left} bytes`,
        wanted: `${size} more at byte ${at}`,
      });
    }
    this.#at += size;
    return at;
  }
}
