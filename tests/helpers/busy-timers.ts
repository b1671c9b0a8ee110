import type { Timers } from '../../protocols/timers.js';

/** Virtual time of one process that can be busy: then nothing is called back, and what fell due comes late. */
export interface BusyTimers extends Timers {
  /** The process computes for so long: to be called from within a callback. Whole milliseconds. */
  compute(durationMs: number): void;
  /** Time passes until the promise is settled. */
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
  /** Time passes. */
  pass(durationMs: number): Promise<void>;
}

/** Creates timers; `onMillisecond` is the rest of the world, for which time passes whether the process is busy or not. */
export function createBusyTimers(onMillisecond: () => void): BusyTimers {
  let nowMs = 0;
  // A set keeps the order of creation.
  const waiting = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  function compute(durationMs: number): void {
    for (let ms = 0; ms < durationMs; ms++) {
      nowMs += 1;
      onMillisecond();
    }
  }

  /** One turn of the event loop: what is due now, in the order in which it fell due; what is added waits for the next. */
  async function turn(): Promise<void> {
    const due = [...waiting].filter(({ dueMs }) => dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs);
    for (const timer of due) {
      if (!waiting.delete(timer)) continue;
      timer.callback();
      for (let k = 0; k < 32; k++) await Promise.resolve();
    }
    if (due.length === 0) compute(1);
  }

  return {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer = { dueMs: nowMs + Math.max(0, delayMs), callback };
      waiting.add(timer);
      return () => waiting.delete(timer);
    },
    compute,
    async settle(promise, limitMs = 60_000) {
      const settled = new AbortController();
      const settle = (): void => {
        settled.abort();
      };
      promise.then(settle, settle);
      for (const endMs = nowMs + limitMs; !settled.signal.aborted && nowMs < endMs;) await turn();
      if (!settled.signal.aborted) throw new Error(`nothing came within ${limitMs} ms of virtual time`);
      return promise;
    },
    async pass(durationMs) {
      for (const endMs = nowMs + durationMs; nowMs < endMs;) await turn();
    },
  };
}
