import { setTimeout as sleep } from 'node:timers/promises';

/** How long a test waits for what must come; only a test that fails waits so long. */
const DEADLINE_MS = 10_000;

/**
 * Waits for a condition, looking every millisecond.
 *
 * @throws Error with `what` when it does not come
 */
export async function waitUntil(condition: () => boolean, what: () => string, deadlineMs = DEADLINE_MS): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`after ${deadlineMs} ms: ${what()}`);
    await sleep(1);
  }
}
