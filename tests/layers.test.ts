import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageFolder } from '../src/cli/package-info.js';
import { temporaryFolder } from './helpers/run-cli.js';

const CONFIG = '.dependency-cruiser.cjs';
const root = temporaryFolder('layers');

/** For every rule a file that breaks it, and what that file imports. */
const VIOLATIONS: Readonly<Record<string, readonly [from: string, imported: string]>> = {
  'no-circular': ['src/model/circle-a.ts', './circle-b.js'],
  'protocols-import-nothing': ['protocols/upward.ts', '../drivers/innocent.js'],
  'protocols-are-pure': ['protocols/reading.ts', 'node:fs'],
  'protocols-no-rxjs': ['protocols/streaming.ts', 'rxjs'],
  drivers: ['drivers/upward.ts', '../src/model/innocent.js'],
  'sim-device': ['sim-device/sideward.ts', '../drivers/innocent.js'],
  'sim-device-may-not-import-the-gate': ['sim-device/gated.ts', '../protocols/stimulation/gate.js'],
  model: ['src/model/sideward.ts', '../recording/innocent.js'],
  'model-is-pure': ['src/model/reading.ts', 'node:path'],
  'model-no-rxjs': ['src/model/streaming.ts', 'rxjs'],
  pipeline: ['src/pipeline/upward.ts', '../model/innocent.js'],
  'closed-loop': ['src/closed-loop/sideward.ts', '../recording/innocent.js'],
  recording: ['src/recording/sideward.ts', '../model/innocent.js'],
  report: ['src/report/sideward.ts', '../closed-loop/innocent.js'],
  monitor: ['src/monitor/sideward.ts', '../closed-loop/innocent.js'],
  clock: ['src/clock.ts', './model/innocent.js'],
  'emulator-only-through-one-file': ['src/cli/other.ts', '../../sim-device/innocent.js'],
  'only-cli-imports-cli': ['src/report/upward.ts', '../cli/innocent.js'],
  'not-to-tests': ['src/cli/tested.ts', '../../tests/innocent.js'],
  'no-unlisted-packages': ['src/cli/unlisted.ts', 'unlisted'],
  'no-dev-packages-at-run-time': ['src/cli/developed.ts', 'developed'],
};

/** Files that break nothing, with what they import. */
const INNOCENT: Readonly<Record<string, readonly string[]>> = {
  'protocols/innocent.ts': [],
  'protocols/stimulation/gate.ts': [],
  'drivers/innocent.ts': ['../protocols/innocent.js', 'node:net', 'rxjs'],
  'sim-device/innocent.ts': ['../protocols/innocent.js', 'node:net'],
  'src/pipeline/innocent.ts': ['../../drivers/innocent.js', '../../protocols/innocent.js', 'rxjs'],
  'src/model/innocent.ts': ['../../protocols/innocent.js'],
  'src/model/innocent.test.ts': [
    './innocent.js',
    '../../sim-device/innocent.js',
    '../../tests/innocent.js',
    'node:fs',
    'developed',
  ],
  'src/model/circle-b.ts': ['./circle-a.js'],
  'src/recording/innocent.ts': ['../../protocols/innocent.js', 'node:fs'],
  'src/closed-loop/innocent.ts': ['../model/innocent.js', '../pipeline/innocent.js', '../../drivers/innocent.js'],
  'src/report/innocent.ts': ['../model/innocent.js', '../recording/innocent.js'],
  'src/cli/innocent.ts': ['../report/innocent.js', '../closed-loop/innocent.js', '../recording/innocent.js'],
  'src/cli/emulator.ts': ['../../sim-device/innocent.js'],
  'tests/innocent.ts': ['../src/cli/innocent.js', '../sim-device/innocent.js'],
};

const place = z.object({ rule: z.object({ name: z.string() }), from: z.string() });
const outcome = z.object({ summary: z.object({ violations: z.array(place), totalCruised: z.number() }) });

function writeAt(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A module that imports others, one of them for its type alone: that counts as well. */
function moduleOf(imports: readonly string[]): string {
  const lines = imports.map((path, i) => `import ${i % 2 === 0 ? 'type ' : ''}* as part${i} from '${path}';`);
  const uses = imports.map((_, i) =>
    i % 2 === 0 ? `export type Part${i} = typeof part${i};` : `export { part${i} };`,
  );
  return [...lines, ...uses, 'export const value = 1;', ''].join('\n');
}

let violations: readonly string[] = [];
beforeAll(() => {
  copyFileSync(join(packageFolder(), CONFIG), join(root, CONFIG));
  copyFileSync(join(packageFolder(), 'tsconfig.json'), join(root, 'tsconfig.json'));
  const dependencies = { rxjs: '1.0.0' };
  writeAt(
    'package.json',
    JSON.stringify({ name: 'tree', type: 'module', dependencies, devDependencies: { developed: '1.0.0' } }),
  );
  for (const name of ['rxjs', 'unlisted', 'developed']) {
    writeAt(
      `node_modules/${name}/package.json`,
      JSON.stringify({ name, version: '1.0.0', type: 'module', exports: './index.js' }),
    );
    writeAt(`node_modules/${name}/index.js`, 'export const value = 1;\n');
  }
  for (const [path, imports] of Object.entries(INNOCENT)) writeAt(path, moduleOf(imports));
  for (const [path, imported] of Object.values(VIOLATIONS)) writeAt(path, moduleOf([imported]));
  const cruiser = join(packageFolder(), 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const folders = ['protocols', 'drivers', 'src', 'sim-device', 'tests'];
  const argv = [cruiser, '--config', CONFIG, '--output-type', 'json', ...folders];
  const run = spawnSync(process.execPath, argv, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const { summary } = outcome.parse(JSON.parse(run.stdout));
  const written = Object.keys(INNOCENT).length + Object.keys(VIOLATIONS).length;
  expect(summary.totalCruised, run.stderr).toBeGreaterThanOrEqual(written);
  violations = summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
});

describe('the layer check', () => {
  it.each(Object.entries(VIOLATIONS))('refuses a breach of %s', (rule, [from]) => {
    expect(violations).toContain(`${rule}: ${from}`);
  });

  it('has a test here for each of its rules', () => {
    const config: unknown = createRequire(import.meta.url)(join(packageFolder(), CONFIG));
    const { forbidden } = z.object({ forbidden: z.array(z.object({ name: z.string() })) }).parse(config);
    expect(Object.keys(VIOLATIONS).sort()).toEqual(forbidden.map(({ name }) => name).sort());
  });

  it('lets pass what is allowed, tests and the one file that loads the emulator among it', () => {
    const broken = new Set(Object.values(VIOLATIONS).map(([from]) => from));
    broken.add('src/model/circle-b.ts');
    expect(violations.filter((violation) => !broken.has(violation.split(': ')[1]!))).toEqual([]);
  });
});
