import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMeaError, MeaError } from '../../../protocols/errors.js';
import {
  bytesArray,
  cell,
  compressed,
  doubles,
  element,
  int32s,
  matFile,
  matHeader,
  matrix,
  mi,
  mx,
  struct,
} from '../../../tests/helpers/mat-bytes.js';
import type { Mat5Limits } from './limits.js';
import type { MatValue } from './mat-value.js';
import { listMat5, readMat5 } from './read-mat5.js';

const where = 'hostile.mat';

/** What becomes of hostile bytes: values, or our own error. Any other error fails the test. */
function outcome(bytes: Uint8Array, limits: Partial<Mat5Limits> = {}): ReadonlyMap<string, MatValue> | MeaError {
  try {
    return readMat5(bytes, { where, limits });
  } catch (error) {
    if (error instanceof MeaError) return error;
    throw error;
  }
}

function refusal(bytes: Uint8Array, limits: Partial<Mat5Limits> = {}): MeaError {
  const result = outcome(bytes, limits);
  if (result instanceof MeaError) return result;
  throw new Error('the file was read');
}

const culture = struct(
  ['s', 'o', 'r'],
  [[bytesArray([2, 1], [0, 1]), doubles([2, 1], [1, 0]), bytesArray([2, 2], [5, 0, 0, 9])]],
);
const text = matrix({ mx: mx.char, dims: [1, 2], name: 't', body: [element(4, Buffer.from('ab', 'utf16le'))] });
const plainParts = [doubles([1, 2], [1, 2], 'x'), cell([1, 1], [culture], 'data'), text];
const files = {
  plain: { bytes: matFile(...plainParts), ends: endsOf(plainParts) },
  compressed: { bytes: matFile(...plainParts.map(compressed)), ends: endsOf(plainParts.map(compressed)) },
};

/** Offsets at which a file may end without losing part of a variable. */
function endsOf(parts: readonly Uint8Array[]): number[] {
  return parts.map((_, index) => matFile(...parts.slice(0, index)).length);
}

describe.each(['plain', 'compressed'] as const)('readMat5 on a damaged %s file', (kind) => {
  const { bytes, ends } = files[kind];
  const whole = readMat5(bytes, { where });

  it('refuses it when it is cut at any byte, except between variables', () => {
    expect(whole.size).toBe(3);
    const read: number[] = [];
    for (let length = 0; length < bytes.length; length += 1) {
      const result = outcome(bytes.subarray(0, length));
      if (result instanceof MeaError) expect(result.tag).toBe('bad-format');
      else read.push(length);
    }
    expect(read).toEqual(ends);
    for (const [count, end] of ends.entries()) {
      expect(Array.from(readMat5(bytes.subarray(0, end), { where }))).toEqual(Array.from(whole).slice(0, count));
    }
  });

  it('reads it or throws our own error when any one byte is changed', () => {
    let refused = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const flipped = Buffer.from(bytes);
        flipped[at]! ^= mask;
        if (outcome(flipped) instanceof MeaError) refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(bytes.length);
  });

  it('survives any bytes in any place', () => {
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(edits, (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        outcome(damaged);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readMat5 on random bytes', () => {
  it('survives anything after a sound header', () => {
    const bodies = fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...plainParts, text.subarray(0, 30))),
    );
    fc.assert(
      fc.property(bodies, (parts) => {
        outcome(Buffer.concat([matHeader(), ...parts]));
      }),
      { numRuns: 2000 },
    );
  });

  it('survives anything at all, compressed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        outcome(matFile(element(mi.compressed, deflateSync(body))));
      }),
      { numRuns: 1000 },
    );
  });

  it('reads what was written', () => {
    const leaf = fc.array(fc.double(), { maxLength: 6 }).map((values) => ({
      bytes: doubles([values.length, 1], values),
      value: {
        type: 'numeric',
        classOf: 'double',
        isLogical: false,
        dims: [values.length, 1],
        data: Float64Array.from(values),
      },
    }));
    const nested = fc.letrec<{ node: { bytes: Buffer; value: object } }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('node'), { maxLength: 4 }).map((nodes) => ({
          bytes: cell(
            [1, nodes.length],
            nodes.map(({ bytes }) => bytes),
          ),
          value: { type: 'cell', dims: [1, nodes.length], cells: nodes.map(({ value }) => value) },
        })),
      ),
    })).node;
    fc.assert(
      fc.property(nested, fc.boolean(), ({ bytes, value }, isCompressed) => {
        const variable = cell([1, 1], [bytes], 'c');
        const file = matFile(isCompressed ? compressed(variable) : variable);
        expect(readMat5(file, { where }).get('c')).toEqual({ type: 'cell', dims: [1, 1], cells: [value] });
      }),
      { numRuns: 300 },
    );
  });
});

