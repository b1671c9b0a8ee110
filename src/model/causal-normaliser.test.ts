import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { largestDifference } from '../../tests/helpers/arrays.js';
import { calibrateCausal, createStateMeans, normaliseSession, normaliseTrial, shiftFrom } from './causal-normaliser.js';
import { normalisePublished, traceMeans } from './published-normaliser.js';

const SESSIONS = 8;
const TRIALS = 24;
const OPTIONS = { trialsPerSession: TRIALS, initialSessions: 3, stateCount: 4, baseline: 2 };

function traceOf(states: Uint8Array, seed = 1): Float64Array {
  const random = openRandomStream(seed, 'trace');
  return Float64Array.from(states, (state, row) => 2 * state + 0.2 * Math.floor(row / TRIALS) + random.normal());
}

function normaliseAll(trace: Float64Array, states: Uint8Array): Float64Array {
  const scale = calibrateCausal(trace, states, OPTIONS);
  const out = new Float64Array(trace.length);
  for (let first = 0; first < trace.length; first += TRIALS) {
    normaliseSession(scale, { trace, states, first, end: first + TRIALS }, out);
  }
  return out;
}

describe('the causal normalisation', () => {
  const periodic = Uint8Array.from({ length: SESSIONS * TRIALS }, (_, row) => row % 4);
  const uneven = Uint8Array.from({ length: SESSIONS * TRIALS }, (_, row) => (row % (5 + Math.floor(row / TRIALS))) % 4);

  it('equals the published one but for sigma, where every session shows each state equally often', () => {
    const trace = traceOf(periodic);
    const x = normaliseAll(trace, periodic);
    const initial = trace.slice(0, 3 * TRIALS);
    const states = periodic.subarray(0, 3 * TRIALS);
    const means = traceMeans(initial, states, OPTIONS);
    normalisePublished(initial, states, { ...OPTIONS, means });
    expect(largestDifference(x.subarray(0, 3 * TRIALS), initial)).toBeLessThan(1e-13);
  });

  it('looks at the initial sessions alone, and at the running one', () => {
    const trace = traceOf(uneven);
    const changed = trace.map((value, row) => (row < 5 * TRIALS ? value : 100 + 9 * value));
    const [a, b] = [normaliseAll(trace, uneven), normaliseAll(changed, uneven)];
    expect(largestDifference(a.subarray(0, 5 * TRIALS), b.subarray(0, 5 * TRIALS))).toBe(0);
    expect(calibrateCausal(changed, uneven, OPTIONS)).toEqual(calibrateCausal(trace, uneven, OPTIONS));
  });

  it('is moved neither by the mix of states that a session shows nor by a rise of all its counts', () => {
    // noise in the initial sessions only; later counts follow from the state, and session 7 has 3 more of each
    const random = openRandomStream(2, 'noise');
    const trace = Float64Array.from(uneven, (state, row) => {
      return 2 * state + (row < 3 * TRIALS ? random.normal() : row >= 7 * TRIALS ? 3 : 0);
    });
    const x = normaliseAll(trace, uneven);
    const sessionsOf = (state: number): number[] =>
      [5, 6, 7].map((t) => x[uneven.findIndex((shown, row) => row >= t * TRIALS && shown === state)]!);
    const shares = [5, 6, 7].map((t) => uneven.subarray(t * TRIALS, (t + 1) * TRIALS).filter((s) => s === 0).length);
    expect(new Set(shares).size).toBeGreaterThan(1);
    for (const state of [0, 1, 2, 3]) {
      const [a, b, c] = sessionsOf(state);
      expect(Math.max(Math.abs(a! - b!), Math.abs(a! - c!))).toBeLessThan(1e-13);
    }
  });

  it('weighs the means of the states that both sessions have seen by their shares of the first session', () => {
    const scale = { firstByState: Float64Array.from([1, 2, 3, 4]), shares: Float64Array.from([0.5, 0.25, 0.25, 0]) };
    const means = createStateMeans(4);
    means.sums.set([6, 0, 12, 100]);
    means.trials.set([2, 0, 3, 1]);
    // state 0: 3 - 1, state 2: 4 - 3; state 1 not seen now, state 3 not in the first session
    expect(shiftFrom(scale, means)).toBeCloseTo((0.5 * 2 + 0.25 * 1) / 0.75, 15);
    expect(shiftFrom(scale, createStateMeans(4))).toBe(0);
  });

  it('takes a state that the first session lacks from the other initial sessions, and one never shown from the mean', () => {
    const states = uneven.map((state, row) =>
      row < TRIALS && state === 3 ? 0 : row < 3 * TRIALS && state === 2 ? 1 : state,
    );
    const trace = traceOf(states);
    const scale = calibrateCausal(trace, states, OPTIONS);
    const inCalibration = Array.from(trace.subarray(0, 3 * TRIALS)).filter((_, row) => states[row] === 3);
    expect(inCalibration.length).toBeGreaterThan(3);
    expect(scale.firstByState[3]).toBeCloseTo(inCalibration.reduce((sum, v) => sum + v, 0) / inCalibration.length, 13);
    expect(scale.firstByState[2]).toBeNaN();
    expect(scale.sigma).toBeGreaterThan(0);
    const never = normaliseTrial(scale, { count: scale.firstMean, state: 2, shift: 0 });
    expect(never).toBeCloseTo(Math.min(1, Math.max(0, 0.5 - scale.grandMean / 2 / scale.sigma + scale.offset)), 13);
    expect(normaliseAll(trace, states).every((x) => x >= 0 && x <= 1)).toBe(true);
  });
});
