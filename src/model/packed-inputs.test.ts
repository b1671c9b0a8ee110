import { describe, expect, it } from 'vitest';

import { CODE_VALUES, codeGroups, foldCodes, packInputs, unfoldCodes } from './packed-inputs.js';

describe('packed inputs', () => {
  it('hold four inputs in a code, the first in the lowest bit, the last code filled with zeros', () => {
    const inputs = Uint8Array.from([
      ...[1, 1, 1, 1, 1, 1], // left out: before the first row
      ...[1, 0, 0, 0, 0, 1], // 0001, 10
      ...[0, 1, 1, 1, 1, 0], // 1110, 01
    ]);
    expect(Array.from(packInputs(inputs, { first: 1, end: 3, width: 6 }))).toEqual([1, 2, 14, 1]);
    const whole = Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1]);
    expect(Array.from(packInputs(whole, { first: 0, end: 1, width: 8 }))).toEqual([8, 8]);
  });

  it.each([
    [1, 1],
    [4, 1],
    [5, 2],
    [32, 8],
    [33, 9],
  ])('take for %d inputs %d codes', (inputs, groups) => {
    expect(codeGroups(inputs)).toBe(groups);
  });

  it('fold values per input into sums per code', () => {
    const tables = new Float64Array(2 * CODE_VALUES).fill(Number.NaN);
    foldCodes(Float64Array.from([1, 10, 100, 1000, 7]), tables, 5);
    expect(tables[0b0000]).toBe(0);
    expect(tables[0b0101]).toBe(101);
    expect(tables[0b1111]).toBe(1111);
    expect(tables[CODE_VALUES + 0b0001]).toBe(7);
    // bits that belong to no input add nothing
    expect(tables[CODE_VALUES + 0b1111]).toBe(7);
  });

  it('unfold sums per code into sums per input', () => {
    const byCode = new Float64Array(2 * CODE_VALUES);
    byCode[0b0011] = 2;
    byCode[0b1010] = 0.5;
    byCode[CODE_VALUES + 0b0001] = 4;
    const out = new Float64Array(5).fill(Number.NaN);
    unfoldCodes(byCode, out, 5);
    expect(Array.from(out)).toEqual([2, 2.5, 0, 0.5, 4]);
  });
});
