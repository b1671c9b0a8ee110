import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { indexJournal } from '../src/recording/journal/journal-index.js';
import { listSegments } from '../src/recording/journal/scan-journal.js';
import { cutJournal, journalFrames, writeFrames, writeJournal } from './helpers/recorded-journal.js';
import { interruptionsOf, toldLines } from './helpers/recorded-run.js';
import { runCli, snapshotFolder, temporaryFolder, type CliOutcome } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';

const root = temporaryFolder('resume-voltages');
const experiment = join(root, 'small.yaml');

function run(...argv: readonly string[]): Promise<CliOutcome> {
  return runCli(['run', ...argv, '--no-report']);
}

let whole: { readonly lines: readonly string[]; readonly result: string };
beforeAll(async () => {
  writeFileSync(experiment, smallExperimentFile({ sessions: 3 }));
  const folder = join(root, 'whole');
  const { code, stderr } = await run(experiment, '--rig', 'emulated-voltages', '--out', folder);
  expect([code, stderr]).toEqual([0, '']);
  whole = { lines: toldLines(folder), result: readFileSync(join(folder, 'result.json'), 'utf8') };
});

/** The recording as it would be had the program been killed after a number of records. */
function killedAfter(records: number): string {
  const folder = join(root, `killed-${records}`);
  writeJournal(folder, whole.lines.slice(0, records), { line: whole.lines[records]!, bytes: 40 });
  return folder;
}

describe('a run on the emulated voltages that died', () => {
  // In a session, after its trials, after its end, in the rest after it, before anything.
  it.each(['trial', 'detector-levels', 'rest', 'session-started', 'calibrated'])(
    'goes on before a record of type %s, sample for sample as if it had not',
    async (type) => {
      const at = whole.lines.findLastIndex((line) => line.startsWith(`{"type":"${type}"`));
      const folder = killedAfter(at);
      const { code, stderr } = await run('--resume', folder);
      expect(stderr).toMatch(/the last record was cut off.*\n.*is shown \d+ trials again/);
      expect(code).toBe(0);
      expect(toldLines(folder)).toEqual(whole.lines);
      expect(readFileSync(join(folder, 'result.json'), 'utf8')).toBe(whole.result);
      expect(interruptionsOf(folder)).toMatchObject([{ type: 'resumed' }]);
    },
  );

  it('is not continued when its recording was changed', async () => {
    const folder = killedAfter(12);
    const at = whole.lines.findIndex((line) => line.startsWith('{"type":"trial"'));
    const changed = [...whole.lines.slice(0, 12)];
    changed[at] = changed[at]!.replace(/"counts":\[(\d+)/, (_, count) => `"counts":[${Number(count) + 1}`);
    expect(changed[at]).not.toBe(whole.lines[at]);
    writeJournal(folder, changed, { line: whole.lines[12]!, bytes: 40 });
    const before = snapshotFolder(folder);
    const { code, stderr } = await run('--resume', folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining('does not repeat what was recorded')]);
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('is not continued on a device of another gain than its session holds', async () => {
    const folder = killedAfter(13);
    const frames = journalFrames(folder).map(({ name, payload }) => {
      const text = Buffer.from(payload).toString();
      return [name, name === 'session' ? JSON.stringify({ ...JSON.parse(text), gainUvPerBit: 7 }) : payload] as const;
    });
    for (const segment of listSegments(folder)) rmSync(segment);
    writeFrames(folder, { segment: 0, seq: 0 }, frames);
    const before = snapshotFolder(folder);
    const { code, stderr } = await run('--resume', folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining('expected 7 uV a bit')]);
    expect(snapshotFolder(folder)).toEqual(before);
  });

  it('keeps of its raw samples what it kept from the beginning, and takes no other word', async () => {
    const folder = join(root, 'killed-stimuli');
    const { code } = await run(experiment, '--rig', 'emulated-voltages', '--raw', 'stimuli', '--out', folder);
    expect(code).toBe(0);
    cutJournal(
      folder,
      whole.lines.findLastIndex((line) => line.startsWith('{"type":"trial"')),
    );
    rmSync(join(folder, 'result.json'));
    const other = await run('--resume', folder, '--raw', 'all');
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('choice of raw samples')]);
    expect((await run('--resume', folder)).code).toBe(0);
    const { chunks } = [...indexJournal(folder).stretches.values()].at(-1)!;
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.reduce((sum, { frames }) => sum + frames, 0)).toBeLessThanOrEqual(2 * 10_000);
    expect((await runCli(['verify', folder])).stdout).toMatch(/all is as it was written/);
  });
});
