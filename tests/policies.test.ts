import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { cutJournal } from './helpers/recorded-journal.js';
import { toldLines } from './helpers/recorded-run.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile, type ExperimentKeys } from './helpers/small-experiment.js';

const root = temporaryFolder('policies');

/** Eight trials without mixing, as a pattern file. */
const CSV = `sources,inputs\n${['11', '10', '00', '01', '10', '01', '11', '00']
  .map((state) => `${state},${state[0]!.repeat(16)}${state[1]!.repeat(16)}`)
  .join('\n')}\n`;

/** Runs an experiment file of its own folder. */
async function run(name: string, keys: ExperimentKeys): Promise<string> {
  mkdirSync(join(root, name));
  writeFileSync(join(root, name, 'experiment.yaml'), smallExperimentFile({ name, ...keys }));
  const out = join(root, name, 'run');
  const { code, stderr } = await runCli(['run', join(root, name, 'experiment.yaml'), '--out', out, '--no-report']);
  expect(code, stderr).toBe(0);
  return out;
}

async function expectExactReplay(folder: string): Promise<void> {
  const { code, stdout, stderr } = await runCli(['replay', folder]);
  expect(stderr + stdout).toMatch(/^no difference/);
  expect(code).toBe(0);
}

/** Cuts a finished run off after some lines, and goes on with it. */
async function expectSameWhenResumed(folder: string): Promise<void> {
  const lines = toldLines(folder);
  for (const kept of [2, 17, 31, 44]) {
    const cut = `${folder}-cut-${kept}`;
    cpSync(folder, cut, { recursive: true });
    rmSync(join(cut, 'result.json'));
    cutJournal(cut, kept);
    const { code, stderr } = await runCli(['run', '--resume', cut, '--no-report']);
    expect(code, stderr).toBe(0);
    expect(toldLines(cut), `after ${kept} lines`).toEqual(lines);
    expect(readFileSync(join(cut, 'result.json'))).toEqual(readFileSync(join(folder, 'result.json')));
  }
}

describe('a run repeats exactly, and goes on as if it had not been stopped,', () => {
  it.each<readonly [string, ExperimentKeys]>([
    ['mixed', { policy: { type: 'mixed-source' }, mixing: 0.25, patterns: 'fresh' }],
    ['three', { policy: { type: 'mixed-source' }, sources: 4, inputsPerBlock: 8, mixing: 1 }],
    ['random', { policy: { type: 'random', probability: 0.3 } }],
    ['shuffled', { policy: { type: 'shuffled' }, patterns: 'fresh' }],
    ['active', { policy: { type: 'active' }, mixing: 0.25 }],
    ['chosen', { policy: { type: 'active', states: 'chosen', candidates: 2 }, mixing: 0.25 }],
  ])('under the policy of %s', async (name, keys) => {
    const folder = await run(name, keys);
    expect(toldLines(folder).length).toBeGreaterThan(40);
    const choosing = toldLines(folder).filter((line) => line.includes('"decidedFrom":[['));
    expect(choosing).toHaveLength(name === 'active' || name === 'chosen' ? 16 : 0);
    await expectExactReplay(folder);
    await expectSameWhenResumed(folder);
  });

  it('under patterns from a file, and notices when the file has changed', async () => {
    const file = join(root, 'given.csv');
    writeFileSync(file, CSV);
    const folder = await run('listed', { policy: { type: 'pattern-file', file: '../given.csv' } });
    const [first] = toldLines(folder);
    expect(first).toContain(`"file":${JSON.stringify(file)}`);
    expect(first).toMatch(/"sha256":"[0-9a-f]{64}"/);
    expect(toldLines(folder)[9]).toContain('"type":"trial","session":0,"trial":7,"sources":"00"');
    await expectExactReplay(folder);
    await expectSameWhenResumed(folder);
    writeFileSync(file, CSV.replace('11,', '10,'));
    const replayed = await runCli(['replay', folder]);
    expect(replayed.stderr).toMatch(
      /The patterns have changed: got SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64} \(.*given\.csv\)/,
    );
    expect(replayed.code).toBe(2);
    rmSync(file);
    expect((await runCli(['replay', folder])).stderr).toMatch(/Cannot read the patterns.*given\.csv/);
  });

  it('under the patterns of another run, trial by trial', async () => {
    const active = await run('followed', { policy: { type: 'active' }, mixing: 0.25 });
    const folder = await run('yoked', { policy: { type: 'yoked', run: '../followed/run' }, mixing: 0.25, seed: 2 });
    const patterns = (path: string): readonly string[] =>
      toldLines(path).flatMap((line) => /"sources":"\d+","inputs":"\d+"/.exec(line) ?? []);
    expect(patterns(folder)).toHaveLength(32);
    expect(patterns(folder)).toEqual(patterns(active));
    expect(toldLines(folder)[5]).not.toBe(toldLines(active)[5]);
    await expectExactReplay(folder);
    await expectSameWhenResumed(folder);
  });
});

