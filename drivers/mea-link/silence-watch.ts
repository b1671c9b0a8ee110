import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** How long a link may be silent. */
export interface SilenceWatchOptions {
  readonly timers: Timers;
  readonly silenceMs: number;
  readonly onSilence: (silentMs: number) => void;
}

/**
 * The last part of the silence is waited for anew: when this process itself stood still, the messages lie in the
 * system's buffers, and it gets this long to hand them over.
 */
const CONFIRM_MS = 10;

/** Notices when nothing has been heard for too long: a half-open connection, a cable, a device without power. */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  #heardAtMs = 0;
  #cancel: CancelTimer = () => undefined;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.heard();
    this.#wait();
  }

  stop(): void {
    this.#cancel();
  }

  /** Something was received. */
  heard(): void {
    this.#heardAtMs = this.#options.timers.nowMs();
  }

  #wait(): void {
    const { timers, silenceMs } = this.#options;
    const heardAtMs = this.#heardAtMs;
    const leftMs = Math.max(0, heardAtMs + silenceMs - CONFIRM_MS - timers.nowMs());
    this.#cancel = timers.after(leftMs, () => {
      if (this.#heardAtMs === heardAtMs) this.#confirm(heardAtMs);
      else this.#wait();
    });
  }

  #confirm(heardAtMs: number): void {
    const { timers, onSilence } = this.#options;
    this.#cancel = timers.after(CONFIRM_MS, () => {
      if (this.#heardAtMs === heardAtMs) onSilence(timers.nowMs() - heardAtMs);
      else this.#wait();
    });
  }
}
