import { MeaError } from '../../protocols/errors.js';
import { waitWithin, type WaitBounds } from '../mea-link/bounded-wait.js';

/** Bytes that a Pulse Pal answers with: nothing marks where an answer begins, so they are counted, one answer at a time. */
export class ReplyBytes {
  #bytes: number[] = [];
  #wanted: { readonly count: number; readonly resolve: (bytes: Uint8Array) => void } | null = null;
  #failure: { readonly reject: (error: MeaError) => void } | null = null;
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
    if (this.#lost !== null) return Promise.reject(this.#lost);
    const bytes = new Promise<Uint8Array>((resolve, reject) => {
      this.#wanted = { count, resolve };
      this.#failure = { reject };
      this.#serve();
    });
    return waitWithin(bytes, bounds).finally(() => {
      this.#wanted = null;
      this.#failure = null;
    });
  }

  /** Nothing will come any more. */
  fail(error: MeaError): void {
    this.#lost = error;
    this.#failure?.reject(error);
  }

  #serve(): void {
    if (this.#wanted === null || this.#bytes.length < this.#wanted.count) return;
    this.#wanted.resolve(Uint8Array.from(this.#bytes.splice(0, this.#wanted.count)));
    this.#wanted = null;
  }
}
