import { setImmediate } from 'node:timers/promises';

/** Work that is done piece by piece: it yields the bytes that it has dealt with since it last did. */
export type LongWork<T> = Generator<number, T, undefined>;

/** How long work is carried out. */
export interface PieceOptions {
  /** Ends the work with its reason, after the piece at hand; what it holds open is closed. */
  readonly signal: AbortSignal;
  /** Bytes that there are to deal with, as far as is known before. */
  readonly totalBytes: number;
  /** Told the share that is done, from 0 to 1, rising. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** So many bytes take a few milliseconds: a person does not wait, and the pauses cost nothing. */
const PIECE_BYTES = 2 ** 22;

/** Carries work out to its end, in one go. */
export function carryOut<T>(work: LongWork<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Carries work out, and lets signals, timers and the terminal have their turn after every few megabytes.
 *
 * @throws the signal's reason once it is aborted; what the work throws
 */
export async function carryOutInPieces<T>(
  work: LongWork<T>,
  { signal, totalBytes, onProgress }: PieceOptions,
): Promise<T> {
  const countPiece = createPieceCount();
  let done = 0;
  for (;;) {
    // It is told as an error of the piece at hand, so that the work closes what it has open.
    const step = signal.aborted ? work.throw(signal.reason) : work.next();
    if (step.done === true) return step.value;
    done += step.value;
    if (!countPiece(step.value)) continue;
    onProgress?.(Math.min(1, done / totalBytes));
    await setImmediate();
  }
}

/** Counts bytes, and says each time when a pause is due. */
export function createPieceCount(): (bytes: number) => boolean {
  let bytesSince = 0;
  return (bytes) => {
    bytesSince += bytes;
    if (bytesSince < PIECE_BYTES) return false;
    bytesSince = 0;
    return true;
  };
}
