import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readLedger } from '../src/recording/ledger-reader.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { MEACTL, serveCulture, type ServedCulture } from './helpers/served-culture.js';
import { waitUntil } from './helpers/wait-until.js';

// The program against a device over TCP in real time: a loaded machine may trip it by itself, and needs another attempt.
const RETRY = 4;
const PATIENCE_MS = 60_000;
/** Longer than the device's watchdog and `mainStallMs`, shorter than a link may be silent. */
const STOPPED_MS = 800;
const root = temporaryFolder('rearm');

describe('meactl run --rearm', () => {
  let culture: ServedCulture;
  let attempts = 0;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    culture = await serveCulture(root, { watchdogMs: 500 });
  });
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => culture.served.close());

  /** Runs an experiment whose program stands still, so many times, while stimuli leave. */
  async function runStandingStill(times: number, ...words: readonly string[]) {
    attempts += 1;
    const name = `run-${attempts}`;
    const argv = culture.runArguments(name, { trials: 8 }).filter((word) => word !== '--no-report');
    const child = spawn(process.execPath, [MEACTL, ...argv, ...words], { cwd: root });
    running.push(child);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const state: { code: number | null | undefined } = { code: undefined };
    child.on('close', (code) => (state.code = code));
    for (let time = 0; time < times; time++) {
      const before = culture.stimuli().length;
      await waitUntil(
        () => state.code !== undefined || culture.stimuli().length >= before + 2,
        () => `no stimulus left: ${stderr}`,
        PATIENCE_MS,
      );
      child.kill('SIGSTOP');
      await sleep(STOPPED_MS);
      child.kill('SIGCONT');
    }
    await waitUntil(
      () => state.code !== undefined,
      () => `it has not ended: ${stderr}`,
      PATIENCE_MS,
    );
    return { code: state.code, stderr, folder: join(root, name) };
  }

  it('goes on after a trip of the host, repeats the trial that was lost, and says so', { retry: RETRY }, async () => {
    const { code, stderr, folder } = await runStandingStill(1, '--rearm', '1');
    expect(code, stderr).toBe(0);
    const { records } = readLedger(folder);
    expect(records[0]).toMatchObject({ arming: { rearms: 1 } });
    const rearmed = records.filter(({ type }) => type === 'rearmed');
    expect(rearmed).toMatchObject([{ cause: 'main-stalled', number: 1, allowed: 1 }]);
    expect(records.filter(({ type }) => type === 'trial')).toHaveLength(16);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('the program had stood still');
  });

  it('ends at the first trip that nobody has allowed', { retry: RETRY }, async () => {
    const { code, stderr, folder } = await runStandingStill(2, '--rearm', '1');
    expect(code).toBe(1);
    expect(stderr).toMatch(/no longer the one that was armed/);
    expect(readLedger(folder).records.filter(({ type }) => type === 'rearmed')).toHaveLength(1);
  });
});
