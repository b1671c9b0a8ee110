import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ResponseTable } from '../protocols/responses.js';
import { ownBaselineOf } from '../src/model/analysis.js';
import { decodeNpy } from '../src/recording/npy.js';
import { fitOutputSchema, type FitOutput } from '../src/report/fit-output.js';
import { bytesArray, cell, doubles, matFile, struct } from './helpers/mat-bytes.js';
import { recordPart } from './helpers/recorded-run.js';
import { responseMat } from './helpers/response-mat.js';
import { emulateResponses } from './helpers/response-tables.js';
import { runCli, snapshotFolder, temporaryFolder, type CliOutcome } from './helpers/run-cli.js';
import { smallExperiment } from './helpers/small-experiment.js';

const root = temporaryFolder('fit');
const SIZES = ['--trials', '32', '--initial-sessions', '4'] as const;

const emulate = (seed: number): ResponseTable =>
  emulateResponses({ seed, sessions: 12, trialsPerSession: 32, mixing: 0.25 });
const silent = (table: ResponseTable): ResponseTable => ({ ...table, counts: new Uint16Array(table.counts.length) });

let tables: readonly ResponseTable[] = [];
const one = join(root, 'one.mat');
const two = join(root, 'two.cultures.mat');
const mute = join(root, 'mute.mat');
beforeAll(() => {
  tables = [emulate(1), emulate(2)];
  writeFileSync(one, responseMat(tables[0]!));
  writeFileSync(two, responseMat(...tables));
  writeFileSync(mute, responseMat(silent(tables[0]!)));
});

function fit(files: readonly string[], ...options: readonly string[]): Promise<CliOutcome> {
  return runCli(['fit', ...files, ...SIZES, ...options]);
}

/** Runs `fit --json` and checks that its output is one document of the documented form. */
async function fitJson(files: readonly string[], ...options: readonly string[]): Promise<FitOutput> {
  const { code, stdout, stderr } = await fit(files, '--json', ...options);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout.endsWith('}\n')).toBe(true);
  expect(stdout).not.toMatch(/NaN|Infinity|undefined/);
  return fitOutputSchema.parse(JSON.parse(stdout));
}

describe('meactl fit --json', () => {
  it.each(['published', 'causal'])(
    'prints one document of the documented form, and nothing else (%s)',
    async (mode) => {
      const output = await fitJson([two], '--mode', mode);
      expect(output).toMatchObject({ version: 1, mode });
      expect(output.cultures.map(({ file, index, found }) => [file, index, found])).toEqual([
        [two, 0, true],
        [two, 1, true],
      ]);
      for (const culture of output.cultures) {
        expect(culture.design).toMatchObject({
          sessions: 12,
          trialsPerSession: 32,
          initialSessions: 4,
          sourceCount: 2,
          mixing: 0.25,
        });
        expect(culture.freeEnergy).toHaveLength(12);
        expect(culture.errA).toHaveLength(4);
        expect(culture.baselineSource).toBe('own');
        expect(culture.ensembles.every((members) => members.length > 0)).toBe(true);
      }
      expect(output.cultures[0]!.freeEnergy).not.toEqual(output.cultures[1]!.freeEnergy);
    },
  );

  it('has the cultures of all files in the order given', async () => {
    const { cultures } = await fitJson([two, one]);
    expect(cultures.map(({ file, index }) => `${file}#${index}`)).toEqual([`${two}#0`, `${two}#1`, `${one}#0`]);
    expect({ ...cultures[2]!, file: '', index: 0 }).toEqual({ ...cultures[0]!, file: '', index: 0 });
  });

  it('gives nulls, and no number, for a culture without responsive electrodes', async () => {
    const { cultures } = await fitJson([mute]);
    const [culture] = cultures;
    expect(culture).toMatchObject({ found: false, missing: [0, 1], ensembles: [[], []], evokedRate: 0 });
    for (const key of [
      'baseline',
      'phi1',
      'freeEnergy',
      'errX',
      'errA',
      'skill',
      'comparators',
      'surrogates',
    ] as const) {
      expect(culture![key], key).toBeNull();
    }
    expect(culture!.verdict.answer).toBe('cannot tell');
  });

  it.each([
    ['one source alone', { sourceCount: 1, sources: [1, 0] }, [0]],
    ['sources that are always on together', { sourceCount: 2, sources: [1, 1] }, [0, 1]],
    ['sources that are never on', { sourceCount: 2, sources: [0, 0] }, [0, 1]],
  ])('finds no ensemble for %s', async (_, { sourceCount, sources }, missing) => {
    const path = join(root, 'odd.mat');
    const [table] = tables;
    const rows = table!.sessions * table!.trialsPerSession;
    const odd = Uint8Array.from({ length: rows * sourceCount }, (__, i) => sources[i % 2]!);
    writeFileSync(path, responseMat({ ...table!, sourceCount, sources: odd }));
    const [culture] = (await fitJson([path])).cultures;
    expect(culture).toMatchObject({ found: false, missing, freeEnergy: null });
  });

  it('is the same twice', async () => {
    expect(await fit([two], '--json')).toEqual(await fit([two], '--json'));
  });
});

