import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { lockRun } from './run-lock.js';

describe('the lock of a run', () => {
  let folder = '';
  let lock = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'meactl-lock-'));
    lock = join(folder, 'run.lock');
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function refusal(): unknown {
    try {
      lockRun(lock);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  test('is refused while its process lives, and free again when it is given back', () => {
    const release = lockRun(lock);
    expect(readFileSync(lock, 'utf8')).toBe(`${process.pid}\n`);
    const error = refusal();
    expect(isMeaError(error, 'exists')).toBe(true);
    expect(String(error)).toContain(`process ${process.pid}`);
    release();
    release();
    expect(existsSync(lock)).toBe(false);
    lockRun(lock)();
  });

  test.each([
    ['a process that is gone', '4194304999'],
    ['a lock that was cut off', ''],
    ['something else', 'x'],
  ])('is taken over from %s', (_name, text) => {
    writeFileSync(lock, text);
    const release = lockRun(lock);
    expect(readFileSync(lock, 'utf8')).toBe(`${process.pid}\n`);
    release();
  });

  test('names the file where it cannot be made', () => {
    lock = join(folder, 'no', 'run.lock');
    expect(isMeaError(refusal(), 'storage')).toBe(true);
  });
});
