import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { MeaError } from '../../../../protocols/errors.js';

const STRUCTURE = 'structure.oebin';
/** Session, node, experiment, recording, and some folders around them. */
const MAX_DEPTH = 8;
const MAX_FOLDERS = 100_000;

/**
 * Folders at and below `folder` that have a `structure.oebin`, by experiment, recording and then name. Links are not followed.
 *
 * @throws MeaError `bad-format` when there are too many folders to be one session
 */
export async function findRecordingFolders(folder: string): Promise<string[]> {
  const found: string[] = [];
  let visited = 0;
  const search = async (path: string, depth: number): Promise<void> => {
    if (++visited > MAX_FOLDERS)
      throw new MeaError('bad-format', {
        what: 'Too many folders for one recording',
        got: `more than ${MAX_FOLDERS}`,
        where: folder,
        remedy: 'name the folder of the recording itself',
      });
    const entries = await readdir(path, { withFileTypes: true });
    if (entries.some((entry) => entry.name === STRUCTURE && entry.isFile())) {
      found.push(path);
      return;
    }
    if (depth >= MAX_DEPTH) return;
    for (const entry of entries) if (entry.isDirectory()) await search(join(path, entry.name), depth + 1);
  };
  if ((await stat(folder)).isDirectory()) await search(folder, 0);
  return found.sort(compareRecordings);
}

/** The name of a recording below the folder that was opened; empty for the folder itself. */
export function nameRecording(folder: string, recording: string): string {
  return relative(folder, recording).split(sep).join('/');
}

function compareRecordings(a: string, b: string): number {
  return (
    numberIn(a, 'experiment') - numberIn(b, 'experiment') ||
    numberIn(a, 'recording') - numberIn(b, 'recording') ||
    (a < b ? -1 : 1)
  );
}

function numberIn(path: string, word: string): number {
  const part = path.split(sep).findLast((name) => name.startsWith(word));
  const digits = /^\d+/.exec(part?.slice(word.length) ?? '');
  return digits === null ? 0 : Number(digits[0]);
}
