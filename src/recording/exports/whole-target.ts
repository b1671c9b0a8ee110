import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { alreadyThere, exists, moveWithoutReplacing, temporaryBeside, toWriteError } from '../whole-file.js';

/**
 * Has a file or a folder written so that `path` never names half of it: under a temporary name beside it, which is renamed at
 * the end and removed when anything fails.
 *
 * @param fill writes the file, or the files of a folder that is there already
 * @returns what `fill` does
 * @throws MeaError `exists`, `missing` or `storage`, as `writeWholeFile`; what `fill` throws
 */
export async function writeWholeTarget<T>(
  path: string,
  kind: 'file' | 'folder',
  fill: (temporary: string) => Promise<T>,
): Promise<T> {
  if (await exists(path)) throw alreadyThere(path);
  const temporary = temporaryBeside(path);
  try {
    await access(dirname(path));
    if (kind === 'folder') await mkdir(temporary);
    const result = await fill(temporary);
    await (kind === 'file' ? moveWithoutReplacing(temporary, path) : moveFolder(temporary, path));
    return result;
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw isSystemError(cause) ? toWriteError(cause, path) : cause;
  }
}

/** `rename` takes the place of an empty folder only; what holds anything it refuses. */
async function moveFolder(temporary: string, path: string): Promise<void> {
  if (await exists(path)) throw alreadyThere(path);
  await rename(temporary, path);
}

function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause;
}
