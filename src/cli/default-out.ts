import { join } from 'node:path';
import { systemClock } from '../clock.js';

/** Folder of a recording where none was asked for: its name and the time. */
export function defaultOut(name: string): string {
  const time = new Date(systemClock().wallMs()).toISOString().replaceAll(/[:.]/g, '-');
  return join('recordings', `${name}-${time}`);
}
