import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { responseMat } from './helpers/response-mat.js';
import { emulateResponses } from './helpers/response-tables.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';

const root = temporaryFolder('compare');
const file = (name: string): string => join(root, name);

const outcomeSchema = z.object({
  version: z.literal(1),
  groups: z.array(z.object({ group: z.string(), cultures: z.number() })),
  excluded: z.array(z.object({ culture: z.string(), group: z.string(), reason: z.string() })),
  metrics: z.array(
    z.object({
      metric: z.object({ name: z.string() }),
      exclusions: z.array(z.object({ culture: z.string(), reason: z.string() })),
      pairs: z.array(
        z.discriminatedUnion('type', [
          z.object({
            type: z.literal('compared'),
            first: z.object({ group: z.string() }),
            second: z.object({ group: z.string() }),
            pCorrected: z.number(),
          }),
          z.object({ type: z.literal('refused'), code: z.string(), reason: z.string() }),
        ]),
      ),
    }),
  ),
  testsMade: z.number(),
});
type Outcome = z.infer<typeof outcomeSchema>;

async function compareJson(...argv: readonly string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await runCli(['compare', ...argv, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^\{.*\}\n$/);
  expect(stdout).not.toMatch(/NaN|Infinity/);
  return outcomeSchema.parse(JSON.parse(stdout));
}

const metricOf = (outcome: Outcome, name: string): Outcome['metrics'][number] =>
  outcome.metrics.find(({ metric }) => metric.name === name)!;

async function store(name: string, mat: Buffer, ...options: readonly string[]): Promise<void> {
  writeFileSync(file(`${name}.mat`), mat);
  const sizes = ['--trials', '32', '--initial-sessions', '4'];
  const { code, stdout, stderr } = await runCli(['fit', file(`${name}.mat`), ...sizes, '--json', ...options]);
  expect(code, stderr).toBe(0);
  writeFileSync(file(`${name}.json`), stdout);
}

beforeAll(async () => {
  const tables = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => emulateResponses({ seed, sessions: 12, trialsPerSession: 32 }));
  await store('a', responseMat(...tables.slice(0, 4)));
  await store('b', responseMat(...tables.slice(4, 8)));
  const silent = { ...tables[7]!, counts: new Uint16Array(tables[7]!.counts.length) };
  await store('b-silent', responseMat(...tables.slice(4, 7), silent));
  await store('a-controlled', responseMat(...tables.slice(0, 4)), '--control', file('a.json'));
  await store('b-controlled', responseMat(...tables.slice(4, 8)), '--control', file('a.json'));
  await store('b-causal', responseMat(...tables.slice(4, 8)), '--mode', 'causal');
});

