import { describe, expect, it } from 'vitest';
import {
  bytesArray,
  cell,
  compressed,
  doubles,
  element,
  int32s,
  matFile,
  matrix,
  mi,
  mx,
  struct,
} from '../../../tests/helpers/mat-bytes.js';
import { listMat5, readMat5 } from './read-mat5.js';

const where = 'classes.mat';

function numeric(dims: readonly number[], data: ArrayLike<number>, classOf = 'double'): object {
  return { type: 'numeric', classOf, isLogical: false, dims, data };
}

describe('readMat5 on the classes of arrays', () => {
  it.each([
    { classOf: 'int8', code: 8, type: 1, data: new Int8Array([-128, 127]) },
    { classOf: 'uint8', code: 9, type: 2, data: new Uint8Array([0, 255]) },
    { classOf: 'int16', code: 10, type: 3, data: new Int16Array([-32768, 32767]) },
    { classOf: 'uint16', code: 11, type: 4, data: new Uint16Array([0, 65535]) },
    { classOf: 'int32', code: 12, type: 5, data: new Int32Array([-(2 ** 31), 2 ** 31 - 1]) },
    { classOf: 'uint32', code: 13, type: 6, data: new Uint32Array([0, 2 ** 32 - 1]) },
    { classOf: 'single', code: 7, type: 7, data: new Float32Array([-0.5, Infinity]) },
    { classOf: 'double', code: 6, type: 9, data: new Float64Array([NaN, 1e-300]) },
  ] as const)('reads class $classOf', ({ classOf, code, type, data }) => {
    const body = [element(type, new Uint8Array(data.buffer))];
    const file = matFile(matrix({ mx: code, dims: [2, 1], name: 'v', body }));
    expect(readMat5(file, { where }).get('v')).toEqual(numeric([2, 1], data, classOf));
  });

  it.each([
    { classOf: 'int64', code: 14, type: 12, data: new BigInt64Array([-(2n ** 53n) + 1n, 2n ** 53n - 1n]) },
    { classOf: 'uint64', code: 15, type: 13, data: new BigUint64Array([0n, 2n ** 53n - 1n]) },
  ] as const)('reads class $classOf as exact doubles', ({ classOf, code, type, data }) => {
    const body = [element(type, new Uint8Array(data.buffer))];
    const file = matFile(matrix({ mx: code, dims: [2, 1], name: 'v', body }));
    const exact = Float64Array.from([Number(data[0]), Number(data[1])]);
    expect(readMat5(file, { where }).get('v')).toEqual(numeric([2, 1], exact, classOf));
  });

  it('refuses a 64-bit integer that no double holds, and says where', () => {
    const body = [element(12, new Uint8Array(BigInt64Array.of(2n ** 53n + 1n).buffer))];
    const file = matFile(matrix({ mx: 14, name: 'v', body }), doubles([1, 1], [1], 'w'));
    expect(() => readMat5(file, { where })).toThrow(/classes.mat, v, .*save it as double/);
    expect(readMat5(file, { where, variables: ['w'] }).size).toBe(1);
  });

  it('keeps both parts of a complex array', () => {
    const body = [element(mi.uint8, Uint8Array.of(1, 2)), element(mi.uint8, Uint8Array.of(3, 4))];
    const file = matFile(matrix({ mx: mx.double, flags: 0x0800, dims: [1, 2], name: 'z', body }));
    expect(readMat5(file, { where }).get('z')).toMatchObject({
      data: Uint8Array.of(1, 2),
      imaginary: Uint8Array.of(3, 4),
    });
  });

  it('reads empty arrays and arrays of many dimensions', () => {
    const values = readMat5(
      matFile(doubles([0, 5], [], 'e'), bytesArray([2, 1, 3], [1, 2, 3, 4, 5, 6], 'n'), cell([0, 0], [], 'c')),
      { where },
    );
    expect(values.get('e')).toEqual(numeric([0, 5], new Float64Array(0)));
    expect(values.get('n')).toEqual(numeric([2, 1, 3], Uint8Array.of(1, 2, 3, 4, 5, 6), 'uint8'));
    expect(values.get('c')).toEqual({ type: 'cell', dims: [0, 0], cells: [] });
  });

  it('reads an array of structs as one list per field', () => {
    const file = matFile(
      struct(
        ['a', 'b'],
        [
          [doubles([1, 1], [1]), doubles([1, 1], [2])],
          [doubles([1, 1], [3]), cell([0, 0], [])],
        ],
        's',
      ),
    );
    const value = readMat5(file, { where }).get('s');
    expect(value).toEqual({
      type: 'struct',
      dims: [1, 2],
      fields: new Map([
        ['a', [numeric([1, 1], Float64Array.of(1)), numeric([1, 1], Float64Array.of(3))]],
        ['b', [numeric([1, 1], Float64Array.of(2)), { type: 'cell', dims: [0, 0], cells: [] }]],
      ]),
    });
  });

  it('reads text in every encoding, in column-major order', () => {
    const text = (type: number, data: Uint8Array, dims: readonly number[]): unknown =>
      readMat5(matFile(matrix({ mx: mx.char, dims, name: 't', body: [element(type, data)] })), { where }).get('t');
    expect(text(1, Buffer.from('abc'), [1, 3])).toMatchObject({ text: 'abc' });
    expect(text(2, Buffer.from('é', 'latin1'), [1, 1])).toMatchObject({ text: 'é' });
    expect(text(4, Buffer.from('a€', 'utf16le'), [1, 2])).toMatchObject({ text: 'a€' });
    expect(text(16, Buffer.from('µ😀'), [1, 2])).toMatchObject({ text: 'µ😀' });
    expect(text(17, Buffer.from('µ😀', 'utf16le'), [1, 3])).toMatchObject({ text: 'µ😀' });
    expect(text(18, int32s(0x1f600), [1, 1])).toMatchObject({ text: '😀' });
    expect(text(2, Buffer.from('acbd'), [2, 2])).toEqual({ type: 'char', dims: [2, 2], text: 'acbd' });
    expect(text(9, Buffer.alloc(0), [0, 0])).toMatchObject({ text: '' });
  });

  it.each([
    ['sparse', 5],
    ['object', 3],
    ['function handle', 16],
  ] as const)('leaves a value of class %s alone and reads the others', (classOf, code) => {
    const odd = matrix({ mx: code, dims: [3, 4], name: 'odd', body: [Buffer.from('whatever')] });
    const values = readMat5(
      matFile(odd, compressed(odd.map((byte, index) => (index === 48 ? 0x70 : byte))), doubles([1, 1], [5], 'x')),
      { where },
    );
    expect(values.get('odd')).toEqual({ type: 'unsupported', classOf, dims: [3, 4] });
    expect(values.get('x')).toEqual(numeric([1, 1], Float64Array.of(5)));
  });

  it('leaves an opaque value alone, whose header has no dimensions', () => {
    const body = [
      element(mi.uint32, int32s(17, 0)),
      element(mi.int8, Buffer.from('obj')),
      element(mi.int8, Buffer.from('MCOS')),
    ];
    const file = matFile(element(mi.matrix, Buffer.concat(body)), doubles([1, 1], [5], 'x'));
    expect(readMat5(file, { where }).get('obj')).toEqual({ type: 'unsupported', classOf: 'opaque', dims: [] });
    expect(listMat5(file, { where }).map(({ name }) => name)).toEqual(['obj', 'x']);
  });

  it('names the place of an unreadable value as MATLAB would', () => {
    const bad = matrix({ mx: mx.double, dims: [2, 2], body: [element(mi.double, Buffer.alloc(8))] });
    const inner = struct(['s', 'r'], [[doubles([1, 1], [1]), bad]]);
    expect(() => readMat5(matFile(cell([1, 2], [doubles([1, 1], [1]), inner], 'data')), { where })).toThrow(
      /data\{2\}\.r/,
    );
  });
});
