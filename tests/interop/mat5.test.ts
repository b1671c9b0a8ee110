import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { readMat5 } from '../../src/recording/mat5/read-mat5.js';
import type { MatValue } from '../../src/recording/mat5/mat-value.js';
import { writeNpy } from '../../src/recording/npy.js';
import { readResponseFile } from '../../src/recording/response-file.js';
import { describeWithDebianTool, octave, pythonWithScipy, runTool } from '../helpers/debian-tool.js';
import { digestTable, fileDigest } from './response-digest.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meactl-interop-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function script(name: string): string {
  return join(import.meta.dirname, name);
}

function read(name: string): ReadonlyMap<string, MatValue> {
  const path = join(folder, name);
  return readMat5(readFileSync(path), { where: path });
}

/** A value as write_mat_files.py describes it: numbers as text, for JSON has no NaN. */
function describeValue(value: MatValue): unknown {
  switch (value.type) {
    case 'numeric':
      return {
        type: 'numeric',
        dims: value.dims,
        isLogical: value.isLogical,
        data: Array.from(value.data),
        ...(value.imaginary === undefined ? {} : { imaginary: Array.from(value.imaginary) }),
      };
    case 'cell':
      return { type: 'cell', dims: value.dims, cells: value.cells.map(describeValue) };
    case 'struct':
      return {
        type: 'struct',
        dims: value.dims,
        fields: Array.from(value.fields, ([name, values]) => [name, values.map(describeValue)]),
      };
    case 'char':
      // scipy counts code points
      return { type: 'char', dims: value.dims, text: value.text };
    case 'unsupported':
      return value;
  }
}

/** Python's `nan`, `inf` and decimals, as numbers; keys `data` and `imaginary` hold them. */
function reviveNumbers(key: string, value: unknown): unknown {
  if (key !== 'data' && key !== 'imaginary') return value;
  return z
    .array(z.string())
    .parse(value)
    .map((text) => Number(text.replace('nan', 'NaN').replace('inf', 'Infinity')));
}

describeWithDebianTool('files written by scipy', pythonWithScipy, () => {
  let expected: Record<string, unknown> = {};
  beforeAll(() => {
    runTool(pythonWithScipy, [script('write_mat_files.py'), folder]);
    const text = readFileSync(join(folder, 'expected.json'), 'utf8');
    expected = z.record(z.string(), z.unknown()).parse(JSON.parse(text, reviveNumbers));
  });

  it.each(['plain.mat', 'compressed.mat'])(
    'hold in %s what scipy put there: every class, shape and nesting',
    (name) => {
      const values = read(name);
      const described = Object.fromEntries(Array.from(values, ([key, value]) => [key, describeValue(value)]));
      expect(Object.keys(described).length).toBeGreaterThan(25);
      expect(described).toEqual(expected);
    },
  );

  it('keep their classes', () => {
    const classes = Array.from(read('compressed.mat'), ([name, value]) => [
      name,
      value.type === 'numeric' ? value.classOf : '',
    ]);
    const named = classes.filter(([name]) => /^[men]_u?int|m_single|m_double/.test(name ?? ''));
    expect(named.length).toBe(22);
    for (const [name, classOf] of named) expect(classOf).toBe(name?.slice(2));
  });

  it('hold a sparse array that is left alone', () => {
    const values = read('sparse.mat');
    expect(values.get('sparse')).toEqual({ type: 'unsupported', classOf: 'sparse', dims: [3, 3] });
    expect(values.get('x')).toMatchObject({ data: Float64Array.of(1) });
  });

  it('are refused as of version 4 where they are', () => {
    expect(() => read('level4.mat')).toThrow(/version 4.*-v7/);
  });

  it('give the responses that scipy reads', async () => {
    for (const name of ['plain.mat', 'compressed.mat']) {
      const path = join(folder, name);
      const theirs = fileDigest.parse(JSON.parse(runTool(pythonWithScipy, [script('describe_responses.py'), path])));
      const ours = await readResponseFile(path);
      expect({ variable: ours.variable, cultures: ours.tables.map(digestTable) }).toEqual(theirs);
    }
  });
});

