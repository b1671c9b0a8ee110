import { describe, expect, it } from 'vitest';
import { lastWindow, meanOverWindow, nameWindow } from './session-window.js';

const sizes = { trialsPerSession: 1, sourceCount: 2, inputsPerBlock: 1, mixing: 0 };

describe('session windows', () => {
  it('end with as many sessions as calibrate, and never with one of those', () => {
    expect(lastWindow({ ...sizes, sessions: 100, initialSessions: 10 })).toEqual({ first: 90, end: 100 });
    expect(lastWindow({ ...sizes, sessions: 3, initialSessions: 2 })).toEqual({ first: 2, end: 3 });
  });

  it('are named from 1', () => {
    expect([nameWindow({ first: 90, end: 100 }), nameWindow({ first: 2, end: 3 })]).toEqual([
      'sessions 91–100',
      'session 3',
    ]);
  });

  it('average what is there', () => {
    expect(meanOverWindow([9, 1, Number.NaN, 3], { first: 1, end: 4 })).toBe(2);
    expect(meanOverWindow([Number.NaN], { first: 0, end: 1 })).toBeNaN();
  });
});