describe('meactl fit', () => {
  it('tells a person of each culture in a few lines', async () => {
    const { code, stdout, stderr } = await fit([two, mute]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/two\.cultures\.mat, culture 0: ensembles of \d+ and \d+ electrodes/);
    expect(stdout).toMatch(/two\.cultures\.mat, culture 1/);
    expect(stdout).toMatch(/mute\.mat, culture 0.*\n {2}ensemble not found for source 1 and 2: no model was fitted/);
    expect(stdout).not.toMatch(/NaN|undefined/);
  });

  it('writes the seven arrays of each culture into a folder of its own, with their shapes', async () => {
    const folder = join(root, 'new', 'arrays');
    await fitJson([two, mute], '--arrays', folder);
    // the culture that was not found has none
    expect(readdirSync(folder).sort()).toEqual(['two.cultures-0', 'two.cultures-1']);
    const shapes = {
      x: [2, 384],
      xp: [2, 384],
      W1: [2, 32, 12],
      W0: [2, 32, 12],
      W1p: [2, 32, 12],
      W0p: [2, 32, 12],
      qA1: [32, 4],
    };
    for (const culture of readdirSync(folder)) {
      const files = readdirSync(join(folder, culture)).sort();
      expect(files).toEqual(
        Object.keys(shapes)
          .map((name) => `${name}.npy`)
          .sort(),
      );
      for (const [name, shape] of Object.entries(shapes)) {
        const array = decodeNpy(readFileSync(join(folder, culture, `${name}.npy`)), name);
        expect([name, array.shape]).toEqual([name, shape]);
        expect(array.data).toBeInstanceOf(Float64Array);
        expect(array.data.every(Number.isFinite) && array.data.some((value) => value !== 0)).toBe(true);
      }
    }
  });

  it('overwrites neither arrays nor a report', async () => {
    const folder = join(root, 'kept');
    const report = join(root, 'kept.html');
    mkdirSync(folder, { recursive: true });
    writeFileSync(report, 'mine');
    const before = snapshotFolder(root);
    for (const options of [
      ['--arrays', folder],
      ['--report', report],
    ]) {
      const { code, stderr, stdout } = await fit([one], ...options);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/is there already, and nothing is overwritten \(.*kept.*\); choose another/);
    }
    expect(snapshotFolder(root)).toEqual(before);
  });

  it('refuses two inputs whose arrays would have one name', async () => {
    const folder = join(root, 'twins');
    mkdirSync(join(root, 'elsewhere'));
    writeFileSync(join(root, 'elsewhere', 'one.mat'), readFileSync(one));
    const { code, stderr } = await fit([one, join(root, 'elsewhere', 'one.mat')], '--arrays', folder);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/same arrays: got one twice/)]);
    expect(existsSync(folder)).toBe(false);
  });

  it('says so when the folder of the arrays cannot be made', async () => {
    const { code, stderr } = await fit([one], '--arrays', join(one, 'arrays'));
    expect(stderr).toMatch(/Cannot make the .*folder.*one\.mat\/arrays/);
    expect(stderr).not.toContain('internal error');
    expect(code).toBeGreaterThan(0);
  });

  it('writes a report that is one whole page', async () => {
    const report = join(root, 'report.html');
    const { code, stdout } = await fit([two, mute], '--report', report);
    expect([code, stdout.includes(`report: ${report}`)]).toEqual([0, true]);
    const html = readFileSync(report, 'utf8');
    expect(html).toContain('<p class="provenance">File: ');
    expect(html).toMatch(/^<!doctype html>/i);
    expect(html.trimEnd().endsWith('</html>')).toBe(true);
    expect(html).not.toMatch(/NaN|undefined|<script|https?:\/\/(?!www\.w3\.org)/);
  });

  it('says in its report of each culture where it is from, also of recorded runs beside files', async () => {
    const experiment = smallExperiment({ mixing: 0.25, sessions: 6, trials: 32, initialSessions: 4 });
    const { path } = await recordPart(join(root, 'recorded'), experiment, { trials: 6 * 32, by: 'interrupt' });
    const [alone, beside] = [join(root, 'alone.html'), join(root, 'beside.html')];
    expect((await fit([path], '--report', alone)).code).toBe(0);
    expect(readFileSync(alone, 'utf8')).toContain('<p class="provenance">Emulated: ');
    expect((await fit([one, path], '--report', beside)).code).toBe(0);
    const html = readFileSync(beside, 'utf8');
    expect(html).toContain('<p class="provenance">Of several origins');
    for (const [file, origin] of [
      [one, 'File: '],
      [path, 'Emulated: '],
    ] as const) {
      expect(html.slice(html.indexOf(`Origin of ${file}`)).slice(0, 400)).toContain(origin);
    }
  });
});

