import { dirname } from 'node:path';
import { storageError } from '../write-all.js';
import { Appender } from './appender.js';
import type { Disk, DiskFile } from './disk.js';

/**
 * Writes a small file so that its name always stands for a whole one: beside it, to the disk, renamed, and the folder to
 * the disk.
 *
 * @param bytes all of them, or piece by piece
 * @throws MeaError `storage`; what was there before is still there
 */
export function writeSmallFile(disk: Disk, path: string, bytes: Uint8Array | Iterable<Uint8Array>): void {
  const temporary = `${path}.tmp`;
  try {
    const file = new Appender(createAnew(disk, temporary));
    try {
      for (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) file.append(piece);
      file.sync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
    disk.syncFolder(dirname(path));
  } catch (cause) {
    try {
      disk.remove(temporary);
    } catch {
      // It was not made, or the disk is gone: the first error says more.
    }
    throw storageError('Cannot write', path, cause);
  }
}

/** A program that died here may have left its half of one. */
function createAnew(disk: Disk, path: string): DiskFile {
  try {
    return disk.create(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    disk.remove(path);
    return disk.create(path);
  }
}
