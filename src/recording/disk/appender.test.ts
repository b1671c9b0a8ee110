import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../../protocols/errors.js';
import { Appender } from './appender.js';
import type { DiskFile } from './disk.js';

/** A file in memory that may refuse a call, or take a part of a write. */
class MemoryFile implements DiskFile {
  readonly path = 'a/file';
  bytes: number[] = [];
  synced = 0;
  /** Bytes that a write takes at most, one entry a write, then all; negative for no more room. */
  takes: number[] = [];
  canCut = true;
  syncErrors: Error[] = [];

  write(bytes: Uint8Array, position: number): number {
    const most = this.takes.shift() ?? bytes.length;
    if (most < 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    const taken = bytes.subarray(0, most);
    this.bytes.splice(position, taken.length, ...taken);
    return taken.length;
  }

  truncate(bytes: number): void {
    if (!this.canCut) throw new Error('no');
    this.bytes.length = bytes;
  }

  sync(): void {
    const error = this.syncErrors.shift();
    if (error !== undefined) throw error;
    this.synced++;
  }

  close(): void {
    this.takes = [-1];
  }
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

describe('bytes that are appended', () => {
  it('are all written where the system takes a few at a time', () => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    file.takes = [1, 2, 1];
    appender.append(bytes(1, 2, 3, 4, 5, 6, 7));
    appender.append(bytes(8));
    expect([file.bytes, appender.bytes]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], 8]);
  });

  it('stand behind those that are there', () => {
    const file = new MemoryFile();
    file.bytes = [9, 9];
    const appender = new Appender(file, 2);
    appender.append(bytes(1));
    expect([file.bytes, appender.bytes]).toEqual([[9, 9, 1], 3]);
  });

  it.each([
    ['has no more room after a part', [2, -1], /Cannot write: got no space left on the disk \(a\/file\)/],
    ['has no room at all', [-1], /no space left/],
    ['takes no byte, and gives no reason', [0], /got the system took no byte \(a\/file\)/],
    ['takes no byte after a part', [2, 0], /took no byte/],
  ])('are cut off again where the system %s, and can be tried again', (_, takes, message) => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    appender.append(bytes(1, 2, 3));
    file.takes = [...takes];
    const error = errorOf(() => {
      appender.append(bytes(4, 5, 6, 7));
    });
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(message);
    expect([file.bytes, appender.bytes]).toEqual([[1, 2, 3], 3]);
    appender.append(bytes(4, 5));
    expect([file.bytes, appender.bytes]).toEqual([[1, 2, 3, 4, 5], 5]);
  });

  it('are written over where they cannot be cut off either', () => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    appender.append(bytes(1));
    file.canCut = false;
    file.takes = [2, -1];
    const error = errorOf(() => {
      appender.append(bytes(2, 3, 4));
    });
    expect(String(error)).toMatch(/no space left/);
    expect(appender.bytes).toBe(1);
    appender.append(bytes(5, 6, 7));
    expect(file.bytes).toEqual([1, 5, 6, 7]);
  });
});

describe('bytes that are written over', () => {
  it('do not move the end', () => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    appender.append(bytes(1, 2, 3, 4));
    file.takes = [1, 1];
    appender.overwrite(bytes(7, 8), 1);
    appender.append(bytes(5));
    expect([file.bytes, appender.bytes]).toEqual([[1, 7, 8, 4, 5], 5]);
  });

  it.each([[[-1]], [[0]]])('are refused where the disk refuses them (%j)', (takes) => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    appender.append(bytes(1, 2));
    file.takes = takes;
    const error = errorOf(() => {
      appender.overwrite(bytes(3), 0);
    });
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(file.bytes).toEqual([1, 2]);
  });
});

describe('a file that is forced to the disk', () => {
  it('is asked for it only where something was written', () => {
    const file = new MemoryFile();
    const appender = new Appender(file);
    appender.sync();
    expect(file.synced).toBe(0);
    appender.append(bytes(1));
    appender.sync();
    appender.sync();
    expect(file.synced).toBe(1);
    appender.overwrite(bytes(2), 0);
    appender.sync();
    expect(file.synced).toBe(2);
  });

  it('never says again that a file is safe once the system has refused to force it to the disk', () => {
    const file = new MemoryFile();
    file.syncErrors = [Object.assign(new Error('io'), { code: 'EIO' })];
    const appender = new Appender(file);
    appender.append(Uint8Array.of(1));
    for (let i = 0; i < 2; i++) {
      expect(() => {
        appender.sync();
      }).toThrow('an input/output error of the disk');
    }
    expect(file.synced).toBe(0);
  });
});
