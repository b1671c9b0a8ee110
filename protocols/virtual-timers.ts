import type { Timers } from './timers.js';

/** Timers whose time moves only when it is told to. */
export interface VirtualTimers extends Timers {
  /** Moves time on, calling back what falls due in order of its time and then of its creation. */
  advance(durationMs: number): void;
  /** The same, and lets what awaits promises run before, between and after the callbacks. */
  advanceAsync(durationMs: number): Promise<void>;
  /** Timers that are waiting. */
  readonly pending: number;
}

interface Waiting {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Creates timers that stand at `startMs`. */
export function createVirtualTimers(startMs = 0): VirtualTimers {
  let nowMs = startMs;
  // A set keeps the order of creation.
  const waiting = new Set<Waiting>();

  function takeDue(untilMs: number): Waiting | undefined {
    let next: Waiting | undefined;
    for (const timer of waiting) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    }
    if (next !== undefined) waiting.delete(next);
    return next;
  }

  function fire(timer: Waiting): void {
    nowMs = Math.max(nowMs, timer.dueMs);
    timer.callback();
  }

  return {
    nowMs: () => nowMs,
    after(delayMs, callback) {
      const timer: Waiting = { dueMs: nowMs + Math.max(0, delayMs), callback };
      waiting.add(timer);
      return () => {
        waiting.delete(timer);
      };
    },
    advance(durationMs) {
      const untilMs = nowMs + durationMs;
      for (let timer = takeDue(untilMs); timer !== undefined; timer = takeDue(untilMs)) fire(timer);
      nowMs = untilMs;
    },
    async advanceAsync(durationMs) {
      const untilMs = nowMs + durationMs;
      await settleMicrotasks();
      for (let timer = takeDue(untilMs); timer !== undefined; timer = takeDue(untilMs)) {
        fire(timer);
        await settleMicrotasks();
      }
      nowMs = untilMs;
    },
    get pending() {
      return waiting.size;
    },
  };
}

/** No chain of settled promises here is longer. */
const TURNS = 32;
const SETTLED = Promise.resolve();

/** Lets chains of settled promises run out. Many times a second: to await each turn would make rubbish that takes its time, too. */
function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => {
    let left = TURNS;
    const turn = (): void => {
      left -= 1;
      if (left === 0) resolve();
      else void SETTLED.then(turn);
    };
    void SETTLED.then(turn);
  });
}
