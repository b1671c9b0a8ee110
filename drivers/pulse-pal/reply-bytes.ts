import { MeaError } from '../../protocols/errors.js';
import { waitWithin, type WaitBounds } from '../mea-link/bounded-wait.js';

interface Wanted {
  /** How many of the bytes at hand it takes; null while there are not enough. */
  readonly measure: (bytes: readonly number[]) => number | null;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: MeaError) => void;
}

/** Bytes that a Pulse Pal answers with: nothing marks where an answer begins, so they are counted, one answer at a time. */
export class ReplyBytes {
  #bytes: number[] = [];
  #wanted: Wanted | null = null;
  #lost: MeaError | null = null;

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
    this.#serve();
  }

  /** Throws away what nobody has asked for; returns how much it was. */
  drop(): number {
    const count = this.#bytes.length;
    this.#bytes = [];
    return count;
  }

  /**
   * The next bytes, so many.
   *
   * @throws MeaError `deadline` when they do not come in time, what `fail` was told; the signal's reason
   */
  take(count: number, bounds: WaitBounds): Promise<Uint8Array> {
    return this.#await((bytes) => (bytes.length < count ? null : count), bounds);
  }

  /**
   * All bytes up to and with those that are named.
   *
   * @throws MeaError as `take`
   */
  takeThrough(end: Uint8Array, bounds: WaitBounds): Promise<Uint8Array> {
    return this.#await((bytes) => {
      const at = bytes.findIndex((_, i) => end.every((byte, j) => bytes[i + j] === byte));
      return at < 0 ? null : at + end.length;
    }, bounds);
  }

  /** Nothing will come any more. */
  fail(error: MeaError): void {
    this.#lost = error;
    this.#wanted?.reject(error);
  }

  #await(measure: Wanted['measure'], bounds: WaitBounds): Promise<Uint8Array> {
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const bytes = new Promise<Uint8Array>((resolve, reject) => {
      this.#wanted = { measure, resolve, reject };
      this.#serve();
    });
    return waitWithin(bytes, bounds).finally(() => {
      this.#wanted = null;
    });
  }

  #serve(): void {
    const count = this.#wanted?.measure(this.#bytes) ?? null;
    if (count === null) return;
    this.#wanted?.resolve(Uint8Array.from(this.#bytes.splice(0, count)));
    this.#wanted = null;
  }
}
