#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { endHung } from './end-hung.js';
import { runProgram } from './program.js';
import { createStopKeys, hasForeground } from './stop-keys.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const abort = new AbortController();
let interruptions = 0;
const interrupt = (name: string): void => {
  interruptions++;
  // The first asks for a clean stop between two trials; who asks three times wants out at once.
  if (interruptions >= 3) {
    // A thread that the system holds would keep the process: the next signal then ends it.
    for (const each of SIGNALS) process.removeAllListeners(each);
    process.exit(130);
  }
  abort.abort(new Error(`stopped by ${name}`));
};
for (const name of SIGNALS) {
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

const state = { isHung: false };
process.exitCode = await runProgram(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  env: process.env,
  signal: abort.signal,
  stopKeys,
  onHung: () => {
    state.isHung = true;
  },
});
if (state.isHung) await endHung();

function readStat(): string | undefined {
  try {
    return readFileSync('/proc/self/stat', 'utf8');
  } catch {
    return undefined;
  }
}
