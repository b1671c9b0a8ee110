import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageFolder } from '../src/cli/package-info.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { fitOutputSchema, type FitOutput } from '../src/report/fit-output.js';
import { readHdf5 } from './helpers/read-hdf5.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';

const MAIN = join(packageFolder(), 'dist/src/cli/main.js');

const root = temporaryFolder('export');
const run = join(root, 'run');
const SIZES = { sessions: 6, trials: 32, initialSessions: 3, mixing: 0.25 };

beforeAll(async () => {
  const file = join(root, 'small.yaml');
  writeFileSync(file, smallExperimentFile(SIZES));
  const { code } = await runCli(['run', file, '--out', run, '--no-report']);
  expect(code).toBe(0);
});

const summarySchema = z.object({
  version: z.literal(1),
  format: z.string(),
  path: z.string(),
  trials: z.number(),
  spikes: z.number(),
  stimuli: z.number(),
  frames: z.number(),
  notes: z.array(z.string()),
});

const infoSchema = z.object({
  counts: z.object({ spikes: z.number() }),
  raw: z.array(z.object({ frames: z.number(), firstSample: z.number() })),
});

async function exportJson(
  format: string,
  out: string,
  ...options: readonly string[]
): Promise<z.infer<typeof summarySchema>> {
  const { code, stdout, stderr } = await runCli([
    'export',
    run,
    '--format',
    format,
    '--out',
    out,
    '--json',
    ...options,
  ]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return summarySchema.parse(JSON.parse(stdout));
}

async function fit(file: string): Promise<FitOutput['cultures'][number]> {
  const sizes = ['--trials', String(SIZES.trials), '--initial-sessions', String(SIZES.initialSessions)];
  const { code, stdout } = await runCli(['fit', file, ...sizes, '--mixing', '0.25', '--electrodes', 'all', '--json']);
  expect(code).toBe(0);
  return fitOutputSchema.parse(JSON.parse(stdout)).cultures[0]!;
}

describe('meactl export', () => {
  it.each([{ options: [] }, { options: ['--no-compress'] }])(
    'writes a MAT-file that fits to the same model as the run ($options)',
    async ({ options }) => {
      const out = join(root, `responses${options.length}.mat`);
      const summary = await exportJson('mat', out, ...options);
      expect(summary).toMatchObject({ format: 'mat', path: out, trials: 6 * 32 });
      const [ofRun, ofFile] = [await fit(run), await fit(out)];
      expect(ofFile.found).toBe(true);
      expect({ ...ofFile, file: '' }).toEqual({ ...ofRun, file: '' });
    },
  );

  it('writes tables of every trial', async () => {
    const trials = readLedger(run).records.filter((record) => record.type === 'trial');
    expect(trials.length).toBe(6 * 32);
    await exportJson('csv', join(root, 'csv'));
    const [, ...lines] = readFileSync(join(root, 'csv', 'trials.csv'), 'utf8')
      .trimEnd()
      .split('\r\n');
    const counts = lines.map((line) => line.split(',').slice(-64).map(Number));
    expect(counts).toEqual(trials.map((trial) => trial.counts));
    await exportJson('parquet', join(root, 'parquet'));
    const file = await asyncBufferFromFile(join(root, 'parquet', 'trials.parquet'));
    const rows = await parquetReadObjects({ file });
    expect(rows.map(({ sources, inputs, counted }): unknown[] => [sources, inputs, counted])).toEqual(
      trials.map(({ sources, inputs }) => [sources, inputs, true]),
    );
  });

  it('writes NWB as the installed program', async () => {
    const out = join(root, 'run.nwb');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [MAIN, 'export', run, '--format', 'nwb', '--out', out],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toBe(`nwb: ${out}: 192 trials\n`);
    const { values } = await readHdf5(out);
    const trials = readLedger(run).records.filter((record) => record.type === 'trial');
    expect(values.get('/intervals/trials/pattern')).toEqual(trials.map(({ inputs }) => inputs));
    const counts = trials.flatMap((trial): readonly number[] => trial.counts);
    expect(values.get('/intervals/trials/counts')).toEqual(Uint16Array.from(counts));
    expect(values.get('/general/notes')).toContain('provenance: emulated');
  });

  it('writes raw samples, spikes and stimuli of a run on voltages', async () => {
    const file = join(root, 'voltages.yaml');
    writeFileSync(file, smallExperimentFile({ sessions: 3, trials: 6, initialSessions: 2, rest: { seconds: 1 } }));
    const voltages = join(root, 'voltages');
    const argv = ['run', file, '--rig', 'emulated-voltages', '--out', voltages, '--raw', 'all', '--no-report'];
    const ran = spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8' });
    expect(ran.status, ran.stderr).toBe(0);
    const info = infoSchema.parse(JSON.parse((await runCli(['info', voltages, '--json'])).stdout));
    const frames = info.raw.reduce((sum, stretch) => sum + stretch.frames, 0);
    expect(frames).toBeGreaterThan(20_000 * 18);
    for (const format of ['nwb', 'phy', 'brainvision', 'parquet'] as const) {
      const out = join(root, `voltages-${format}`);
      const command = ['export', voltages, '--format', format, '--out', out, '--json'];
      const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...command], { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      const summary = summarySchema.parse(JSON.parse(stdout));
      if (format !== 'parquet') expect(summary.frames).toBe(frames);
      if (format !== 'brainvision') expect(summary.spikes).toBe(info.counts.spikes);
      if (format !== 'phy') expect(summary.stimuli).toBe(18);
    }
    const [first] = info.raw;
    const eeg = readFileSync(join(root, 'voltages-brainvision', 'recording.eeg'));
    expect(eeg.equals(readFileSync(join(root, 'voltages-phy', 'recording.dat')))).toBe(true);
    const { values } = await readHdf5(join(root, 'voltages-nwb'));
    const data = values.get(`/acquisition/${info.raw.length === 1 ? 'raw' : 'raw_1'}/data`);
    if (!(data instanceof Int16Array)) throw new Error('no samples of 16 bits');
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    expect(bytes.equals(eeg.subarray(0, first!.frames * 64 * 2))).toBe(true);
  });

  it('refuses what needs raw samples, of a run without', async () => {
    for (const format of ['brainvision', 'phy']) {
      const out = join(root, format);
      const { code, stderr } = await runCli(['export', run, '--format', format, '--out', out]);
      expect(code).toBe(2);
      expect(stderr).toMatch(/holds raw samples( and spikes)?, and this recording has (none|neither)/);
      expect(existsSync(out)).toBe(false);
    }
  });

  it('overwrites nothing, and leaves the recording as it is', async () => {
    const before = snapshotFolder(run);
    const out = join(root, 'there');
    mkdirSync(out);
    const { code, stderr } = await runCli(['export', run, '--format', 'csv', '--out', out]);
    expect(code).toBe(2);
    expect(stderr).toContain('The file is already there');
    expect(snapshotFolder(run)).toEqual(before);
  });

  it('wants a format and a recording', async () => {
    const wrong = await runCli(['export', run, '--format', 'wav', '--out', join(root, 'x')]);
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('Allowed choices are nwb, phy, mat, parquet, brainvision, csv');
    const none = await runCli(['export', root, '--format', 'csv', '--out', join(root, 'x')]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('No recording here');
  });

  it('ends with 130 when it is stopped', async () => {
    const out = join(root, 'stopped');
    const signal = AbortSignal.abort(new Error('stop'));
    const { code } = await runCli(['export', run, '--format', 'csv', '--out', out], { signal });
    expect(code).toBe(130);
    expect(existsSync(out)).toBe(false);
  });
});
