import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { writeWholeFile, type WritableFile } from './whole-file.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meactl-whole-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const chunks = [Buffer.from('first '), Buffer.from('second')];

/** A file of which the given number of bytes is taken at each write, until the disk is full. */
function limitedFile(perWrite: number, room: number): { file: WritableFile; taken: Buffer[]; calls: string[] } {
  const taken: Buffer[] = [];
  const calls: string[] = [];
  const write: WritableFile['write'] = (bytes, offset, length) => {
    const bytesWritten = Math.min(perWrite, length, room - Buffer.concat(taken).length);
    taken.push(Buffer.from(bytes.subarray(offset, offset + bytesWritten)));
    return Promise.resolve({ bytesWritten });
  };
  const note = (name: string) => (): Promise<void> => {
    calls.push(name);
    return Promise.resolve();
  };
  return { file: { write, sync: note('sync'), close: note('close') }, taken, calls };
}

describe('writeWholeFile', () => {
  it('writes all chunks and leaves nothing else in the folder', async () => {
    await writeWholeFile(join(folder, 'a.txt'), chunks);
    expect(await readFile(join(folder, 'a.txt'), 'utf8')).toBe('first second');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('does not touch a file that is there, unless told', async () => {
    const path = join(folder, 'a.txt');
    await writeFile(path, 'old');
    await expect(writeWholeFile(path, chunks)).rejects.toSatisfy((error) => isMeaError(error, 'exists'));
    expect(await readFile(path, 'utf8')).toBe('old');
    await writeWholeFile(path, chunks, { overwrite: true });
    expect(await readFile(path, 'utf8')).toBe('first second');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('lets one of two writers win when both find the name free', async () => {
    const path = join(folder, 'a.txt');
    const results = await Promise.allSettled(['one', 'two'].map((text) => writeWholeFile(path, [Buffer.from(text)])));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await readFile(path, 'utf8')).toBe(['one', 'two'][winner]);
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('refuses a folder in place of the file, and a folder that is not there', async () => {
    await mkdir(join(folder, 'sub'));
    await expect(writeWholeFile(join(folder, 'sub'), chunks)).rejects.toSatisfy((error) => isMeaError(error, 'exists'));
    const over = writeWholeFile(join(folder, 'sub'), chunks, { overwrite: true });
    await expect(over).rejects.toSatisfy((error) => isMeaError(error, 'exists'));
    const lost = writeWholeFile(join(folder, 'none', 'a.txt'), chunks);
    await expect(lost).rejects.toSatisfy((error) => isMeaError(error, 'missing'));
    expect(await readdir(folder)).toEqual(['sub']);
  });

  it('goes on after a short write', async () => {
    const { file, taken, calls } = limitedFile(4, 100);
    // nothing is made on the disk, so the rename finds nothing
    await expect(writeWholeFile(join(folder, 'a'), chunks, { create: () => Promise.resolve(file) })).rejects.toThrow();
    expect(Buffer.concat(taken).toString()).toBe('first second');
    expect(calls).toEqual(['sync', 'close']);
  });

  it('names the path when the disk takes only a part, closes the file and removes it', async () => {
    const { file, calls } = limitedFile(4, 8);
    const create = async (path: string): Promise<WritableFile> => {
      await writeFile(path, 'part');
      return file;
    };
    const written = writeWholeFile(join(folder, 'a.npy'), chunks, { create });
    await expect(written).rejects.toThrow(/could not be written: got 2 of 6 bytes written \(.*a\.npy\)/);
    await expect(written).rejects.toSatisfy((error) => isMeaError(error, 'storage'));
    expect(calls).toEqual(['close']);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['write', 'sync', 'close'] as const)(
    'names the path when the disk is full at %s, and keeps the old file',
    async (step) => {
      const path = join(folder, 'a.npy');
      await writeFile(path, 'old');
      const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      const file = { ...limitedFile(100, 100).file, [step]: () => Promise.reject(full) };
      const written = writeWholeFile(path, chunks, { overwrite: true, create: () => Promise.resolve(file) });
      await expect(written).rejects.toThrow(/ENOSPC.*a\.npy/);
      await expect(written).rejects.toSatisfy((error) => isMeaError(error, 'storage') && error.cause === full);
      expect(await readFile(path, 'utf8')).toBe('old');
    },
  );

  it('reports a disk that is really full', async () => {
    const written = writeWholeFile(join(folder, 'a.npy'), chunks, { create: () => open('/dev/full', 'w') });
    await expect(written).rejects.toSatisfy((error) => isMeaError(error, 'storage'));
    expect(await readdir(folder)).toEqual([]);
  });
});
