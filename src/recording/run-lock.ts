import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';
import { storageError } from './write-all.js';

/**
 * Keeps a run's folder for one writer: two would interleave their records and ruin the recording. The lock is a file that
 * holds the writer's process id; one whose process is gone was left by a crash and is taken over.
 *
 * @param path of the lock file
 * @returns a function that gives the lock back; idempotent
 * @throws MeaError `exists` while another process holds it; `storage` when the disk refuses
 */
export function lockRun(path: string): () => void {
  const holder = holderOf(path);
  if (holder !== undefined && isAlive(holder)) {
    throw new MeaError('exists', {
      what: 'The run is being written by another process',
      got: `process ${holder}`,
      wanted: 'no other writer',
      where: path,
      remedy: 'stop that one first; if it is no meactl, remove the lock file',
    });
  }
  if (holder !== undefined) unlinkSync(path);
  try {
    const fd = openSync(path, 'wx');
    writeSync(fd, `${process.pid}\n`);
    closeSync(fd);
  } catch (cause) {
    throw storageError('Cannot lock the run', path, cause);
  }
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    unlinkSync(path);
  };
}

/** True while another process holds the lock. */
export function isLockedByOther(path: string): boolean {
  const holder = holderOf(path);
  return holder !== undefined && holder !== process.pid && isAlive(holder);
}

function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim());
    // A lock without a number was cut off by a crash: no process is 0.
    return Number.isInteger(pid) && pid > 0 ? pid : 0;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
