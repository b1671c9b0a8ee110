import { deflateSync } from 'node:zlib';

/** Numbers of the classes and data types of level-5 files, as the published format has them. */
export const mx = {
  cell: 1,
  struct: 2,
  object: 3,
  char: 4,
  sparse: 5,
  double: 6,
  single: 7,
  int8: 8,
  uint8: 9,
} as const;
export const mi = { int8: 1, uint8: 2, uint16: 4, int32: 5, uint32: 6, double: 9, matrix: 14, compressed: 15 } as const;

/** A little-endian header of 128 bytes. */
export function matHeader(): Buffer {
  return Buffer.concat([
    Buffer.from('MATLAB 5.0 MAT-file, made by hand'.padEnd(124)),
    Buffer.from([0x00, 0x01, 0x49, 0x4d]),
  ]);
}

/** One little-endian element, padded to 8 bytes. */
export function element(type: number, data: Uint8Array): Buffer {
  const tag = int32s(type, data.length);
  return Buffer.concat([tag, data, Buffer.alloc(type === mi.compressed ? 0 : -data.length & 7)]);
}

/** Little-endian 32-bit integers. */
export function int32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeInt32LE(value | 0, index * 4));
  return bytes;
}

/** What a matrix is made of. */
export interface MatrixParts {
  readonly mx: number;
  readonly flags?: number;
  readonly dims?: readonly number[];
  readonly name?: string;
  /** The elements after the name. */
  readonly body?: readonly Uint8Array[];
}

/** One array: flags, dimensions, name and body in an element of type miMATRIX. */
export function matrix({ mx: mxClass, flags = 0, dims = [1, 1], name = '', body = [] }: MatrixParts): Buffer {
  return element(
    mi.matrix,
    Buffer.concat([
      element(mi.uint32, int32s(mxClass | flags, 0)),
      element(mi.int32, int32s(...dims)),
      element(mi.int8, Buffer.from(name, 'latin1')),
      ...body,
    ]),
  );
}

/** An array of class double whose numbers are stored as doubles. */
export function doubles(dims: readonly number[], values: readonly number[], name = ''): Buffer {
  return matrix({
    mx: mx.double,
    dims,
    name,
    body: [element(mi.double, new Uint8Array(Float64Array.from(values).buffer))],
  });
}

/** An array of class uint8. */
export function bytesArray(dims: readonly number[], values: ArrayLike<number>, name = ''): Buffer {
  return matrix({ mx: mx.uint8, dims, name, body: [element(mi.uint8, Uint8Array.from(values))] });
}

/** A cell of arrays. */
export function cell(dims: readonly number[], cells: readonly Uint8Array[], name = ''): Buffer {
  return matrix({ mx: mx.cell, dims, name, body: cells });
}

/** A struct (array): for each element the value of each field. */
export function struct(fields: readonly string[], elements: readonly (readonly Uint8Array[])[], name = ''): Buffer {
  const names = fields.map((field) => Buffer.from(field.padEnd(32, '\0')));
  const body = [element(mi.int32, int32s(32)), element(mi.int8, Buffer.concat(names)), ...elements.flat()];
  return matrix({ mx: mx.struct, dims: [1, elements.length], name, body });
}

/** A variable compressed with zlib. */
export function compressed(variable: Uint8Array): Buffer {
  return element(mi.compressed, deflateSync(variable));
}

/** A whole file. */
export function matFile(...variables: readonly Uint8Array[]): Buffer {
  return Buffer.concat([matHeader(), ...variables]);
}
