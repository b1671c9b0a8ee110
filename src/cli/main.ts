#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { runProgram } from './program.js';
import { createStopKeys, hasForeground } from './stop-keys.js';

const abort = new AbortController();
let interruptions = 0;
const interrupt = (name: string): void => {
  interruptions++;
  // The first asks for a clean stop between two trials; who asks three times wants out at once.
  if (interruptions >= 3) process.exit(130);
  abort.abort(new Error(`stopped by ${name}`));
};
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interrupt(name);
  });
}

const stopKeys =
  process.stdin.isTTY && hasForeground(readStat())
    ? createStopKeys(process.stdin, {
        onStop: () => {
          abort.abort(new Error('stopped by a key'));
        },
        onInterrupt: () => {
          interrupt('SIGINT');
        },
      })
    : undefined;
// Whatever ends the process, its terminal is as it was.
process.on('exit', () => stopKeys?.end());

// A reader that goes away (`meactl fit ... | head`) is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runProgram(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  env: process.env,
  signal: abort.signal,
  stopKeys,
});

function readStat(): string | undefined {
  try {
    return readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return undefined;
  }
}
