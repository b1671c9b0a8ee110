#!/usr/bin/env node
import { runProgram } from './program.js';

const abort = new AbortController();
let signals = 0;
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    signals++;
    // The first asks for a clean stop between two trials; who asks three times wants out at once.
    if (signals >= 3) process.exit(130);
    abort.abort(new Error(`stopped by ${name}`));
  });
}

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
});
