import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
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
}

/** Names of the files in a run's folder. */
export function runFolder(path: string): RunFolder {
  return {
    path,
    ledger: join(path, 'ledger.jsonl'),
    latency: join(path, 'latency.jsonl'),
    state: join(path, 'source-state.bin'),
    about: join(path, 'about.json'),
    result: join(path, 'result.json'),
    report: join(path, 'report.html'),
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
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw storageError('Cannot make the output folder', path, cause);
  }
  return runFolder(path);
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
