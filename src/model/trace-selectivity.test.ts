import { describe, expect, it } from 'vitest';

import { tracePreference, traceSelectivity } from './trace-selectivity.js';

const DESIGN = { sessions: 2, trialsPerSession: 4, initialSessions: 1, sourceCount: 2, inputsPerBlock: 1, mixing: 0 };
const STATES = Uint8Array.from([2, 1, 3, 0, 2, 2, 1, 1]);
const TRACES = Float64Array.from([
  ...[5, 2, 9, 1, 8, 6, 1, 3], // ensemble 1
  ...[1, 4, 7, 0, 2, 4, 3, 5], // ensemble 2
]);

describe('selectivity of traces', () => {
  it('is the own source on less the own source off, mean over ensembles', () => {
    // session 1: (5 + 9) / 2 - (2 + 1) / 2 and (4 + 7) / 2 - (1 + 0) / 2
    expect(traceSelectivity(TRACES, STATES, { design: DESIGN, first: 0, end: 1 })).toBe((5.5 + 5) / 2);
    // trials count, not sessions: (5 + 9 + 8 + 6) / 4 - (2 + 1 + 1 + 3) / 4 and (4 + 7 + 3 + 5) / 4 - (1 + 0 + 2 + 4) / 4
    expect(traceSelectivity(TRACES, STATES, { design: DESIGN, first: 0, end: 2 })).toBe((5.25 + 3) / 2);
  });

  it('is not a number where a source never goes on', () => {
    expect(traceSelectivity(TRACES, new Uint8Array(8), { design: DESIGN, first: 0, end: 2 })).toBeNaN();
  });
});

describe('preference of traces', () => {
  it('is the own source alone less the other alone, mean over ensembles', () => {
    // session 1: 5 - 2 and 4 - 1; session 2: 7 - 2 and 4 - 3
    expect(tracePreference(TRACES, STATES, { design: DESIGN, first: 0, end: 1 })).toBe(3);
    expect(tracePreference(TRACES, STATES, { design: DESIGN, first: 1, end: 2 })).toBe(3);
    // trials count, not sessions: (5 + 8 + 6) / 3 - (2 + 1 + 3) / 3 and (4 + 3 + 5) / 3 - (1 + 2 + 4) / 3
    const both = tracePreference(TRACES, STATES, { design: DESIGN, first: 0, end: 2 });
    expect(both).toBeCloseTo((13 + 5) / 3 / 2, 14);
  });

  it('is not a number where no trial shows one source alone', () => {
    expect(tracePreference(TRACES, new Uint8Array(8).fill(3), { design: DESIGN, first: 0, end: 2 })).toBeNaN();
  });
});
