import type { MeaError } from '../../../protocols/errors.js';
import { storageError } from '../write-all.js';
import type { DiskFile } from './disk.js';

/**
 * Appends to a file so that it never ends in half of what was given: what the system took only a part of is cut off
 * again. A class because it knows where the file ends.
 */
export class Appender {
  readonly #file: DiskFile;
  #bytes: number;
  #isDirty = false;
  #refusal: MeaError | undefined;

  constructor(file: DiskFile, bytes = 0) {
    this.#file = file;
    this.#bytes = bytes;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Length of the file in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws MeaError `storage`; the file is then as long as before, where the disk still lets it be cut */
  append(bytes: Uint8Array): void {
    this.#isDirty = true;
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = this.#file.write(bytes.subarray(written), this.#bytes + written);
        if (count === 0) throw new Error('the system took no byte');
        written += count;
      }
    } catch (cause) {
      if (written > 0) this.#cut();
      throw storageError('Cannot write', this.#file.path, cause);
    }
    this.#bytes += written;
  }

  /** Writes over bytes that are there. @throws MeaError `storage` */
  overwrite(bytes: Uint8Array, position: number): void {
    this.#isDirty = true;
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = this.#file.write(bytes.subarray(written), position + written);
        if (count === 0) throw new Error('the system took no byte');
        written += count;
      }
    } catch (cause) {
      throw storageError('Cannot write', this.#file.path, cause);
    }
  }

  /**
   * @throws MeaError `storage`: what was written since the last one may be lost. From then on it always throws: a system that
   *   is asked again says that all is well, and has given up what it could not write
   */
  sync(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (!this.#isDirty) return;
    try {
      this.#file.sync();
    } catch (cause) {
      this.#refusal = storageError('Cannot force the file to the disk', this.#file.path, cause);
      throw this.#refusal;
    }
    this.#isDirty = false;
  }

  /** Cuts the file to a length. @throws MeaError `storage` */
  cut(bytes: number): void {
    this.#isDirty = true;
    try {
      this.#file.truncate(bytes);
    } catch (cause) {
      throw storageError('Cannot cut off', this.#file.path, cause);
    }
    this.#bytes = bytes;
  }

  close(): void {
    this.#file.close();
  }

  #cut(): void {
    try {
      this.#file.truncate(this.#bytes);
    } catch {
      // The next bytes go over them, and a reader knows them for what they are by their checksum.
    }
  }
}
