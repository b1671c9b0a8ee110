import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import { listSegments } from './journal/scan-journal.js';
import { storageError } from './write-all.js';

/** Files of a recorded run. */
export interface RunFolder {
  readonly path: string;
  /** Newest states of the source. */
  readonly state: string;
  /** Results for programs, the same for the same seed. */
  readonly result: string;
  readonly report: string;
  /** Held while a process writes the run. */
  readonly lock: string;
}

/** Names of the files in a run's folder. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    state: join(path, 'source-state.bin'),
    result: join(path, 'result.json'),
    report: join(path, 'report.html'),
    lock: join(path, 'run.lock'),
  };
}

/**
 * Makes the folder of a new run.
 *
 * @throws MeaError `exists` for a folder or file that is there already: nothing is overwritten; `storage` otherwise
 */
export function createRunFolder(path: string): RunFolder {
  if (existsSync(path)) {
    throw new MeaError('exists', {
      what: 'The output folder is there already, and nothing is overwritten',
      where: path,
      remedy: isRecording(path)
        ? 'choose another with --out, or go on with an interrupted run by --resume'
        : 'choose another with --out',
    });
  }
  makeFolder(resolve(path));
  return runFolder(path);
}

/** Makes a folder and its parents, one by one: Node's own recursion does not end below folders like /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ENOTDIR' && code !== 'EACCES' && code !== 'ENOENT' && code !== 'EPERM') {
      throw storageError('Cannot make the output folder', path, cause);
    }
    throw new MeaError(
      'bad-input',
      {
        what: 'Cannot make the output folder',
        got: code === 'ENOTDIR' ? 'a file where a folder should be' : code,
        wanted: 'a place where folders can be made',
        where: path,
        remedy: 'choose another with --out',
      },
      { cause },
    );
  }
}

/** @throws MeaError `missing` when there is no recorded run at `path` */
export function openRunFolder(path: string): RunFolder {
  const folder = runFolder(path);
  if (isRecording(path)) return folder;
  throw new MeaError('missing', {
    what: 'No recording here',
    got: existsSync(path) ? 'no journal-0000.log' : 'no such folder',
    wanted: 'the output folder of meactl run or meactl record',
    where: path,
  });
}

/** True for a folder with a journal in it. */
export function isRecording(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory() && listSegments(path).length > 0;
}
