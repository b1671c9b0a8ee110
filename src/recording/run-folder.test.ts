import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { snapshotFolder, temporaryFolder } from '../../tests/helpers/run-cli.js';
import { createRunFolder, openRunFolder } from './run-folder.js';

const root = temporaryFolder('folder');

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('the folder of a run', () => {
  it('is made with the folders above it, and can be opened once it has a journal', () => {
    const path = join(root, 'a', 'b', 'c');
    const folder = createRunFolder(path);
    expect(folder.state).toBe(join(path, 'source-state.bin'));
    expect(String(errorOf(() => openRunFolder(path)))).toMatch(/got no journal-0000\.log, expected the output folder/);
    writeFileSync(join(path, 'journal-0000.log'), '');
    expect(openRunFolder(path)).toEqual(folder);
  });

  it('is refused where a folder or a file is there, which stays as it is; only a recording is said to be resumable', () => {
    const path = join(root, 'there');
    mkdirSync(path);
    const empty = errorOf(() => createRunFolder(path));
    expect(isMeaError(empty, 'exists')).toBe(true);
    expect(String(empty)).not.toContain('--resume');
    writeFileSync(join(path, 'journal-0000.log'), 'kept');
    const before = snapshotFolder(path);
    expect(String(errorOf(() => createRunFolder(path)))).toMatch(/nothing is overwritten \(.*there\); .*--resume/);
    expect(
      isMeaError(
        errorOf(() => createRunFolder(join(path, 'journal-0000.log'))),
        'exists',
      ),
    ).toBe(true);
    expect(snapshotFolder(path)).toEqual(before);
  });

  it('cannot be made below a file', () => {
    writeFileSync(join(root, 'file'), '');
    const error = errorOf(() => createRunFolder(join(root, 'file', 'run')));
    expect(isMeaError(error, 'bad-input')).toBe(true);
    expect(String(error)).toMatch(/Cannot make the output folder: got a file where a folder.*file\/run/);
  });

  it('is missing where there is none, or a file', () => {
    for (const [path, got] of [
      [join(root, 'none'), 'no such folder'],
      [join(root, 'file2'), 'no journal-0000.log'],
    ] as const) {
      if (path.endsWith('2')) writeFileSync(path, '');
      const error = errorOf(() => openRunFolder(path));
      expect(isMeaError(error, 'missing')).toBe(true);
      expect(String(error)).toContain(`got ${got}`);
    }
    expect(existsSync(join(root, 'none'))).toBe(false);
  });
});
