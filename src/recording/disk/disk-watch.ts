import type { Disk } from './disk.js';

/** How long the disk will last. */
export interface LowDisk {
  readonly minutesLeft: number;
  readonly freeBytes: number;
}

const LOW_DISK_MINUTES = 5;
/** The free space is looked at so often. */
const DISK_CHECK_MS = 10_000;
/** Fewer seconds of writing tell no rate. */
const MIN_RATE_S = 5;

/** Looks at the free space now and then, and says once when it will soon be used up. A class because it keeps the time. */
export class DiskWatch {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #begunMs: number;
  #checkedMs: number;
  #hasTold = false;

  constructor({ disk, folder }: { readonly disk: Disk; readonly folder: string }, nowMs: number) {
    this.#disk = disk;
    this.#folder = folder;
    this.#begunMs = this.#checkedMs = nowMs;
  }

  /** @param writtenBytes since the beginning */
  look(nowMs: number, writtenBytes: number): LowDisk | undefined {
    const seconds = (nowMs - this.#begunMs) / 1000;
    if (this.#hasTold || seconds < MIN_RATE_S || nowMs - this.#checkedMs < DISK_CHECK_MS) return undefined;
    this.#checkedMs = nowMs;
    let freeBytes: number;
    try {
      freeBytes = this.#disk.freeBytes(this.#folder);
    } catch {
      return undefined;
    }
    const minutesLeft = freeBytes / (writtenBytes / seconds) / 60;
    this.#hasTold = minutesLeft < LOW_DISK_MINUTES;
    return this.#hasTold ? { minutesLeft, freeBytes } : undefined;
  }
}
