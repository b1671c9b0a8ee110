import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError, type MeaError } from '../../protocols/errors.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { experimentSchema } from '../closed-loop/experiment.js';
import { rigSchema, stimulatedElectrodes } from '../closed-loop/rig.js';
import { parseConfig, readConfigFile } from './config-file.js';
import { packageFolder } from './package-info.js';
import { studySchema } from './study-file.js';

const root = temporaryFolder('config');

const GOOD = ['version: 1', 'name: tiny', 'mixing: 0.25', 'sessions: 4', 'initialSessions: 2', 'rest:', '  seconds: 5'];

/** The error of an experiment file whose line (from 1) is replaced, or of a file of its own. */
function errorOf(text: string): MeaError {
  try {
    parseConfig(text, experimentSchema, 'dir/e.yaml');
  } catch (error) {
    if (isMeaError(error)) return error;
    throw error;
  }
  throw new Error(`no mistake found in:\n${text}`);
}

function withLine(number: number, text: string): string {
  return GOOD.map((line, i) => (i === number - 1 ? text : line)).join('\n');
}

describe('an experiment file', () => {
  it('is read with every default filled in', () => {
    expect(parseConfig(GOOD.join('\n'), experimentSchema, 'e.yaml')).toEqual({
      version: 1,
      name: 'tiny',
      description: '',
      sources: 2,
      mixing: 0.25,
      inputsPerBlock: 16,
      patterns: 'frozen',
      ensembleElectrodes: 'seen',
      maxRepeats: 3,
      maxGapS: 30,
      stop: {},
      sessions: 4,
      trials: 256,
      initialSessions: 2,
      trialPeriodS: 1,
      rest: { seconds: 5, status: 'unconfirmed' },
      seed: 1,
      baseline: 'own',
      culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none' },
    });
  });

  const lines: readonly (readonly [
    what: string,
    line: readonly [number: number, text: string],
    parts: readonly RegExp[],
  ])[] = [
    ['a key it does not know', [2, 'name: tiny\nsesions: 5'], [/Unknown key "sesions"/, /line 3\)/]],
    ['a nested key it does not know', [7, '  seconds: 5\n  secs: 4'], [/Unknown key "rest\.secs"/, /line 8\)/]],
    ['text for a number', [4, 'sessions: many'], [/"sessions": got "many"/, /line 4\)/]],
    ['a fraction for a whole number', [4, 'sessions: 4.5'], [/"sessions": got 4\.5, expected int/, /line 4\)/]],
    ['a negative number', [4, 'sessions: -4'], [/"sessions": got -4, expected >=2/, /line 4\)/]],
    ['a number that is too large', [3, 'mixing: 1.5'], [/"mixing": got 1\.5, expected <=1/, /line 3\)/]],
    ['a number that is none', [3, 'mixing: .nan'], [/"mixing": got NaN/, /line 3\)/]],
    ['a number without end', [3, 'mixing: .inf'], [/"mixing": got Infinity/, /line 3\)/]],
    ['a nested number out of range', [7, '  seconds: -1'], [/"rest\.seconds": got -1, expected >=0/, /line 7\)/]],
    ['a list for a map', [7, '  [1, 2]'], [/"rest": got \[1,2\], expected (object|record)/, /line 6\)/]],
    ['nothing for a map', [7, ''], [/"rest": got null, expected object/, /line 6\)/]],
    [
      'a word that is no option',
      [2, 'name: tiny\npatterns: cold'],
      [/"patterns": got "cold", expected one of "frozen"\|"fresh"/, /line 3\)/],
    ],
    [
      'a name that is no folder name',
      [2, 'name: ../up'],
      [/"name": got "\.\.\/up", expected a name of letters/, /line 2\)/],
    ],
    ['a baseline of no spikes', [2, 'name: tiny\nbaseline: 0'], [/"baseline": got 0, expected >0/, /line 3\)/]],
    [
      'a baseline that is another word',
      [2, 'name: tiny\nbaseline: mine'],
      [/"baseline": got "mine", expected "own" or number/, /line 3\)/],
    ],
    ['another version of the format', [1, 'version: 2'], [/"version": got 2, expected 1/, /line 1\)/]],
    ['a missing key', [3, '# mixing'], [/"mixing": got nothing, expected number/, /dir\/e\.yaml, line 1\)/]],
    [
      'as many initial sessions as sessions',
      [5, 'initialSessions: 4'],
      [/"initialSessions": got .*expected fewer than `sessions`/, /line 5\)/],
    ],
    ['more initial sessions than sessions', [5, 'initialSessions: 5'], [/expected fewer than `sessions`/, /line 5\)/]],
    ['a key twice', [3, 'mixing: 0\nmixing: 1'], [/Not valid YAML: got .*unique/, /line 4\)/]],
    ['brackets that are never closed', [3, 'mixing: [0'], [/Not valid YAML/, /dir\/e\.yaml, line \d\)/]],
    ['a tab for an indent', [7, '\tseconds: 5'], [/Not valid YAML/, /line 7\)/]],
    ['two documents', [7, '  seconds: 5\n---\nversion: 1'], [/Not valid YAML.*multiple documents/, /line 8\)/]],
    ['an alias without its anchor', [3, 'mixing: *m'], [/An alias that cannot be resolved: got .*\bm\b/, /line 3\)/]],
    ['an anchor used inside itself', [2, 'name: &n [*n]'], [/"name": got a value that holds itself/, /line 2\)/]],
    ['a key of the language', [2, 'name: tiny\n__proto__: {seed: 3}'], [/Unknown key "__proto__"/, /line 3\)/]],
  ];

  it.each(lines)(
    'with %s is refused with file, line, what was there and what was expected',
    (_, [number, text], parts) => {
      const error = errorOf(withLine(number, text));
      expect(error.tag).toBe('bad-input');
      for (const part of [...parts, /dir\/e\.yaml, line \d+/, /got /]) expect(error.message).toMatch(part);
      expect(error.message).not.toContain('undefined');
    },
  );

  it.each([
    ['empty', ''],
    ['nothing but a comment', '# to do\n'],
    ['a list', '- 1\n- 2\n'],
    ['a word', 'hello'],
    ['bytes that are no text', '\u0000\u0001\u0002'],
  ])('that is %s is refused with its name', (_, text) => {
    const error = errorOf(text);
    expect(error.tag).toBe('bad-input');
    expect(error.message).toMatch(/dir\/e\.yaml/);
    expect(error.message).toMatch(/got /);
  });

  it('has all its mistakes told at once, each with its line', () => {
    const { message } = errorOf('version: 1\nname: tiny\nmixing: 2\nsessions: 1\ncolour: red\n');
    expect(message).toMatch(/"mixing".*line 3.*"sessions".*line 4.*"colour".*line 5/);
  });

  it('whose aliases stand for a billion things is refused at once, with a line', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const bomb = names.map((name, i) => {
      const inner = i === 0 ? 'x' : `*${names[i - 1]!}`;
      return `${name}: &${name} [${Array<string>(10).fill(inner).join(', ')}]`;
    });
    const { tag, message } = errorOf(bomb.join('\n'));
    expect(tag).toBe('bad-input');
    expect(message).toMatch(/An alias that cannot be resolved: got .*alias.*\(dir\/e\.yaml, line \d\)/i);
  });

  it('may use a few aliases', () => {
    const text = `${GOOD.join('\n')}\nseed: &n 7\ntrials: *n\n`;
    expect(parseConfig(text, experimentSchema, 'e.yaml')).toMatchObject({ seed: 7, trials: 7 });
  });

  it('shows only the beginning of a long value', () => {
    const { message } = errorOf(withLine(2, `name: "${'x '.repeat(10_000)}"`));
    expect(message.length).toBeLessThan(400);
    expect(message).toMatch(/\.\.\./);
  });
});

