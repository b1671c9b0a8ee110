import type { Timers } from '../../../protocols/timers.js';

/** What `performance.now` of this thread is behind the system's monotonic clock, which all threads and processes share. */
export function hostOffsetMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6 - performance.now();
}

/** Timers of this thread that tell the time of the thread that `hostOffsetMs` was asked in. */
export function createHostTimers(offsetMs: number): Timers {
  const shiftMs = hostOffsetMs() - offsetMs;
  return {
    nowMs: () => performance.now() + shiftMs,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => {
        clearTimeout(timer);
      };
    },
  };
}
