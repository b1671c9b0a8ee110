import type { Timers } from '../protocols/timers.js';

/** The system's timers, for the emulator's own program. */
export function systemTimers(): Timers {
  return {
    nowMs: () => performance.now(),
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => {
        clearTimeout(timer);
      };
    },
  };
}
