import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { hertz, sampleIndex } from '../protocols/units.js';
import { describeProbe } from '../src/recording/probe-file.js';
import { systemDisk } from '../src/recording/disk/disk.js';
import { Recorder } from '../src/recording/recorder.js';
import { rigSchema } from '../src/closed-loop/rig.js';
import { packageFolder } from '../src/cli/package-info.js';
import { sessionOf } from './helpers/recording-scenario.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';

// A recording as a kill leaves it, and as it is while another process writes it: 2 s vouched for, 0.5 s not.
const root = temporaryFolder('cut-off');
const RATE = 20_000;
const CHANNELS = 64;
const killed = join(root, 'killed');
let counter = 0;

function give(recorder: Recorder, fromMs: number, toMs: number): void {
  for (let ms = fromMs; ms < toMs; ms += 10) {
    const samples = new Int16Array((CHANNELS * RATE) / 100).fill(ms);
    recorder.block({ firstSample: sampleIndex((ms * RATE) / 1000), frames: RATE / 100, channels: CHANNELS, samples });
  }
}

beforeAll(() => {
  const rig = rigSchema.parse(parse(readFileSync(join(packageFolder(), 'rigs/emulated-voltages.yaml'), 'utf8')));
  mkdirSync(killed);
  const recorder = new Recorder({
    disk: systemDisk(),
    // Nothing is due by itself.
    clock: { wallMs: () => 1_700_000_000_000, monotonicMs: () => 0 },
    folder: killed,
    session: {
      ...sessionOf({ seconds: 3, channels: CHANNELS }),
      kind: 'record',
      sampleRateHz: hertz(RATE),
      array: { rows: 8, columns: 8 },
      configuration: { rig },
    },
    probe: describeProbe({ rows: 8, columns: 8 }),
    reserveBytes: 1024,
    onNotice: () => undefined,
  });
  recorder.event({ type: 'stream-started' });
  give(recorder, 0, 2000);
  recorder.sync();
  give(recorder, 2000, 2500);
  // Not closed: what the system was given so far is what a kill leaves.
});

/** A copy of it, with the lock of a process that is gone or of one that lives. */
function left(pid: number): string {
  const folder = join(root, `copy-${(counter += 1)}`);
  cpSync(killed, folder, { recursive: true });
  writeFileSync(join(folder, 'run.lock'), `${pid}\n`);
  return folder;
}

const GONE = 4_194_304_999;
const ALIVE = process.ppid;
/** Commands that read, what they must say of a recording that was cut off, and their code. */
const READERS = [
  { name: 'info', argv: [], code: 0, says: /was cut off; saved up to 2023.*\n.*\n.*2\.0 s in 1 stretches/ },
  { name: 'verify', argv: [], code: 3, says: /it was not ended.*\n(.*\n)*meactl recover would: move 0\.\d+ s/ },
  { name: 'replay', argv: [], code: 0, says: /^2\.0 s of samples looked at again\nno difference/ },
  { name: 'export', argv: ['--format', 'brainvision'], code: 0, says: /40000 frames/ },
];

describe('a recording that was cut off, and nobody has recovered', () => {
  it.each(READERS)('is read by $name as far as it is vouched for, and nothing is written', async (reader) => {
    const folder = left(GONE);
    const before = snapshotFolder(folder);
    const out = reader.name === 'export' ? ['--out', `${folder}-out`] : [];
    const ended = await runCli([reader.name, folder, ...reader.argv, ...out]);
    expect(ended.stdout).toMatch(reader.says);
    expect(ended.code).toBe(reader.code);
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('is told what recover would do, which is what it then does', async () => {
    const folder = left(GONE);
    const { stdout } = await runCli(['verify', '--json', folder]);
    const found: unknown = JSON.parse(stdout);
    expect(found).toMatchObject({ end: 'open', writer: null, rawSeconds: 2, damagedSeconds: 0 });
    const moved = /move (0\.\d+) s that nobody vouches for/.exec(stdout)?.[1];
    const recovered = await runCli(['recover', folder]);
    expect(recovered.stdout).toContain(`recovered; ${moved} s of samples and 0 records are lost`);
    const after = await runCli(['verify', '--json', folder]);
    expect(JSON.parse(after.stdout)).toMatchObject({ problems: [], recovery: [] });
  });
});

describe('a recording that another process is writing', () => {
  it('info says so, and who', async () => {
    const folder = left(ALIVE);
    expect((await runCli(['info', folder])).stdout).toMatch(`is being written by process ${ALIVE}; saved up to 2023`);
    expect(JSON.parse((await runCli(['info', '--json', folder])).stdout)).toMatchObject({ writer: ALIVE, end: 'open' });
  });

  it('verify holds what is there against its checksums, and calls nothing damaged that is only not finished', async () => {
    const folder = left(ALIVE);
    const ended = await runCli(['verify', folder]);
    expect(ended.stdout).toMatch(`remark: it is being written by process ${ALIVE}: what is there so far was looked at`);
    expect(ended.stdout).toMatch(/all is as it was written: \d+ records, \d+ chunks of raw samples \(2\.0 s\)/);
    expect(ended.code).toBe(0);
    const { stdout } = await runCli(['verify', '--json', folder]);
    expect(JSON.parse(stdout)).toMatchObject({ writer: ALIVE, problems: [], recovery: [] });
    // What is damaged it still finds.
    const data = join(folder, 'Record Node 101/experiment1/recording1/continuous/MEA-100.samples/continuous.dat');
    const bytes = readFileSync(data);
    bytes[1000]! ^= 1;
    writeFileSync(data, bytes);
    const damaged = await runCli(['verify', folder]);
    expect([damaged.code, damaged.stdout]).toEqual([3, expect.stringContaining('not those that were recorded')]);
  });

  it('export says so, and recover refuses and says who writes', async () => {
    const folder = left(ALIVE);
    const out = `${folder}-out`;
    const exported = await runCli(['export', folder, '--format', 'brainvision', '--out', out]);
    expect(exported.stderr).toContain(`is being written by process ${ALIVE}: what was there was exported`);
    const before = snapshotFolder(folder);
    const recovered = await runCli(['recover', folder]);
    expect([recovered.code, recovered.stderr]).toEqual([2, expect.stringContaining(`process ${ALIVE}`)]);
    expect(snapshotFolder(folder)).toEqual(before);
  });
});
