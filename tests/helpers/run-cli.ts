import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { runProgram } from '../../src/cli/program.js';
import type { CliIo, ExitCode } from '../../src/cli/io.js';

/** What a command left behind. */
export interface CliOutcome {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `meactl` in this process. */
export async function runCli(argv: readonly string[], io: Partial<CliIo> = {}): Promise<CliOutcome> {
  let stdout = '';
  let stderr = '';
  const code = await runProgram(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTerminal: false,
    env: {},
    signal: new AbortController().signal,
    ...io,
  });
  return { code, stdout, stderr };
}

/** A signal that is aborted once it has been asked `questions` times whether it is: a stop at an exact place of a run. */
export function stopAtQuestion(questions: number): AbortSignal {
  const stop = new AbortController();
  let asked = 0;
  return new Proxy(stop.signal, {
    get(signal, key) {
      if (key === 'aborted') {
        asked++;
        if (asked > questions) stop.abort(new Error('enough'));
      }
      const value: unknown = Reflect.get(signal, key, signal);
      return typeof value === 'function' ? value.bind(signal) : value;
    },
  });
}

/** A folder of the suite's own, removed at its end. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `meactl-${name}-`));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
