import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { activePolicy } from '../src/closed-loop/policies/active-policy.js';
import { writeJournal, type TornRecord } from './helpers/recorded-journal.js';
import { interruptionsOf, recordPart, toldLines } from './helpers/recorded-run.js';
import { runCli, snapshotFolder, temporaryFolder } from './helpers/run-cli.js';
import { runSmall, smallExperiment } from './helpers/small-experiment.js';

const root = temporaryFolder('replay');
const SMALL = smallExperiment();

const outcomeSchema = z.strictObject({
  version: z.literal(1),
  records: z.number(),
  trials: z.number(),
  trialsCompared: z.number(),
  trialsAsRecorded: z.number(),
  complete: z.boolean(),
  tornBytes: z.number(),
  samples: z.null(),
  difference: z
    .strictObject({
      index: z.number(),
      where: z.string(),
      field: z.string(),
      recorded: z.string(),
      repeated: z.string(),
    })
    .nullable(),
});
type Outcome = z.infer<typeof outcomeSchema> & { readonly code: number };

let counter = 0;
async function replay(lines: readonly string[], torn?: TornRecord): Promise<Outcome> {
  counter++;
  const folder = join(root, `run-${counter}`);
  writeJournal(folder, lines, torn);
  const { code, stdout, stderr } = await runCli(['replay', folder, '--json']);
  expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
  return { code, ...outcomeSchema.parse(JSON.parse(stdout)) };
}

let lines: readonly string[] = [];
beforeAll(async () => {
  lines = (await runSmall(SMALL)).ledger.records.map((record) => JSON.stringify(record));
  expect(lines).toHaveLength(46);
});

describe('a replay', () => {
  it('finds no difference in a recording that was not touched', async () => {
    expect(await replay(lines)).toEqual({
      code: 0,
      version: 1,
      records: 46,
      trials: 32,
      // There are no samples to find them in.
      trialsCompared: 0,
      trialsAsRecorded: 32,
      complete: true,
      tornBytes: 0,
      samples: null,
      difference: null,
    });
  });

  it('finds none in a recording without a model, with fresh patterns, or with more sources', async () => {
    const experiments = [
      { culture: { condition: 'ttx' } },
      { patterns: 'fresh', mixing: 0.25 },
      { sources: 4, inputsPerBlock: 8, mixing: 0.5 },
      { baseline: 0.7, rest: { seconds: 0 } },
    ];
    for (const keys of experiments) {
      const { ledger } = await runSmall(smallExperiment(keys));
      const outcome = await replay(ledger.records.map((record) => JSON.stringify(record)));
      expect([outcome.code, outcome.difference, outcome.records]).toEqual([0, null, ledger.records.length]);
    }
  });

  it('leaves the recording as it is, and says in words what it found', async () => {
    const { path } = await recordPart(join(root, 'part'), SMALL, { trials: 19, by: 'interrupt' });
    const before = snapshotFolder(path);
    const { code, stdout, stderr } = await runCli(['replay', path]);
    expect([code, stderr]).toEqual([0, '']);
    const told = toldLines(path).length;
    expect(stdout).toBe(
      `no difference: ${told} records, 19 trials repeat exactly (the recording does not reach the end of its experiment)\n`,
    );
    expect(interruptionsOf(path)).toHaveLength(1);
    expect(snapshotFolder(path)).toEqual(before);
  });

  it('goes as far as a recording that ends at any line', async () => {
    for (let end = 1; end < lines.length; end++) {
      const outcome = await replay(lines.slice(0, end));
      const trials = lines.slice(0, end).filter((line) => line.startsWith('{"type":"trial"')).length;
      expect(outcome, `cut after line ${end}`).toEqual({
        code: 0,
        version: 1,
        records: end,
        trials,
        trialsCompared: 0,
        trialsAsRecorded: trials,
        complete: false,
        tornBytes: 0,
        samples: null,
        difference: null,
      });
    }
  });

  it('ends with 3 where the last record was cut off and the others repeat', async () => {
    const outcome = await replay(lines.slice(0, 20), { line: lines[20]!, bytes: 30 });
    expect([outcome.code, outcome.difference, outcome.records, outcome.tornBytes]).toEqual([3, null, 20, 30]);
  });

  it('stops with 130 and no difference when asked to', async () => {
    const { path } = await recordPart(join(root, 'stopped'), SMALL, { trials: 19, by: 'kill' });
    const { code, stdout } = await runCli(['replay', path], { signal: AbortSignal.abort(new Error('enough')) });
    expect(code).toBe(130);
    expect(stdout).not.toContain('first difference');
  });
});

/** A place of the ledger and what is done to it; the number of the line is found by its beginning. */
interface Change {
  readonly line: string;
  /** Which of the lines that begin so. */
  readonly nth?: number;
  readonly path: readonly (string | number)[];
  readonly to?: unknown;
  readonly where: string;
  readonly field: string;
  readonly says?: RegExp;
}

const node = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]);

