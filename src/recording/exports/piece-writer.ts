import { open, type FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { toWriteError } from '../whole-file.js';

/** Bytes gathered before they are written. */
const BUFFER_BYTES = 2 ** 20;

/** Numbers as a file holds them. */
export type Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array;

/** A new file that is written piece by piece. Errors of the disk are MeaError `storage`. */
export class PieceWriter {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #held = 0;
  #written = 0;

  private constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  /** Creates the file, which must not exist. */
  static async create(path: string): Promise<PieceWriter> {
    return new PieceWriter(await open(path, 'wx+'), path);
  }

  /** Bytes written so far, one after the other. */
  get position(): number {
    return this.#written + this.#held;
  }

  /** Appends; the bytes may be used again at once when the promise resolves. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#held + bytes.length > BUFFER_BYTES) await this.flush();
    if (bytes.length > BUFFER_BYTES) {
      await this.#put(bytes, this.#written);
      this.#written += bytes.length;
      return;
    }
    this.#buffer.set(bytes, this.#held);
    this.#held += bytes.length;
  }

  /** Appends numbers, little-endian. */
  async writeNumbers(numbers: Numbers): Promise<void> {
    await this.write(littleEndianBytes(numbers));
  }

  async writeText(text: string): Promise<void> {
    await this.write(Buffer.from(text, 'utf8'));
  }

  /** Puts bytes at a place, over what is there or beyond the end. */
  async writeAt(position: number, bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#put(bytes, position);
  }

  /** Cuts the file off, or fills it up with zeros. */
  async setLength(bytes: number): Promise<void> {
    await this.flush();
    try {
      await this.#file.truncate(bytes);
    } catch (cause) {
      throw toWriteError(cause, this.#path);
    }
  }

  async flush(): Promise<void> {
    const held = this.#held;
    this.#held = 0;
    await this.#put(this.#buffer.subarray(0, held), this.#written);
    this.#written += held;
  }

  /** Writes what is held, forces the file to the disk and closes it. */
  async finish(): Promise<void> {
    await this.flush();
    try {
      await this.#file.sync();
    } catch (cause) {
      throw toWriteError(cause, this.#path);
    }
    await this.#file.close();
  }

  /** Closes the file as it is; after `finish` it does nothing. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  /** The system may take a part of what it is given; nothing at all means that it will never take the rest. */
  async #put(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
        if (bytesWritten <= 0) throw new Error(`${done} of ${bytes.length} bytes written`);
        done += bytesWritten;
      }
    } catch (cause) {
      throw toWriteError(cause, this.#path);
    }
  }
}

/** Has a file filled piece by piece, and closes it whatever happens. */
export async function writePieces<T>(path: string, fill: (writer: PieceWriter) => Promise<T>): Promise<T> {
  const writer = await PieceWriter.create(path);
  try {
    const result = await fill(writer);
    await writer.finish();
    return result;
  } finally {
    await writer.abandon();
  }
}

/** The bytes of numbers in little-endian order: a view, or a swapped copy on a big-endian machine. */
export function littleEndianBytes(numbers: Numbers): Uint8Array {
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  if (endianness() === 'LE' || numbers.BYTES_PER_ELEMENT === 1) return bytes;
  const copy = Buffer.from(bytes);
  if (numbers.BYTES_PER_ELEMENT === 2) return copy.swap16();
  return numbers.BYTES_PER_ELEMENT === 4 ? copy.swap32() : copy.swap64();
}
