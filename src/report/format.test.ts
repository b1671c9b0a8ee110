import { describe, expect, it } from 'vitest';
import { formatFixed, formatNats, formatNumber, formatShare, listInWords } from './format.js';

describe('formatNumber', () => {
  it('keeps three significant digits and all of the integer part', () => {
    expect([0.1724, 5.1, 244.13, 1234.5, 0.00061].map((value) => formatNumber(value))).toEqual([
      '0.172',
      '5.10',
      '244',
      '1235',
      '0.000610',
    ]);
  });

  it('writes a true minus, groups thousands from ten thousand on, and powers of ten for tiny numbers', () => {
    expect(formatNumber(-0.5)).toBe('−0.500');
    expect(formatNumber(11463.4)).toBe('11,463');
    expect(formatNumber(2.94e-12)).toBe('2.9 × 10⁻¹²');
    expect(formatNumber(0)).toBe('0');
  });

  it('writes a dash where there is no finite number', () => {
    expect([Number.NaN, Number.POSITIVE_INFINITY, undefined].map((value) => formatNumber(value))).toEqual([
      '–',
      '–',
      '–',
    ]);
  });
});

describe('formatFixed and its kin', () => {
  it('keeps the decimal places and never writes a negative zero', () => {
    expect([1.005, -0.001, -2, 123456.78].map((value) => formatFixed(value, 2))).toEqual([
      '1.00',
      '0.00',
      '−2.00',
      '123,456.78',
    ]);
  });

  it('gives units, and a bare dash without a number', () => {
    expect(formatShare(0.54)).toBe('54 %');
    expect(formatNats(-3.14)).toBe('−3.1 nats');
    expect([formatShare(Number.NaN), formatNats(undefined)]).toEqual(['–', '–']);
  });

  it('lists in words', () => {
    expect([listInWords([]), listInWords([1]), listInWords([1, 2]), listInWords(['a', 'b', 'c'])]).toEqual([
      '',
      '1',
      '1 and 2',
      'a, b and c',
    ]);
  });
});
