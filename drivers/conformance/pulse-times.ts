/** Longest window of a limit that looks back, the minimum interval aside. */
const WINDOW_MS = 1000;
/** What the device's clock and this computer's may differ by. */
const MARGIN_MS = 50;

/**
 * When pulses may last have left. A device counts them over `configure`, `stop` and another controller, so that a check
 * has to wait until those of the check before are past. What another run sent may have left just before this one.
 */
export class PulseTimes {
  readonly #startMs: number;
  #lastMs: number;

  constructor(nowMs: number) {
    this.#startMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Seconds since the run began. */
  ageS(nowMs: number): number {
    return (nowMs - this.#startMs) / 1000;
  }

  /** A pulse may leave until then. */
  note(atMs: number): void {
    this.#lastMs = Math.max(this.#lastMs, atMs);
  }

  /** Time until none of them counts any more; 0 or less when that is so. */
  settledInMs(nowMs: number, minIntervalMs: number): number {
    return this.#lastMs + Math.max(WINDOW_MS, minIntervalMs) + MARGIN_MS - nowMs;
  }
}
