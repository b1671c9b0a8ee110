import type { CancelTimer, Timers } from '../timers.js';
import { isBufferFull } from './link-options.js';

/** How soon a full socket is asked again. */
const RETRY_MS = 1;
/** Frames given in a row before others have their turn: a socket that always takes would let nothing else run. */
const FRAMES_IN_A_ROW = 256;

export interface SendQueueOptions {
  readonly timers: Timers;
  readonly bufferBytes: number;
  /** Gives a frame to the socket; false when the socket is full and took nothing. Rejects when it cannot be sent. */
  readonly give: (frame: Uint8Array) => Promise<boolean>;
  /** `offer` refused before, and the queue is below half now. */
  readonly onDrain: () => void;
  /** The frame cannot be sent, now or later; the queue has stopped. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * A bounded queue before a ZeroMQ socket: one send at a time, for two that overlap fail, and a full socket is asked
 * again, for a send that waits in the socket waits for ever.
 */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #onIdle: (() => void)[] = [];
  #frames: Uint8Array[] = [];
  #head = 0;
  #pendingBytes = 0;
  #isBlocked = false;
  #isBusy = false;
  #isStopped = false;
  #cancelRetry: CancelTimer | null = null;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** True when the queue would not take so many bytes; then `onDrain` will say when it does. */
  refuses(bytes: number): boolean {
    if (!isBufferFull(this.#pendingBytes, bytes, this.#options.bufferBytes)) return false;
    this.#isBlocked = true;
    return true;
  }

  /** Takes a frame, whatever is in the queue. The frame does not change afterwards. */
  push(frame: Uint8Array): void {
    if (this.#isStopped) return;
    this.#frames.push(frame);
    this.#pendingBytes += frame.length;
    if (!this.#isBusy) void this.#pump();
  }

  /** Resolves when all was given or the queue has stopped. */
  idle(): Promise<void> {
    if (!this.#isBusy || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Forgets what was not given. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry?.();
    this.#frames = [];
    this.#head = 0;
    this.#pendingBytes = 0;
    this.#tellIdle();
  }

  // Not awaited by `push`: what a handler throws from `onDrain` becomes an unhandled rejection and ends the program.
  async #pump(): Promise<void> {
    this.#isBusy = true;
    for (let given = 0; this.#head < this.#frames.length; given += 1) {
      if (given === FRAMES_IN_A_ROW) {
        this.#pumpAfter(0);
        return;
      }
      const outcome = await this.#tryFirst();
      if (this.#isStopped) return;
      if (outcome === 'failed') return;
      if (outcome === 'full') {
        this.#pumpAfter(RETRY_MS);
        return;
      }
      this.#dropFirst();
      if (this.#isBlocked && this.#pendingBytes <= this.#options.bufferBytes / 2) {
        this.#isBlocked = false;
        this.#options.onDrain();
      }
    }
    this.#isBusy = false;
    this.#tellIdle();
  }

  #pumpAfter(delayMs: number): void {
    this.#cancelRetry = this.#options.timers.after(delayMs, () => void this.#pump());
  }

  async #tryFirst(): Promise<'given' | 'full' | 'failed'> {
    try {
      return (await this.#options.give(this.#frames[this.#head]!)) ? 'given' : 'full';
    } catch (error) {
      if (!this.#isStopped) {
        this.stop();
        this.#options.onFailure(error);
      }
      return 'failed';
    }
  }

  #dropFirst(): void {
    this.#pendingBytes -= this.#frames[this.#head]!.length;
    this.#head += 1;
    // moved up now and then, not for each frame
    if (this.#head < 1024 && this.#head < this.#frames.length) return;
    this.#frames.splice(0, this.#head);
    this.#head = 0;
  }

  #tellIdle(): void {
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
