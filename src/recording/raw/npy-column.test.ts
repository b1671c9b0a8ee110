import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../../protocols/errors.js';
import type { DiskFile } from '../disk/disk.js';
import { encodeNpyHeader, encodeNpyValues, NPY_HEADER_BYTES, NpyColumn, type NpyType } from './npy-column.js';

const TYPES: readonly (readonly [type: NpyType, size: number])[] = [
  ['<i8', 8],
  ['<f8', 8],
  ['<i2', 2],
  ['<u8', 8],
];

/** The length that a header promises. */
function promisedBy(header: Buffer): number {
  return Number(/'shape': \((\d+),\)/.exec(header.toString('latin1', 10, NPY_HEADER_BYTES))?.[1]);
}

/** A file that knows which of its bytes are on the medium, and refuses the call of a number. */
class WatchedFile implements DiskFile {
  readonly path = 'column.npy';
  bytes = Buffer.alloc(0);
  /** Bytes from the beginning that were forced to the medium. */
  safe = 0;
  calls: string[] = [];
  refuseAt = Infinity;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  write(bytes: Uint8Array, position: number): number {
    this.#call(position === 0 && this.bytes.length > 0 ? 'header' : 'write');
    const longer = Buffer.alloc(Math.max(this.bytes.length, position + bytes.length));
    this.bytes.copy(longer);
    longer.set(bytes, position);
    this.bytes = longer;
    this.assertKept();
    return bytes.length;
  }

  truncate(length: number): void {
    this.bytes = this.bytes.subarray(0, length);
  }

  sync(): void {
    this.#call('sync');
    this.safe = this.bytes.length;
  }

  close(): void {
    this.calls.push('close');
  }

  /** A header may be on the medium at once: what it promises must be there already. */
  assertKept(): void {
    const promised = promisedBy(this.bytes);
    if (promised > 0) expect(NPY_HEADER_BYTES + promised * this.#size).toBeLessThanOrEqual(this.safe);
  }

  #call(name: string): void {
    if (this.calls.push(name) > this.refuseAt) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
  }
}

describe('the header of a column', () => {
  it('has these bytes', () => {
    const text = "{'descr': '<i8', 'fortran_order': False, 'shape': (17,), }";
    const wanted = Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY'),
      Buffer.from([1, 0]), // version 1.0
      Buffer.from([118, 0]), // bytes that follow
      Buffer.from(text.padEnd(117, ' ')),
      Buffer.from('\n'),
    ]);
    expect(encodeNpyHeader('<i8', 17)).toEqual(wanted);
  });

  it.each(TYPES)('is as long for any length of type %s, so that the data need not move', (type) => {
    for (const length of [0, 1, 2 ** 31, 2 ** 53 - 1]) {
      const header = encodeNpyHeader(type, length);
      expect([header.length, header.at(-1), promisedBy(header)]).toEqual([128, 0x0a, length]);
      expect(header.toString('latin1')).toContain(`'descr': '${type}'`);
    }
  });
});

describe('the values of a column', () => {
  it('are little-endian, each in its size', () => {
    expect([...encodeNpyValues('<i8', [1, -2, 2 ** 53 - 1])]).toEqual([
      ...[1, 0, 0, 0, 0, 0, 0, 0],
      ...[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      ...[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
    ]);
    expect([...encodeNpyValues('<f8', [-1])]).toEqual([0, 0, 0, 0, 0, 0, 0xf0, 0xbf]);
    expect([...encodeNpyValues('<i2', [1, -1])]).toEqual([1, 0, 0xff, 0xff]);
    expect([...encodeNpyValues('<u8', [258])]).toEqual([2, 1, 0, 0, 0, 0, 0, 0]);
    expect(encodeNpyValues('<i8', [])).toHaveLength(0);
  });
});

describe('a column that grows', () => {
  it.each(TYPES)('of type %s promises what is on the disk, and all of it once it was told to', (type, size) => {
    const file = new WatchedFile(size);
    const column = new NpyColumn(file, type);
    expect(promisedBy(file.bytes)).toBe(0);
    const values: number[] = [];
    for (const more of [[1, 2, 3], [4], [], [5, 6]]) {
      column.append(more);
      values.push(...more);
      expect(promisedBy(file.bytes)).toBeLessThanOrEqual(values.length);
      column.commit();
      expect(promisedBy(file.bytes)).toBe(values.length);
    }
    column.append([7]);
    column.close();
    expect(promisedBy(file.bytes)).toBe(6);
    expect(file.bytes).toEqual(Buffer.concat([encodeNpyHeader(type, 6), encodeNpyValues(type, [...values, 7])]));
    expect(file.calls.at(-1)).toBe('close');
  });

  it('forces its values to the disk before it promises them, and is left alone where nothing is new', () => {
    const file = new WatchedFile(8);
    const column = new NpyColumn(file, '<i8');
    column.append([1, 2]);
    column.commit();
    expect(file.calls).toEqual(['write', 'write', 'sync', 'header']);
    column.commit();
    column.commit();
    expect(file.calls.slice(4)).toEqual(['sync']);
  });

  it('never promises too much, whichever call the disk refuses', () => {
    const steps = (column: NpyColumn): void => {
      column.append([1, 2]);
      column.commit();
      column.append([3]);
      column.append([4, 5]);
      column.commit();
    };
    const whole = new WatchedFile(8);
    steps(new NpyColumn(whole, '<i8'));
    expect(whole.calls).toHaveLength(8);
    for (let refuseAt = 1; refuseAt < whole.calls.length; refuseAt++) {
      const file = new WatchedFile(8);
      file.refuseAt = refuseAt;
      const column = new NpyColumn(file, '<i8');
      let error: unknown;
      try {
        steps(column);
      } catch (caught) {
        error = caught;
      }
      expect(isMeaError(error, 'storage'), `call ${refuseAt}`).toBe(true);
      file.assertKept();
      // What it does promise is what was given.
      const promised = promisedBy(file.bytes);
      expect([0, 2]).toContain(promised);
      expect(file.bytes.subarray(NPY_HEADER_BYTES, NPY_HEADER_BYTES + promised * 8)).toEqual(
        encodeNpyValues('<i8', [1, 2].slice(0, promised)),
      );
    }
  });
});
