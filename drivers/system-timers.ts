import type { Timers } from '../protocols/timers.js';

/** The system's timers: milliseconds of `performance.now`, which never steps, and `setTimeout`. */
export function systemTimers(): Timers {
  return {
    nowMs: () => performance.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => {
        clearTimeout(timer);
      };
    },
  };
}
