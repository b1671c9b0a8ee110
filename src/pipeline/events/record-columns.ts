import { MeaError } from '../../../protocols/errors.js';

/** Reads the columns of a record one after the other. */
export class RecordColumns {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    // A view of part of a buffer could stand where a float64 may not.
    this.#bytes = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  }

  numbers(count: number): readonly number[] {
    return Array.from(this.float64(count));
  }

  float64(count: number): Float64Array {
    return new Float64Array(this.#bytes.buffer, this.#take(8, count), count);
  }

  float32(count: number): Float32Array {
    return new Float32Array(this.#bytes.buffer, this.#take(4, count), count);
  }

  uint32(count: number): Uint32Array {
    return new Uint32Array(this.#bytes.buffer, this.#take(4, count), count);
  }

  uint16(count: number): Uint16Array {
    return new Uint16Array(this.#bytes.buffer, this.#take(2, count), count);
  }

  int16(count: number): Int16Array {
    return new Int16Array(this.#bytes.buffer, this.#take(2, count), count);
  }

  /** All that is left, as text. */
  text(): string {
    const from = this.#at;
    this.#at = this.#bytes.length;
    return new TextDecoder().decode(this.#bytes.subarray(from));
  }

  /** @throws MeaError `bad-format` when something is left */
  assertRead(): void {
    if (this.#at !== this.#bytes.length) throw damagedRecord(`${this.#bytes.length - this.#at} bytes too many`);
  }

  #take(width: number, count: number): number {
    const from = this.#at;
    const end = from + width * count;
    if (!(Number.isInteger(count) && count >= 0 && end <= this.#bytes.length)) {
      throw damagedRecord(`${this.#bytes.length - from} bytes for ${count} elements of ${width}`);
    }
    this.#at = end;
    return this.#bytes.byteOffset + from;
  }
}

/** The bytes of a column, not copied. */
export function borrowBytes(column: Float64Array | Float32Array | Int16Array | Uint16Array | Uint32Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}

/** The error for bytes that are no record. */
export function damagedRecord(got: string): MeaError {
  return new MeaError('bad-format', { what: 'Bad record of the signal pipeline', got });
}
