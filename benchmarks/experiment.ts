import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFolder } from '../src/cli/package-info.js';
import { machineRate, medianOf, printLine } from './measure.js';

// The whole program as a person runs it: start, 100 sessions of 256 trials, online fit, ledger with the culture's state
// saved at each trial, analysis with comparators and surrogates, report. Asked for: at most 5 s, the report not counted.
const RUNS = 5;

const main = join(packageFolder(), 'dist/src/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'meactl-bench-'));

function timeCommand(label: string, options: readonly string[]): void {
  const times = Array.from({ length: RUNS + 1 }, (_, i) => {
    const started = performance.now();
    const run = spawnSync(process.execPath, [
      main,
      'run',
      'isomura2023',
      '--out',
      join(folder, `${label}-${i}`),
      ...options,
    ]);
    if (run.status !== 0) throw new Error(`meactl run ended with ${run.status}: ${run.stderr.toString()}`);
    return (performance.now() - started) / 1000;
  }).slice(1);
  const [least, most] = [Math.min(...times), Math.max(...times)];
  printLine(
    `${label}: median of ${RUNS} runs ${medianOf(times).toFixed(2)} s (${least.toFixed(2)} to ${most.toFixed(2)})`,
  );
}

try {
  printLine(`machine: ${machineRate().toFixed(0)} MB/s of a plain sum over 16-bit numbers`);
  timeCommand('100-session-experiment', ['--no-report']);
  timeCommand('100-session-experiment-with-report', []);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
