/**
 * out_e = sum_j weights_j matrix_je. Four rows are taken at a time, so that `out` is read and written a quarter as
 * often; the order of summation is fixed, and with it every bit of the result.
 *
 * @param matrix (rows, columns) row-major
 * @param weights (rows)
 * @param out (columns) written
 */
export function writeWeightedRowSum(matrix: Float64Array, weights: Float64Array, out: Float64Array): void {
  const columns = out.length;
  const rows = weights.length;
  const whole = rows - (rows % 4);
  out.fill(0);
  for (let j = 0; j < whole; j += 4) {
    const a = weights[j]!;
    const b = weights[j + 1]!;
    const c = weights[j + 2]!;
    const d = weights[j + 3]!;
    const row = j * columns;
    for (let e = 0; e < columns; e++) {
      const at = row + e;
      out[e]! +=
        a * matrix[at]! + b * matrix[at + columns]! + (c * matrix[at + 2 * columns]! + d * matrix[at + 3 * columns]!);
    }
  }
  for (let j = whole; j < rows; j++) {
    const row = j * columns;
    for (let e = 0; e < columns; e++) out[e]! += weights[j]! * matrix[row + e]!;
  }
}

/**
 * out_e = sum over the listed rows of matrix_je, four rows at a time.
 *
 * @param matrix (rows, columns) row-major
 * @param rows which rows: the first `count` values of `list`
 * @param out (columns) written
 */
export function writeRowSum(
  matrix: Float64Array,
  rows: { readonly list: Uint16Array; readonly count: number },
  out: Float64Array,
): void {
  const columns = out.length;
  const { list, count } = rows;
  const whole = count - (count % 4);
  out.fill(0);
  for (let k = 0; k < whole; k += 4) {
    const a = list[k]! * columns;
    const b = list[k + 1]! * columns;
    const c = list[k + 2]! * columns;
    const d = list[k + 3]! * columns;
    for (let e = 0; e < columns; e++) {
      out[e]! += matrix[a + e]! + matrix[b + e]! + (matrix[c + e]! + matrix[d + e]!);
    }
  }
  for (let k = whole; k < count; k++) {
    const row = list[k]! * columns;
    for (let e = 0; e < columns; e++) out[e]! += matrix[row + e]!;
  }
}
