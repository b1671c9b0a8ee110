import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openRecording } from '../src/recording/open-recording.js';
import { listSegments } from '../src/recording/journal/scan-journal.js';
import { journalFrames, writeFrames } from './helpers/recorded-journal.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';

const root = temporaryFolder('recorded-voltages');
const experiment = join(root, 'small.yaml');
const whole = join(root, 'whole');

beforeAll(async () => {
  writeFileSync(experiment, smallExperimentFile({ sessions: 3 }));
  const run = ['run', experiment, '--rig', 'emulated-voltages', '--raw', 'all', '--no-report'];
  expect(await runCli([...run, '--out', whole])).toMatchObject({ code: 0, stderr: '' });
});

const DATA = join('Record Node 101', 'experiment1', 'recording2', 'continuous', 'MEA-100.samples', 'continuous.dat');

function flip(path: string, byte: number): void {
  const bytes = readFileSync(path);
  bytes[byte]! ^= 0x10;
  writeFileSync(path, bytes);
}

const replaySchema = z.object({
  records: z.number(),
  trials: z.number(),
  trialsCompared: z.number(),
  trialsAsRecorded: z.number(),
  samples: z.object({ recorded: z.number(), found: z.number(), difference: z.unknown().optional() }).nullable(),
  difference: z.unknown(),
});

