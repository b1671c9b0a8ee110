import { describe, expect, it } from 'vitest';

import { isInterruption } from './ledger.js';

describe('the records of a stop and its mending', () => {
  it('are told from those of the experiment', () => {
    expect(isInterruption({ type: 'interrupted', session: 0, trial: 3 })).toBe(true);
    expect(isInterruption({ type: 'resumed', session: 0, trial: 3 })).toBe(true);
    expect(isInterruption({ type: 'rest', session: 0, seconds: 244 })).toBe(false);
    expect(isInterruption({ type: 'experiment-ended', trials: 12 })).toBe(false);
  });
});
