/**
 * Fits a cubic by least squares, the plain way: float64, a basis made orthogonal over the very samples (modified
 * Gram-Schmidt). The yardstick for the sums of moments, which are faster by far.
 *
 * @returns (samples) the fit's values at the samples
 */
export function fitCubic(values: ArrayLike<number>): Float64Array {
  const count = values.length;
  const middle = (count - 1) / 2;
  const basis: Float64Array[] = [];
  const fit = new Float64Array(count);
  for (let power = 0; power <= 3; power++) {
    const column = Float64Array.from({ length: count }, (_, i) => ((i - middle) / middle) ** power);
    for (const other of basis) {
      const share = dot(column, other);
      for (let i = 0; i < count; i++) column[i]! -= share * other[i]!;
    }
    const length = Math.sqrt(dot(column, column));
    const unit = column.map((value) => value / length);
    basis.push(unit);
    const share = dot(values, unit);
    for (let i = 0; i < count; i++) fit[i]! += share * unit[i]!;
  }
  return fit;
}

/**
 * What local cubics over 2N + 1 samples leave of a stretch without blanks, as Wagenaar & Potter (2002) define it: at
 * the middle of its own window each, but the first and the last N samples by the first and the last window.
 *
 * @returns (samples) in the units of the values
 */
export function subtractLocalCubics(values: Float64Array, halfWindow: number): Float64Array {
  const last = values.length - 1 - halfWindow;
  return values.map((value, n) => {
    const centre = Math.min(Math.max(n, halfWindow), last);
    const window = values.subarray(centre - halfWindow, centre + halfWindow + 1);
    return value - fitCubic(window)[n - centre + halfWindow]!;
  });
}

function dot(a: ArrayLike<number>, b: Float64Array): number {
  return b.reduce((sum, value, i) => sum + value * a[i]!, 0);
}
