import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageFolder } from '../src/cli/package-info.js';
import { listSegments } from '../src/recording/journal/scan-journal.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { journalFrames } from './helpers/recorded-journal.js';
import { interruptionsOf, toldLines } from './helpers/recorded-run.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';

// The program as it is installed: `npm test` builds it before the tests.
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');

const root = temporaryFolder('process');
const long = join(root, 'long.yaml');
const whole = join(root, 'whole');

let counter = 0;
function newFolder(): string {
  counter++;
  return join(root, `out-${counter}`);
}

interface Child {
  readonly process: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly output: { stdout: string; stderr: string };
}

function start(argv: readonly string[]): Child {
  const process = spawn(globalThis.process.execPath, [MAIN, ...argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  process.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  process.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    process.on('error', reject);
    process.on('close', (code, signal) => {
      resolve({ code, signal });
    });
  });
  return { process, ended, output };
}

/** Comes back when something is so, or throws when the child ended before. */
async function until(child: Child, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    if (child.process.exitCode !== null) throw new Error(`it ended before: ${child.output.stderr}`);
    await setImmediate();
  }
}

const journalSize = (folder: string): number =>
  listSegments(folder).reduce((bytes, segment) => bytes + statSync(segment).size, 0);
const recordsIn = (folder: string): number => (journalSize(folder) === 0 ? 0 : readLedger(folder).records.length);

/** Comes back when a share of the whole ledger is on the disk, and at least some of it. */
function untilRecorded(folder: string, share: number, child: Child): Promise<void> {
  const bytes = ledgerFrom + (wholeBytes - ledgerFrom) * share;
  return until(child, () => journalSize(folder) > bytes);
}

/** Where the first record of the ledger begins in its journal. */
let ledgerFrom = 0;
let wholeBytes = 0;
beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is not there: build first, as npm test does`);
  writeFileSync(long, smallExperimentFile({ sessions: 40, trials: 64, initialSessions: 5, mixing: 0.25 }));
  const { code } = await runCli(['run', long, '--out', whole, '--no-report']);
  expect(code).toBe(0);
  wholeBytes = journalSize(whole);
  ledgerFrom = journalFrames(whole).find(({ name }) => name === 'ledger')!.from;
});

async function expectResumesToWhole(folder: string): Promise<void> {
  const { code, stderr } = await runCli(['run', '--resume', folder, '--no-report']);
  expect(code, stderr).toBe(0);
  expect(toldLines(folder)).toEqual(toldLines(whole));
  for (const name of ['result.json']) {
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(whole, name)))).toBe(true);
  }
}

describe('a run in a process of its own', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'that gets %s stops cleanly with 130, and resumes to the same ledger',
    async (signal) => {
      const out = newFolder();
      const child = start(['run', long, '--out', out, '--no-report', '--json']);
      await untilRecorded(out, 1 / 5, child);
      child.process.kill(signal);
      expect(await child.ended, child.output.stderr).toEqual({ code: 130, signal: null });
      expect(child.output.stdout).toBe('');
      expect(child.output.stderr).toMatch(/^meactl: interrupted; go on with: meactl run --resume out-\d+\n$/);
      expect(recordsIn(out)).toBeLessThan(recordsIn(whole));
      expect(interruptionsOf(out).map(({ type }) => type)).toEqual(['interrupted']);
      expect(existsSync(join(out, 'run.lock'))).toBe(false);
      await expectResumesToWhole(out);
    },
  );

  it.each([
    ['1', 0],
    ['1', 0.2],
    ['1', 0.4],
    ['50', 0.3],
  ] as const)(
    'that is killed resumes to the same ledger (written %s records at a time, after %f of it)',
    async (batch, share) => {
      const out = newFolder();
      const child = start(['run', long, '--out', out, '--no-report', '--ledger-batch', batch]);
      await untilRecorded(out, share, child);
      child.process.kill('SIGKILL');
      expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(recordsIn(out)).toBeLessThan(recordsIn(whole));
      await expectResumesToWhole(out);
    },
  );

  it('that is killed again while it resumes resumes all the same', async () => {
    const out = newFolder();
    const first = start(['run', long, '--out', out, '--no-report']);
    await untilRecorded(out, 1 / 4, first);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = start(['run', '--resume', out, '--no-report']);
    await untilRecorded(out, 1 / 2.5, second);
    second.process.kill('SIGKILL');
    await second.ended;
    await expectResumesToWhole(out);
    expect(interruptionsOf(out).map(({ type }) => type)).toEqual(['resumed', 'resumed']);
  });

  it('in real time can be stopped in the middle of a wait, keeps its folder to itself, and goes on in virtual time', async () => {
    const yaml = join(root, 'slow.yaml');
    writeFileSync(yaml, smallExperimentFile());
    const reference = newFolder();
    await runCli(['run', yaml, '--out', reference, '--no-report']);
    const out = newFolder();
    const child = start(['run', yaml, '--out', out, '--no-report', '--real-time']);
    await until(child, () => recordsIn(out) >= 3);
    const intruder = await runCli(['run', '--resume', out]);
    expect([intruder.code, intruder.stderr]).toEqual([2, expect.stringMatching(/being written by another process/)]);
    child.process.kill('SIGINT');
    expect(await child.ended, child.output.stderr).toEqual({ code: 130, signal: null });
    expect(toldLines(out).length).toBeLessThan(10);
    expect((await runCli(['run', '--resume', out, '--no-report'])).code).toBe(0);
    expect(toldLines(out)).toEqual(toldLines(reference));
  });

  it('has JSON alone on its stdout', async () => {
    const yaml = join(root, 'json.yaml');
    writeFileSync(yaml, smallExperimentFile());
    const child = start(['run', yaml, '--out', newFolder(), '--no-report', '--json']);
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.output.stderr).toBe('');
    expect(fitOutputSchema.parse(JSON.parse(child.output.stdout)).cultures).toHaveLength(1);
  });
});

describe('the program', () => {
  it('answers --help with 0 and an unknown command with 2', async () => {
    const help = start(['--help']);
    expect(await help.ended).toEqual({ code: 0, signal: null });
    expect(help.output.stdout).toMatch(/^Usage: meactl/);
    const unknown = start(['fly']);
    expect(await unknown.ended).toEqual({ code: 2, signal: null });
    expect(unknown.output.stdout).toBe('');
  });

  it('takes it calmly when nobody reads its output to the end', async () => {
    const copy = newFolder();
    cpSync(whole, copy, { recursive: true });
    const child = start(['fit', copy, '--json']);
    child.process.stdout?.destroy();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(child.output.stderr).toBe('');
  });
});
