import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { decodeNpy, writeNpy, type NpyArray } from './npy.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meactl-npy-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

let files = 0;
async function roundTrip(array: NpyArray): Promise<Buffer> {
  const path = join(folder, `${(files += 1)}.npy`);
  await writeNpy(path, array);
  return readFile(path);
}

describe('writeNpy', () => {
  it('writes the bytes that the format describes', async () => {
    const bytes = await roundTrip({ shape: [1, 2], data: Float64Array.of(1, -2) });
    const dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
    const golden = Buffer.concat([
      Buffer.from('934e554d5059', 'hex'), // magic: 0x93 NUMPY
      Buffer.from('0100', 'hex'), // version 1.0
      Buffer.from('7600', 'hex'), // header length 118: 10 + 118 = 2 x 64
      Buffer.from(`${dictionary.padEnd(117)}\n`), // padded with spaces, closed by a line feed
      Buffer.from('000000000000f03f', 'hex'), // 1
      Buffer.from('00000000000000c0', 'hex'), // -2
    ]);
    expect(bytes).toEqual(golden);
  });

  it('reads back what it wrote, in any shape', async () => {
    const shapes = fc.array(fc.nat(5), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shapes, fc.boolean(), fc.noShrink(fc.integer()), async (shape, isDouble, seed) => {
        const length = shape.reduce((product, size) => product * size, 1);
        const values = Array.from({ length }, (_, index) => (index * 31 + (seed & 0xff)) % 256);
        const data = isDouble ? Float64Array.from(values, (value) => value / 7) : Uint8Array.from(values);
        const bytes = await roundTrip({ shape, data });
        expect((bytes.length - data.byteLength) % 64).toBe(0);
        expect(decodeNpy(bytes, 'test')).toEqual({ shape, data });
      }),
      { numRuns: 60 },
    );
  });

  it('keeps NaN, infinities and the sign of zero', async () => {
    const data = Float64Array.of(NaN, Infinity, -Infinity, -0);
    const back = decodeNpy(await roundTrip({ shape: [4], data }), 'test').data;
    expect(Object.is(back[3], -0)).toBe(true);
    expect(back).toEqual(data);
  });

  it('writes only the part of a buffer that the array views', async () => {
    const data = Float64Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(decodeNpy(await roundTrip({ shape: [2], data }), 'test').data).toEqual(Float64Array.of(2, 3));
  });

  it('refuses a shape that does not fit, before anything is written', async () => {
    const path = join(folder, 'bad.npy');
    for (const shape of [[3], [-1, -2], [0.5, 4], []]) {
      const written = writeNpy(path, { shape, data: Float64Array.of(1, 2) });
      await expect(written).rejects.toSatisfy((error) => isMeaError(error, 'bad-input'));
    }
    expect(await readdir(folder)).not.toContain('bad.npy');
  });

  it('does not replace a file unless told', async () => {
    const path = join(folder, 'twice.npy');
    const array = { shape: [1], data: Float64Array.of(1) };
    await writeNpy(path, array);
    await expect(writeNpy(path, array)).rejects.toSatisfy((error) => isMeaError(error, 'exists'));
    await writeNpy(path, { shape: [1], data: Float64Array.of(2) }, { overwrite: true });
    expect(decodeNpy(await readFile(path), path).data[0]).toBe(2);
  });
});

describe('decodeNpy', () => {
  it('refuses a file cut at any byte, and survives any changed byte', async () => {
    const bytes = await roundTrip({ shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) });
    for (let at = 0; at < bytes.length; at += 1) {
      expect(() => decodeNpy(bytes.subarray(0, at), 'cut')).toThrow(MeaError);
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 0xff;
      try {
        decodeNpy(flipped, 'flipped');
      } catch (error) {
        expect(isMeaError(error, 'bad-format')).toBe(true);
      }
    }
  });

  it('refuses Fortran order and other types', async () => {
    const bytes = await roundTrip({ shape: [1], data: Float64Array.of(1) });
    for (const [from, to] of [
      ['False', 'True '],
      ['<f8', '>f8'],
      ['<f8', '|O8'],
    ] as const) {
      const changed = Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1');
      expect(() => decodeNpy(changed, 'x.npy')).toThrow(/Unsupported .npy header/);
    }
  });
});
