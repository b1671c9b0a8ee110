import type { StopKeys } from './stop-keys.js';

/** What a command may touch of the process, injected so that tests can watch it. */
export interface CliIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** True when stderr is a terminal: progress and colour only there. */
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when a person asks the program to stop. */
  readonly signal: AbortSignal;
  /** Keys that abort it, too; undefined where no terminal is listened to. */
  readonly stopKeys?: StopKeys | undefined;
  /** Told when a call of the system does not come back: the process will not end by itself. */
  readonly onHung?: () => void;
}

/** Exit codes of every command. */
export const EXIT = {
  done: 0,
  failed: 1,
  badInput: 2,
  dataLost: 3,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
