import { MeaError } from '../errors.js';
import type { Timers } from '../timers.js';
import { MAX_MESSAGE_BYTES } from './messages.js';

/** Bytes that a link takes before it says that it is full. */
export const DEFAULT_BUFFER_BYTES = 1_048_576;

/** How long `close` waits for what was taken to go. */
export const DEFAULT_FLUSH_MS = 500;

/** What every link can be told, at both ends. */
export interface LinkOptions {
  readonly timers: Timers;
  /** Bound of the send buffer; a message that finds it empty is always taken. */
  readonly bufferBytes?: number;
  readonly flushMs?: number;
  /** What goes onto the wire in place of a frame, in order: the place where an emulated device has its faults. */
  readonly filterFrame?: FrameFilter;
}

/** Turns a frame into those that are sent instead: none, itself, others. */
export type FrameFilter = (frame: Uint8Array) => readonly Uint8Array[];

/**
 * Checks a message before it is taken: the other side would refuse it.
 *
 * @throws MeaError `bad-input` when it is longer than `MAX_MESSAGE_BYTES`
 */
export function assertMessageSize(message: Uint8Array, address: string): void {
  if (message.length <= MAX_MESSAGE_BYTES) return;
  throw new MeaError('bad-input', {
    what: 'The message is too long for the link',
    got: `${message.length} bytes`,
    wanted: `at most ${MAX_MESSAGE_BYTES} bytes`,
    where: address,
    remedy: 'send fewer frames in a block',
  });
}

/** True when a buffer with `pendingBytes` in it does not take `messageBytes` more. */
export function isBufferFull(pendingBytes: number, messageBytes: number, bufferBytes: number): boolean {
  return pendingBytes > 0 && pendingBytes + messageBytes > bufferBytes;
}

/** Resolves with true when `done` does, with false when `delayMs` have passed before. */
export function waitAtMost(timers: Timers, delayMs: number, done: Promise<void>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(delayMs, () => {
      resolve(false);
    });
    done.then(
      () => {
        cancel();
        resolve(true);
      },
      (error: unknown) => {
        cancel();
        reject(toError(error));
      },
    );
  });
}

/** Why a signal was aborted, as an error. */
export function abortReason(signal: AbortSignal): Error {
  return toError(signal.reason);
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}
