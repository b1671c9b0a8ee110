import type { Timers } from '../../protocols/timers.js';

/** The system's timers, for a process of its own that nobody can hand any to. */
export function systemTimersOf(): Timers {
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