describe('readMat5 on files that ask for too much', () => {
  const megabytes = (count: number): Buffer => Buffer.alloc(count * 2 ** 20);
  const zeros = (mega: number, name: string): Buffer =>
    matrix({ mx: mx.uint8, dims: [mega * 2 ** 20, 1], name, body: [element(mi.uint8, megabytes(mega))] });

  it('refuses a deflate bomb by the size it declares, without inflating it', () => {
    const bomb = matFile(compressed(zeros(64, 'bomb')));
    expect(bomb.length).toBeLessThan(80_000);
    const before = process.memoryUsage().rss;
    expect(refusal(bomb, { inflatedBytes: 2 ** 20 }).message).toMatch(
      /over the limit inflatedBytes: got 671\d+, expected at most 1048576/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
  });

  it('stops a bomb that declares little at what it declares', () => {
    const bomb = Buffer.from(zeros(64, 'bomb'));
    bomb.writeUInt32LE(1000, 4);
    const file = matFile(compressed(bomb));
    const before = process.memoryUsage().rss;
    expect(refusal(file).message).toMatch(/cannot be inflated/);
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
  });

  it('refuses a declared size that deflate cannot reach', () => {
    const liar = Buffer.from(doubles([1, 1], [1], 'x'));
    liar.writeUInt32LE(0xffff_fff0, 4);
    expect(refusal(matFile(compressed(liar))).message).toMatch(/Declared size is impossible/);
  });

  it('refuses compressed data that hold less than they declare', () => {
    const liar = Buffer.from(doubles([1, 1], [1], 'x'));
    liar.writeUInt32LE(1000, 4);
    expect(refusal(matFile(compressed(liar))).message).toMatch(/cut short/);
  });

  it('sums what several variables inflate to', () => {
    const file = matFile(...['a', 'b', 'c'].map((name) => compressed(zeros(1, name))));
    expect(refusal(file, { inflatedBytes: 2.5 * 2 ** 20 }).tag).toBe('bad-input');
    expect(readMat5(file, { where, limits: { inflatedBytes: 2.5 * 2 ** 20 }, variables: ['a', 'c'] }).size).toBe(2);
    expect(listMat5(file, { where, limits: { inflatedBytes: 0 } }).length).toBe(3);
  });

  it('refuses cells nested deeper than the limit, be it 100,000 levels', () => {
    const header = cell([1, 1], []).subarray(8);
    const depth = 100_000;
    const levels = Array.from({ length: depth }, (_, level) => [int32s(mi.matrix, (depth - level) * 48 - 8), header]);
    const deep = Buffer.concat(levels.flat());
    expect(deep.length).toBe(depth * 48);
    expect(refusal(matFile(deep)).message).toMatch(/nested too deep.* \.\.\. /);
    expect(refusal(matFile(compressed(deep))).message).toMatch(/nested too deep/);
  });

  it('reads cells nested as deep as the limit', () => {
    let value = doubles([1, 1], [1]);
    for (let level = 0; level < 32; level += 1) value = cell([1, 1], [value], level === 31 ? 'c' : '');
    expect(readMat5(matFile(value), { where }).size).toBe(1);
    expect(refusal(matFile(value), { depth: 31 }).tag).toBe('bad-input');
  });

  it.each([
    [
      'numbers',
      matrix({
        mx: mx.double,
        dims: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1],
        name: 'x',
        body: [element(mi.double, Buffer.alloc(8))],
      }),
    ],
    [
      'numbers that wrap to one in 32 bits',
      matrix({ mx: mx.uint8, dims: [65537, 65535, 1], name: 'x', body: [element(mi.uint8, Buffer.alloc(1))] }),
    ],
    ['cells', cell([100_000, 20_000], [doubles([1, 1], [1])], 'x')],
    [
      'structs',
      matrix({
        mx: mx.struct,
        dims: [2 ** 30, 2],
        name: 'x',
        body: [element(mi.int32, int32s(8)), element(mi.int8, Buffer.alloc(8, 'a'))],
      }),
    ],
    [
      'characters',
      matrix({ mx: mx.char, dims: [2 ** 30, 4], name: 'x', body: [element(mi.uint8, Buffer.from('abc'))] }),
    ],
    ['a negative size', matrix({ mx: mx.double, dims: [-1, 5], name: 'x', body: [] })],
  ])('refuses dimensions that promise more %s than there are', (_, variable) => {
    const before = process.memoryUsage().rss;
    expect(refusal(matFile(variable)).tag).toBe('bad-format');
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 2 ** 20);
  });

  it('takes structs without fields in any number, for they hold nothing', () => {
    const body = [element(mi.int32, int32s(8)), element(mi.int8, Buffer.alloc(0))];
    const file = matFile(matrix({ mx: mx.struct, dims: [2 ** 30, 2 ** 30], name: 'x', body }));
    expect(readMat5(file, { where }).get('x')).toMatchObject({ type: 'struct', fields: new Map() });
  });

  it('refuses more values, fields, dimensions and longer names than the limits', () => {
    const empties = Buffer.concat(Array.from({ length: 2000 }, () => int32s(mi.matrix, 0)));
    expect(refusal(matFile(cell([2000, 1], [empties], 'c')), { values: 1000 }).message).toMatch(/limit values/);
    const names = Array.from({ length: 5000 }, (_, index) => `f${index}`);
    expect(refusal(matFile(struct(names, [], 's'))).message).toMatch(/limit fields/);
    expect(refusal(matFile(doubles(new Array<number>(33).fill(1), [1], 'x'))).message).toMatch(/limit dimensions/);
    expect(refusal(matFile(doubles([1, 1], [1], 'x'.repeat(300)))).message).toMatch(/limit nameBytes/);
    expect(refusal(matFile(compressed(doubles([1, 1], [1], 'x'.repeat(300))))).message).toMatch(/limit nameBytes/);
    expect(refusal(matFile(text), { textBytes: 3 }).message).toMatch(/limit textBytes/);
  });

  it.each([
    ['two variables of one name', [doubles([1, 1], [1], 'x'), doubles([1, 1], [2], 'x')], /one name/],
    ['a field name used twice', [struct(['a', 'a'], [], 's')], /used twice/],
    ['a variable that is no array', [element(mi.double, Buffer.alloc(8))], /Not a variable: got data type 9/],
    [
      'a compressed variable within a compressed one',
      [compressed(compressed(doubles([1, 1], [1], 'x')))],
      /hold no array: got data type 15/,
    ],
    [
      'bytes after the end of an array',
      [matrix({ mx: mx.double, name: 'x', body: [element(mi.uint8, Uint8Array.of(1)), Buffer.alloc(8)] })],
      /after the end/,
    ],
    ['an unknown class', [matrix({ mx: 99, name: 'x' })], /Unknown class/],
    [
      'field names that do not divide',
      [matrix({ mx: mx.struct, name: 's', body: [element(mi.int32, int32s(3)), element(mi.int8, Buffer.alloc(8))] })],
      /do not divide/,
    ],
    [
      'text that is not UTF-8',
      [matrix({ mx: mx.char, name: 't', body: [element(16, Uint8Array.of(0xff))] })],
      /not UTF-8/,
    ],
    [
      'text that is not UTF-32',
      [matrix({ mx: mx.char, name: 't', body: [element(18, int32s(0x7fffffff))] })],
      /not UTF-32/,
    ],
  ])('refuses %s', (_, variables, message) => {
    const error = refusal(matFile(...variables));
    expect(error.message).toMatch(message);
    expect(isMeaError(error, 'bad-format')).toBe(true);
  });
});
