import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { storageError, writeAll } from './write-all.js';

const root = temporaryFolder('write');
const BYTES = Buffer.from('0123456789');

vi.mock('node:fs', { spy: true });
afterEach(() => {
  vi.mocked(writeSync).mockReset();
});

/** Makes the system take at most so many bytes at once. */
async function takeAtMost(most: number): Promise<void> {
  const real = await vi.importActual<{ writeSync: (...args: readonly unknown[]) => number }>('node:fs');
  vi.mocked(writeSync).mockImplementation((...args: readonly unknown[]) => {
    const [fd, bytes, offset, length, position] = args;
    return real.writeSync(fd, bytes, offset, Math.min(most, Number(length)), position);
  });
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('writeAll', () => {
  it.each([1, 3, 10])('writes every byte when the system takes %i at a time, at the end and in place', async (most) => {
    await takeAtMost(most);
    const path = join(root, `short-${most}`);
    const end = { fd: openSync(path, 'a'), path };
    writeAll(end, BYTES);
    writeAll(end, BYTES);
    closeSync(end.fd);
    const inPlace = { fd: openSync(path, 'r+'), path };
    writeAll(inPlace, Buffer.from('abcde'), 3);
    closeSync(inPlace.fd);
    expect(readFileSync(path, 'utf8')).toBe('012abcde890123456789');
  });

  it('does not go on for ever when the system takes nothing', () => {
    vi.mocked(writeSync).mockReturnValue(0);
    const error = errorOf(() => {
      writeAll({ fd: 1, path: 'a/b' }, BYTES);
    });
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/got the system took no byte \(a\/b\)/);
  });

  it('says that the disk is full, by name and file, and keeps the cause', () => {
    const fd = openSync('/dev/full', 'w');
    const error = errorOf(() => {
      writeAll({ fd, path: 'run/journal-0000.log' }, BYTES);
    });
    closeSync(fd);
    expect(isMeaError(error, 'storage') && error.cause).toMatchObject({ code: 'ENOSPC' });
    expect(String(error)).toMatch(/Cannot write: got no space left on the disk \(run\/journal-0000\.log\); .*--resume/);
  });
});

describe('storageError', () => {
  it.each([
    ['EROFS', 'a read-only file system'],
    ['EACCES', 'no permission'],
    ['EIO', 'an input/output error of the disk'],
    ['EMFILE', 'EMFILE'],
  ])('puts %s into words', (code, words) => {
    const { message } = storageError('Cannot write', 'p', Object.assign(new Error('raw'), { code }));
    expect(message).toContain(`Cannot write: got ${words} (p)`);
  });
});
