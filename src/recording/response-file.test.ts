import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMeaError, MeaError } from '../../protocols/errors.js';
import { assertResponseTable } from '../../protocols/responses.js';
import {
  bytesArray,
  cell,
  compressed,
  doubles,
  element,
  matFile,
  matrix,
  mi,
  mx,
  struct,
} from '../../tests/helpers/mat-bytes.js';
import { readResponseFile, type ReadResponseFileOptions, type ResponseFile } from './response-file.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meactl-responses-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

let files = 0;
async function read(bytes: Uint8Array, options: ReadResponseFileOptions = {}): Promise<ResponseFile> {
  const path = join(folder, `file-${(files += 1)}.mat`);
  await writeFile(path, bytes);
  return readResponseFile(path, { trialsPerSession: 2, ...options });
}

async function refusal(bytes: Uint8Array, options?: ReadResponseFileOptions): Promise<MeaError> {
  const error: unknown = await read(bytes, options).catch((reason: unknown) => reason);
  if (error instanceof MeaError) return error;
  throw new Error('no MeaError', { cause: error });
}

/** Two sessions of two trials, 2 sources, 2 inputs, 3 electrodes; the numbers are column-major, as in MATLAB. */
const good = {
  s: bytesArray([4, 2], [0, 1, 0, 1, 0, 0, 1, 1]),
  o: bytesArray([4, 2], [1, 1, 0, 0, 1, 0, 1, 0]),
  r: bytesArray([4, 3], [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]),
};
const fields = ['s', 'o', 'r'] as const;

function culture(changes: Partial<typeof good> = {}): Buffer {
  return struct(fields, [fields.map((field) => ({ ...good, ...changes })[field])]);
}

function inCell(...cultures: readonly Uint8Array[]): Buffer {
  return matFile(compressed(cell([1, cultures.length], cultures, 'data_bic')));
}

const table = {
  sessions: 2,
  trialsPerSession: 2,
  sourceCount: 2,
  inputCount: 2,
  electrodeCount: 3,
  sources: Uint8Array.of(0, 0, 1, 0, 0, 1, 1, 1),
  inputs: Uint8Array.of(1, 1, 1, 0, 0, 1, 0, 0),
  counts: Uint16Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
};

describe('readResponseFile', () => {
  it('turns a cell of structs into one row-major table per culture', async () => {
    const file = await read(inCell(culture(), culture()));
    expect(file).toEqual({ variable: 'data_bic', tables: [table, table] });
    assertResponseTable(file.tables[0]!, 'test');
  });

  it('reads a single struct and an array of structs', async () => {
    const elements = fields.map((field) => good[field]);
    const single = await read(matFile(struct(fields, [elements], 'one')));
    expect(single).toEqual({ variable: 'one', tables: [table] });
    const several = await read(matFile(struct(fields, [elements, elements, elements], 'many')));
    expect(several).toEqual({ variable: 'many', tables: [table, table, table] });
  });

  it('reads numbers of any class, and fields in any order', async () => {
    const asDoubles = {
      r: doubles([4, 3], [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]),
      o: matrix({
        mx: mx.uint8,
        flags: 0x0200,
        dims: [4, 2],
        body: [element(mi.uint8, Uint8Array.of(1, 1, 0, 0, 1, 0, 1, 0))],
      }),
      s: matrix({ mx: mx.int8, dims: [4, 2], body: [element(mi.int8, Uint8Array.of(0, 1, 0, 1, 0, 0, 1, 1))] }),
    };
    const names = ['r', 'extra', 'o', 's'];
    const shuffled = struct(names, [[asDoubles.r, doubles([0, 0], []), asDoubles.o, asDoubles.s]]);
    expect((await read(inCell(shuffled))).tables).toEqual([table]);
  });

  it('reads many trials the same whichever way they fall into tiles', async () => {
    const rows = 514;
    const values = Array.from({ length: rows * 3 }, (_, index) => (index * 7) % 251);
    const r = bytesArray([rows, 3], values);
    const binary = bytesArray([rows, 1], new Uint8Array(rows));
    const { tables } = await read(inCell(culture({ s: binary, o: binary, r })));
    const expected = Array.from({ length: rows * 3 }, (_, to) => values[(to % 3) * rows + Math.floor(to / 3)]);
    expect(Array.from(tables[0]!.counts)).toEqual(expected);
    expect(tables[0]!.sessions).toBe(257);
  });

  it('takes cultures of different sizes', async () => {
    const short = { s: bytesArray([2, 1], [0, 1]), o: bytesArray([2, 1], [0, 1]), r: bytesArray([2, 1], [0, 255]) };
    const { tables } = await read(inCell(culture(), culture(short)));
    expect(tables.map(({ sessions, electrodeCount }) => [sessions, electrodeCount])).toEqual([
      [2, 3],
      [1, 1],
    ]);
  });

  it('keeps counts up to 65535', async () => {
    const r = doubles([4, 1], [0, 1, 256, 65535]);
    expect((await read(inCell(culture({ r })))).tables[0]!.counts).toEqual(Uint16Array.of(0, 1, 256, 65535));
  });

  it('finds the responses among other variables, and by name', async () => {
    const other = cell([1, 1], [doubles([1, 1], [1])], 'notes');
    const named = (name: string): Buffer => cell([1, 1], [culture()], name);
    expect((await read(matFile(other, doubles([1, 1], [1], 'x'), named('data')))).variable).toBe('data');
    const both = matFile(named('first'), named('second'));
    expect((await refusal(both)).message).toMatch(/More than one variable holds responses: got first, second/);
    expect((await read(both, { variable: 'second' })).variable).toBe('second');
    expect((await refusal(both, { variable: 'third' })).tag).toBe('missing');
  });
});

