import { expect, it } from 'vitest';
import { fitQuantileLine, pickQuantile } from './quantile-line.js';

const WIDE = { slopeSd: 1, spread: 1e-3 };

it('finds the line on which all points lie', () => {
  const x = Float64Array.from({ length: 50 }, (_, i) => i);
  const y = x.map((value) => 3 - 0.25 * value);
  const line = fitQuantileLine(x, y, { quantile: 0.5, ...WIDE });
  expect(line.slope).toBeCloseTo(-0.25, 5);
  expect(line.intercept).toBeCloseTo(3, 3);
});

it('is not drawn by points far off', () => {
  const x = Float64Array.from({ length: 50 }, (_, i) => i);
  const y = x.map((value, i) => (i % 7 === 3 ? 1e6 : 2 + 0.5 * value));
  expect(fitQuantileLine(x, y, { quantile: 0.5, ...WIDE }).slope).toBeCloseTo(0.5, 5);
});

it('leaves the asked share of points below it', () => {
  const x = Float64Array.from({ length: 200 }, (_, i) => i);
  const y = x.map((value, i) => 0.1 * value + ((i * 37) % 200) / 200);
  const { slope, intercept } = fitQuantileLine(x, y, { quantile: 0.05, ...WIDE });
  const below = y.filter((value, i) => value < intercept + slope * x[i]! - 1e-9);
  expect(below.length).toBeGreaterThanOrEqual(8);
  expect(below.length).toBeLessThanOrEqual(11);
});

it('keeps a slope that the points cannot tell near 0', () => {
  const line = fitQuantileLine(Float64Array.of(0, 1), Float64Array.of(0, 5), {
    quantile: 0.5,
    slopeSd: 1e-5,
    spread: 5,
  });
  expect(Math.abs(line.slope)).toBeLessThan(4e-5);
});

it('picks quantiles of few values', () => {
  expect(pickQuantile(Float64Array.of(4), 0.99)).toBe(4);
  expect(pickQuantile(Float64Array.of(1, 2, 3, 4), 0.5)).toBe(3);
  expect(pickQuantile(Float64Array.of(1, 2, 3, 4), 1)).toBe(4);
});
