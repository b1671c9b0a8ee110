import { describe, expect, it } from 'vitest';

import { chooseEnsembles, jaccardIndex, preferredSource, sourcePreferences } from './ensembles.js';
import { createSessionStatistics, type SessionStatistics } from './session-statistics.js';

/** One session of one electrode: for each state the number of trials and the sum of counts, from state 0 on. */
type Session = readonly (readonly [trials: number, sum: number])[];

function statisticsOf(sessions: readonly Session[]): SessionStatistics {
  const states = sessions[0]!.length;
  const statistics = createSessionStatistics({ sessions: sessions.length, states, electrodes: 1 });
  sessions.forEach((session, t) => {
    session.forEach(([trials, sum], state) => {
      statistics.trials[t * states + state] = trials;
      statistics.sums[t * states + state] = sum;
    });
  });
  return statistics;
}

/** A session of two sources with trials of a single source only: 01 and then 10. */
function twoSources(only2: readonly [number, number], only1: readonly [number, number]): Session {
  return [[0, 0], only2, only1, [0, 0]];
}

function choose(sessions: readonly Session[]): readonly (readonly number[])[] {
  return chooseEnsembles(statisticsOf(sessions), { first: 0, end: sessions.length });
}

const NONE = [[], []];
const FIRST = [[0], []];
const SECOND = [[], [0]];

describe('the choice of ensembles', () => {
  it('wants a mean count above 1, not 1', () => {
    // 4 spikes in 4 trials, preference 2; then 5 in 4
    expect(choose([twoSources([2, 0], [2, 4])])).toEqual(NONE);
    expect(choose([twoSources([2, 0], [2, 5])])).toEqual(FIRST);
  });

  it('takes the mean over sessions, not over trials', () => {
    // session means 3 of 2 trials and 0.5 of 20: mean 1.75, though 16 spikes in 22 trials
    expect(choose([twoSources([1, 0], [1, 6]), twoSources([10, 0], [10, 10])])).toEqual(FIRST);
  });

  it('wants every session mean above 0.1, not 0.1', () => {
    const busy = twoSources([5, 0], [5, 30]);
    expect(choose([busy, twoSources([5, 0], [5, 1])])).toEqual(NONE);
    expect(choose([busy, twoSources([5, 0], [5, 2])])).toEqual(FIRST);
  });

  it('wants a preference above 0.5, not 0.5, and treats both sources alike', () => {
    // means 2 and 1.5: 0.5 apart; 2 and 1: 1 apart
    expect(choose([twoSources([2, 3], [2, 4])])).toEqual(NONE);
    expect(choose([twoSources([2, 4], [2, 3])])).toEqual(NONE);
    expect(choose([twoSources([2, 2], [2, 4])])).toEqual(FIRST);
    expect(choose([twoSources([2, 4], [2, 2])])).toEqual(SECOND);
  });

  it('follows the rule that it is given', () => {
    const statistics = statisticsOf([twoSources([2, 3], [2, 4])]);
    const rule = { minMeanCount: 1, minSessionMeanCount: 0.1, minPreference: 0.4 };
    expect(chooseEnsembles(statistics, { first: 0, end: 1 }, rule)).toEqual(FIRST);
  });

  it('looks at the given sessions alone', () => {
    const statistics = statisticsOf([
      twoSources([2, 8], [2, 2]),
      twoSources([2, 2], [2, 8]),
      twoSources([2, 0], [2, 0]),
    ]);
    expect(chooseEnsembles(statistics, { first: 0, end: 1 })).toEqual(SECOND);
    expect(chooseEnsembles(statistics, { first: 1, end: 2 })).toEqual(FIRST);
    expect(chooseEnsembles(statistics, { first: 1, end: 3 })).toEqual(NONE);
  });

  it('with three sources takes the largest preference: the own mean less the mean of the others', () => {
    const session = (only1: number, only2: number, only3: number): Session => {
      const states = new Array<readonly [number, number]>(8).fill([0, 0]);
      states[4] = [1, only1];
      states[2] = [1, only2];
      states[1] = [1, only3];
      return states;
    };
    const preferences = sourcePreferences(statisticsOf([session(4, 2, 0)]), 0, { first: 0, end: 1 });
    // 4 - (2 + 0) / 2, 2 - (4 + 0) / 2, 0 - (4 + 2) / 2
    expect(Array.from(preferences)).toEqual([3, 0, -3]);
    expect(choose([session(4, 2, 0)])).toEqual([[0], [], []]);
    expect(choose([session(4, 6, 5)])).toEqual([[], [0], []]);
    expect(choose([session(4, 4, 9)])).toEqual([[], [], [0]]);
    expect(choose([session(4, 4, 4)])).toEqual([[], [], []]);
    expect(preferredSource(statisticsOf([session(1, 2, 9)]), 0, { first: 0, end: 1 })).toEqual({
      source: 2,
      preference: 7.5,
    });
  });

  it('leaves out of the preference a session that lacks a state with one source on', () => {
    const lacking = twoSources([0, 0], [4, 400]);
    const statistics = statisticsOf([twoSources([2, 2], [2, 4]), lacking]);
    expect(preferredSource(statistics, 0, { first: 0, end: 2 })).toEqual({ source: 0, preference: 1 });
    expect(choose([twoSources([2, 4], [2, 2]), lacking])).toEqual(SECOND);
  });

  it('chooses nothing where no session can tell', () => {
    expect(choose([twoSources([0, 0], [4, 400]), twoSources([0, 0], [4, 400])])).toEqual(NONE);
  });
});

describe('the overlap of two ensembles', () => {
  it.each([
    [[1, 2, 3], [2, 3, 4, 5], 0.4],
    [[1, 2], [2, 1], 1],
    [[1], [2], 0],
    [[1], [], 0],
    [[], [], 1],
  ])('of %j and %j is %d', (a, b, wanted) => {
    expect(jaccardIndex(a, b)).toBe(wanted);
  });
});
