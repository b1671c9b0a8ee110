import type { Logger } from 'pino';
import type { CliIo } from './io.js';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

/** A logger of JSON lines to stderr; `MEACTL_LOG` sets its level, `warn` by default. */
export async function openLog({ env, stderr }: CliIo): Promise<Logger> {
  const { pino } = await import('pino');
  const wanted = env.MEACTL_LOG ?? 'warn';
  const level = LEVELS.includes(wanted) ? wanted : 'warn';
  return pino({ level, base: null }, { write: stderr });
}