describe('a configuration on the disk', () => {
  const read = (path: string): Promise<unknown> => readConfigFile(path, experimentSchema);

  it('is read', async () => {
    writeFileSync(join(root, 'good.yaml'), GOOD.join('\r\n'));
    await expect(read(join(root, 'good.yaml'))).resolves.toMatchObject({ name: 'tiny', rest: { seconds: 5 } });
  });

  it('that is not there, or a folder, is missing, by name', async () => {
    mkdirSync(join(root, 'folder'));
    for (const [name, got] of [
      ['none.yaml', 'no such file'],
      ['folder', 'a folder'],
    ] as const) {
      const reading = read(join(root, name));
      await expect(reading).rejects.toSatisfy((error) => isMeaError(error, 'missing'));
      await expect(reading).rejects.toThrow(new RegExp(`Cannot read the file: got ${got} \\(.*${name}\\)`));
    }
  });

  it('that is huge, or without end, is refused without being read', async () => {
    writeFileSync(join(root, 'huge.yaml'), Buffer.alloc(1_000_001, '#'));
    for (const path of [join(root, 'huge.yaml'), '/dev/zero']) {
      const reading = read(path);
      await expect(reading).rejects.toSatisfy((error) => isMeaError(error, 'bad-input'));
      await expect(reading).rejects.toThrow(/too large for a configuration: got more than 1000000 bytes/);
    }
    writeFileSync(join(root, 'large.yaml'), `${GOOD.join('\n')}\n#`.padEnd(1_000_000, '#'));
    await expect(read(join(root, 'large.yaml'))).resolves.toMatchObject({ name: 'tiny' });
  });
});

