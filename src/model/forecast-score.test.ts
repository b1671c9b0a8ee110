import { describe, expect, it } from 'vitest';
import type { ForecastBand } from './forecast-band.js';
import { insideBand, judgeCoverage, scoreForecast, scoreSessions } from './forecast-score.js';

const BAND: ForecastBand = {
  method: 'selectivity-1',
  level: 0.9,
  draws: 10,
  isKnownAhead: true,
  published: {
    centre: [
      [0.5, 0.6, 0.7],
      [0.5, 0.5, 0.5],
    ],
    low: [
      [0.4, 0.5, 0.6],
      [0.4, 0.4, 0.4],
    ],
    high: [
      [0.6, 0.7, 0.8],
      [0.6, 0.6, 0.6],
    ],
  },
  empirical: {
    centre: [
      [0.2, 0.2, 0.2],
      [0.5, 0.5, 0.5],
    ],
    low: [
      [0.1, 0, -0.1],
      [0.4, 0.4, 0.4],
    ],
    high: [
      [0.3, 0.4, 0.5],
      [0.6, 0.6, 0.6],
    ],
  },
  initialMean: [0.1, 0.4],
};

describe('the score of a forecast', () => {
  it('counts values inside, edges included, over ensembles and sessions so far', () => {
    const score = scoreSessions(BAND, [
      [0.2, 0.4],
      [0.6, 0.7],
    ]);
    expect(score.selectivity).toEqual([0.4, 0.7]);
    expect(score.published).toMatchObject({ inside: [false, false], insideSoFar: 1, scored: 4 });
    expect(score.empirical).toMatchObject({ inside: [true, false], insideSoFar: 3, scored: 4 });
    expect(score.empirical.error).toBeCloseTo((0 + 0.04 + 0.01 + 0.04) / 4, 12);
    expect(score.published.error).toBeCloseTo((0.09 + 0.04 + 0.01 + 0.04) / 4, 12);
    expect(score.initialMeanError).toBeCloseTo((0.01 + 0.09 + 0.04 + 0.09) / 4, 12);
  });

  it('leaves out what a session cannot tell', () => {
    const score = scoreSessions(BAND, [[Number.NaN], [0.5]]);
    expect(score.selectivity).toEqual([null, 0.5]);
    expect(score.empirical).toEqual({ inside: [null, true], insideSoFar: 1, scored: 1, error: 0 });
    const nothing = scoreSessions(BAND, [[Number.NaN], [Number.NaN]]);
    expect(nothing.published).toEqual({ inside: [null, null], insideSoFar: 0, scored: 0, error: null });
    expect(nothing.initialMeanError).toBeNull();
    expect(insideBand(BAND.empirical, [[Number.NaN], [0]])).toEqual([[undefined], [false]]);
  });

  it('shortens the bands to the sessions that came', () => {
    const scored = scoreForecast(BAND, { initial: [[0], [0]], later: [[0.2], [0.5]] });
    expect(scored.band.empirical.low).toEqual([[0.1], [0.4]]);
    expect(scored.band.published.centre).toEqual([[0.5], [0.5]]);
    expect(scored.score.empirical.insideSoFar).toBe(2);
  });

  it.each([
    [84, 'fewer'],
    [85, 'as many'],
    [95, 'as many'],
    [96, 'more'],
  ] as const)('calls %i of 100 inside %s than nine tenths', (insideSoFar, word) => {
    expect(judgeCoverage({ inside: [], insideSoFar, scored: 100, error: null }, 0.9)).toBe(word);
  });

  it('does not judge nothing', () => {
    expect(judgeCoverage({ inside: [], insideSoFar: 0, scored: 0, error: null }, 0.9)).toBeUndefined();
  });
});
