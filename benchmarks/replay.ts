import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../src/cli/program.js';
import { printLine } from './measure.js';

// `npm run bench -- replay [seconds]`: the emulator's voltages, 64 electrodes at 20 kHz, are recorded and looked at again, with
// the checksum of every sample and the comparison of every spike. Asked for: 150 times real time.
const [seconds = 300] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'replay-'));
try {
  const recording = join(folder, 'recording');
  await run('record', '--seconds', String(seconds), '--out', recording);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const told = await run('replay', recording);
  const wallS = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  printLine(told.trim());
  printLine(
    `replay: ${(seconds / wallS).toFixed(0)} times real time, ${((user + system) / 1e6 / wallS).toFixed(2)} processors`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function run(...argv: readonly string[]): Promise<string> {
  let stdout = '';
  const code = await runProgram(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      process.stderr.write(text);
    },
    isTerminal: false,
    env: {},
    signal: new AbortController().signal,
  });
  if (code !== 0) throw new Error(`meactl ${argv.join(' ')} ended with ${code}`);
  return stdout;
}
