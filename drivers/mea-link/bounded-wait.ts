import { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import { toError } from './command-channel.js';

/** How long something is waited for, and what ends the wait. */
export interface WaitBounds {
  readonly timers: Timers;
  readonly delayMs: number;
  /** What is waited for, for the message when it does not come. */
  readonly what: string;
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for a promise, but not for ever. The promise goes on by itself when the wait ends before it.
 *
 * @throws MeaError `deadline` when it took too long; what the promise was rejected with; the signal's reason
 */
export function waitWithin<T>(promise: Promise<T>, bounds: WaitBounds): Promise<T> {
  const { timers, delayMs, signal } = bounds;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = (): void => {
      end();
      reject(toError(signal?.reason));
    };
    const cancel = timers.after(delayMs, () => {
      end();
      reject(new MeaError('deadline', { what: `${bounds.what} took longer than ${delayMs} ms`, where: bounds.where }));
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(toError(error));
      },
    );
  });
}

/**
 * Waits for a time.
 *
 * @throws the signal's reason when it is aborted
 */
export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(toError(signal.reason));
    };
    const cancel = timers.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