describe('the baseline of a fit', () => {
  const ownOf = (table: ResponseTable): number => ownBaselineOf(table, { mode: 'published', initialSessions: 4 })!;

  it.each([
    ['own', () => tables.map(ownOf), 'own'],
    ['group', () => tables.map(() => (ownOf(tables[0]!) + ownOf(tables[1]!)) / 2), 'group'],
    ['1.25', () => [1.25, 1.25], 'given'],
  ] as const)('is as asked: %s', async (baseline, wanted, baselineSource) => {
    const { cultures } = await fitJson([two], '--baseline', baseline);
    expect(cultures.map((culture) => culture.baseline)).toEqual(wanted());
    expect(cultures.map((culture) => culture.baselineSource)).toEqual([baselineSource, baselineSource]);
  });

  it('is the mean over stored controls with --control, and only of those with their own', async () => {
    const controls = join(root, 'controls.json');
    writeFileSync(controls, (await fit([two, mute], '--json')).stdout);
    const { cultures } = await fitJson([one], '--control', controls);
    expect(cultures[0]!.baseline).toBe((ownOf(tables[0]!) + ownOf(tables[1]!)) / 2);
    expect(cultures[0]!.baselineSource).toBe('control');
    const given = join(root, 'given.json');
    writeFileSync(given, (await fit([two], '--json', '--baseline', '1.5')).stdout);
    const refused = await fit([one], '--control', given);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/no baseline to take.*given\.json/)]);
  });

  it.each(['0', '-1', 'NaN', 'Infinity', 'mine', '', ' '])('is refused when it is %j', async (baseline) => {
    const { code, stderr } = await fit([one], '--baseline', baseline);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Bad --baseline: got .*, expected a positive number/)]);
  });

  it('cannot be given twice', async () => {
    const { code, stderr } = await fit([one], '--control', 'c.json', '--baseline', 'group');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--control gives the baseline already/)]);
  });
});

