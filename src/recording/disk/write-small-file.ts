import { dirname } from 'node:path';
import { carryOut, type LongWork } from '../long-work.js';
import { storageError } from '../write-all.js';
import { Appender } from './appender.js';
import type { Disk, DiskFile } from './disk.js';

/**
 * Writes a small file so that its name always stands for a whole one: beside it, to the disk, renamed, and the folder to
 * the disk.
 *
 * @throws MeaError `storage`; what was there before is still there
 */
export function writeSmallFile(disk: Disk, path: string, bytes: Uint8Array): void {
  carryOut(writingFile(disk, path, [bytes]));
}

/** The same for a file that is long, piece by piece; one that is given up leaves nothing behind. */
export function* writingFile(disk: Disk, path: string, pieces: Iterable<Uint8Array>): LongWork<void> {
  const temporary = `${path}.tmp`;
  let isPaused = false;
  try {
    const file = new Appender(createAnew(disk, temporary));
    try {
      for (const piece of pieces) {
        file.append(piece);
        isPaused = true;
        yield piece.length;
        isPaused = false;
      }
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
    throw isPaused ? cause : storageError('Cannot write', path, cause);
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
