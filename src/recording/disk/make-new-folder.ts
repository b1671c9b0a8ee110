import { storageError } from '../write-all.js';
import type { Disk } from './disk.js';

/** Makes a folder. @returns false for one that is there: a recorder that was killed may have left it. @throws MeaError `storage` */
export function makeNewFolder(disk: Disk, path: string): boolean {
  try {
    disk.makeFolder(path);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false;
    throw storageError('Cannot make a folder', path, cause);
  }
}
