import { describe, expect, it } from 'vitest';
import { MeaError, isMeaError } from './errors.js';
import { fromWireError, toWireError } from './wire-error.js';

describe('an error that crosses between threads', () => {
  it('keeps its tag, its fields, its message, its stack and its causes', () => {
    const cause = new MeaError('link', { what: 'gone', where: 'tcp://here' });
    const error = new MeaError('bad-input', { what: 'Bad', got: 'NaN', wanted: '1', remedy: 'mend it' }, { cause });
    const back = fromWireError(structuredClone(toWireError(error)));
    expect(isMeaError(back, 'bad-input')).toBe(true);
    expect(back).toMatchObject({ tag: error.tag, details: error.details, message: error.message, stack: error.stack });
    expect(back.cause).toMatchObject({ tag: 'link', details: cause.details });
  });

  it('becomes internal when it is not ours, or none at all', () => {
    const back = fromWireError(structuredClone(toWireError(new TypeError('x is not a function'))));
    expect(back).toMatchObject({ tag: 'internal', details: { what: 'TypeError: x is not a function' } });
    expect(fromWireError(toWireError('text'))).toMatchObject({ tag: 'internal', message: 'text' });
  });

  it('ends a chain of causes that has no end', () => {
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    let depth = 0;
    for (let next: unknown = fromWireError(toWireError(error)); next instanceof Error; next = next.cause) depth += 1;
    expect(depth).toBe(5);
  });
});
