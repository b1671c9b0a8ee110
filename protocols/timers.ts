/** Ends a timer; harmless when it has fired or was ended before. */
export type CancelTimer = () => void;

/**
 * Deadlines, injected: the system's timers on a rig, virtual ones in a test, where time moves only when it is told to.
 * `src/timers.ts` has the system's.
 */
export interface Timers {
  /** Milliseconds on a clock that never steps. */
  nowMs(): number;
  /** Calls back once, `delayMs` from now; never before `after` has returned. */
  after(delayMs: number, callback: () => void): CancelTimer;
}
