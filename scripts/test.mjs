// `npm test`: types, lint, format, layers, dead code, unit and cross-layer tests. Everything runs, then the verdict.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap, root, runNode, say } from './bootstrap.mjs';

// Only for the line that tells a person how long it took.
const started = performance.now();
bootstrap();

const node = process.execPath;
const tool = (path) => join(root, 'node_modules', path);
const CHECKS = [
  ['lint', [tool('eslint/bin/eslint.js'), '.', '--max-warnings', '0']],
  ['format', [tool('prettier/bin/prettier.cjs'), '--check', '.', '--log-level', 'warn']],
  ['layers', [join(root, 'scripts/check-layers.mjs')]],
  ['dead code', [tool('knip/bin/knip.js'), '--no-progress']],
];

/** Runs one check quietly; its output is shown when it fails. */
function check([name, args]) {
  return new Promise((resolve) => {
    const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (data) => output.push(data));
    child.stderr.on('data', (data) => output.push(data));
    child.on('close', (code) => resolve({ name, ok: code === 0, output: Buffer.concat(output).toString() }));
  });
}

const results = [{ name: 'types and build', ok: true, output: '' }];
for (const entry of CHECKS) {
  const result = await check(entry);
  results.push(result);
  say(`${result.ok ? 'ok    ' : 'FAILED'} ${result.name}`);
  if (!result.ok) say(result.output);
}
const report = join(root, 'dist/test-results.json');
rmSync(report, { force: true });
const vitest = [
  tool('vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
];
const code = await runNode([...vitest, ...process.argv.slice(2)]);
const tests = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
if (code !== 0 && (tests === undefined || tests.numFailedTests === 0)) {
  results.push({ name: 'test run', ok: false, output: '' });
  say(`FAILED the test run ended with ${code}`);
}
const passed = results.filter(({ ok }) => ok).length + (tests?.numPassedTests ?? 0);
const failed = results.filter(({ ok }) => !ok).length + (tests?.numFailedTests ?? 0);
const skipped = (tests?.numPendingTests ?? 0) + (tests?.numTodoTests ?? 0);
for (const file of tests?.testResults ?? []) {
  for (const { status, fullName } of file.assertionResults) if (status === 'pending') say(`skipped: ${fullName}`);
}
say(`${((performance.now() - started) / 1000).toFixed(0)} s`);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed === 0 && tests !== undefined ? 0 : 1;