/** The value with another one at a path; by default a number that is larger by a little. */
function withChange(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined)
    return to ?? (typeof value === 'number' ? (Number.isInteger(value) ? value + 1 : value * (1 + 2 ** -51)) : null);
  const parsed = node.parse(value);
  if (Array.isArray(parsed)) return parsed.map((item, i) => (i === key ? withChange(item, rest, to) : item));
  return { ...parsed, [key]: withChange(parsed[key], rest, to) };
}

function changeLine({ line, nth = 0, path, to }: Change): string[] {
  const at = lines.flatMap((text, i) => (text.startsWith(line) ? [i] : []))[nth]!;
  const changed = [...lines];
  changed[at] = JSON.stringify(withChange(JSON.parse(lines[at]!), path, to));
  expect(changed[at]).not.toBe(lines[at]);
  return changed;
}

const TRIAL = '{"type":"trial"';
const CALIBRATED = '{"type":"calibrated"';
const ENDED = '{"type":"session-ended"';
const flipFirst = (digits: string): string => `${digits.startsWith('1') ? '0' : '1'}${digits.slice(1)}`;

describe('a replay of a changed recording', () => {
  const refused = { where: 'session 0, trial 5', field: '' };
  const uncounted = { where: 'session 0, trial 5', field: 'type', says: /trial-uncounted/ };
  const changes: readonly Change[] = [
    { line: TRIAL, nth: 5, path: ['session'], ...refused, to: 3, where: 'session 3, trial 5', says: /another trial/ },
    { line: TRIAL, nth: 5, path: ['trial'], ...refused, where: 'session 0, trial 6', says: /another trial/ },
    { line: TRIAL, nth: 5, path: ['atSample'], where: 'session 0, trial 5', field: 'atSample' },
    { line: TRIAL, nth: 5, path: ['delivery'], to: 'late', ...uncounted },
    { line: TRIAL, nth: 5, path: ['delivery'], to: 'missing', ...uncounted },
    { line: TRIAL, nth: 5, path: ['deliveredSample'], ...refused, says: /another window/ },
    { line: TRIAL, nth: 5, path: ['window', 0], ...refused, says: /another window/ },
    { line: TRIAL, nth: 5, path: ['window', 1], ...refused, says: /another window/ },
    { line: TRIAL, nth: 5, path: ['counts'], to: [1, 2, 3], ...refused, says: /wrong number of electrodes: got 3/ },
    { line: TRIAL, nth: 5, path: ['counts', 0], where: 'session 0', field: 'meanCount' },
    { line: TRIAL, nth: 31, path: ['counts', 63], where: 'session 3', field: 'meanCount' },
    { line: TRIAL, nth: 20, path: ['x', 1], where: 'session 2, trial 4', field: 'x.1' },
    { line: TRIAL, nth: 20, path: ['xp', 0], where: 'session 2, trial 4', field: 'xp.0' },
    { line: TRIAL, nth: 3, path: ['x'], to: [0, 0], where: 'session 0, trial 3', field: 'x' },
    { line: '{"type":"session-started"', nth: 2, path: ['session'], where: 'session 3', field: 'session' },
    {
      line: '{"type":"session-started"',
      nth: 2,
      path: ['atSample'],
      ...uncounted,
      where: 'session 2, trial 0',
    },
    { line: CALIBRATED, path: ['ensembles', 0, 0], where: 'session 1', field: 'ensembles.0.0' },
    { line: CALIBRATED, path: ['baseline'], where: 'session 1', field: 'baseline' },
    { line: CALIBRATED, path: ['phi1', 0], where: 'session 1', field: 'phi1.0' },
    { line: CALIBRATED, path: ['phi0', 1], where: 'session 1', field: 'phi0.1' },
    { line: CALIBRATED, path: ['freeEnergy', 1], where: 'session 1', field: 'freeEnergy.1' },
    { line: CALIBRATED, path: ['errX', 0], where: 'session 1', field: 'errX.0' },
    { line: ENDED, nth: 0, path: ['meanCount'], where: 'session 0', field: 'meanCount' },
    { line: ENDED, nth: 3, path: ['freeEnergy'], where: 'session 3', field: 'freeEnergy' },
    { line: ENDED, nth: 3, path: ['errX'], where: 'session 3', field: 'errX' },
    { line: ENDED, nth: 3, path: ['errW'], where: 'session 3', field: 'errW' },
    { line: ENDED, nth: 2, path: ['selectivity'], where: 'session 2', field: 'selectivity' },
    { line: '{"type":"rest"', nth: 1, path: ['seconds'], where: 'session 1', field: 'seconds' },
    { line: '{"type":"rest"', nth: 1, path: ['session'], where: 'session 2', field: 'session' },
    { line: '{"type":"experiment-ended"', path: ['trials'], where: 'experiment-ended', field: 'trials' },
    {
      line: '{"type":"experiment-started"',
      path: ['experiment', 'seed'],
      where: 'session 0, trial 0',
      field: 'sources',
    },
    {
      line: '{"type":"experiment-started"',
      path: ['experiment', 'rest', 'seconds'],
      where: 'session 0',
      field: 'seconds',
    },
    {
      line: '{"type":"experiment-started"',
      path: ['experiment', 'sessions'],
      where: 'experiment-ended',
      field: 'type',
    },
    {
      line: '{"type":"experiment-started"',
      path: ['experiment', 'trialPeriodS'],
      ...uncounted,
      where: 'session 0, trial 1',
    },
    {
      line: '{"type":"experiment-started"',
      path: ['source', 'electrodes'],
      where: 'session 0, trial 0',
      field: '',
      says: /electrodes/,
    },
    {
      line: '{"type":"experiment-started"',
      path: ['source', 'responseWindowMs', 1],
      where: 'session 0, trial 0',
      field: '',
      says: /window/,
    },
  ];

  const titled = changes.map(
    (change) => [`${change.path.join('.')} of ${change.line.slice(9, -1)} ${change.nth ?? 0}`, change] as const,
  );

  it.each(titled)('names the place of another %s', async (_, change) => {
    const { code, difference } = await replay(changeLine(change));
    expect(difference).toMatchObject({ where: change.where, field: change.field });
    if (change.says !== undefined) expect(difference!.repeated).toMatch(change.says);
    expect(difference!.recorded).not.toBe(difference!.repeated);
    expect(code).toBe(1);
  });

  it('names a stimulus or a source of any trial that is another', async () => {
    for (let row = 0; row < 32; row++) {
      const where = `session ${Math.floor(row / 8)}, trial ${row % 8}`;
      for (const field of ['sources', 'inputs'] as const) {
        const line = lines.filter((text) => text.startsWith(TRIAL))[row]!;
        const to = flipFirst(new RegExp(`"${field}":"([01]+)"`).exec(line)![1]!);
        const { code, difference } = await replay(
          changeLine({ line: TRIAL, nth: row, path: [field], to, where, field }),
        );
        expect([code, difference?.where, difference?.field, difference?.recorded]).toEqual([
          1,
          where,
          field,
          `"${to}"`,
        ]);
      }
    }
  });

  it('says in words where, what was recorded and what came instead', async () => {
    const folder = join(root, 'words');
    const changed = changeLine({ line: ENDED, nth: 3, path: ['errX'], to: 0.5, where: '', field: '' });
    writeJournal(folder, changed);
    const { code, stdout } = await runCli(['replay', folder]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^first difference at session 3: errX\n {2}recorded: 0\.5\n {2}repeated: 0\.\d+\n$/);
  });
});

