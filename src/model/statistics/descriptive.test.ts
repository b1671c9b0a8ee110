import { describe, expect, it } from 'vitest';

import { mean, median, quantile, sampleVariance } from './descriptive.js';
import { normalCdf, normalQuantile } from './normal-distribution.js';
import { midranks } from './ranks.js';

const VALUES = [3, 1, 4, 1.5, 9.2, 6];

describe('descriptive statistics', () => {
  it('take the variance with divisor n - 1', () => {
    expect(sampleVariance(VALUES)).toBeCloseTo(9.441666666666666, 14); // numpy.var(ddof=1)
    expect(sampleVariance([1e9 + 1, 1e9 + 2, 1e9 + 3])).toBe(1);
  });

  it('interpolate quantiles as numpy does, without reordering what they were given', () => {
    const probabilities = [0, 0.1, 0.25, 0.5, 0.9, 1];
    const known = [1, 1.25, 1.875, 3.5, 7.6, 9.2]; // numpy.quantile
    probabilities.forEach((p, i) => {
      expect(quantile(VALUES, p)).toBeCloseTo(known[i]!, 14);
    });
    expect(median(VALUES)).toBe(3.5);
    expect(VALUES[0]).toBe(3);
  });

  it('refuse to summarise nothing', () => {
    expect(() => mean([])).toThrow(/Too few values for a mean: got 0, expected at least 1/);
    expect(() => sampleVariance([1])).toThrow(/at least 2/);
    expect(() => quantile([1], 1.5)).toThrow(/probability/);
  });
});

describe('midranks', () => {
  it('share the mean of the places that tie', () => {
    expect([...midranks([10, 20, 10, 5, 20, 20])]).toEqual([2.5, 5, 2.5, 1, 5, 5]);
  });
});

describe('normal distribution', () => {
  // scipy.stats.norm 1.10.1
  it.each([
    [-8, 6.22096057427174e-16],
    [-5, 2.866515718791933e-7],
    [-4.001, 3.153767893352071e-5],
    [-3.999, 3.180534005420198e-5],
    [-1.96, 0.024997895148220435],
    [-0.3, 0.3820885778110474],
    [0, 0.5],
    [1, 0.8413447460685429],
    [4.5, 0.9999966023268753],
  ])('has its cumulative probability at %d', (z, known) => {
    expect(Math.abs(normalCdf(z) / known - 1)).toBeLessThan(1e-10);
    expect(Math.abs(normalCdf(z) - known)).toBeLessThan(2e-15);
  });

  it.each([
    [1e-10, -6.361340902404056],
    [0.001, -3.090232306167813],
    [0.025, -1.9599639845400545],
    [0.84, 0.994457883209753],
    [0.9999, 3.719016485455709],
  ])('has its quantile of %d', (p, known) => {
    expect(normalQuantile(p)).toBeCloseTo(known, 10);
  });

  it('has its quantiles in order at the middle and the ends', () => {
    expect(normalQuantile(0.5)).toBeCloseTo(0, 15);
    expect(normalQuantile(0)).toBe(-Infinity);
    expect(normalQuantile(1)).toBe(Infinity);
  });
});
