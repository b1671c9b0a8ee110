import { setImmediate } from 'node:timers/promises';

/** Calls between two pauses: often enough for a person at the keyboard, seldom enough to cost nothing. */
const CALLS_PER_PAUSE = 16;

/**
 * Lets signals, timers and the terminal have their turn now and then. A loop over a source that answers at once only ever
 * yields to other promises, and Ctrl-C would wait for its end.
 */
export function createPause(): () => Promise<void> {
  let calls = 0;
  return async () => {
    calls++;
    if (calls % CALLS_PER_PAUSE === 0) await setImmediate();
  };
}
