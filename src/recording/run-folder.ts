import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import type { LedgerPaths } from './ledger-writer.js';
import { storageError } from './write-all.js';

/** Files of a recorded run. */
export interface RunFolder extends LedgerPaths {
  readonly path: string;
  /** What a person wants to know of the run and no comparison reads: when, with what. */
  readonly about: string;
  /** Results for programs, the same for the same seed. */
  readonly result: string;
  readonly report: string;
  /** Held while a process writes the run. */
  readonly lock: string;
}

/** Names of the files in a run's folder. */
function runFolder(path: string): RunFolder {
  return {
    path,
    ledger: join(path, 'ledger.jsonl'),
    latency: join(path, 'latency.jsonl'),
    state: join(path, 'source-state.bin'),
    about: join(path, 'about.json'),
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
      remedy: existsSync(runFolder(path).ledger)
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
  if (existsSync(path) && statSync(path).isDirectory() && existsSync(folder.ledger)) return folder;
  throw new MeaError('missing', {
    what: 'No recorded run here',
    got: existsSync(path) ? 'no ledger.jsonl' : 'no such folder',
    wanted: 'the output folder of meactl run',
    where: path,
  });
}
