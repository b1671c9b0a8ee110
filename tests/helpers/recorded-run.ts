import { readFileSync, writeFileSync } from 'node:fs';
import { isInterruption, type LedgerRecord } from '../../protocols/ledger.js';
import type { Experiment } from '../../src/closed-loop/experiment.js';
import { paceSource } from '../../src/closed-loop/paced-source.js';
import { runExperiment, type ExperimentRun } from '../../src/closed-loop/run-experiment.js';
import { virtualClock } from '../../src/clock.js';
import { readLedger } from '../../src/recording/ledger-reader.js';
import { createRunFolder, type RunFolder } from '../../src/recording/run-folder.js';
import { openTestLedger } from './recorded-journal.js';
import { emulatedSource, prepareRun } from './small-experiment.js';

/** Where a recorded run stops. */
export interface StopOptions {
  /** Trials carried out before it stops. */
  readonly trials: number;
  /** `interrupt`: as by Ctrl-C; `rest`: by Ctrl-C in the rest after these trials; `kill`: without a chance to say so. */
  readonly by: 'interrupt' | 'rest' | 'kill';
  /** Records written at once. */
  readonly ledgerBatch?: number | undefined;
}

/** Begins a run in a folder of its own, as `meactl run` does, and stops it after a number of trials. */
export async function recordPart(path: string, experiment: Experiment, stop: StopOptions): Promise<RunFolder> {
  const folder = createRunFolder(path);
  const writer = openTestLedger(folder.path, { ledgerBatch: stop.ledgerBatch });
  const abort = new AbortController();
  const paused = stop.by === 'rest' ? { source: sleeplessInRests(experiment, abort) } : {};
  const run: ExperimentRun = prepareRun(experiment, { ledger: writer, signal: abort.signal, ...paused });
  const steps = runExperiment(run);
  const end = (): void => {
    abort.abort(new Error('enough'));
  };
  if (stop.by === 'interrupt' && stop.trials === 0) end();
  for (let trials = 1; (await steps.next()).done !== true; trials++) {
    if (stop.by === 'rest' || trials < stop.trials) continue;
    if (stop.by === 'kill') return folder;
    end();
  }
  await writer.close();
  return folder;
}

function sleeplessInRests(experiment: Experiment, abort: AbortController): ExperimentRun['source'] {
  const clock = virtualClock();
  const sleep = (durationMs: number, signal: AbortSignal): Promise<void> => {
    if (durationMs > 10_000) abort.abort(new Error('enough'));
    return clock.sleep(durationMs, signal);
  };
  return paceSource(emulatedSource(experiment), { ...clock, sleep }, abort.signal);
}

/** Lines of a ledger without those that tell of a stop and its mending. */
export function toldLines(folder: string): readonly string[] {
  const { lines, records } = readLedger(folder);
  return lines.filter((_, i) => !isInterruption(records[i]!));
}

/** The records of a ledger that tell of a stop and its mending. */
export function interruptionsOf(folder: string): readonly LedgerRecord[] {
  return readLedger(folder).records.filter(isInterruption);
}

/** Changes one byte of a file. */
export function flipByte(path: string, byte: number): void {
  const bytes = readFileSync(path);
  bytes[byte]! ^= 0x40;
  writeFileSync(path, bytes);
}
