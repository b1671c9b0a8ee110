import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { compressed, doubles, int32s, matFile } from '../../../tests/helpers/mat-bytes.js';
import { isMeaError } from '../../../protocols/errors.js';
import { listMat5, readMat5 } from './read-mat5.js';

const where = 'golden.mat';

/** The header of a file: its text, no subsystem, the version and the byte order. */
function header(versionAndOrder: string): Buffer {
  return Buffer.concat([Buffer.from('MATLAB 5.0 MAT-file, golden'.padEnd(116)), Buffer.alloc(8), hex(versionAndOrder)]);
}

function hex(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join('').replaceAll(' ', ''), 'hex');
}

function ascii(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

const LITTLE = '0001 494d'; // version 0x0100, then M I written as one 16-bit number
const BIG = '0100 4d49';

/** `x = [1 3; 2 4]`, doubles stored as doubles. */
const doubleMatrix = hex(
  '0e000000 50000000', // miMATRIX, 80 bytes follow
  '06000000 08000000', // array flags: miUINT32, 8 bytes
  '06000000 00000000', // class 6 (double), no flags; not sparse
  '05000000 08000000', // dimensions: miINT32, 8 bytes
  '02000000 02000000', // 2 x 2
  '0100 0100 78000000', // name in the small format: miINT8, 1 byte, "x"
  '09000000 20000000', // data: miDOUBLE, 32 bytes
  '000000000000f03f 0000000000000040', // first column: 1, 2
  '0000000000000840 0000000000001040', // second column: 3, 4
);

/** The same, big-endian. */
const bigEndianMatrix = hex(
  '0000000e 00000050', // miMATRIX, 80 bytes
  '00000006 00000008', // array flags
  '00000006 00000000', // class double
  '00000005 00000008', // dimensions
  '00000002 00000002', // 2 x 2
  '0001 0001 78000000', // small format: the length comes first in a big-endian number
  '00000009 00000020', // miDOUBLE, 32 bytes
  '3ff0000000000000 4000000000000000', // 1, 2
  '4008000000000000 4010000000000000', // 3, 4
);

/** `y = [7 8 9]` of class double, stored in one byte each, in the small format. */
const smallData = hex(
  '0e000000 30000000', // miMATRIX, 48 bytes
  '06000000 08000000', // array flags
  '06000000 00000000', // class double
  '05000000 08000000', // dimensions
  '01000000 03000000', // 1 x 3
  '0100 0100 79000000', // name "y"
  '0200 0300 07080900', // data: miUINT8, 3 bytes, then padding
);

/** `d = {struct('s', true, 'r', [])}`. */
const structInCell = hex(
  '0e000000 b0000000', // miMATRIX, 176 bytes
  '06000000 08000000', // array flags
  '01000000 00000000', // class 1 (cell)
  '05000000 08000000', // dimensions
  '01000000 01000000', // 1 x 1
  '0100 0100 64000000', // name "d"
  '0e000000 80000000', // the only cell: miMATRIX, 128 bytes
  '06000000 08000000', // array flags
  '02000000 00000000', // class 2 (struct)
  '05000000 08000000', // dimensions
  '01000000 01000000', // 1 x 1
  '01000000 00000000', // no name within a cell
  '0500 0400 04000000', // field name length: small miINT32, 4
  '01000000 08000000', // field names: miINT8, 8 bytes
  '73000000 72000000', // "s", "r", zero-filled to 4
  '0e000000 30000000', // field s: miMATRIX, 48 bytes
  '06000000 08000000', // array flags
  '09020000 00000000', // class 9 (uint8), flag 0x02 (logical)
  '05000000 08000000', // dimensions
  '01000000 01000000', // 1 x 1
  '01000000 00000000', // no name
  '0200 0100 01000000', // data: miUINT8, 1 byte, true
  '0e000000 00000000', // field r: miMATRIX of 0 bytes, an empty array
);

/** `t = 'hé'`, 16 bits per character. */
const charArray = hex(
  '0e000000 30000000', // miMATRIX, 48 bytes
  '06000000 08000000', // array flags
  '04000000 00000000', // class 4 (char)
  '05000000 08000000', // dimensions
  '01000000 02000000', // 1 x 2
  '0100 0100 74000000', // name "t"
  '0400 0400 6800 e900', // data: small miUINT16, 4 bytes, h é
);

const golden = Buffer.concat([header(LITTLE), doubleMatrix, smallData, structInCell, charArray]);

const expectedStruct = {
  type: 'cell',
  dims: [1, 1],
  cells: [
    {
      type: 'struct',
      dims: [1, 1],
      fields: new Map([
        ['s', [{ type: 'numeric', classOf: 'uint8', isLogical: true, dims: [1, 1], data: Uint8Array.of(1) }]],
        ['r', [{ type: 'numeric', classOf: 'double', isLogical: false, dims: [0, 0], data: new Float64Array(0) }]],
      ]),
    },
  ],
};

function numeric(dims: readonly number[], data: ArrayLike<number>, classOf = 'double'): object {
  return { type: 'numeric', classOf, isLogical: false, dims, data };
}

describe('readMat5 on bytes made by hand', () => {
  it('reads doubles, small elements, a struct in a cell, a logical, an empty array and text', () => {
    const values = readMat5(golden, { where });
    expect(Array.from(values)).toEqual([
      ['x', numeric([2, 2], Float64Array.of(1, 2, 3, 4))],
      ['y', numeric([1, 3], Uint8Array.of(7, 8, 9))],
      ['d', expectedStruct],
      ['t', { type: 'char', dims: [1, 2], text: 'hé' }],
    ]);
  });

  it('reads a big-endian file as its little-endian twin', () => {
    const values = readMat5(Buffer.concat([header(BIG), bigEndianMatrix]), { where });
    expect(values).toEqual(readMat5(Buffer.concat([header(LITTLE), doubleMatrix]), { where }));
    expect(values.size).toBe(1);
  });

  it('reads compressed variables one after another, among plain ones', () => {
    const deflated = (variable: Buffer): Buffer => {
      const data = deflateSync(variable);
      return Buffer.concat([hex('0f000000'), int32s(data.length), data]); // miCOMPRESSED, its length, no padding
    };
    const file = Buffer.concat([
      header(LITTLE),
      deflated(doubleMatrix),
      smallData,
      deflated(structInCell),
      deflated(charArray),
    ]);
    expect(readMat5(file, { where })).toEqual(readMat5(golden, { where }));
  });

  it('reads bytes that lie anywhere in a larger buffer', () => {
    for (const shift of [1, 3, 4]) {
      const shifted = new Uint8Array(Buffer.concat([Buffer.alloc(shift), golden])).subarray(shift);
      expect(readMat5(shifted, { where })).toEqual(readMat5(golden, { where }));
    }
  });

  it('keeps nothing of the bytes it was given', () => {
    const bytes = Buffer.from(golden);
    const values = readMat5(bytes, { where });
    bytes.fill(0xff);
    expect(values).toEqual(readMat5(golden, { where }));
  });

  it('lists variables without reading them', () => {
    expect(
      listMat5(golden, { where }).map(({ name, classOf, dims, byteOffset }) => [name, classOf, dims, byteOffset]),
    ).toEqual([
      ['x', 'double', [2, 2], 128],
      ['y', 'double', [1, 3], 216],
      ['d', 'cell', [1, 1], 272],
      ['t', 'char', [1, 2], 456],
    ]);
    const [only] = listMat5(matFile(compressed(doubles([500, 1], new Array<number>(500).fill(3), 'long'))), { where });
    expect(only).toMatchObject({
      name: 'long',
      dims: [500, 1],
      isCompressed: true,
      isComplex: false,
      isLogical: false,
    });
  });

  it('reads only the variables that are asked for', () => {
    expect(Array.from(readMat5(golden, { where, variables: ['t', 'none'] }).keys())).toEqual(['t']);
  });
});

describe('readMat5 on files that are not of level 5', () => {
  const hdf5 = Buffer.concat([
    Buffer.from('MATLAB 7.3 MAT-file'.padEnd(124)),
    hex('0002 494d'),
    Buffer.alloc(384),
    hex(`89${ascii('HDF')}0d0a1a0a`),
  ]);
  const level4 = Buffer.concat([int32s(0, 1, 1, 0, 2), Buffer.from('x\0'), Buffer.alloc(8)]);
  it.each([
    ['an empty file', Buffer.alloc(0), /empty/],
    ['a version 7.3 file', hdf5, /7\.3 \(HDF5\).*-v7/],
    ['a version 7.3 file cut before its HDF5 part', hdf5.subarray(0, 200), /0x0200.*-v7/],
    ['a version 4 file', level4, /version 4.*-v7/],
    ['a longer version 4 file', Buffer.concat([level4, Buffer.alloc(200)]), /version 4.*-v7/],
    ['a text file', Buffer.from('s,o,r\n'.repeat(100)), /Not a MAT-file/],
    ['a short file', Buffer.from('MATLAB 5.0'), /Not a MAT-file: got 10 bytes/],
    ['zeros', Buffer.alloc(4096), /Not a MAT-file/],
  ])('refuses %s and says what to do', (_, bytes, message) => {
    expect(() => readMat5(bytes, { where })).toThrow(message);
    expect(
      isMeaError(
        errorOf(() => readMat5(bytes, { where })),
        'bad-format',
      ),
    ).toBe(true);
  });

  it('reads a header without variables as an empty file', () => {
    expect(readMat5(matFile(), { where }).size).toBe(0);
  });
});

function errorOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
