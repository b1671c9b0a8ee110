import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { baselineOffset, normalisePublished, toUnitResponse, traceMeans } from './published-normaliser.js';

const SIZES = { trialsPerSession: 4, stateCount: 4 };

describe('the means of a trace', () => {
  it('are those of each session, and of the first session by state', () => {
    const { bySession, firstByState } = traceMeans(
      Float64Array.from([1, 3, 5, 7, 10, 10, 10, 30]),
      Uint8Array.from([0, 1, 1, 2, 0, 1, 1, 2]),
      SIZES,
    );
    expect(Array.from(bySession)).toEqual([4, 15]);
    expect(Array.from(firstByState.subarray(0, 3))).toEqual([1, 4, 7]);
    expect(firstByState[3]).toBeNaN();
  });

  it('take a state that the first session lacks from the first session that has it', () => {
    const { firstByState } = traceMeans(
      Float64Array.from([1, 1, 1, 1, 2, 2, 4, 8, 50, 50, 50, 50]),
      Uint8Array.from([0, 0, 1, 1, 0, 2, 2, 3, 2, 2, 3, 3]),
      SIZES,
    );
    expect(Array.from(firstByState)).toEqual([1, 1, 3, 8]);
  });
});

describe('the published normalisation', () => {
  it('is clip(1/2 + y / 2 sigma + (m(1) - B) / 4B), as written in 1.4', () => {
    const random = openRandomStream(1, 'trace');
    const [sessions, trials] = [6, 20];
    const states = Uint8Array.from({ length: sessions * trials }, (_, row) => row % 4);
    const raw = Float64Array.from(states, (state, row) => state + 0.3 * Math.floor(row / trials) + random.normal());
    const baseline = 1.7;
    const meanOf = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const session = (t: number): number[] => Array.from(raw.subarray(t * trials, (t + 1) * trials));
    const m = Array.from({ length: sessions }, (_, t) => meanOf(session(t)));
    const c = [0, 1, 2, 3].map((k) => meanOf(session(0).filter((_, i) => i % 4 === k)));
    const y = Array.from(raw, (value, row) => value - c[row % 4]! - (m[Math.floor(row / trials)]! - m[0]!));
    // equal state counts in every session: y has no mean
    expect(Math.abs(meanOf(y))).toBeLessThan(1e-15);
    const sigma = Math.sqrt(y.reduce((sum, v) => sum + v * v, 0) / (y.length - 1));

    const x = raw.slice();
    const means = traceMeans(raw, states, { trialsPerSession: trials, stateCount: 4 });
    normalisePublished(x, states, { trialsPerSession: trials, baseline, means });
    let clipped = 0;
    y.forEach((value, row) => {
      const wanted = 0.5 + value / (2 * sigma) + (m[0]! - baseline) / (4 * baseline);
      expect(Math.abs(x[row]! - Math.min(1, Math.max(0, wanted)))).toBeLessThan(1e-12);
      if (wanted < 0 || wanted > 1) clipped++;
    });
    expect(clipped).toBeGreaterThan(10);
  });

  it('centres y where sessions differ in their states', () => {
    // session 2 shows state 1 alone: y of session 1 is (0, 0), of session 2 (5, 9) - 4 - (7 - 3) = (-3, 1)
    const x = Float64Array.from([2, 4, 5, 9]);
    const states = Uint8Array.from([0, 1, 1, 1]);
    const means = traceMeans(x, states, { trialsPerSession: 2, stateCount: 2 });
    normalisePublished(x, states, { trialsPerSession: 2, baseline: 3, means });
    // mean -1/2; deviations 1/2, 1/2, -5/2, 3/2; sigma = sqrt(9 / 3); m(1) = B
    const sigma = Math.sqrt(3);
    [0.25, 0.25, -1.25, 0.75].forEach((half, row) => {
      expect(x[row]).toBeCloseTo(Math.max(0, 0.5 + half / sigma), 14);
    });
  });

  it('starts without selectivity: in the first session every state has the same mean response', () => {
    // own state 10 spikes more than the other; y is +-1, so that nothing is clipped
    const states = Uint8Array.from({ length: 40 }, (_, row) => 1 + (row % 2));
    const x = Float64Array.from(states, (state, row) => 10 * state + (row % 4 < 2 ? 1 : -1));
    const means = traceMeans(x, states, { trialsPerSession: 20, stateCount: 4 });
    normalisePublished(x, states, { trialsPerSession: 20, baseline: 15, means });
    const meanOfState = (state: number): number =>
      x.subarray(0, 20).reduce((sum, value, row) => sum + (states[row] === state ? value : 0), 0) / 10;
    expect(meanOfState(1)).toBeCloseTo(0.5, 14);
    expect(meanOfState(2)).toBeCloseTo(0.5, 14);
    expect(Math.min(...x)).toBeGreaterThan(0);
    expect(Math.max(...x) - Math.min(...x)).toBeGreaterThan(0.9);
  });

  it('gives 1/2 and the offset for a trace that never varies', () => {
    const x = new Float64Array(8).fill(3);
    const means = traceMeans(x, new Uint8Array(8), SIZES);
    normalisePublished(x, new Uint8Array(8), { trialsPerSession: 4, baseline: 2, means });
    // (3 - 2) / (4 * 2)
    expect(Array.from(x)).toEqual(new Array(8).fill(0.625));
  });
});

describe('a unit response', () => {
  it('is clipped to 0 and 1', () => {
    expect([-1, 0.25, 1.5, 9].map((y) => toUnitResponse(y, 1, 0))).toEqual([0, 0.625, 1, 1]);
    expect(toUnitResponse(0, 1, -0.7)).toBe(0);
    expect(baselineOffset(6, 2)).toBe(0.5);
  });
});
