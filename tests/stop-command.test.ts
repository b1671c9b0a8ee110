import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readLedger } from '../src/recording/ledger-reader.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { runProgram } from './helpers/run-program.js';
import { writeJournal } from './helpers/recorded-journal.js';
import { MEACTL, serveCulture, type ServedCulture } from './helpers/served-culture.js';
import { waitUntil } from './helpers/wait-until.js';

// Two programs and a device over TCP in real time: a loaded machine may need another attempt.
const RETRY = 3;
const PATIENCE_MS = 60_000;
const root = temporaryFolder('stop');
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

describe('meactl stop', () => {
  let culture: ServedCulture;
  let attempts = 0;
  beforeAll(async () => {
    culture = await serveCulture(root);
  });
  afterAll(() => culture.served.close());

  /** A run on the device that has delivered some stimuli. */
  async function runUntilStimulating() {
    attempts += 1;
    const name = `run-${attempts}`;
    const before = culture.stimuli().length;
    const acts = culture.served.acts.length;
    const child = spawn(process.execPath, [MEACTL, ...culture.runArguments(name, { trials: 60 })], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.push(child);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    const state: { code: number | null | undefined } = { code: undefined };
    child.on('close', (code) => (state.code = code));
    await waitUntil(
      () => state.code !== undefined || culture.stimuli().length >= before + 3,
      () => 'no stimulus left',
      PATIENCE_MS,
    );
    expect(state.code, stderr).toBeUndefined();
    const disarmed = () =>
      culture.served.acts
        .slice(acts)
        .flatMap(({ message }) => (message.type === 'armed-changed' && !message.armed ? [message.cause] : []));
    const ended = () =>
      waitUntil(
        () => state.code !== undefined,
        () => 'it goes on',
        PATIENCE_MS,
      ).then(() => state.code);
    return { child, out: join(root, name), disarmed, ended };
  }

  it('ends stimulation from another terminal by the path of a signal, and says where', { retry: RETRY }, async () => {
    const { child, out, disarmed, ended } = await runUntilStimulating();
    const stopped = await runProgram(['stop', out], root);
    expect(stopped.code, stopped.stderr).toBe(0);
    const shown = culture.stimuli().length;
    expect(await ended()).toBe(130);
    expect(disarmed()).toEqual(['abort']);
    const last = readLedger(out).records.at(-1);
    if (last?.type !== 'interrupted') throw new Error('not interrupted');
    expect(stopped.stdout).toMatch(
      new RegExp(`^stopped: run-\\d+, process ${child.pid}, before session ${last.session}, trial ${last.trial}; `),
    );
    expect(culture.stimuli()).toHaveLength(shown);
    const again = await runProgram(['stop', out], root);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('Nothing writes this recording')]);
  });

  it(
    'says so when the run stands still and does not end, whose device has switched off by itself',
    { retry: RETRY },
    async () => {
      const { child, out, disarmed, ended } = await runUntilStimulating();
      child.kill('SIGSTOP');
      const asked = await runProgram(['stop', out, '--timeout', '2'], root);
      expect([asked.code, asked.stderr]).toEqual([
        1,
        expect.stringMatching(new RegExp(`has not ended: got process ${child.pid} still writes after 2 s.*kill -9`)),
      ]);
      await waitUntil(
        () => disarmed().length > 0,
        () => 'the device is armed still',
        PATIENCE_MS,
      );
      child.kill('SIGCONT');
      expect(await ended()).toBe(130);
    },
  );
});

describe('meactl stop of a lock that a crash left', () => {
  it('leaves a process alone that has the number by now', async () => {
    const folder = join(root, 'left');
    writeJournal(folder, []);
    const other = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    running.push(other);
    writeFileSync(join(folder, 'run.lock'), `${other.pid}\n`);
    const { code, stderr } = await runCli(['stop', folder]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/not known to write it, and is left alone.*none of its open files/),
    ]);
    expect(other.signalCode).toBeNull();
    other.kill('SIGKILL');
  });

  it('has nothing to stop where no process writes, or where there is no recording', async () => {
    const folder = join(root, 'still');
    writeJournal(folder, []);
    for (const lock of [undefined, '', '999999999\n']) {
      if (lock !== undefined) writeFileSync(join(folder, 'run.lock'), lock);
      const { code, stderr } = await runCli(['stop', folder]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('Nothing writes this recording')]);
    }
    mkdirSync(join(root, 'empty'));
    expect((await runCli(['stop', join(root, 'empty')])).code).toBe(2);
    expect((await runCli(['stop', folder, '--timeout', '0'])).code).toBe(2);
  });
});