describe('readResponseFile on what is not a file of responses', () => {
  it('says that a file is missing, or is a folder', async () => {
    await expect(readResponseFile(join(folder, 'none.mat'))).rejects.toThrow(/No such file \(.*none\.mat\)/);
    await expect(readResponseFile(join(folder, 'none.mat'))).rejects.toSatisfy((error) => isMeaError(error, 'missing'));
    await expect(readResponseFile(folder)).rejects.toThrow(/Not a file: got a folder/);
    await expect(readResponseFile('/dev/null')).rejects.toThrow(/a device or pipe/);
    await expect(readResponseFile('a\0b')).rejects.toSatisfy((error) => isMeaError(error, 'bad-input'));
  });

  it('refuses an empty file, a text, and a file beyond the limits', async () => {
    expect((await refusal(Buffer.alloc(0))).message).toMatch(/empty/);
    expect((await refusal(Buffer.from('s,o,r\n'))).tag).toBe('bad-format');
    expect((await refusal(inCell(culture()), { limits: { inflatedBytes: 100 } })).message).toMatch(/too large/);
    expect((await refusal(inCell(culture()), { limits: { values: 3 } })).message).toMatch(/limit values/);
  });

  it('refuses a file cut at any byte', async () => {
    const whole = inCell(culture());
    const tags = new Set<string>();
    for (let length = 0; length < whole.length; length += 1) tags.add((await refusal(whole.subarray(0, length))).tag);
    // cut right after the header, nothing is left but a file without variables
    expect(Array.from(tags).sort()).toEqual(['bad-format', 'missing']);
  });

  it('refuses a number of trials per session that is none', async () => {
    for (const trialsPerSession of [0, -1, 1.5, NaN]) {
      expect((await refusal(inCell(culture()), { trialsPerSession })).tag).toBe('bad-input');
    }
  });

  it.each([
    ['no variables', matFile(), 'missing', /got no variables/],
    ['no cell or struct', matFile(doubles([2, 2], [1, 2, 3, 4], 'x')), 'missing', /got "x" \(double 2 x 2\)/],
    ['a struct without the fields', matFile(struct(['a'], [[doubles([1, 1], [1])]], 'p')), 'missing', /No responses/],
    ['no cultures in a cell', matFile(cell([0, 0], [], 'data_bic')), 'bad-input', /No cultures: got data_bic is empty/],
    [
      'no cultures in a struct',
      matFile(
        matrix({
          mx: mx.struct,
          dims: [0, 0],
          name: 'd',
          body: [element(mi.int32, Uint8Array.of(1, 0, 0, 0)), element(mi.int8, Buffer.from('sor'))],
        }),
      ),
      'bad-input',
      /d is empty/,
    ],
  ] as const)('refuses a file with %s', async (...[, bytes, tag, message]) => {
    const error = await refusal(bytes);
    expect(error.tag).toBe(tag);
    expect(error.message).toMatch(message);
  });
});

