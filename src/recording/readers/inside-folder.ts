import { join } from 'node:path';
import { MeaError } from '../../../protocols/errors.js';

/**
 * The path of something that a file names, which must lie in a folder.
 *
 * @throws MeaError `bad-format` for a name that is absolute or leads out of the folder
 */
export function insideFolder(folder: string, name: string, where: string): string {
  const parts = name.split(/[\\/]/);
  const isAbsolute = /^([\\/]|[A-Za-z]:)/.test(name);
  if (name !== '' && !isAbsolute && !parts.includes('..') && !name.includes('\0')) return join(folder, ...parts);
  throw new MeaError('bad-format', {
    what: 'The file names something outside its folder',
    got: JSON.stringify(name),
    wanted: 'a path below the folder',
    where,
    remedy: 'do not trust this recording',
  });
}
