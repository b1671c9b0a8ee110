import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { lockRun, writerOf } from './run-lock.js';

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

  test('is taken over by one of two who find it left, though the second had looked before the first took it', () => {
    writeFileSync(lock, '4194304999');
    let first: (() => void) | undefined;
    const taking = (): (() => void) =>
      lockRun(lock, () => {
        first = lockRun(lock);
      });
    expect(taking).toThrow(`process ${process.pid}`);
    expect(first).toBeDefined();
    expect(readdirSync(folder)).toEqual(['run.lock']);
    first!();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is not taken over while another takes it over, nor by what was left of that', () => {
    writeFileSync(lock, '4194304999');
    writeFileSync(`${lock}.takeover`, `${process.pid}`);
    expect(String(refusal())).toContain('run.lock.takeover');
    expect(readdirSync(folder).sort()).toEqual(['run.lock', 'run.lock.takeover']);
    expect(readFileSync(lock, 'utf8')).toBe('4194304999');
  });

  test('is not removed where another process has it by now', () => {
    const release = lockRun(lock);
    writeFileSync(lock, '1');
    release();
    expect(readFileSync(lock, 'utf8')).toBe('1');
  });

  test('tells which other process writes, as long as that lives', () => {
    expect(writerOf(lock)).toBeUndefined();
    writeFileSync(lock, '4194304999');
    expect(writerOf(lock)).toBeUndefined();
    writeFileSync(lock, `${process.ppid}`);
    expect(writerOf(lock)).toBe(process.ppid);
    writeFileSync(lock, `${process.pid}`);
    expect(writerOf(lock)).toBeUndefined();
  });

  test('names the file where it cannot be made', () => {
    lock = join(folder, 'no', 'run.lock');
    expect(isMeaError(refusal(), 'storage')).toBe(true);
  });
});
