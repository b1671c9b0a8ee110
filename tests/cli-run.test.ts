import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFolder } from '../src/cli/package-info.js';
import { experimentSchema } from '../src/closed-loop/experiment.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { sessionFileSchema } from '../src/recording/session-file.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { toldLines } from './helpers/recorded-run.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';
import { describeWithSmallDisk } from './helpers/small-disk.js';
import { runSmall, smallExperiment, smallExperimentFile } from './helpers/small-experiment.js';

const root = temporaryFolder('run');
const small = join(root, 'small.yaml');
writeFileSync(small, smallExperimentFile());

let counter = 0;
function newFolder(): string {
  counter++;
  return join(root, `out-${counter}`);
}

/** What is the same for the same seed, by name: the records of the ledger, and two files. */
function comparedIn(folder: string): Readonly<Record<string, string>> {
  return {
    ledger: readLedger(folder).lines.join('\n'),
    'result.json': readFileSync(join(folder, 'result.json'), 'latin1'),
    'report.html': readFileSync(join(folder, 'report.html'), 'latin1'),
  };
}

describe('meactl run', () => {
  it('leaves a journal, results, states and notes in its folder, and no lock', async () => {
    const out = newFolder();
    const { code, stdout, stderr } = await runCli(['run', small, '--out', out]);
    expect([code, stderr]).toEqual([0, '']);
    expect([...snapshotFolder(out).keys()].map((path) => basename(path))).toEqual([
      'journal-0000.log',
      'probe.json',
      'report.html',
      'result.json',
      'session.json',
      'source-state.bin.0',
      'source-state.bin.1',
    ]);
    expect(stdout).toMatch(/ensembles of \d+ and \d+ electrodes/);
    expect(stdout).toContain(`recording: ${out}\nreport: ${join(out, 'report.html')}\n`);
    expect(sessionFileSchema.parse(JSON.parse(readFileSync(join(out, 'session.json'), 'utf8')))).toMatchObject({
      kind: 'run',
      provenance: 'emulated',
      raw: 'none',
    });
    const { ledger } = await runSmall(smallExperiment());
    expect(readLedger(out).records.slice(1)).toEqual(ledger.records.slice(1));
  });

  it('writes the same for the same seed: records of the ledger, and results and report to the byte, whatever the batches', async () => {
    const first = newFolder();
    await runCli(['run', small, '--out', first]);
    const variants = [[], ['--batch', '1'], ['--batch', '3', '--ledger-batch', '7'], ['--ledger-batch', '1000']];
    for (const options of variants) {
      const again = newFolder();
      const { code, stderr } = await runCli(['run', small, '--out', again, ...options]);
      expect(code, stderr).toBe(0);
      const wanted = comparedIn(first);
      for (const [name, text] of Object.entries(comparedIn(again))) {
        expect(text === wanted[name], `${name} with ${options.join(' ')}`).toBe(true);
      }
    }
    const other = newFolder();
    await runCli(['run', small, '--out', other, '--seed', '2']);
    expect(readLedger(other).lines).not.toEqual(readLedger(first).lines);
  });

  it('has no host time in anything that is compared', async () => {
    const out = newFolder();
    await runCli(['run', small, '--out', out]);
    const about = readFileSync(join(out, 'session.json'), 'utf8');
    const [, day] = /"startedAt": "(\d{4}-\d\d-\d\d)T/.exec(about)!;
    for (const [name, text] of Object.entries(comparedIn(out))) expect(text.includes(day!), name).toBe(false);
  });

  it('prints one JSON document with --json and nothing else, which is its result.json', async () => {
    const out = newFolder();
    const { code, stdout, stderr } = await runCli(['run', small, '--out', out, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const printed = fitOutputSchema.parse(JSON.parse(stdout));
    expect(printed).toEqual(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
    expect(printed.mode).toBe('causal');
    expect(printed.cultures[0]!.freeEnergy).toHaveLength(4);
  });

  it('finishes a culture without spikes, with nulls and without NaN', async () => {
    const out = newFolder();
    writeFileSync(join(root, 'ttx.yaml'), smallExperimentFile({ culture: { condition: 'ttx' } }));
    const { code, stdout } = await runCli(['run', join(root, 'ttx.yaml'), '--out', out]);
    expect(code).toBe(0);
    expect(stdout).toContain('ensemble not found for source 1 and 2: no model was fitted');
    const { cultures } = fitOutputSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
    expect(cultures[0]).toMatchObject({ found: false, freeEnergy: null });
    for (const text of Object.values(comparedIn(out))) expect(text).not.toMatch(/\bNaN\b/);
  });

  it('takes the name of a bundled experiment, and --seed and --sessions in place of what the file says', async () => {
    const out = newFolder();
    const { code, stderr } = await runCli([
      'run',
      'quick',
      '--sessions',
      '6',
      '--seed',
      '5',
      '--out',
      out,
      '--no-report',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    const start = readLedger(out).records[0]!;
    if (start.type !== 'experiment-started') throw new Error(start.type);
    expect(experimentSchema.parse(start.experiment)).toMatchObject({ name: 'quick', sessions: 6, seed: 5, trials: 64 });
    expect(existsSync(join(out, 'report.html'))).toBe(false);
  });

  it('stops at once when asked to before it begins, and can be resumed', async () => {
    const out = newFolder();
    const signal = AbortSignal.abort(new Error('enough'));
    const { code, stdout, stderr } = await runCli(['run', small, '--out', out, '--no-report'], { signal });
    expect([code, stdout]).toEqual([130, '']);
    expect(stderr).toMatch(/interrupted; go on with: meactl run --resume .*out-\d+/);
    expect((await runCli(['run', '--resume', out, '--no-report'])).code).toBe(0);
    const whole = newFolder();
    await runCli(['run', small, '--out', whole, '--no-report']);
    expect(toldLines(out)).toEqual(toldLines(whole));
  });

  it('logs to stderr as JSON lines when MEACTL_LOG asks for it, and draws no progress there', async () => {
    const { stdout, stderr } = await runCli(['run', small, '--out', newFolder(), '--no-report', '--json'], {
      env: { MEACTL_LOG: 'info' },
    });
    const lines = stderr.trim().split('\n');
    expect(lines.map((line) => messageOf(line))).toEqual(['run', ...Array<string>(4).fill('session done'), 'finished']);
    expect(stdout).toMatch(/^\{.*\}\n$/);
  });
});

function messageOf(line: string): unknown {
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null && 'msg' in value ? value.msg : undefined;
}

describe('a run that cannot be', () => {
  const yaml = (name: string, text: string): string => {
    writeFileSync(join(root, name), text);
    return join(root, name);
  };

  const cases: readonly (readonly [what: string, argv: () => readonly string[], message: RegExp])[] = [
    ['a missing file', () => ['none.yaml'], /Cannot read the file: got no such file \(none\.yaml\)/],
    ['an unknown bundled name', () => ['slow'], /Cannot read the file: got no such file \(slow\)/],
    [
      'an unknown key',
      () => [yaml('key.yaml', smallExperimentFile({ colour: 'red' }))],
      /Unknown key "colour": got colour, expected .*key\.yaml, line \d+\)/,
    ],
    [
      'a negative rest',
      () => [yaml('rest.yaml', smallExperimentFile({ rest: { seconds: -1 } }))],
      /"rest\.seconds": got -1, expected >=0 \(.*rest\.yaml, line \d+\)/,
    ],
    [
      'no session to predict',
      () => [yaml('i.yaml', smallExperimentFile({ initialSessions: 4 }))],
      /"initialSessions".*expected fewer than `sessions`.*i\.yaml, line \d+\)/,
    ],
    ['text that is no YAML', () => [yaml('text.yaml', 'name: [')], /Not valid YAML.*text\.yaml, line 1\)/],
    ['an experiment in place of a rig', () => [small, '--rig', small], /small\.yaml/],
    ['a missing rig', () => [small, '--rig', 'none.yaml'], /no such file \(none\.yaml\)/],
    [
      'a rig that does not fit',
      () => [yaml('fit.yaml', smallExperimentFile({ inputsPerBlock: 8 }))],
      /do not fit together: got 32 stimulated electrodes, expected 2 sources x 8 inputs/,
    ],
    [
      'too few sessions by option',
      () => [small, '--sessions', '2'],
      /--seed or --sessions does not fit.*initialSessions/,
    ],
    ['half a session', () => [small, '--sessions', '2.5'], /--sessions.*expected a whole number/],
    ['a negative seed', () => [small, '--seed', '-1'], /--seed.*whole number/],
    ['a batch of none', () => [small, '--batch', '0'], /Bad --batch: got 0, expected at least 1/],
    ['a ledger batch of none', () => [small, '--ledger-batch', '0'], /Bad --ledger-batch: got 0/],
    ['nothing to run', () => [], /Nothing to run.*--resume FOLDER/],
    ['an unknown option', () => [small, '--speed', '9'], /unknown option '--speed'/],
    ['one file too many', () => [small, small], /too many arguments/],
  ];

  it.each(cases)(
    '(%s) ends with 2, says what, where and what was wanted, and makes no folder',
    async (_, argv, message) => {
      const out = newFolder();
      const { code, stdout, stderr } = await runCli(['run', ...argv(), '--out', out]);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('internal error');
      expect([code, stdout]).toEqual([2, '']);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('(an output folder that is there) ends with 2 and touches nothing in it', async () => {
    const out = newFolder();
    mkdirSync(out);
    writeFileSync(join(out, 'mine.txt'), 'mine');
    const before = snapshotFolder(out);
    for (const target of [out, join(out, 'mine.txt')]) {
      const { code, stdout, stderr } = await runCli(['run', small, '--out', target]);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(
        /output folder is there already, and nothing is overwritten \(.*\); choose another with --out/,
      );
    }
    expect(snapshotFolder(out)).toEqual(before);
  });
});

describe('meactl', () => {
  it.each([['--help'], ['run', '--help'], ['fit', '-h'], ['--version']])(
    '%s %s answers with 0 on stdout',
    async (...argv) => {
      const { code, stdout, stderr } = await runCli(argv);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout.length).toBeGreaterThan(4);
    },
  );

  it('names every command in its help, and every option in theirs', async () => {
    const { stdout } = await runCli(['--help']);
    for (const command of ['run', 'replay', 'fit', 'compare']) {
      expect(stdout).toContain(`  ${command} `);
      expect((await runCli([command, '--help'])).stdout).toContain('--json');
    }
  });

  it('has the version of its package', async () => {
    const file: unknown = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8'));
    const { stdout } = await runCli(['--version']);
    expect(file).toMatchObject({ version: stdout.trim() });
  });

  it.each([
    ['an unknown command', ['fly'], /unknown command 'fly'/],
    ['an unknown option', ['--fly'], /unknown option '--fly'/],
    ['nothing', [], /Usage: meactl/],
    ['a replay of nothing', ['replay'], /missing required argument 'recording'/],
    ['a replay of a missing folder', ['replay', '/nowhere'], /No recording here: got no such folder/],
  ])('ends with 2 for %s', async (_, argv, message) => {
    const { code, stdout, stderr } = await runCli(argv);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
  });
});

describeWithSmallDisk('a run on a disk that is full', 16, (disk) => {
  // Wide and long enough that what it records is more than the room that a recording holds back for its end.
  const argv = ['run', join(root, 'long.yaml'), '--rig', join(root, 'wide.yaml')];
  writeFileSync(argv[1]!, smallExperimentFile({ trials: 64 }));
  writeFileSync(
    argv[3]!,
    JSON.stringify({
      version: 1,
      name: 'wide',
      device: 'emulator',
      array: { rows: 32, columns: 32 },
      stimulated: { electrodes: Array.from({ length: 32 }, (_, i) => 31 * i), status: 'confirmed' },
      pulse: { amplitudeUa: null, phaseWidthUs: null, status: 'unconfirmed' },
    }),
  );

  it('ends with 1, names the file, keeps a valid ledger, and goes on to the same one once there is room', async () => {
    const whole = newFolder();
    await runCli([...argv, '--out', whole]);
    const seen = new Set<string>();
    for (let kibibytes = 16; ; kibibytes += kibibytes < 1024 ? 252 : 72) {
      disk.resize(kibibytes);
      const out = join(disk.path, 'run');
      const { code, stdout, stderr } = await runCli([...argv, '--out', out]);
      if (code === 0) break;
      expect(code, stderr).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/(no space left|ENOSPC)/);
      const [, name] = /\(.*run\/([\w.-]+)\)/.exec(stderr)!;
      seen.add(name!.replace(/bin\.\d$/, 'bin.n'));
      if (existsSync(join(out, 'journal-0000.log')) && toldLines(out).length > 0) {
        expect(toldLines(whole).slice(0, toldLines(out).length)).toEqual(toldLines(out));
        disk.resize(8192);
        const again = await runCli(['run', '--resume', out]);
        expect(again.code, again.stderr).toBe(0);
        expect(toldLines(out), `${kibibytes} KiB`).toEqual(toldLines(whole));
        for (const file of ['result.json', 'report.html']) {
          expect(readFileSync(join(out, file)).equals(readFileSync(join(whole, file)))).toBe(true);
        }
      }
      rmSync(out, { recursive: true });
    }
    expect([...seen].sort()).toEqual(
      expect.arrayContaining(['journal-0000.log', 'probe.json', 'report.html', 'reserve.bin', 'source-state.bin.n']),
    );
  });
});