describeWithDebianTool('.npy files of ours', pythonWithScipy, () => {
  it('load in numpy with the same type, shape, order and values', async () => {
    const data = Float64Array.from({ length: 24 }, (_, index) => Math.sin(index) / 3);
    data.set([NaN, Infinity, -Infinity, -0, 5e-324], 3);
    const shapes = { scalar: [], vector: [24], matrix: [4, 6], cube: [2, 3, 4], empty: [0, 5] };
    for (const [name, shape] of Object.entries(shapes)) {
      const size = shape.reduce((product, length) => product * length, 1);
      await writeNpy(join(folder, `${name}.npy`), { shape, data: data.subarray(0, size) });
    }
    const program = [
      'import json, sys, numpy as np',
      'a = np.load(sys.argv[1], allow_pickle=False)',
      'print(json.dumps([a.dtype.str, list(a.shape), bool(a.flags.c_contiguous), a.tobytes().hex()]))',
    ].join('\n');
    for (const [name, shape] of Object.entries(shapes)) {
      const size = shape.reduce((product, length) => product * length, 1);
      const loaded: unknown = JSON.parse(runTool(pythonWithScipy, ['-c', program, join(folder, `${name}.npy`)]));
      expect(loaded).toEqual(['<f8', shape, true, Buffer.from(data.buffer, 0, size * 8).toString('hex')]);
    }
  });
});

describeWithDebianTool('files written by Octave', octave, () => {
  const program = (path: string, version: string): string =>
    `x = [1.5 NaN; -3 4]; small = [1 2 3]; i = int16([-5; 7]); b = [true false]; t = ['abc'; 'def']; e = []; z = 1 + 2i;
     n = reshape(uint8(1:8), 2, 2, 2); sp = sparse(eye(2)); c = {1, 'two'; {3}, []}; st = struct('a', {1, 2, 3}); u = uint64(7);
     data_test = {struct('s', repmat([0 1; 1 0], 128, 1), 'o', logical(repmat([0 1; 1 1], 128, 1)), 'r', uint8(reshape(mod(0:767, 7), 256, 3)))};
     save('${version}', '${path}', 'x', 'small', 'i', 'b', 't', 'e', 'z', 'n', 'sp', 'c', 'st', 'u', 'data_test');`;

  it.each(['-v6', '-v7'])('are read when saved with %s', async (version) => {
    const name = `octave${version}.mat`;
    runTool(octave, ['--eval', program(join(folder, name), version)]);
    const values = read(name);
    const numbers = (key: string): unknown => {
      const value = values.get(key);
      return value?.type === 'numeric' ? [value.classOf, value.dims, Array.from(value.data)] : value;
    };
    expect(numbers('x')).toEqual(['double', [2, 2], [1.5, -3, NaN, 4]]);
    expect(numbers('small')).toEqual(['double', [1, 3], [1, 2, 3]]);
    expect(numbers('i')).toEqual(['int16', [2, 1], [-5, 7]]);
    expect(numbers('n')).toEqual(['uint8', [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]]);
    expect(numbers('e')).toEqual(['double', [0, 0], []]);
    expect(numbers('u')).toEqual(['uint64', [1, 1], [7]]);
    expect(values.get('b')).toMatchObject({ isLogical: true, dims: [1, 2] });
    expect(values.get('z')).toMatchObject({ dims: [1, 1] });
    expect(values.get('t')).toEqual({ type: 'char', dims: [2, 3], text: 'adbecf' });
    expect(values.get('sp')).toEqual({ type: 'unsupported', classOf: 'sparse', dims: [2, 2] });
    expect(values.get('c')).toMatchObject({
      type: 'cell',
      dims: [2, 2],
      cells: [{}, { type: 'cell' }, { text: 'two' }, {}],
    });
    expect(values.get('st')).toMatchObject({ type: 'struct', dims: [1, 3] });
    const { tables } = await readResponseFile(join(folder, name));
    expect(tables.map(({ sessions, counts }) => [sessions, counts[3], counts[765]])).toEqual([[1, 1, 255 % 7]]);
  });

  it('are read when compressed in spite of a text that declares four bytes too many', () => {
    const path = join(folder, 'short-text.mat');
    runTool(octave, ['--eval', `t = ['ab'; 'cd']; x = 1; save('-v7', '${path}', 't', 'x');`]);
    const values = read('short-text.mat');
    expect(values.get('t')).toEqual({ type: 'char', dims: [2, 2], text: 'acbd' });
    expect(values.get('x')).toMatchObject({ dims: [1, 1] });
  });
});
