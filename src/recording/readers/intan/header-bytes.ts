import { MeaError } from '../../../../protocols/errors.js';

const NO_TEXT = 0xffffffff;
const MAX_TEXT_BYTES = 65_536;

/** The header of an Intan file, read from its beginning; what goes beyond its end is an error `bad-format`. */
export class HeaderBytes {
  readonly #bytes: Buffer;
  readonly #where: string;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, where: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#where = where;
  }

  get position(): number {
    return this.#at;
  }

  int16(): number {
    return this.#bytes.readInt16LE(this.#advance(2));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4));
  }

  float32(): number {
    return this.#bytes.readFloatLE(this.#advance(4));
  }

  skip(bytes: number): void {
    this.#advance(bytes);
  }

  /** A length in bytes, then UTF-16. */
  text(): string {
    const length = this.uint32();
    if (length === NO_TEXT) return '';
    if (length % 2 !== 0 || length > MAX_TEXT_BYTES)
      throw new MeaError('bad-format', {
        what: 'Bad text in the header',
        got: `${length} bytes`,
        wanted: `an even number up to ${MAX_TEXT_BYTES}`,
        where: `${this.#where}, byte ${this.#at - 4}`,
      });
    const start = this.#advance(length);
    return this.#bytes.toString('utf16le', start, start + length);
  }

  /** The position before it moves on. */
  #advance(bytes: number): number {
    const start = this.#at;
    if (start + bytes > this.#bytes.length)
      throw new MeaError('bad-format', {
        what: 'The header ends early',
        got: `${this.#bytes.length} bytes`,
        wanted: `${start + bytes} or more`,
        where: this.#where,
        remedy: 'check that the copy is complete',
      });
    this.#at = start + bytes;
    return start;
  }
}
