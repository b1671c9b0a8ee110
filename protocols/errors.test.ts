import { describe, expect, it } from 'vitest';

import { isMeaError, MeaError, type ErrorDetails } from './errors.js';

const WHAT = 'Bad header';

describe('the message of an error', () => {
  const cases: readonly (readonly [string, ErrorDetails])[] = [
    ['Bad header', { what: WHAT }],
    ['Bad header: got 3', { what: WHAT, got: '3' }],
    ['Bad header: expected 1', { what: WHAT, wanted: '1' }],
    ['Bad header: got 3, expected 1', { what: WHAT, got: '3', wanted: '1' }],
    ['Bad header (a.mat, byte 124)', { what: WHAT, where: 'a.mat, byte 124' }],
    ['Bad header; save it with -v7', { what: WHAT, remedy: 'save it with -v7' }],
    [
      'Bad header: got version 3, expected 1 (a.mat, byte 124); save it with -v7',
      { what: WHAT, got: 'version 3', wanted: '1', where: 'a.mat, byte 124', remedy: 'save it with -v7' },
    ],
  ];
  it.each(cases)('says what happened, got, wanted, where and remedy: %s', (message, details) => {
    const error = new MeaError('bad-format', details);
    expect(error.message).toBe(message);
    expect(String(error)).toBe(`MeaError: ${message}`);
    expect(error.details).toEqual(details);
  });

  it('keeps its tag and its cause', () => {
    const cause = new Error('disk');
    const error = new MeaError('storage', { what: WHAT }, { cause });
    expect(error).toBeInstanceOf(Error);
    expect([error.tag, error.cause, error.name]).toEqual(['storage', cause, 'MeaError']);
    expect(new MeaError('usage', { what: WHAT }).cause).toBeUndefined();
  });
});

describe('the guard of errors', () => {
  it('knows our errors, and their tags', () => {
    const error: unknown = new MeaError('missing', { what: 'No such file' });
    expect(isMeaError(error)).toBe(true);
    expect(isMeaError(error, 'missing')).toBe(true);
    expect(isMeaError(error, 'exists')).toBe(false);
  });

  it.each([new Error('No such file'), { tag: 'missing', message: 'No such file' }, 'missing', null, undefined])(
    'knows that %s is none of ours',
    (other) => {
      expect(isMeaError(other)).toBe(false);
      expect(isMeaError(other, 'missing')).toBe(false);
    },
  );
});