describe('a replay of a run whose patterns were chosen by responses', () => {
  const choices = smallExperiment({ mixing: 0.25, policy: { type: 'active', candidates: 4 } });
  let chosen: readonly string[] = [];
  beforeAll(async () => {
    const policy = activePolicy(choices, { candidates: 4, states: 'drawn' });
    chosen = (await runSmall(choices, { policy })).ledger.records.map((record) => JSON.stringify(record));
    expect(chosen.filter((line) => line.includes('"decidedFrom":[['))).toHaveLength(16);
  });

  it('names a trial that says it was chosen from other samples, or no longer says from which', async () => {
    const at = chosen.findLastIndex((line) => line.includes('"decidedFrom":'));
    const told = /"decidedFrom":\[\[(\d+),(\d+)\]\],?/;
    for (const [to, field] of [
      ['"decidedFrom":[[1,$2]],', 'decidedFrom.0.0'],
      ['"decidedFrom":[[$1,$2],[3,4]],', 'decidedFrom.1'],
      ['', 'decidedFrom'],
    ] as const) {
      const { code, difference } = await replay(chosen.map((line, i) => (i === at ? line.replace(told, to) : line)));
      expect([code, difference?.where, difference?.field]).toEqual([1, 'session 3, trial 7', field]);
    }
  });

  it('repeats one of an older version that did not say it, also where a newer one went on', async () => {
    const older = chosen.map((line) => line.replace(/"decidedFrom":\[\[\d+,\d+\]\],?/, ''));
    expect(older).not.toEqual(chosen);
    expect((await replay(older)).difference).toBeNull();
    expect((await replay([...older.slice(0, 30), ...chosen.slice(30)])).difference).toBeNull();
  });
});

describe('a replay of a recording', () => {
  const kept = (i: number): boolean => i > 0 && i < 45;

  it('of which any record was removed finds it', async () => {
    for (let i = 1; i < 45; i++) {
      const { code, difference } = await replay(lines.filter((_, k) => k !== i));
      expect([code, difference?.index], `without record ${i}`).toEqual([1, i]);
      expect(difference!.where).toMatch(/session \d|experiment-ended/);
    }
  });

  it('of which any record was doubled finds it', async () => {
    for (let i = 0; i < lines.length; i++) {
      const { code, difference } = await replay(lines.flatMap((line, k) => (k === i ? [line, line] : [line])));
      expect([code, difference?.index], `record ${i} twice`).toEqual([1, i + 1]);
    }
  });

  it('of which two neighbours changed places finds it', async () => {
    for (let i = 1; kept(i + 1); i++) {
      const swapped = [...lines];
      [swapped[i], swapped[i + 1]] = [lines[i + 1]!, lines[i]!];
      const { code, difference } = await replay(swapped);
      expect([code, difference?.index], `records ${i} and ${i + 1} swapped`).toEqual([1, i]);
    }
  });
});
