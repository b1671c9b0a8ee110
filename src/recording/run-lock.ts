import { closeSync, linkSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';
import { storageError } from './write-all.js';

/**
 * Keeps a run's folder for one writer: two would interleave their records and ruin the recording. The lock is a file that
 * holds the writer's process id; one whose process is gone was left by a crash and is taken over. It appears with its number
 * in it, and is replaced in one step, by one taker at a time.
 *
 * @param path of the lock file
 * @param beforeTakeOver is called when a lock was found that was left; tests let another one in here
 * @returns a function that gives the lock back; idempotent
 * @throws MeaError `exists` while another process holds it, or takes it over; `storage` when the disk refuses
 */
export function lockRun(path: string, beforeTakeOver: () => void = () => undefined): () => void {
  const holder = holderOf(path);
  if (holder !== undefined && isAlive(holder)) throw heldBy(path, holder);
  const own = `${path}.${process.pid}-${(counter += 1)}`;
  refusing(path, () => {
    writePid(own);
  });
  try {
    if (holder === undefined) claim(own, path);
    else {
      beforeTakeOver();
      takeOver(own, path);
    }
  } finally {
    // After a rename it is not there.
    remove(own);
  }
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    // A person may have removed it, and another process have it now.
    if (holderOf(path) === process.pid) unlinkSync(path);
  };
}

/** Another process that holds the lock; undefined where there is none. */
export function writerOf(path: string): number | undefined {
  const holder = holderOf(path);
  return holder !== undefined && holder !== process.pid && isAlive(holder) ? holder : undefined;
}

/** Keeps names apart when one process asks for two locks. */
let counter = 0;

/** Gives a file the name of the lock, which nobody has. @throws MeaError `exists` */
function claim(own: string, path: string): void {
  try {
    linkSync(own, path);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') throw heldBy(path, holderOf(path));
    // Some file systems have no links.
    refusing(path, () => {
      writePid(path);
    });
  }
}

/** Replaces a lock that was left. Only who has the guard may: of two who found it, the second would replace the first one's. */
function takeOver(own: string, path: string): void {
  const guard = `${path}.takeover`;
  claim(own, guard);
  try {
    const holder = holderOf(path);
    if (holder !== undefined && isAlive(holder)) throw heldBy(path, holder);
    refusing(path, () => {
      renameSync(own, path);
    });
  } finally {
    remove(guard);
  }
}

function writePid(path: string): void {
  const fd = openSync(path, 'wx');
  try {
    writeSync(fd, `${process.pid}\n`);
  } finally {
    closeSync(fd);
  }
}

function refusing(path: string, call: () => void): void {
  try {
    call();
  } catch (cause) {
    throw codeOf(cause) === 'EEXIST' ? heldBy(path, holderOf(path)) : storageError('Cannot lock the run', path, cause);
  }
}

function heldBy(path: string, holder: number | undefined): MeaError {
  return new MeaError('exists', {
    what: 'The run is being written by another process',
    got: `process ${holder ?? 'unknown'}`,
    wanted: 'no other writer',
    where: path,
    remedy: 'stop that one first; if it is no meactl, remove the lock file',
  });
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It has another name, or another process has removed it.
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
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
    return codeOf(error) === 'EPERM';
  }
}
