import { describe, expect, it } from 'vitest';

import { tableOfTrials, type HandmadeTrial } from '../../tests/helpers/response-tables.js';
import { followSelectivity } from './selectivity-course.js';

function trial(sources: readonly number[], ...counts: readonly number[]): HandmadeTrial {
  return { sources, inputs: sources, counts };
}

describe('the course of selectivity', () => {
  it('chooses electrodes on the 1st, 3rd, ... trials and scores them on the 2nd, 4th, ...', () => {
    const table = tableOfTrials(6, [
      trial([1, 0], 9, 0), // odd: electrode 0 prefers source 1, electrode 1 source 2
      trial([1, 0], 2, 1),
      trial([0, 1], 1, 9),
      trial([0, 1], 3, 5),
      trial([1, 1], 7, 7),
      trial([1, 0], 4, 3),
    ]);
    const course = followSelectivity(table, 1);
    expect(course.ensembles).toEqual([[0], [1]]);
    expect(course.electrodes).toEqual([
      // even trials: (2 + 4) / 2 with the own source, 3 with the other
      { electrode: 0, ensemble: 0, own: new Float64Array([3]), other: new Float64Array([3]) },
      // own source 2: 5; other: (1 + 3) / 2
      { electrode: 1, ensemble: 1, own: new Float64Array([5]), other: new Float64Array([2]) },
    ]);
  });

  it('has odd and even trials in every session, whatever the number of trials', () => {
    // three trials a session: the first trial of session 2 is odd again, so its count of 50 is never scored
    const table = tableOfTrials(3, [
      trial([1, 0], 9),
      trial([1, 0], 4),
      trial([0, 1], 1),
      trial([1, 0], 50),
      trial([1, 0], 5),
      trial([0, 1], 1),
    ]);
    const [electrode] = followSelectivity(table, 1).electrodes;
    expect(Array.from(electrode!.own)).toEqual([4, 5]);
    // no even trial with the other source alone
    expect(Array.from(electrode!.other)).toEqual([Number.NaN, Number.NaN]);
  });

  it('chooses on the initial sessions only', () => {
    const early = [trial([1, 0], 9), trial([1, 0], 9), trial([0, 1], 1), trial([0, 1], 1)];
    const late = [trial([1, 0], 1), trial([1, 0], 1), trial([0, 1], 99), trial([0, 1], 99)];
    const course = followSelectivity(tableOfTrials(4, [...early, ...late]), 1);
    expect(course.ensembles).toEqual([[0], []]);
    expect(Array.from(course.electrodes[0]!.other)).toEqual([1, 99]);
  });

  it('averages over the other sources with three of them', () => {
    const odd = [trial([1, 0, 0], 9), trial([0, 1, 0], 0), trial([0, 0, 1], 0)];
    const even = [trial([1, 0, 0], 6), trial([0, 1, 0], 1), trial([0, 0, 1], 4)];
    const course = followSelectivity(
      tableOfTrials(
        6,
        [0, 1, 2].flatMap((i) => [odd[i]!, even[i]!]),
      ),
      1,
    );
    expect(course.ensembles).toEqual([[0], [], []]);
    expect(course.electrodes[0]).toMatchObject({ own: new Float64Array([6]), other: new Float64Array([2.5]) });
  });
});
