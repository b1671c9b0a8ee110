import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openRandomStream } from '../../protocols/random.js';
import { systemDisk } from '../../src/recording/disk/disk.js';
import { recoverRecording } from '../../src/recording/recover.js';
import { verifyRecording } from '../../src/recording/verify.js';
import { readBack } from './recording-scenario.js';

/** What is left of a recording whose program was killed. */
export interface KilledRecording {
  readonly afterMs: number;
  /** What had been promised, and what was read after the recovery. */
  readonly promisedSamples: number;
  readonly promisedRecords: number;
  readonly readSamples: number;
  readonly readRecords: number;
  readonly lostSeconds: number;
}

const MAX_LEDGER = 100_000;

/**
 * Kills a program that records, at a random moment, and reads what is left.
 *
 * @throws Error where it cannot be read whole, or holds anything that was not recorded
 */
export async function killRecording(folder: string, seed: number, channels = 8): Promise<KilledRecording> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const program = join(fileURLToPath(new URL('.', import.meta.url)), 'record-until-killed.js');
  const compiled = existsSync(program)
    ? program
    : fileURLToPath(new URL('../../dist/tests/helpers/record-until-killed.js', import.meta.url));
  const child = spawn(process.execPath, [compiled, folder, String(channels)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    said += text;
  });
  while (said === '') await sleep(5);
  const afterMs = Math.round(openRandomStream(seed, 'kill').uniform() * 400);
  await sleep(afterMs);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  const lines = said.split('\n').slice(0, -1);
  const [promisedSamples, promisedRecords] = (lines.at(-1) ?? '0 0').split(' ').map(Number);
  const { lostSeconds, index } = recoverRecording(folder, { disk: systemDisk(), clock: { wallMs: () => 0 } });
  const ledger = Array.from({ length: MAX_LEDGER }, (_, i) => `{"type":"rest","session":${i},"seconds":1}`);
  const read = await readBack(folder, ledger);
  const { problems } = verifyRecording(folder);
  if (problems.length > 0) throw new Error(problems.map(({ file, what }) => `${file}: ${what}`).join('\n'));
  return {
    afterMs,
    promisedSamples: promisedSamples!,
    promisedRecords: promisedRecords!,
    readSamples: read.nextSample,
    // Without the one that tells of the recovery.
    readRecords: index.frames - 1,
    lostSeconds,
  };
}