describe('readResponseFile on faulty responses names culture, field and place', () => {
  const withCounts = (values: readonly number[]): Buffer => culture({ r: doubles([4, 1], values) });
  it.each([
    [
      'a missing field',
      struct(['s', 'o'], [[good.s, good.o]]),
      /Field r is missing: got "s", "o", expected s, o and r \(.*culture 1\)/,
    ],
    ['a cell that is no struct', doubles([1, 1], [1]), /not a single struct.*culture 1/],
    [
      'two structs in one cell',
      struct(fields, [fields.map((f) => good[f]), fields.map((f) => good[f])]),
      /not a single struct/,
    ],
    [
      'text',
      culture({ o: matrix({ mx: mx.char, body: [element(mi.uint8, Buffer.from('a'))] }) }),
      /Field o is not an array of numbers: got char/,
    ],
    [
      'a sparse array',
      culture({ s: matrix({ mx: mx.sparse, dims: [4, 2] }) }),
      /Field s is not an array of numbers: got sparse/,
    ],
    [
      'complex numbers',
      culture({
        r: matrix({
          mx: mx.double,
          flags: 0x800,
          dims: [4, 1],
          body: [0, 1].map(() => element(mi.uint8, Buffer.alloc(4))),
        }),
      }),
      /got complex/,
    ],
    ['an empty array', culture({ r: doubles([0, 0], []) }), /Field r .*got 0 x 0/],
    ['three dimensions', culture({ r: bytesArray([4, 1, 1], [1, 2, 3, 4]) }), /Field r .*got 4 x 1 x 1/],
    [
      'one trial less in r',
      culture({ r: bytesArray([3, 1], [1, 2, 3]) }),
      /differ in their numbers of trials: got s 4 x 2, o 4 x 2, r 3 x 1/,
    ],
    ['r transposed', culture({ r: bytesArray([3, 4], new Uint8Array(12)) }), /r is transposed: .*save r'/],
    [
      'all transposed',
      culture({
        s: bytesArray([2, 8], new Uint8Array(16)),
        o: bytesArray([3, 8], new Uint8Array(24)),
        r: bytesArray([5, 8], new Uint8Array(40)),
      }),
      /s, o, r are transposed/,
    ],
    [
      'an odd number of trials',
      culture({ s: bytesArray([3, 1], [0, 0, 0]), o: bytesArray([3, 1], [0, 0, 0]), r: bytesArray([3, 1], [0, 0, 0]) }),
      /got 3 trials, expected a multiple of 2/,
    ],
    [
      'a source of 2',
      culture({ s: bytesArray([4, 2], [0, 1, 0, 1, 0, 0, 2, 1]) }),
      /Field s must be binary: got 2, expected 0 or 1 \(.*culture 1, session 1, trial 0, column 1\)/,
    ],
    ['a stimulus of one half', culture({ o: doubles([4, 1], [0, 0.5, 0, 1]) }), /Field o must be binary: got 0.5/],
    [
      'a stimulus of NaN',
      culture({ o: doubles([4, 1], [0, 0, 0, NaN]) }),
      /Field o must be binary: got NaN.*session 1, trial 1, column 0/,
    ],
    [
      'a count of NaN',
      withCounts([1, NaN, 3, 4]),
      /Field r must hold spike counts: got NaN.*session 0, trial 1, column 0/,
    ],
    ['a negative count', withCounts([1, 2, -3, 4]), /got -3, expected an integer from 0 to 65535/],
    ['a fractional count', withCounts([1, 2, 3, 4.5]), /got 4.5/],
    ['a count above 65535', withCounts([65536, 2, 3, 4]), /got 65536/],
    ['an infinite count', withCounts([Infinity, 2, 3, 4]), /got Infinity/],
  ] as const)('for %s', async (...[, faulty, message]) => {
    const error = await refusal(inCell(culture(), faulty));
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/file-\d+\.mat, data_bic, culture 1/);
    expect(error.tag).toBe('bad-input');
  });
});
