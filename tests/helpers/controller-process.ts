import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packageFolder } from '../../src/cli/package-info.js';
import { waitUntil } from './wait-until.js';

/** Compiled: `npm test` builds before the tests. */
const PROGRAMS = join(packageFolder(), 'dist/tests/programs');

/** A running program that controls a device. */
export interface ControllerProcess {
  /** What it told, as text, oldest first. */
  readonly told: readonly string[];
  /** Waits until it has told a line that matches, from line `from` on. */
  untilTold(pattern: RegExp, from?: number): Promise<void>;
  obey(command: string): void;
  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
  /** Kills it, stopped or not; harmless the second time. */
  end(): Promise<void>;
}

/** Starts a controller of the device at an address. @param program its file among the programs */
export function startController(address: string, program = 'armed-controller'): ControllerProcess {
  const script = join(PROGRAMS, `${program}.js`);
  if (!existsSync(script)) throw new Error(`${script} is not there: build first, as npm test does`);
  const child = spawn(process.execPath, [script, address], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const told: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => told.push(line));
  // A process that is gone reads nothing.
  child.stdin.on('error', () => undefined);
  return {
    told,
    untilTold: (pattern, from = 0) =>
      waitUntil(
        () => told.slice(from).some((line) => pattern.test(line)),
        () =>
          `the controller has not told ${pattern.source}, but ${told.slice(-5).join(' ')}, exit ${String(child.exitCode)}`,
      ),
    obey: (command) => child.stdin.write(`${command}\n`),
    signal: (name) => child.kill(name),
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
