import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openRigDevice } from '../drivers/open-rig-device.js';
import { countedTrials } from '../src/closed-loop/recorded-run.js';
import { segmentName } from '../src/recording/journal/journal-writer.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { systemTimers } from '../src/timers.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { runProgram } from './helpers/run-program.js';
import { MEACTL, serveCulture } from './helpers/served-culture.js';
import { open, requestsFor, carryOut } from './helpers/signal-bench.js';
import { waitUntil } from './helpers/wait-until.js';
import { createWideProfile } from './helpers/wide-profile.js';

// The program against devices over TCP in real time: a loaded machine may trip it by itself, and needs another attempt.
const RETRY = 2;
const PATIENCE_MS = 60_000;
/** Beyond everything that the first device samples in this test, and less than a session's gap may be. */
const AHEAD = 400_000;
const root = temporaryFolder('another-boot');
const ending: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ending) await end();
});

/** Has a device's counter stand further on than it would by itself. */
async function moveCounterOn(address: string, electrodes: readonly number[], samples: number): Promise<void> {
  const { signal } = new AbortController();
  const device = await openRigDevice(address, { timers: systemTimers(), client: 'test' }, signal);
  await device.configure({ blockFrames: 200, safetyProfile: createWideProfile(electrodes) });
  await device.start();
  await device.rest(samples);
  await device.stop();
  await device.close();
}

async function killedAfterTrials(trials: number, out: string, argv: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [MEACTL, ...argv], { cwd: root, stdio: 'ignore' });
  const ended = once(child, 'close');
  const shown = (): number =>
    existsSync(join(out, segmentName(0))) ? readLedger(out).records.filter(({ type }) => type === 'trial').length : 0;
  await waitUntil(
    () => child.exitCode !== null || shown() >= trials,
    () => 'no trial was carried out',
    PATIENCE_MS,
  );
  child.kill('SIGKILL');
  await ended;
}

describe('a device that was booted anew', () => {
  it(
    'has another clock for a run that goes on, also where it stands soon after the last trial',
    { retry: RETRY },
    async () => {
      const first = await serveCulture(root, {}, { bootId: 1001 });
      ending.push(() => first.served.close());
      const name = `run-${ending.length}`;
      const out = join(root, name);
      await killedAfterTrials(2, out, first.runArguments(name));
      const before = readLedger(out).records.filter((record) => record.type === 'trial');
      expect(before.length).toBeLessThan(6);
      await first.served.close();
      const second = await serveCulture(root, {}, { bootId: 1002, at: first.served.address });
      ending.push(() => second.served.close());
      await moveCounterOn(first.served.address, [0, 2, 5, 7, 8, 10, 13, 15], AHEAD);
      const arm = first.runArguments(name).slice(4, 6);
      expect(arm[0]).toBe('--arm');
      const resumed = await runProgram(['run', '--resume', out, '--no-report', ...arm], root);
      expect(resumed.code, resumed.stderr).toBe(0);
      const { records } = readLedger(out);
      const clock = records.findIndex(({ type }) => type === 'another-clock');
      // No gap is told, though by the numbers alone it would be a short one.
      expect(records.slice(clock, clock + 3)).toMatchObject([
        { type: 'another-clock', session: 0, trial: before.length, previousBootId: 1001, bootId: 1002 },
        { type: 'session-restarted', session: 0, trial: before.length },
        { type: 'trial', session: 0, trial: 0 },
      ]);
      expect(records[clock + 1]).not.toHaveProperty('gapSamples');
      const [anew] = records.slice(clock + 2);
      if (anew?.type !== 'trial') throw new Error('no trial');
      const byNumbers = anew.atSample - before.at(-1)!.atSample;
      expect(byNumbers).toBeGreaterThan(10_000);
      expect(byNumbers).toBeLessThan(30 * 20_000);
      expect(records.map(({ type }) => type)).not.toContain('rescheduled');
      expect(countedTrials(records)).toHaveLength(12);
      const replayed = await runProgram(['replay', out], root);
      expect(replayed.stdout, replayed.stderr).toMatch(/no difference: \d+ records, \d+ trials/);
    },
  );

  it('ends the run that it was armed for: nothing goes on by another clock by itself', async () => {
    const { source } = await open({ faults: ['brown-out=5000:300'] });
    const carried = carryOut(source, requestsFor(source));
    await expect(carried).rejects.toThrow(
      /no longer the one that was armed: got (another boot of the device|disarmed)/,
    );
    await source.close();
  });
});
