import { storageError } from '../write-all.js';
import type { Disk } from './disk.js';

const PIECE = new Uint8Array(2 ** 20);

/** Room on the disk that is given back when it is full, so that what matters most can still be written. */
export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  #isHeld: boolean;

  /** @throws MeaError `storage` where there is no such room */
  constructor(disk: Disk, path: string, bytes: number) {
    this.#disk = disk;
    this.#path = path;
    this.#isHeld = bytes > 0;
    if (!this.#isHeld) return;
    // One that is there was left by a recorder that was killed: its room is what is taken now.
    this.#remove();
    try {
      const file = disk.create(path);
      try {
        // Written, because a length alone takes no room.
        for (let at = 0; at < bytes;) {
          const count = file.write(PIECE.subarray(0, Math.min(PIECE.length, bytes - at)), at);
          if (count === 0) throw new Error('the system took no byte');
          at += count;
        }
        file.sync();
      } finally {
        file.close();
      }
    } catch (cause) {
      this.release();
      throw storageError('There is no room for a recording', path, cause);
    }
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Gives the room back. Idempotent. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#remove();
  }

  #remove(): void {
    try {
      this.#disk.remove(this.#path);
    } catch {
      // It is gone, or the disk is: either way there is no more room to give.
    }
  }
}
