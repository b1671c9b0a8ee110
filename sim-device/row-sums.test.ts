import { describe, expect, it } from 'vitest';

import { writeRowSum, writeWeightedRowSum } from './row-sums.js';

describe('sums of rows', () => {
  it.each([0, 1, 3, 4, 5, 8, 11])('are right for %i rows', (rows) => {
    const columns = 5;
    const matrix = Float64Array.from({ length: 11 * columns }, (_, k) => k * k + 1);
    const weights = Float64Array.from({ length: rows }, (_, j) => j - 2);
    const list = Uint16Array.from({ length: 11 }, (_, j) => (j * 7) % 11);
    const out = new Float64Array(columns).fill(99);
    writeWeightedRowSum(matrix.subarray(0, rows * columns), weights, out);
    const sumOf = (e: number, factor: (j: number) => number, rowOf: (j: number) => number): number =>
      Array.from({ length: rows }, (_, j) => factor(j) * matrix[rowOf(j) * columns + e]!).reduce((a, b) => a + b, 0);
    expect([...out]).toEqual(
      [0, 1, 2, 3, 4].map((e) =>
        sumOf(
          e,
          (j) => j - 2,
          (j) => j,
        ),
      ),
    );
    writeRowSum(matrix, { list, count: rows }, out);
    expect([...out]).toEqual(
      [0, 1, 2, 3, 4].map((e) =>
        sumOf(
          e,
          () => 1,
          (j) => list[j]!,
        ),
      ),
    );
  });
});
