import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { npyBytes, npyInt64, npyTexts } from '../../../tests/helpers/npy-bytes.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { openNpyColumn } from './npy-column.js';

const folder = temporaryFolder('npy-column');

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('openNpyColumn', () => {
  it('reads parts of integers, floats and texts', async () => {
    const integers = await openNpyColumn(write('i8.npy', npyInt64([7, -8, 9])));
    expect([integers.length, integers.declared, integers.type]).toEqual([3, 3, { kind: 'i', size: 8 }]);
    expect(Array.from(await integers.numbers(1, 2))).toEqual([-8, 9]);
    await integers.close();
    const floats = await openNpyColumn(
      write('f8.npy', npyBytes('<f8', new Uint8Array(Float64Array.of(1.5, -2).buffer), 2)),
    );
    expect(Array.from(await floats.numbers(0, 2))).toEqual([1.5, -2]);
    await floats.close();
    const texts = await openNpyColumn(write('s.npy', npyTexts(['one', 'two'], 8)));
    expect(await texts.texts(0, 2)).toEqual(['one', 'two']);
    await texts.close();
    const unicode = await openNpyColumn(
      write('u.npy', npyBytes('<U2', new Uint8Array(Uint32Array.of(0x41, 0, 0x1f600, 0x42).buffer), 2)),
    );
    expect(await unicode.texts(0, 2)).toEqual(['A', '\u{1f600}B']);
    await unicode.close();
  });

  it('tells a header that claims more than the file holds', async () => {
    const column = await openNpyColumn(write('short.npy', npyInt64([1, 2], 1_000_000_000_000)));
    expect([column.length, column.declared]).toEqual([2, 1_000_000_000_000]);
    await expect(column.numbers(0, 3)).rejects.toMatchObject({ tag: 'bad-format' });
    await column.close();
  });

  it.each([
    ['no magic', Buffer.from('not a numpy file at all')],
    ['two dimensions', npyBytes('<i8', new Uint8Array(16), 2).fill('(1, 2)', 60, 66)],
    ['big-endian', npyBytes('>i8', new Uint8Array(16), 2)],
    ['objects', npyBytes('|O8', new Uint8Array(16), 2)],
    ['a text of 1 GB', npyBytes('|S1000000000', new Uint8Array(16), 1)],
  ])('refuses %s', async (name, bytes) => {
    await expect(openNpyColumn(write(`${name}.npy`, bytes))).rejects.toMatchObject({ tag: 'bad-format' });
  });

  it('refuses a header cut off at every byte', async () => {
    const whole = npyInt64([1]);
    for (let length = 0; length < 128; length++)
      await expect(openNpyColumn(write('cut.npy', whole.subarray(0, length)))).rejects.toMatchObject({
        tag: 'bad-format',
      });
  });
});
