import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import { systemClock } from '../clock.js';
import { readLedger } from '../recording/ledger-reader.js';
import { openRunFolder, type RunFolder } from '../recording/run-folder.js';
import { writerOf } from '../recording/run-lock.js';
import { findWritingProcess } from '../recording/writing-process.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';

export interface StopCommand {
  readonly recording: string;
  /** How long the run may take to close its device and its recording, in seconds. */
  readonly timeout: number;
  readonly json: boolean;
}

const LOOK_MS = 20;

/**
 * `meactl stop`: ends the run that writes a recording, from anywhere on its machine, by the path of every other stop: a signal to
 * its process. Stimulation ends with the signal; the command waits until the recording is closed and says where it ended.
 *
 * @throws MeaError `missing` where nothing writes it, `refused` for a process that may be another one, or is not ours to signal;
 *   `deadline` when it has not ended in time
 */
export async function stopCommand({ recording, timeout, json }: StopCommand, io: CliIo): Promise<ExitCode> {
  const folder = openRunFolder(recording);
  const pid = findWritingProcess(folder);
  if (pid === undefined) {
    throw new MeaError('missing', {
      what: 'Nothing writes this recording: there is nothing to stop',
      where: folder.path,
      remedy: 'name the folder of a run that goes on; of a run with arms, that of its present arm',
    });
  }
  tell(pid);
  io.stderr(`meactl: process ${pid} was told to stop\n`);
  const seconds = await untilClosed(folder, { pid, timeout, signal: io.signal });
  if (existsSync(folder.lock)) {
    throw new MeaError('internal', {
      what: 'The run has died and left its recording as it was',
      got: `process ${pid} is gone, and its lock is there`,
      where: folder.path,
      remedy: 'a device switches itself off without it; go on with --resume, or mend it with meactl recover',
    });
  }
  const interrupted = interruptionOf(folder);
  if (json) {
    io.stdout(`${JSON.stringify({ version: 1, path: folder.path, process: pid, seconds, interrupted })}\n`);
  } else {
    const where =
      interrupted === null
        ? 'it has no unfinished trial'
        : `before session ${interrupted.session}, trial ${interrupted.trial}`;
    io.stdout(`stopped: ${basename(folder.path)}, process ${pid}, ${where}; its recording is closed\n`);
  }
  return EXIT.done;
}

function tell(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (cause) {
    const details = {
      what: 'The process that writes the recording cannot be told to stop',
      got: `process ${pid}: ${cause instanceof Error ? cause.message : String(cause)}`,
      remedy: 'ask as the user who runs it, or use its terminal',
    };
    throw new MeaError('refused', details, { cause });
  }
}

interface Ending {
  readonly pid: number;
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** @returns seconds that it took */
async function untilClosed(folder: RunFolder, { pid, timeout, signal }: Ending): Promise<number> {
  const clock = systemClock();
  const began = clock.monotonicMs();
  const passedS = (): number => (clock.monotonicMs() - began) / 1000;
  while (writerOf(folder.lock) === pid) {
    if (passedS() >= timeout) {
      throw new MeaError('deadline', {
        what: 'The run was told to stop and has not ended',
        got: `process ${pid} still writes after ${timeout} s`,
        where: folder.path,
        remedy: `a device switches itself off when that process stands still; ask again, or end it with kill -9 ${pid}`,
      });
    }
    await clock.sleep(LOOK_MS, signal);
  }
  return Number(passedS().toFixed(3));
}

/** Where a run was interrupted; null for one that was over, or that has no trials. */
function interruptionOf({ path }: RunFolder): { readonly session: number; readonly trial: number } | null {
  const last = readLedger(path).records.at(-1);
  return last?.type === 'interrupted' ? { session: last.session, trial: last.trial } : null;
}