describe('a policy that cannot be', () => {
  it.each<readonly [string, ExperimentKeys, RegExp]>([
    [
      'of no known type',
      { policy: { type: 'clever' } },
      /expected a type: mixed-source, random, .*"policy|policy.*expected a type/,
    ],
    ['with a key of another', { policy: { type: 'shuffled', probability: 1 } }, /Unknown key "policy\.probability"/],
    ['with a bad value', { policy: { type: 'random', probability: 2 } }, /"policy\.probability": got 2, expected <=1/],
    [
      'without its file',
      { policy: { type: 'pattern-file', file: 'none.csv' } },
      /Cannot read the patterns: got ENOENT/,
    ],
    ['without its run', { policy: { type: 'yoked', run: 'none' } }, /No recording here/],
    [
      'too slow for its trials',
      { policy: { type: 'external', deadlineMs: 501 } },
      /"policy\.deadlineMs".*half of `trialPeriodS`/,
    ],
    ['at no address', { policy: { type: 'external', address: 'here' } }, /expected tcp:\/\/127\.0\.0\.1:PORT/],
    [
      'for everybody',
      { policy: { type: 'external', address: 'tcp://0.0.0.0:5577' } },
      /an address of this machine alone/,
    ],
    ['for all at once', { policy: { type: 'external', address: 'tcp://*:5577' } }, /an address of this machine alone/],
  ])('is refused %s, before anything is made', async (name, keys, message) => {
    const path = join(root, `bad-${name.replaceAll(' ', '-')}.yaml`);
    const out = join(root, `out-${name.replaceAll(' ', '-')}`);
    writeFileSync(path, smallExperimentFile(keys));
    const { code, stderr } = await runCli(['run', path, '--out', out]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  });
});

describe('a fit of a run whose patterns were decided on responses', () => {
  it('forecasts as the run did: from what was known then', async () => {
    const keys = { name: 'ahead', sessions: 6, trials: 16, initialSessions: 3, policy: { type: 'active' } };
    writeFileSync(path('ahead.yaml'), smallExperimentFile(keys));
    const out = join(root, 'ahead');
    expect((await runCli(['run', path('ahead.yaml'), '--out', out, '--no-report'])).code).toBe(0);
    const { stdout } = await runCli(['fit', out, '--mode', 'causal', '--json']);
    const forecastIn = (text: string): unknown => fitOutputSchema.parse(JSON.parse(text)).cultures[0]?.forecast;
    const fitted = forecastIn(stdout);
    expect(fitted).toMatchObject({ isKnownAhead: false });
    expect(fitted).toEqual(forecastIn(readFileSync(join(out, 'result.json'), 'utf8')));
  });
});

describe('an experiment with arms', () => {
  const ARMS = {
    arms: [
      { name: 'pure', culture: { parameters: 'mix0' } },
      { name: 'mixed', mixing: 0.25 },
      { name: 'frozen', culture: { condition: 'apv' } },
    ],
  };

  it('runs them one after the other into folders of their own, and lays them side by side', async () => {
    const path = join(root, 'arms.yaml');
    writeFileSync(path, smallExperimentFile({ name: 'arms', ...ARMS }));
    const out = join(root, 'arms');
    const { code, stdout, stderr } = await runCli(['run', path, '--out', out]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/evoked rate \(spikes per trial\) +[\d.]+ +[\d.]+ +[\d.]+\n/);
    expect(readFileSync(join(out, 'comparison.txt'), 'utf8')).toMatch(/groups: pure \(1 cultures\), mixed .*frozen/);
    const page = readFileSync(join(out, 'comparison.html'), 'utf8');
    expect(page).toMatch(/<h1>arms: pure, mixed, frozen<\/h1>/);
    expect(page).toMatch(/<h2[^>]*>pure<\/h2>/);
    expect(page).not.toContain(out);
    // What the arms were recorded from, not that they were read from files.
    expect(page).toMatch(/<p class="provenance">Emulated: a simulated/);
    const firsts = ['pure', 'mixed', 'frozen'].map((name) => toldLines(join(out, name))[0]!);
    expect(firsts[0]).toMatch(
      /"name":"arms-pure".*"mixing":0,.*"parameters":"mix0","plasticity":"free-energy","condition":"none"/,
    );
    expect(firsts[1]).toMatch(/"name":"arms-mixed".*"mixing":0.25,/);
    expect(firsts[2]).toMatch(/"parameters":"ctrl","plasticity":"free-energy","condition":"apv"/);
    for (const first of firsts) expect(first).not.toContain('"arms":');
    await expectExactReplay(join(out, 'mixed'));
  });

  it('is gone on with where it was stopped: the arm that was begun, then the others', async () => {
    const whole = join(root, 'arms');
    const cut = join(root, 'arms-cut');
    cpSync(whole, cut, { recursive: true });
    for (const gone of ['frozen', 'comparison.txt', 'comparison.html', 'mixed/result.json', 'mixed/report.html']) {
      rmSync(join(cut, gone), { recursive: true });
    }
    cutJournal(join(cut, 'mixed'), 20);
    const { code, stderr } = await runCli(['run', '--resume', cut]);
    expect(code, stderr).toBe(0);
    for (const name of ['pure', 'mixed', 'frozen']) {
      expect(toldLines(join(cut, name))).toEqual(toldLines(join(whole, name)));
    }
    expect(readFileSync(join(cut, 'comparison.txt'), 'utf8').split('\n').slice(0, 10)).toEqual(
      readFileSync(join(whole, 'comparison.txt'), 'utf8').split('\n').slice(0, 10),
    );
    const again = await runCli(['run', path('arms.yaml'), '--out', whole]);
    expect(again.stderr).toMatch(/there already/);
  });

  it('compares the others where a rule stopped an arm before there was anything to analyse', async () => {
    const keys = {
      name: 'dead',
      arms: [{ name: 'one' }, { name: 'dead', culture: { condition: 'ttx' } }, { name: 'two', mixing: 0.25 }],
      stop: { deadCulture: { meanCountBelow: 0.01, sessions: 1 } },
    };
    writeFileSync(path('dead.yaml'), smallExperimentFile(keys));
    const out = join(root, 'dead');
    const { code, stderr } = await runCli(['run', path('dead.yaml'), '--out', out]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('dead was stopped before there was anything to compare');
    expect(readFileSync(join(out, 'comparison.txt'), 'utf8')).toMatch(/groups: one \(1 cultures\), two/);
    // There is nothing left to do, and that is no error.
    rmSync(join(out, 'comparison.txt'));
    expect((await runCli(['run', '--resume', out])).code).toBe(0);
    expect(existsSync(join(out, 'comparison.txt'))).toBe(true);
  });

  it('names the files of its policies by their whole path and hash, as they were when it began', async () => {
    const shown = join(root, 'arms', 'mixed');
    const arms = [{ name: 'same', policy: { type: 'yoked', run: 'arms/mixed' } }, { name: 'drawn' }];
    writeFileSync(path('yoked-arms.yaml'), smallExperimentFile({ name: 'yoked-arms', arms }));
    const out = join(root, 'yoked-arms');
    const { code, stderr } = await runCli(['run', path('yoked-arms.yaml'), '--out', out]);
    expect(code, stderr).toBe(0);
    const [first] = toldLines(join(out, 'same'));
    expect(first).toContain(`"run":${JSON.stringify(shown)}`);
    expect(first).toMatch(/"sha256":"[0-9a-f]{64}"/);
  });

  it('needs arms of different names', async () => {
    writeFileSync(path('twins.yaml'), smallExperimentFile({ arms: [{ name: 'a' }, { name: 'a' }] }));
    const { code, stderr } = await runCli(['run', path('twins.yaml')]);
    expect(stderr).toMatch(/"arms": .*expected arms of different names/);
    expect(code).toBe(2);
  });
});

function path(name: string): string {
  return join(root, name);
}
