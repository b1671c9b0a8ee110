import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './package-info.js';

/** A path as given, or a bundled file where the name of one was given. */
export function configPath(given: string, folder: 'experiments' | 'rigs'): string {
  if (existsSync(given)) return given;
  const bundled = join(packageFolder(), folder, given.endsWith('.yaml') ? given : `${given}.yaml`);
  return !given.includes('/') && existsSync(bundled) ? bundled : given;
}
