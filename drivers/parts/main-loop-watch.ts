import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** Interval of the look at the main loop. */
export const LOOK_MS = 20;

export interface MainLoopWatchOptions {
  readonly timers: Timers;
  /** The main loop may stand still for so long. */
  readonly mainStallMs: number;
  /** It stood still; the watch has ended. */
  readonly onStall: (stalledMs: number) => void;
}

/** Holds the main loop to its progress while a device is armed whose own watchdog does not. */
export class MainLoopWatch {
  readonly #options: MainLoopWatchOptions;
  #isOn = false;
  #progressAtMs = 0;
  #cancel: CancelTimer = () => undefined;

  constructor(options: MainLoopWatchOptions) {
    this.#options = options;
  }

  /** From now on; the main loop has a stall's time to report. */
  begin(): void {
    this.#isOn = true;
    this.#progressAtMs = this.#options.timers.nowMs();
    this.#lookLater();
  }

  end(): void {
    this.#isOn = false;
    this.#cancel();
  }

  /** The main loop has made a turn. One that comes too late is a stall, although nobody had looked before it. */
  reportProgress(): void {
    this.check();
    this.#progressAtMs = this.#options.timers.nowMs();
  }

  /** Looks now. */
  check(): void {
    const { timers, mainStallMs, onStall } = this.#options;
    const stalledMs = timers.nowMs() - this.#progressAtMs;
    if (!this.#isOn || stalledMs < mainStallMs) return;
    this.end();
    onStall(stalledMs);
  }

  #lookLater(): void {
    this.#cancel();
    this.#cancel = this.#options.timers.after(LOOK_MS, () => {
      this.check();
      if (this.#isOn) this.#lookLater();
    });
  }
}
