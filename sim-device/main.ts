#!/usr/bin/env node
import process from 'node:process';

import { runMeaSim } from './mea-sim.js';

// A reader that has seen enough (`mea-sim trials | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await runMeaSim(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
});
