import { describe, expect, test } from 'vitest';
import { studentCdf, studentQuantile } from './student-t.js';

// Values of scipy.stats.t 1.10 (ppf and cdf), kept here as golden numbers.
const QUANTILES = [
  [0.975, 1, 12.706204736174694],
  [0.975, 4.3, 2.7016948982822235],
  [0.975, 30, 2.0422724563012373],
  [0.9, 2, 1.8856180831641267],
] as const;

describe('Student t', () => {
  test.each(QUANTILES)('has the %f quantile of %f degrees of freedom at %f', (probability, freedom, expected) => {
    expect(studentQuantile(probability, freedom)).toBeCloseTo(expected, 6);
    expect(studentQuantile(1 - probability, freedom)).toBeCloseTo(-expected, 6);
  });

  test('is symmetric and inverts its own quantile', () => {
    expect(studentCdf(0, 7)).toBeCloseTo(0.5, 14);
    for (const p of [0.001, 0.2, 0.7, 0.999]) expect(studentCdf(studentQuantile(p, 11.5), 11.5)).toBeCloseTo(p, 12);
  });
});