describe('a fit of what cannot be fitted ends with 2 and says what, where and what was wanted', () => {
  const columns = (rows: number, width: number, value = 0): number[] => Array<number>(rows * width).fill(value);
  const culture = (change: Readonly<Record<string, Uint8Array>>, rows = 64): Buffer => {
    const fields = {
      s: bytesArray([rows, 2], columns(rows, 2)),
      o: bytesArray([rows, 4], columns(rows, 4)),
      r: bytesArray([rows, 3], columns(rows, 3)),
      ...change,
    };
    return matFile(cell([1, 1], [struct(Object.keys(fields), [Object.values(fields)])], 'data'));
  };
  const with1 = (value: number, at = 40): number[] => columns(64, 3).map((count, i) => (i === at ? value : count));

  const hdf5 = (): Buffer => {
    const bytes = Buffer.alloc(600, 'MATLAB 7.3 MAT-file '.padEnd(124));
    bytes.set([0, 2, 0x49, 0x4d], 124);
    bytes.set([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], 512);
    return bytes;
  };
  const files: readonly (readonly [what: string, bytes: () => Uint8Array, message: RegExp])[] = [
    ['no MAT file', () => Buffer.from('s,o,r\n1,0,3\n'), /bad\.mat/],
    ['an empty file', () => Buffer.alloc(0), /bad\.mat/],
    ['a MAT file of version 7.3', hdf5, /another version: got version 7\.3 \(HDF5\)/],
    [
      's shorter than the others',
      () => culture({ s: bytesArray([32, 2], columns(32, 2)) }),
      /s 32 x 2, o 64 x 4, r 64 x 3/,
    ],
    ['o longer than the others', () => culture({ o: bytesArray([65, 4], columns(65, 4)) }), /o 65 x 4/],
    ['r transposed', () => culture({ r: bytesArray([3, 64], columns(3, 64)) }), /r is transposed/],
    [
      'trials that are no multiple of the session',
      () => culture({}, 70),
      /The last session is not whole: got 70 trials, expected a multiple of 32/,
    ],
    [
      'NaN for a count',
      () => culture({ r: doubles([64, 3], with1(Number.NaN)) }),
      /spike counts: got NaN.*session 1, trial 8, column 0/,
    ],
    [
      'a negative count',
      () => culture({ r: doubles([64, 3], with1(-1)) }),
      /spike counts: got -1, expected an integer from 0 to 65535.*session 1, trial 8/,
    ],
    ['half a spike', () => culture({ r: doubles([64, 3], with1(0.5)) }), /spike counts: got 0\.5/],
    [
      'endless spikes',
      () => culture({ r: doubles([64, 3], with1(Number.POSITIVE_INFINITY)) }),
      /spike counts: got Infinity/,
    ],
    ['a stimulus of 2', () => culture({ o: bytesArray([64, 4], columns(64, 4, 2)) }), /Field o must be binary: got 2/],
    [
      'no field r',
      () =>
        matFile(cell([1, 1], [struct(['s', 'o'], [[bytesArray([2, 1], [0, 0]), bytesArray([2, 1], [0, 0])]])], 'd')),
      /Field r is missing/,
    ],
    ['no responses', () => matFile(doubles([1, 1], [1], 'x')), /No responses in the file: got "x"/],
    [
      'inputs that sources do not share out',
      () => culture({ o: bytesArray([192, 5], columns(192, 5)) }, 192),
      /got 5 inputs, 2 sources/,
    ],
    ['no more sessions than initial ones', () => culture({}, 128), /initial sessions: got 4, expected 1 to 3/],
  ];

  it.each(files)('(%s)', async (_, bytes, message) => {
    const path = join(root, 'bad.mat');
    writeFileSync(path, bytes());
    const { code, stdout, stderr } = await fit([path], '--json');
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^meactl: (?!internal error).*bad\.mat.*\n$/);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('(a file cut off at any byte, of which every 97th is tried)', async () => {
    const path = join(root, 'cut.mat');
    const whole = readFileSync(one);
    for (let length = 0; length < whole.length; length += length < 400 ? 17 : 97) {
      writeFileSync(path, whole.subarray(0, length));
      const { code, stdout, stderr } = await fit([path], '--json');
      expect([code, stdout], `cut to ${length} of ${whole.length}: ${stderr}`).toEqual([2, '']);
      expect(stderr, `cut to ${length}`).toMatch(/^meactl: (?!internal error).*cut\.mat/);
      if (length > 4000) length += 4000;
    }
  });

  const usages: readonly (readonly [what: string, argv: readonly string[], message: RegExp])[] = [
    ['a missing file', ['fit', join(root, 'none.mat')], /No such file \(.*none\.mat\)/],
    ['a folder without a run', ['fit', root], /No recording here: got no journal-0000\.log/],
    ['no file', ['fit'], /missing required argument 'file'/],
    ['an unknown mode', ['fit', one, '--mode', 'magic'], /Allowed choices are published, causal/],
    ['an unknown option', ['fit', one, '--colour'], /unknown option '--colour'/],
    ['sessions of no trials', ['fit', one, '--trials', '0'], /trials per session: got 0, expected a positive integer/],
    ['half a trial', ['fit', one, '--trials', '1.5'], /--trials.*expected a whole number/],
    ['no initial session', ['fit', one, '--trials', '32', '--initial-sessions', '0'], /initial sessions.*got 0/i],
    ['mixing above 1', ['fit', one, '--mixing', '1.5'], /--mixing.*expected a number from 0 to 1/],
    ['an unknown variable', ['fit', one, '--variable', 'nope'], /No responses under the name "nope".*one\.mat/],
    ['missing controls', ['fit', one, ...SIZES, '--control', 'none.json'], /Cannot read the results.*none\.json/],
  ];

  it.each(usages)('(%s)', async (_, argv, message) => {
    const { code, stdout, stderr } = await runCli(argv);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('internal error');
    expect([code, stdout]).toEqual([2, '']);
  });
});

describe('meactl fit of a recorded run', () => {
  it('is its result.json, but for the name of the file, in mode causal', async () => {
    const folder = join(root, 'run');
    const yaml = join(root, 'run.yaml');
    writeFileSync(
      yaml,
      JSON.stringify({ version: 1, name: 'r', mixing: 0.25, sessions: 8, trials: 16, initialSessions: 3 }),
    );
    expect((await runCli(['run', yaml, '--out', folder, '--no-report'])).code).toBe(0);
    const { code, stdout } = await runCli(['fit', folder, '--mode', 'causal', '--json']);
    expect(code).toBe(0);
    const stored = fitOutputSchema.parse(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')));
    const fitted = fitOutputSchema.parse(JSON.parse(stdout));
    expect(stored.cultures[0]!.found).toBe(true);
    expect(fitted.cultures[0]!.file).toBe(folder);
    const { file } = stored.cultures[0]!;
    expect(existsSync(join(folder, file))).toBe(true);
    expect({ ...fitted, cultures: fitted.cultures.map((culture) => ({ ...culture, file })) }).toEqual(stored);
  });

  it('leaves out the unfinished session of an interrupted run, and says so', async () => {
    const { path } = await recordPart(join(root, 'part'), smallExperiment(), { trials: 27, by: 'interrupt' });
    const { code, stdout, stderr } = await runCli(['fit', path, '--json']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/holds 3 of 4 sessions; 3 trials of an unfinished session are left out/);
    expect(fitOutputSchema.parse(JSON.parse(stdout)).cultures[0]!.freeEnergy).toHaveLength(3);
  });

  it('refuses a run without a whole session, or with too few to predict', async () => {
    for (const [trials, message] of [
      [5, /no whole session: got 5 trials, expected at least 8/],
      [17, /session/],
    ] as const) {
      const { path } = await recordPart(join(root, `short-${trials}`), smallExperiment(), { trials, by: 'interrupt' });
      const { code, stdout, stderr } = await runCli(['fit', path, '--json']);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('internal error');
    }
  });
});
