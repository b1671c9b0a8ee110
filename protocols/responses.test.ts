import { describe, expect, it } from 'vitest';

import { isMeaError } from './errors.js';
import { assertResponseTable, rowCount, type ResponseTable } from './responses.js';

/** Two sessions of three trials, two sources, four inputs, five electrodes. */
const TABLE: ResponseTable = {
  sessions: 2,
  trialsPerSession: 3,
  sourceCount: 2,
  inputCount: 4,
  electrodeCount: 5,
  sources: new Uint8Array(12).fill(1),
  inputs: new Uint8Array(24).fill(1),
  counts: new Uint16Array(30).fill(900),
};

function messageOf(table: ResponseTable): string {
  try {
    assertResponseTable(table, 'a.mat, culture 1');
  } catch (error) {
    expect(isMeaError(error, 'bad-input')).toBe(true);
    return error instanceof Error ? error.message : '';
  }
  return 'none';
}

describe('the check of a response table', () => {
  it('lets a table pass whose arrays fit', () => {
    expect(messageOf(TABLE)).toBe('none');
    expect(rowCount(TABLE)).toBe(6);
    expect(
      messageOf({
        ...TABLE,
        sessions: 0,
        sources: new Uint8Array(),
        inputs: new Uint8Array(),
        counts: new Uint16Array(),
      }),
    ).toBe('none');
  });

  it.each([
    ['sources', { sources: new Uint8Array(11) }, '11, expected 6 trials x 2 = 12'],
    ['inputs', { inputs: new Uint8Array(25) }, '25, expected 6 trials x 4 = 24'],
    ['counts', { counts: new Uint16Array(0) }, '0, expected 6 trials x 5 = 30'],
  ] as const)('names the array of the wrong length: %s', (field, change, text) => {
    expect(messageOf({ ...TABLE, ...change })).toBe(
      `Wrong number of values in ${field}: got ${text} (a.mat, culture 1)`,
    );
  });

  it('names the first array that does not fit', () => {
    expect(messageOf({ ...TABLE, sessions: 3 })).toMatch(
      /^Wrong number of values in sources: got 12, expected 9 trials/,
    );
  });

  it.each([
    ['sources', { sources: TABLE.sources.with(7, 2) }, 'got 2, expected 0 or 1 (a.mat, culture 1, trial 3, column 1)'],
    [
      'inputs',
      { inputs: TABLE.inputs.with(23, 255) },
      'got 255, expected 0 or 1 (a.mat, culture 1, trial 5, column 3)',
    ],
  ] as const)('names the value that is neither 0 nor 1: %s', (field, change, text) => {
    expect(messageOf({ ...TABLE, ...change })).toBe(`${field} must be binary: ${text}`);
  });
});
