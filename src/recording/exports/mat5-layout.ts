import { Buffer } from 'node:buffer';
import { miType } from '../mat5/element.js';

/** Bytes of a file's header. */
export const MAT_HEADER_BYTES = 128;
/** Length of a field's name, with its closing zeros. */
const NAME_BYTES = 32;

/** Classes of arrays, as their flags number them. */
const mxClass = { cell: 1, struct: 2, uint8: 9, uint16: 11 } as const;

/** An array of a struct, column-major. */
export interface MatField {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly bytesPerValue: 1 | 2;
}

/** A file with one variable, a cell of one struct: everything but the numbers, which go to their places. */
export interface MatLayout {
  /** Pieces of the file at their places. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /** Where the numbers of each field begin. */
  readonly starts: readonly number[];
  readonly totalBytes: number;
}

/** Lays out the variable `name`, uncompressed and little-endian (MAT-File Format, version 5). */
export function layOutMat(name: string, fields: readonly MatField[]): MatLayout {
  const arrays = fields.map(describeArray);
  const arrayBytes = arrays.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  const struct = Buffer.concat([
    arrayStart(mxClass.struct, [1, 1], ''),
    element(miType.int32, int32s(NAME_BYTES)),
    element(miType.int8, Buffer.concat(fields.map((field) => Buffer.from(field.name.padEnd(NAME_BYTES, '\0'))))),
  ]);
  const cell = arrayStart(mxClass.cell, [1, 1], name);
  const structBytes = struct.length + arrayBytes;
  const cellBytes = cell.length + 8 + structBytes;
  const head = Buffer.concat([
    header(),
    int32s(miType.matrix, cellBytes),
    cell,
    int32s(miType.matrix, structBytes),
    struct,
  ]);
  const pieces: { at: number; bytes: Uint8Array }[] = [{ at: 0, bytes: head }];
  const starts: number[] = [];
  let at = head.length;
  for (const array of arrays) {
    pieces.push({ at, bytes: array.head });
    starts.push(at + array.head.length);
    at += array.totalBytes;
  }
  return { pieces, starts, totalBytes: at };
}

/** Tag of a compressed variable. */
export function compressedTag(bytes: number): Uint8Array {
  return int32s(miType.compressed, bytes);
}

function describeArray({ rows, columns, bytesPerValue }: MatField): { head: Buffer; totalBytes: number } {
  const isByte = bytesPerValue === 1;
  const dataBytes = rows * columns * bytesPerValue;
  const padded = Math.ceil(dataBytes / 8) * 8;
  const start = arrayStart(isByte ? mxClass.uint8 : mxClass.uint16, [rows, columns], '');
  const head = Buffer.concat([
    int32s(miType.matrix, start.length + 8 + padded),
    start,
    int32s(isByte ? miType.uint8 : miType.uint16, dataBytes),
  ]);
  return { head, totalBytes: head.length + padded };
}

/** Flags, dimensions and name. */
function arrayStart(classOf: number, dims: readonly number[], name: string): Buffer {
  return Buffer.concat([
    element(miType.uint32, int32s(classOf, 0)),
    element(miType.int32, int32s(...dims)),
    element(miType.int8, Buffer.from(name, 'latin1')),
  ]);
}

/** Up to four bytes share eight with their tag: Octave takes the length of field names in no other way. */
function element(type: number, data: Uint8Array): Buffer {
  if (data.length > 0 && data.length <= 4) {
    return Buffer.concat([int32s((data.length << 16) | type), data, Buffer.alloc(4 - data.length)]);
  }
  return Buffer.concat([int32s(type, data.length), data, Buffer.alloc(-data.length & 7)]);
}

function header(): Buffer {
  const bytes = Buffer.alloc(MAT_HEADER_BYTES, ' ');
  bytes.write('MATLAB 5.0 MAT-file, written by meactl', 'latin1');
  bytes.fill(0, 116, 124);
  bytes.set([0x00, 0x01, 0x49, 0x4d], 124);
  return bytes;
}

function int32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeInt32LE(value, i * 4));
  return bytes;
}
