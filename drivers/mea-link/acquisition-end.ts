import type { StreamEndedEvent } from './device-event.js';

/** How an acquisition ended: with its last message, or with a gap in the place of that. */
export type AcquisitionEndResult =
  { readonly type: 'ended'; readonly ended: StreamEndedEvent } | { readonly type: 'gapped' };

interface Waiter {
  readonly resolve: (result: AcquisitionEndResult) => void;
  readonly reject: (error: Error) => void;
}

/** Waits for the end of the acquisition. */
export class AcquisitionEnd {
  #waiters: Waiter[] = [];
  #sawGap = false;

  /** True when messages were lost since the end was expected: its last one may be among them. */
  get sawGap(): boolean {
    return this.#sawGap && this.#waiters.length > 0;
  }

  /** The end of the acquisition, from now on. */
  expect(): Promise<AcquisitionEndResult> {
    if (this.#waiters.length === 0) this.#sawGap = false;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  noteGap(): void {
    this.#sawGap = true;
  }

  resolve(result: AcquisitionEndResult): void {
    for (const { resolve } of this.#take()) resolve(result);
  }

  fail(error: Error): void {
    for (const { reject } of this.#take()) reject(error);
  }

  #take(): readonly Waiter[] {
    const waiters = this.#waiters;
    this.#waiters = [];
    return waiters;
  }
}
