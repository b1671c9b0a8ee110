import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLedger } from '../src/recording/ledger-reader.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { cutJournal } from './helpers/recorded-journal.js';
import { toldLines } from './helpers/recorded-run.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile, type ExperimentKeys } from './helpers/small-experiment.js';

const root = temporaryFolder('stop');
const SIZE = { sessions: 6, trials: 16, initialSessions: 3 };
const REACHED = { selectivityReached: { atLeast: -100, sessions: 1 } };
const MESSAGE =
  /stopped after session 4 by the rule "selectivity reached": selectivity .* spikes per trial, at least -100/;

let counter = 0;
async function run(
  keys: ExperimentKeys,
): Promise<{ readonly out: string; readonly stdout: string; readonly stderr: string }> {
  counter++;
  const file = join(root, `experiment-${counter}.yaml`);
  const out = join(root, `out-${counter}`);
  writeFileSync(file, smallExperimentFile({ ...SIZE, ...keys }));
  const { code, stdout, stderr } = await runCli(['run', file, '--out', out]);
  expect(code, stderr).toBe(0);
  return { out, stdout, stderr };
}

describe('a run that a stop rule ended', () => {
  it('is done: exit code 0, the rule in a message, and results of the sessions that there are', async () => {
    const { out, stdout, stderr } = await run({ stop: REACHED });
    expect(stderr).toMatch(MESSAGE);
    expect(stdout).toMatch(
      /selectivity in x inside the 90 % band forecast of it: published \d of 2 .*; empirical \d of 2/,
    );
    const { records } = readLedger(out);
    expect(records.slice(-2).map(({ type }) => type)).toEqual(['stopped', 'experiment-ended']);
    const { cultures } = fitOutputSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
    expect(cultures[0]!.design.sessions).toBe(4);
    expect(cultures[0]!.forecast!.empirical.centre.map((values) => values.length)).toEqual([1, 1]);
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain('Stopped after session 4 by the rule');
  });

  it('is repeated by a replay', async () => {
    const { out } = await run({ stop: REACHED });
    const { code, stdout } = await runCli(['replay', out]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^no difference: \d+ records, 64 trials repeat exactly\n$/),
    ]);
  });

  it('can be fitted, with the forecast that it had', async () => {
    const { out } = await run({ stop: REACHED });
    const { code, stdout, stderr } = await runCli(['fit', out, '--mode', 'causal', '--json']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/holds 4 of 6 sessions \(stopped after session 4/);
    const [fitted] = fitOutputSchema.parse(JSON.parse(stdout)).cultures;
    const [ran] = fitOutputSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))).cultures;
    expect(fitted!.forecast).toEqual(ran!.forecast);
  });

  it('has ended: it is not resumed, and stays as it is', async () => {
    const { out } = await run({ stop: REACHED });
    const before = snapshotFolder(out);
    const { code, stderr } = await runCli(['run', '--resume', out]);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /The run is finished; there is nothing to resume: got a run that was stopped after session 4/,
    );
    expect(snapshotFolder(out)).toEqual(before);
  });

  it('is the same when it died at any of its records and went on', async () => {
    const { out } = await run({ stop: REACHED });
    const lines = toldLines(out);
    const result = readFileSync(join(out, 'result.json'), 'utf8');
    const cuts = lines.flatMap((line, i) => (line.includes('"type":"trial"') ? [] : [i + 1]));
    expect(cuts.length).toBeGreaterThan(12);
    for (const cut of cuts.slice(0, -1)) {
      const folder = join(root, `cut-${cut}`);
      cpSync(out, folder, { recursive: true });
      rmSync(join(folder, 'result.json'));
      cutJournal(folder, cut);
      const { code, stderr } = await runCli(['run', '--resume', folder, '--no-report']);
      expect(code, `${cut}: ${stderr}`).toBe(0);
      expect(toldLines(folder), `cut after ${cut}`).toEqual(lines);
      expect(readFileSync(join(folder, 'result.json'), 'utf8')).toBe(result);
    }
  });

  it('has nothing to analyse where it ended while the model was calibrated', async () => {
    const { out, stdout, stderr } = await run({ stop: { deadCulture: { meanCountBelow: 1e6, sessions: 2 } } });
    expect(stderr).toMatch(
      /stopped after session 2 by the rule "dead culture": mean count .*, below 1000000 .* in a row/,
    );
    expect(stderr).toContain('nothing to analyse');
    expect(stdout).toBe(`recording: ${out}\n`);
    expect(existsSync(join(out, 'result.json'))).toBe(false);
    expect((await runCli(['run', '--resume', out])).stderr).toContain('there is nothing to resume');
    expect((await runCli(['replay', out])).code).toBe(0);
    const fit = await runCli(['fit', out]);
    expect([fit.code, fit.stderr]).toEqual([2, expect.stringContaining('the recording has 2 sessions')]);
  });

  it('is refused before it begins where a rule has no limit', async () => {
    const file = join(root, 'bad.yaml');
    writeFileSync(file, smallExperimentFile({ ...SIZE, stop: { drift: {} } }));
    const { code, stderr } = await runCli(['run', file, '--out', join(root, 'bad')]);
    expect(code).toBe(2);
    expect(stderr).toContain('stop.drift');
  });
});