describe('a run on voltages with its raw samples', () => {
  it('is described, verified, and needs no recovery', async () => {
    const info = await runCli(['info', whole]);
    expect(info).toMatchObject({ code: 0, stderr: '' });
    expect(info.stdout).toMatch(/run of .*emulated: .*64 electrodes at 20000 Hz\n {2}ended as it should; saved up to/);
    expect(info.stdout).toMatch(/raw samples \(all\): \d+\.\d s in 3 stretches/);
    const verified = await runCli(['verify', whole]);
    expect(verified.code).toBe(0);
    expect(verified.stdout).toMatch(/^all is as it was written: \d+ records/);
    const before = snapshotFolder(whole);
    expect(await runCli(['recover', whole])).toMatchObject({ code: 0, stdout: 'there was nothing to recover\n' });
    expect(snapshotFolder(whole)).toEqual(before);
  });

  it('repeats from its samples: spikes, counts and every record, to the bit', async () => {
    const { code, stdout } = await runCli(['replay', whole, '--json']);
    const { samples, difference, trials, ...counts } = replaySchema.parse(JSON.parse(stdout));
    expect([code, difference]).toEqual([0, null]);
    expect(counts).toMatchObject({ trialsCompared: trials, trialsAsRecorded: 0 });
    expect(samples!.found).toBe(samples!.recorded);
    expect(samples!.found).toBeGreaterThan(1000);
    expect(samples!.difference).toBeUndefined();
    expect(trials).toBeGreaterThan(10);
  });

  it('holds every stimulus with its electrodes, at its sample', async () => {
    const recording = openRecording(whole);
    const stimuli = new Map<number, number>();
    for await (const { atSample, outcome, electrodes, amplitudeUa } of recording.stimuli()) {
      expect(outcome).toBe('delivered');
      if (electrodes.length > 0) expect(amplitudeUa).toBe(-20);
      stimuli.set(atSample, electrodes.length);
    }
    let trials = 0;
    for await (const record of recording.ledger()) {
      if (record.type !== 'trial') continue;
      trials += 1;
      expect(stimuli.get(record.deliveredSample)).toBe(record.inputs.replaceAll('0', '').length);
    }
    expect(trials).toBe(stimuli.size);
    const models = [];
    for await (const model of recording.models()) models.push(model);
    expect(models.map(({ session }) => session)).toEqual([1, 2]);
    expect(models[0]!.w1).toHaveLength(2 * models[0]!.inputs);
    await recording.close();
  });

  it('tells what another threshold would have found, and changes nothing', async () => {
    const before = snapshotFolder(whole);
    const { code, stdout } = await runCli(['replay', whole, '--set', 'pipeline.threshold=8', '--json']);
    const outcome = z
      .object({
        spikes: z.object({ recorded: z.number(), found: z.number() }),
        trials: z.looseObject({ differing: z.number() }),
      })
      .parse(JSON.parse(stdout));
    expect(code).toBe(0);
    expect(outcome.spikes.found).toBeLessThan(outcome.spikes.recorded);
    expect(outcome.trials.differing).toBeGreaterThan(5);
    expect((await runCli(['replay', whole, '--set', 'pipeline.threshold=8'])).stdout).toMatch(
      /^with pipeline\.threshold=8, on the stimuli that were delivered:\n {2}\d+ spikes, \d+ were recorded\n/,
    );
    expect(snapshotFolder(whole)).toEqual(before);
  });

  it('is the same when it is played by the clock', async () => {
    const { code, stdout } = await runCli(['replay', whole, '--speed', '200']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/no difference: \d+ spikes, to the bit/)]);
  });

  it.each([
    [['--set', 'pipeline.thresh=5'], /Bad --set: got pipeline\.thresh=5, expected pipeline\.KEY=VALUE/],
    [['--set', 'pipeline.threshold=-1'], /Bad --set.*detection\.threshold/],
    [['--speed', 'fast'], /Bad --speed: got fast/],
    [['--speed', '0'], /Bad --speed: got 0/],
  ] as const)('refuses %j', async (options, message) => {
    const { code, stderr } = await runCli(['replay', whole, ...options]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe('a recording of which samples were changed', () => {
  it('is told by verify, refused by replay, and goes on without them when asked', async () => {
    const folder = join(root, 'changed');
    const run = ['run', experiment, '--rig', 'emulated-voltages', '--raw', 'all', '--no-report', '--out', folder];
    expect((await runCli(run)).code).toBe(0);
    flip(join(folder, DATA), 400_001);
    const verified = await runCli(['verify', folder]);
    expect(verified.code).toBe(3);
    expect(verified.stdout).toMatch(/recording2.*continuous\.dat: the samples from 0\.0 to \d\.\d s are not those/);
    const refused = await runCli(['replay', folder]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--skip-damaged goes on without it')]);
    const skipped = await runCli(['replay', folder, '--skip-damaged']);
    expect(skipped.code).toBe(1);
    expect(skipped.stdout).toMatch(/first difference at spike \d+/);
  });
});

describe('a run whose raw samples end before it does', () => {
  it.each(['killed', 'on a full disk'])(
    '%s, is found again as far as they reach, and no difference is made of the rest',
    async (how) => {
      const folder = join(root, `cut ${how}`);
      const run = ['run', experiment, '--rig', 'emulated-voltages', '--raw', 'all', '--no-report', '--out', folder];
      expect((await runCli(run)).code).toBe(0);
      // The ledger and spikes reach on, the samples' last words are not there.
      const frames = journalFrames(folder);
      const lost = new Set(frames.filter(({ name }) => name === 'chunk').slice(-2));
      const stopped = { recording: 3, atFrame: 0, event: { type: 'raw-stopped', reason: 'full', lostFrames: 1 } };
      const kept = frames.filter((frame) => !lost.has(frame) && frame.name !== 'clean-stop');
      const end = [
        ['event', JSON.stringify(stopped)],
        ['clean-stop', JSON.stringify({ wallMs: 0, lost: { events: 0, samples: 0 } })],
      ] as const;
      for (const segment of listSegments(folder)) rmSync(segment);
      writeFrames(folder, { segment: 0, seq: 0 }, [
        ...kept.map(({ name, payload }) => [name, payload] as const),
        ...(how === 'killed' ? [] : end),
      ]);
      writeFileSync(join(folder, 'run.lock'), '');
      expect(await runCli(['recover', folder])).toMatchObject({ code: how === 'killed' ? 3 : 0, stderr: '' });
      expect(existsSync(join(folder, 'run.lock'))).toBe(how !== 'killed');
      const { code, stdout } = await runCli(['replay', folder]);
      expect(stdout).toMatch(/trials reach beyond them and were taken as recorded\n/);
      expect(stdout).toMatch(/no difference: \d+ spikes, to the bit/);
      expect(stdout).toMatch(/no difference: \d+ records/);
      expect(code).toBe(3);
      const asJson = replaySchema.parse(JSON.parse((await runCli(['replay', folder, '--json'])).stdout));
      const unseen = Number(/(\d+) trials reach beyond them/.exec(stdout)?.[1]);
      expect(asJson.trialsAsRecorded).toBe(unseen);
      expect(asJson.trialsCompared).toBe(asJson.trials - unseen);
      expect(asJson.trialsCompared).toBeGreaterThan(0);
    },
  );
});

describe('what is kept of raw samples', () => {
  it.each([
    ['none', false],
    ['snippets', false],
    ['stimuli', true],
  ] as const)('%s: trials are the same, and replay says why it does not look at samples', async (raw, hasSamples) => {
    const folder = join(root, `raw-${raw}`);
    const run = ['run', experiment, '--rig', 'emulated-voltages', '--raw', raw, '--no-report', '--out', folder];
    expect((await runCli(run)).code).toBe(0);
    const [kept, all] = [openRecording(folder), openRecording(whole)];
    expect(kept.signals.length > 0).toBe(hasSamples);
    expect(await trialsOf(kept)).toEqual(await trialsOf(all));
    expect(kept.index.counts.snippets > 0).toBe(raw === 'snippets');
    if (hasSamples) {
      const frames = kept.signals.reduce((sum, { signal }) => sum + signal.frames - countBlind(signal), 0);
      const stimuli = (await trialsOf(kept)).length;
      // 100 ms before to 400 ms after each; nobody waits for the last one's end.
      expect(frames).toBeGreaterThan((stimuli - 1) * 10_000 + 2000);
      expect(frames).toBeLessThanOrEqual(stimuli * 10_000);
    }
    await kept.close();
    await all.close();
    expect((await runCli(['verify', folder])).code).toBe(0);
    const replayed = await runCli(['replay', folder]);
    expect(replayed.code).toBe(0);
    expect(replayed.stdout).toMatch(new RegExp(`from the recorded responses: of its raw samples '${raw}' were kept`));
    const changed = await runCli(['replay', folder, '--set', 'pipeline.threshold=5']);
    expect([changed.code, changed.stderr]).toEqual([2, expect.stringMatching(/cannot be looked at again/)]);
  });
});

function countBlind({ blind }: ReturnType<typeof openRecording>['signals'][number]['signal']): number {
  return blind.reduce((sum, { from, to }) => sum + to - from, 0);
}

async function trialsOf(recording: ReturnType<typeof openRecording>): Promise<unknown[]> {
  const trials: unknown[] = [];
  for await (const record of recording.ledger()) if (record.type === 'trial') trials.push(record);
  return trials;
}

describe('meactl record', () => {
  it('records without stimulating, and its spikes are found again', async () => {
    const folder = join(root, 'recorded');
    const recorded = await runCli(['record', '--seconds', '8', '--out', folder, '--json']);
    expect(recorded).toMatchObject({ code: 0, stderr: '' });
    const { seconds } = z.object({ seconds: z.number() }).parse(JSON.parse(recorded.stdout));
    expect(seconds).toBeGreaterThanOrEqual(8);
    const opened = openRecording(folder);
    for await (const { event } of opened.events()) expect(event.type).not.toMatch(/stimulus|armed/);
    await opened.close();
    expect((await runCli(['verify', folder])).code).toBe(0);
    const replayed = await runCli(['replay', folder]);
    expect([replayed.code, replayed.stdout]).toEqual([
      0,
      expect.stringMatching(/no difference: \d+ spikes, to the bit/),
    ]);
    expect(existsSync(join(folder, 'reserve.bin'))).toBe(false);
  });

  it.each([
    [['record'], /faster than a person can stop it: got no --seconds/],
    [['record', '--seconds', '0'], /expected a number above 0/],
    [['record', '--seconds', '1', '--rig', 'nowhere'], /nowhere/],
    [['info', '/nowhere'], /No recording here: got no such folder/],
    [['verify', '/nowhere'], /No recording here/],
    [['recover', root], /No recording here: got no journal-0000\.log/],
  ] as const)('%j is refused', async (argv, message) => {
    const { code, stderr } = await runCli(argv);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