describe('the bundled files', () => {
  const bundled = (folder: string): string[] => readdirSync(join(packageFolder(), folder));

  it('in experiments/ are all valid, and named as their experiment', async () => {
    expect(bundled('experiments')).toEqual(expect.arrayContaining(['isomura2023.yaml', 'quick.yaml']));
    for (const file of bundled('experiments').filter((name) => name.endsWith('.yaml'))) {
      const experiment = await readConfigFile(join(packageFolder(), 'experiments', file), experimentSchema);
      expect(`${experiment.name}.yaml`).toBe(file);
      expect(experiment.rest).toEqual({ seconds: 244, status: 'unconfirmed' });
    }
  });

  it('in experiments/ have the published experiment with its published sizes', async () => {
    const path = join(packageFolder(), 'experiments', 'isomura2023.yaml');
    await expect(readConfigFile(path, experimentSchema)).resolves.toMatchObject({
      sources: 2,
      mixing: 0.25,
      inputsPerBlock: 16,
      sessions: 100,
      trials: 256,
      initialSessions: 10,
    });
  });

  it('in rigs/ are all valid, and mark what nobody has confirmed', async () => {
    expect(bundled('rigs')).toContain('emulated.yaml');
    for (const file of bundled('rigs')) {
      const rig = await readConfigFile(join(packageFolder(), 'rigs', file), rigSchema);
      // Made up for the emulator; nothing is claimed of the published pulse.
      const isMadeUp = file === 'emulated-voltages.yaml';
      const [amplitudeUa, phaseWidthUs] = isMadeUp ? [20, 200] : [null, null];
      expect(rig.pulse).toEqual({ amplitudeUa, phaseWidthUs, status: 'unconfirmed' });
      expect(rig.stimulated.status).toBe('unconfirmed');
      if (rig.stimulated.electrodes !== 'black-squares') continue;
      expect(stimulatedElectrodes(rig)).toHaveLength(32);
      expect(stimulatedElectrodes(rig).slice(0, 8)).toEqual([0, 2, 4, 6, 9, 11, 13, 15]);
    }
  });
});

describe('a rig or a study file', () => {
  const RIG = {
    version: 1,
    name: 'r',
    device: 'emulator',
    array: { rows: 2, columns: 2 },
    stimulated: { electrodes: [0, 3], status: 'confirmed' },
    pulse: { amplitudeUa: 10, phaseWidthUs: null, status: 'unconfirmed' },
  };
  const rigError = (change: Readonly<Record<string, unknown>>): unknown => {
    try {
      return parseConfig(JSON.stringify({ ...RIG, ...change }), rigSchema, 'rig.yaml');
    } catch (error) {
      return error;
    }
  };

  it.each([
    [
      'an upper edge above half the rate',
      { detection: { bandHz: [300, 10_000] } },
      /"detection\.bandHz\.1": got 10000/,
    ],
    ['edges in the wrong order', { detection: { bandHz: [3000, 300] } }, /"detection\.bandHz": .*a lower edge below/],
    ['a threshold of 0', { detection: { threshold: 0 } }, /"detection\.threshold": got 0/],
    ['a threshold that is none', { detection: { threshold: null } }, /"detection\.threshold": got null/],
    [
      'a frozen threshold from a baseline that is too short',
      { detection: { noise: 'frozen', baselineS: 1 } },
      /"detection\.baselineS": .*not less than `settleS`/,
    ],
    ['an excluded electrode beyond the array', { detection: { excluded: [1, 4] } }, /"detection\.excluded\.1": got 4/],
    [
      'a device that does not exist',
      { device: 'toaster' },
      /"device": got "toaster", expected "emulator"|"mea-link"|"combined"/,
    ],
    [
      'an electrode beyond the array',
      { stimulated: { electrodes: [0, 4], status: 'confirmed' } },
      /"stimulated\.electrodes\.1": got 4/,
    ],
    [
      'an electrode twice',
      { stimulated: { electrodes: [2, 2], status: 'confirmed' } },
      /"stimulated\.electrodes\.1": got 2/,
    ],
    [
      'a window that ends before it starts',
      { responseWindowMs: [30, 10] },
      /"responseWindowMs": got \[30,10\], expected a window that starts before/,
    ],
    ['a pulse of no current', { pulse: { ...RIG.pulse, amplitudeUa: 0 } }, /"pulse\.amplitudeUa": got 0, expected >0/],
  ])('with %s is refused, by key', (_, change, message) => {
    const error = rigError(change);
    expect(isMeaError(error, 'bad-input')).toBe(true);
    expect(String(error)).toMatch(message);
    expect(String(error)).toMatch(/rig\.yaml, line 1\)/);
  });

  it('of a study names the member that is wrong', () => {
    const text = 'version: 1\ngroups:\n  ctrl:\n    - result: a.json\n    - result: b.json\n      batsh: 3\n';
    expect(() => parseConfig(text, studySchema, 's.yaml')).toThrow(
      /Unknown key "groups\.ctrl\.1\.batsh".*s\.yaml, line 6/,
    );
  });
});
