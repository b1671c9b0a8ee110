import type { Clock } from '../protocols/clock.js';

/** The system's clock. */
export function systemClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: (durationMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(asError(signal.reason));
          return;
        }
        const onAbort = (): void => {
          clearTimeout(timer);
          reject(asError(signal.reason));
        };
        const timer = setTimeout(() => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        }, durationMs);
        signal.addEventListener('abort', onAbort, { once: true });
      }),
  };
}

/** A clock that moves only by sleeping: tests and emulated runs wait for nothing. */
export function virtualClock(startMs = 0): Clock {
  let nowMs = startMs;
  return {
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (durationMs, signal) => {
      if (signal.aborted) return Promise.reject(asError(signal.reason));
      nowMs += durationMs;
      return Promise.resolve();
    },
  };
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted');
}
