import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { readHdf5 } from '../../../tests/helpers/read-hdf5.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import type { Hdf5Command } from './hdf5-commands.js';
import { createHdf5InThread } from './hdf5-in-thread.js';

const folder = temporaryFolder('hdf5');
const program = exportOptions().hdf5Program!;
const ROWS: Hdf5Command = { type: 'rows', path: '/x', dtype: '<h', rows: 2, rowShape: [3], chunkRows: 2, gzip: true };

describe('an HDF5 file written in a thread', () => {
  it('has rows that are filled out of order, and as many as it was given', async () => {
    const path = join(folder, 'rows.h5');
    const writer = createHdf5InThread(path, program);
    await writer.apply([ROWS, { type: 'fill', path: '/x', first: 4, data: Int16Array.of(13, 14, 15) }]);
    await writer.apply([{ type: 'fill', path: '/x', first: 0, data: Int16Array.of(1, 2, 3, 4, 5, 6) }]);
    await writer.close();
    const { values, lines } = await readHdf5(path);
    expect(lines).toContain('/x: "<h" [5,3], chunked, filter 1');
    expect(values.get('/x')).toEqual(Int16Array.of(1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 13, 14, 15));
  });

  it('overwrites nothing', async () => {
    const path = join(folder, 'there.h5');
    writeFileSync(path, 'mine');
    const writer = createHdf5InThread(path, program);
    await writer.apply([ROWS]);
    await expect(writer.close()).rejects.toThrow('File exists');
    await writer.abandon();
  });

  it('fails with the words of the library for what cannot be written, at the latest when it is closed', async () => {
    const writer = createHdf5InThread(join(folder, 'twice.h5'), program);
    await writer.apply([ROWS]);
    await writer.apply([ROWS]);
    await expect(writer.close()).rejects.toThrow(/Writing HDF5 failed.*unable to.* create dataset/s);
    await writer.abandon();
  });

  it('fails where the thread does not start, or ends', async () => {
    const path = join(folder, 'none.h5');
    const missing = createHdf5InThread(path, pathToFileURL(join(folder, 'none.js')));
    await expect(missing.close()).rejects.toThrow(/Writing HDF5 failed.*none\.js/s);
    const ending = join(folder, 'ending.mjs');
    writeFileSync(ending, 'process.exit(3);');
    const ended = createHdf5InThread(path, pathToFileURL(ending));
    await expect(ended.close()).rejects.toThrow('the thread ended early');
    await Promise.all([missing.abandon(), ended.abandon()]);
    expect(existsSync(path)).toBe(false);
  });
});
