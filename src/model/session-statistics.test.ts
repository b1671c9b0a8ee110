import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { addCounts, conditionalMean, createSessionStatistics, sessionMean } from './session-statistics.js';

describe('session statistics', () => {
  it('give session means and means by state of every electrode', () => {
    const statistics = createSessionStatistics({ sessions: 2, states: 4, electrodes: 2 });
    const counts = Uint16Array.from([9, 9, 4, 1, 2, 3, 6, 5]);
    addCounts(statistics, { session: 1, state: 2, counts, offset: 2 }); // 4, 1
    addCounts(statistics, { session: 1, state: 2, counts, offset: 4 }); // 2, 3
    addCounts(statistics, { session: 1, state: 0, counts, offset: 6 }); // 6, 5
    expect(conditionalMean(statistics, { session: 1, state: 2, electrode: 0 })).toBe(3);
    expect(conditionalMean(statistics, { session: 1, state: 2, electrode: 1 })).toBe(2);
    expect(conditionalMean(statistics, { session: 1, state: 3, electrode: 0 })).toBeNaN();
    // over trials, not over states: (4 + 2 + 6) / 3
    expect(sessionMean(statistics, 1, 0)).toBe(4);
    expect(sessionMean(statistics, 1, 1)).toBe(3);
    expect(sessionMean(statistics, 0, 0)).toBe(0);
  });

  it.each([1, 3, 4, 7, 8, 9, 15, 16, 64, 65])('add up like a plain loop for %d electrodes', (electrodes) => {
    const random = openRandomStream(1, 'counts', electrodes);
    const counts = Uint16Array.from({ length: 10 * electrodes }, () => random.integer(30));
    const statistics = createSessionStatistics({ sessions: 1, states: 2, electrodes });
    const sums = new Array<number>(2 * electrodes).fill(0);
    for (let trial = 0; trial < 10; trial++) {
      const state = trial % 2;
      addCounts(statistics, { session: 0, state, counts, offset: trial * electrodes });
      for (let e = 0; e < electrodes; e++) sums[state * electrodes + e]! += counts[trial * electrodes + e]!;
    }
    expect(Array.from(statistics.sums)).toEqual(sums);
    expect(Array.from(statistics.trials)).toEqual([5, 5]);
  });
});
