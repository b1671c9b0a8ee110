import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { runMeaSim } from './mea-sim.js';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...argv: readonly string[]): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await runMeaSim(argv, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
  });
  return { code, out, err };
}

describe('mea-sim trials', () => {
  it('prints one JSON line per trial and nothing else, the same for the same seed', async () => {
    const argv = ['trials', '--parameters', 'mix0', '--seed', '4', '--sessions', '2', '--trials', '12'];
    const { code, out, err } = await run(...argv);
    expect([code, err]).toEqual([0, '']);
    const lines = out.trimEnd().split('\n').map(parse);
    expect(lines).toHaveLength(24);
    expect(lines[0]).toMatchObject({ session: 0, trial: 0, deliveredSample: 0, window: [200, 600] });
    expect(lines[23]).toMatchObject({ session: 1, trial: 11, deliveredSample: (12 + 244 + 11) * 20_000 });
    expect(out).toContain('nothing-as-asked');
    expect((await run(...argv)).out).toBe(out);
  });

  it('follows its options', async () => {
    const quiet = await run('trials', '--condition', 'ttx', '--sessions', '1', '--trials', '4', '--mixing', '0.5');
    expect(
      quiet.out
        .trimEnd()
        .split('\n')
        .every((line) => line.includes(`"counts":[${'0,'.repeat(63)}0]`)),
    ).toBe(true);
  });

  it.each([
    [['trials', '--parameters', 'foo'], /--parameters.*'foo'.*ctrl, bic, dzp, mix0, mix50.*--help/],
    [['trials', '--sessions', '0'], /--sessions.*'0'.*integer of at least 1.*--help/],
    [['trials', '--seed', '1.5'], /--seed.*'1.5'.*integer.*--help/],
    [['trials', '--mixing', '2'], /--mixing.*'2'.*from 0 to 1.*--help/],
    [['trials', '--speed', '2'], /unknown option '--speed'.*--help/],
    [['trails'], /trails.*--help/],
    [['statistics', '--seeds', '1'], /--seeds.*'1'.*at least 2.*--help/],
  ])('explains %j on stderr and exits 2', async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it.each([[['--help']], [['trials', '--help']], [[]]])('helps on %j', async (argv) => {
    const { out, err } = await run(...argv);
    expect(out + err).toMatch(/Usage: mea-sim/);
  });
});

describe('mea-sim serve', () => {
  it.each([
    [['serve'], /--mount <address>.*--help/],
    [['--mount', 'nowhere'], /Not the address of a device.*nowhere.*tcp:\/\//],
    [['--mount', 'tcp://0.0.0.0:0'], /0\.0\.0\.0.*127\.0\.0\.1.*--allow-remote/],
    [['--mount', 'tcp://127.0.0.1:0', '--channels', '4097'], /--channels.*4097.*1 to 4096/],
    [['--mount', 'tcp://127.0.0.1:0', '--channels', '10', '--columns', '4'], /no rectangle.*10 channels in rows of 4/],
    [['--mount', 'tcp://127.0.0.1:0', '--condition', 'drunk'], /--condition.*drunk.*ctrl.*apv.*--help/],
    [['--mount', 'tcp://127.0.0.1:0', '--rate', '5000'], /5000/],
    [['--mount', 'tcp://127.0.0.1:0', '--fault', 'drop=2'], /fault drop.*got 2.*drop=<share 0-1>/],
    [['--mount', 'tcp://127.0.0.1:0', '--fault', 'gremlins=2'], /Unknown fault.*gremlins.*drop, duplicate/],
    [
      ['--mount', 'tcp://127.0.0.1:0', '--ledger', '/nowhere/at/all.jsonl'],
      /cannot be made.*\/nowhere\/at\/all\.jsonl/,
    ],
  ])('explains %j on stderr and exits 2', async (argv, message) => {
    const { code, out, err } = await run(...argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('says where it listens, ends by itself after its duration, and tells which faults were applied', async () => {
    const { code, out, err } = await run(
      ...['--mount', 'tcp://127.0.0.1:0', '--channels', '4', '--duration', '0.3', '--fault', 'stall=20:2'],
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+\n$/);
    expect(err).toMatch(/faults applied: stall [1-9]\d*/);
  });

  it('does not write over a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mea-sim-'));
    const file = join(folder, 'truth.jsonl');
    writeFileSync(file, 'mine');
    const { code, err } = await run('--mount', 'tcp://127.0.0.1:0', '--truth', file, '--duration', '0.1');
    expect(code).toBe(2);
    expect(err).toContain('is there already');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    rmSync(folder, { recursive: true });
  });
});

describe('mea-sim statistics', () => {
  it('prints the table, or the same as JSON', async () => {
    const table = await run('statistics', '--parameters', 'bic', '--seeds', '2');
    expect(table.code).toBe(0);
    expect(table.out).toMatch(/bic, 2 seeds +emulated +\(s\.e\.\) +reference +ratio +agrees/);
    expect(table.out.trimEnd().split('\n')).toHaveLength(16);
    const json = await run('statistics', '--parameters', 'bic', '--seeds', '2', '--json');
    expect(parse(json.out)).toMatchObject({ version: 1, parameters: 'bic', seeds: [1001, 1002] });
    expect(json.out).toContain('"name":"meanCount"');
  });
});

function parse(text: string): unknown {
  return JSON.parse(text);
}
