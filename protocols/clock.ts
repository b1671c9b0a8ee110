/**
 * Host time, injected. Data never depend on it: the device's sample clock is the only time base of data.
 * `src/clock.ts` has the system's clock and the virtual one.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch, for records that a person reads. */
  wallMs(): number;
  /** Milliseconds on a clock that never steps, for durations. */
  monotonicMs(): number;
  /** Resolves after `durationMs`; at once, with the clock moved on, where time is virtual. Rejects when aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}
