import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { parseImpedances } from './impedance-table.js';

const HEADER = 'electrode,ohm,measured_at';
const ROW = '3,120000,2026-11-20T10:00:00Z';

function errorOf(text: string): string {
  try {
    parseImpedances(text, 'dir/z.csv');
  } catch (error) {
    if (isMeaError(error, 'bad-input')) return error.message;
    throw error;
  }
  throw new Error('no mistake found');
}

describe('a table of impedances', () => {
  it('gives each electrode its impedance and the time of it', () => {
    expect(parseImpedances(`${HEADER}\n${ROW}\n0,1e5,2026-11-20T11:00:00+09:00\n`, 'z.csv')).toEqual([
      { electrode: 3, ohm: 120_000, measuredAt: '2026-11-20T10:00:00Z' },
      { electrode: 0, ohm: 100_000, measuredAt: '2026-11-20T11:00:00+09:00' },
    ]);
  });

  it('may come from another system, with other columns beside and in another order', () => {
    const text = '\uFEFFohm, phase,measured_at,electrode\r\n5000,-70,2026-11-20T10:00:00Z,1\r\n\r\n';
    expect(parseImpedances(text, 'z.csv')).toEqual([{ electrode: 1, ohm: 5000, measuredAt: '2026-11-20T10:00:00Z' }]);
  });

  it.each([
    ['empty', '', /lacks its header: got nothing, expected electrode,ohm,measured_at \(dir\/z\.csv, line 1\)/],
    ['without a header', ROW, /lacks its header: got 3,120000/],
    ['a header alone', `${HEADER}\n`, /is empty: got no rows/],
    ['with an electrode twice', `${HEADER}\n${ROW}\n${ROW}`, /got electrode 3 in lines 2 and 3/],
    ['with too few values', `${HEADER}\n3,100`, /got 2 values, expected 3 \(dir\/z\.csv, line 2\)/],
    ['with an electrode that is none', `${HEADER}\nA1,5,2026-11-20T10:00:00Z`, /Bad electrode .*got A1/],
    ['with an impedance of 0', `${HEADER}\n3,0,2026-11-20T10:00:00Z`, /Bad ohm .*got 0, expected a number above 0/],
    ['with an impedance that is none', `${HEADER}\n3,,2026-11-20T10:00:00Z`, /Bad ohm .*got nothing/],
    ['with a time without zone', `${HEADER}\n3,5,2026-11-20T10:00:00`, /Bad measured_at .*ISO 8601 with its zone/],
  ])('that is %s is refused, with its line', (_, text, message) => {
    expect(errorOf(text)).toMatch(message);
  });
});
