import { writeSync } from 'node:fs';
import { isMeaError, MeaError } from '../../protocols/errors.js';

/**
 * Writes every byte or throws. A nearly full disk takes a part of a write without an error and refuses only the next
 * one, so the returned count is checked.
 *
 * @param position where in the file; at its end where it was opened for appending
 * @throws MeaError `storage` naming the file and the system's reason
 */
export function writeAll(
  file: { readonly fd: number; readonly path: string },
  bytes: Uint8Array,
  position?: number,
): void {
  let written = 0;
  while (written < bytes.length) {
    const at = position === undefined ? null : position + written;
    let count = 0;
    try {
      count = writeSync(file.fd, bytes, written, bytes.length - written, at);
    } catch (cause) {
      throw storageError('Cannot write', file.path, cause);
    }
    if (count === 0) throw storageError('Cannot write', file.path, 'the system took no byte');
    written += count;
  }
}

/** A MeaError `storage` for a failed call of the file system. */
export function storageError(what: string, path: string, cause: unknown): MeaError {
  return new MeaError(
    'storage',
    {
      what,
      got: reasonOf(cause),
      where: path,
      remedy: 'free or mend the disk; what was written before is kept, and --resume goes on from there',
    },
    { cause },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EROFS: 'a read-only file system',
  EACCES: 'no permission',
  EIO: 'an input/output error of the disk',
};

function reasonOf(cause: unknown): string {
  // What an inner one says of the disk; where, and what to do, the outer one says.
  if (isMeaError(cause, 'storage')) return cause.details.got ?? cause.details.what;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') {
    return REASONS[cause.code] ?? cause.code;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