describe('meactl compare', () => {
  it('compares groups given as NAME=FILE, each culture one unit', async () => {
    const outcome = await compareJson(`ctrl=${file('a.json')}`, `drug=${file('b.json')}`);
    expect(outcome.groups).toEqual([
      { group: 'ctrl', cultures: 4 },
      { group: 'drug', cultures: 4 },
    ]);
    const compared = outcome.metrics.flatMap(({ pairs }) => pairs).filter(({ type }) => type === 'compared');
    expect(compared).toHaveLength(outcome.testsMade);
    expect(outcome.testsMade).toBe(7);
    for (const pair of compared) expect(pair).toMatchObject({ first: { group: 'ctrl' }, second: { group: 'drug' } });
  });

  it('refuses phi where the baseline is not from controls, and names the evoked rate beside it where it is', async () => {
    const own = await compareJson(`ctrl=${file('a.json')}`, `drug=${file('b.json')}`);
    for (const name of ['phi1', 'phi0']) {
      expect(metricOf(own, name).pairs).toMatchObject([{ type: 'refused', code: 'no-control-baseline' }]);
    }
    const half = await compareJson(`ctrl=${file('a-controlled.json')}`, `drug=${file('b.json')}`);
    expect(metricOf(half, 'phi1').pairs).toMatchObject([{ type: 'refused', code: 'no-control-baseline' }]);
    const controlled = await compareJson(`ctrl=${file('a-controlled.json')}`, `drug=${file('b-controlled.json')}`);
    for (const name of ['phi1', 'phi0', 'evokedRate']) {
      expect(metricOf(controlled, name).pairs).toMatchObject([{ type: 'compared' }]);
    }
    expect(controlled.testsMade).toBe(9);
  });

  it('lists a culture without ensembles under what it lacks, with the reason', async () => {
    const outcome = await compareJson(`ctrl=${file('a.json')}`, `drug=${file('b-silent.json')}`);
    const without = metricOf(outcome, 'selectivityLast').exclusions;
    expect(without).toEqual([
      expect.objectContaining({
        culture: `${file('b-silent.json')}#3`,
        reason: 'ensemble not found for source 1 and 2',
      }),
    ]);
    expect(metricOf(outcome, 'evokedRate').exclusions).toEqual([]);
  });

  it('takes a study file: its paths from where it lies, single cultures, batches and exclusions', async () => {
    mkdirSync(file('study'));
    const lines = [
      'version: 1',
      'groups:',
      '  ctrl:',
      '    - {result: ../a.json, culture: 0, batch: one}',
      '    - {result: ../a.json, culture: 1, batch: one}',
      '    - {result: ../a.json, culture: 2, batch: two}',
      '    - {result: ../a.json, culture: 3, batch: two, exclude: infected on day 9}',
      '  drug:',
      '    - {result: ../b.json, culture: 0, batch: one}',
      '    - {result: ../b.json, culture: 1, batch: two}',
    ];
    writeFileSync(file('study/study.yaml'), lines.join('\n'));
    const outcome = await compareJson(file('study/study.yaml'));
    expect(outcome.groups).toEqual([
      { group: 'ctrl', cultures: 3 },
      { group: 'drug', cultures: 2 },
    ]);
    expect(outcome.excluded).toEqual([{ culture: `${file('a.json')}#3`, group: 'ctrl', reason: 'infected on day 9' }]);
    const { stdout } = await runCli(['compare', file('study/study.yaml')]);
    expect(stdout).toContain(`left out: ${file('a.json')}#3: infected on day 9`);
  });

  it('tells a person in words, the same for the same seed', async () => {
    const argv = ['compare', `ctrl=${file('a.json')}`, `drug=${file('b.json')}`];
    const first = await runCli(argv);
    expect([first.code, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch(/^groups: ctrl \(4 cultures\), drug \(4 cultures\)\n/);
    expect(first.stdout).toMatch(/threshold factor phi1 \(nats\)\n.*baseline B, which must come from stored control/);
    expect(first.stdout).toMatch(/p corrected by Holm over 7 tests\n$/);
    expect(first.stdout).not.toMatch(/NaN|undefined/);
    expect(await runCli(argv)).toEqual(first);
  });

  const refusals: readonly (readonly [what: string, argv: () => readonly string[], message: RegExp])[] = [
    ['a missing file', () => ['a=none.json', `b=${file('b.json')}`], /Cannot read the results.*none\.json/],
    ['a file that is not JSON', () => [`a=${file('a.mat')}`, `b=${file('b.json')}`], /Not JSON.*a\.mat/],
    [
      'a file of other JSON',
      () => [`a=${file('other.json')}`, `b=${file('b.json')}`],
      /Not results of meactl fit: got .*other\.json/,
    ],
    ['a group without a file', () => ['a=', `b=${file('b.json')}`], /Bad group: got a=, expected NAME=RESULT\.json/],
    ['a group without a name', () => [`=${file('a.json')}`, `b=${file('b.json')}`], /Bad group/],
    ['one group alone', () => [`a=${file('a.json')}`], /group/],
    ['a culture twice', () => [`a=${file('a.json')}`, `b=${file('a.json')}`], /a\.json#0/],
    [
      'another analysis',
      () => [`a=${file('a.json')}`, `b=${file('b-causal.json')}`],
      /unlike analyses.*causal.*expected published/,
    ],
    ['a missing study', () => [file('none.yaml')], /Cannot read the file: got no such file.*none\.yaml/],
    ['a study with an unknown key', () => [file('bad.yaml')], /Unknown key "colour".*bad\.yaml, line 3/],
    [
      'a culture that a study asks for in vain',
      () => [file('vain.yaml')],
      /No such culture.*got 9, expected one of 0, 1, 2, 3.*a\.json/,
    ],
    ['no group', () => [], /missing required argument 'group'/],
    ['a seed that is none', () => ['a=a', 'b=b', '--seed', '-1'], /--seed.*whole number/],
  ];

  it.each(refusals)('refuses %s with 2, and says what, where and what was wanted', async (_, argv, message) => {
    writeFileSync(file('other.json'), '{"version":1}');
    writeFileSync(file('bad.yaml'), 'version: 1\ngroups: {}\ncolour: red\n');
    writeFileSync(
      file('vain.yaml'),
      'version: 1\ngroups:\n  a: [{result: a.json, culture: 9}]\n  b: [{result: b.json}]\n',
    );
    const { code, stdout, stderr } = await runCli(['compare', ...argv()]);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('internal error');
    expect([code, stdout]).toEqual([2, '']);
  });
});
