import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { emulateResponses, tableOfTrials } from '../../tests/helpers/response-tables.js';
import { FEWEST_ELECTRODES, judgeLearning, SMALLEST_GAIN } from './verdict.js';

const SESSIONS = 20;
const INITIAL = 5;
const TRIALS = 16;

interface Cell {
  readonly session: number;
  /** Whether the trial is the 1st, 3rd, ... of its session: those choose, the others score. */
  readonly odd: boolean;
  readonly electrode: number;
  /** Whether the electrode's own source is the one that is on. */
  readonly own: boolean;
}

/**
 * Sessions of 16 trials with one source on at a time, each on four odd and four even trials. Electrode e belongs to
 * source e % 2; `countOf` says what it answers.
 */
function tableOf(electrodes: number, countOf: (cell: Cell) => number): ResponseTable {
  const rows = Array.from({ length: SESSIONS * TRIALS }, (_, row) => row);
  const trials = rows.map((row) => {
    const source = Math.floor(row / 2) % 2;
    const sources = source === 0 ? [1, 0] : [0, 1];
    const cell = { session: Math.floor(row / TRIALS), odd: row % 2 === 0 };
    const counts = Array.from({ length: electrodes }, (_, electrode) =>
      countOf({ ...cell, electrode, own: electrode % 2 === source }),
    );
    return { sources, inputs: sources, counts };
  });
  return tableOfTrials(TRIALS, trials);
}

const isLate = (session: number): boolean => session >= SESSIONS - INITIAL;

describe('the verdict', () => {
  const seeds = [1, 2, 3, 4, 5] as const;

  it.each(seeds)('is `learned` on an emulated control culture (seed %d)', (seed) => {
    const verdict = judgeLearning(emulateResponses({ seed }), 10);
    expect(verdict.answer).toBe('learned');
    expect(verdict.gainInterval[0]).toBeGreaterThan(0);
    expect(verdict.counts.gain).toBeGreaterThan(0);
    expect(verdict.reason).toMatch(
      /95 % interval of the gain in selectivity index is 0\.\d{3} to 0\.\d{3}: above what drift/,
    );
  });

  it.each(seeds.flatMap((seed) => (['apv', 'drift-only'] as const).map((condition) => ({ seed, condition }))))(
    'is never `learned` where plasticity is blocked: $condition (seed $seed)',
    ({ seed, condition }) => {
      const { answer, electrodes } = judgeLearning(emulateResponses({ seed, condition }), 10);
      expect(answer).not.toBe('learned');
      expect(Math.min(...electrodes)).toBeGreaterThanOrEqual(FEWEST_ELECTRODES);
    },
  );

  it('is `learned` where every electrode comes to prefer its own source more, and gives the figures', () => {
    // 6 against 3 at first, 9 + e against 3 in the last sessions
    const verdict = judgeLearning(
      tableOf(8, ({ own, session, electrode }) => (own ? (isLate(session) ? 9 + electrode : 6) : 3)),
      INITIAL,
    );
    expect(verdict.answer).toBe('learned');
    expect(verdict.electrodes).toEqual([4, 4]);
    expect(verdict.index.first).toBeCloseTo(1 / 3, 14);
    expect(verdict.counts).toEqual({ first: 3, last: 9.5, gain: 6.5 });
    const last = [0, 1, 2, 3, 4, 5, 6, 7].map((e) => (6 + e) / (12 + e)).reduce((sum, index) => sum + index / 8, 0);
    expect(verdict.index.last).toBeCloseTo(last, 14);
    expect(verdict.index.gain).toBeCloseTo(last - 1 / 3, 14);
    const [lower, upper] = verdict.gainInterval;
    expect((lower + upper) / 2).toBeCloseTo(last - 1 / 3, 14);
  });

  it('has the interval of Welch over electrodes', () => {
    // gains in index of the electrodes: 0, 0, 0, 0.2 and 0, 0, 0, 0.2 (10 : 10 -> 12 : 8)
    const verdict = judgeLearning(
      tableOf(8, ({ own, session, electrode }) => {
        if (electrode < 6 || !isLate(session)) return own ? 15 : 5;
        return own ? 17 : 3;
      }),
      INITIAL,
    );
    expect(verdict.index.gain).toBeCloseTo(0.05, 14);
    // each ensemble: variance 0.01, squared error of its mean 0.0025; of the mean of both 0.00125; 6 degrees of freedom
    // scipy.stats.t.ppf(0.975, 6) = 2.4469118511449692
    const half = 2.4469118511449692 * Math.sqrt(0.00125);
    expect(verdict.gainInterval[0]).toBeCloseTo(0.05 - half * verdict.commonDrift, 12);
    expect(verdict.gainInterval[1]).toBeCloseTo(0.05 + half * verdict.commonDrift, 12);
    expect(verdict.answer).toBe('cannot tell');
    expect(verdict.reason).toContain(`it holds both 0 and gains of ${SMALLEST_GAIN}`);
  });

  it('is `not` where nothing changed', () => {
    const verdict = judgeLearning(
      tableOf(8, ({ own, electrode }) => (own ? 6 + electrode : 3)),
      INITIAL,
    );
    expect(verdict.answer).toBe('not');
    expect(verdict.gainInterval).toEqual([0, 0]);
    expect(verdict.reason).toContain(`below ${SMALLEST_GAIN}`);
  });

  it('measures early learning from the first half of the initial sessions', () => {
    const verdict = judgeLearning(
      tableOf(8, ({ own, session, electrode }) => (own ? (session < 3 ? 6 : 9 + (electrode % 4)) : 3)),
      INITIAL,
    );
    expect(verdict.counts.first).toBe(3);
    expect(verdict.answer).toBe('learned');
  });

  it('cannot tell where the index rose but the preference in raw counts fell', () => {
    // in ten even steps from 90 against 30 (index 0.5) to 40 against 5 or 6 (index 0.74 to 0.78)
    const verdict = judgeLearning(
      tableOf(8, ({ own, session, electrode }) => {
        const share = Math.min(10, Math.max(0, session - 4)) / 10;
        return Math.round(own ? 90 - 50 * share : 30 - (electrode < 4 ? 25 : 24) * share);
      }),
      INITIAL,
    );
    expect(verdict.gainInterval[0]).toBeGreaterThan(0);
    expect(verdict.counts).toEqual({ first: 60, last: 34.5, gain: -25.5 });
    expect(verdict.answer).toBe('cannot tell');
    expect(verdict.reason).toContain('in raw counts the preference fell by 25.50 spikes a trial');
  });

  it('does not score the trials that it chose on: luck on odd trials is no preference', () => {
    const verdict = judgeLearning(
      tableOf(8, ({ own, odd, session }) => (odd && own ? 9 + session : 3)),
      INITIAL,
    );
    expect(verdict.electrodes).toEqual([4, 4]);
    expect(verdict.counts).toEqual({ first: 0, last: 0, gain: 0 });
    expect(verdict.index).toEqual({ first: 0, last: 0, gain: 0 });
    expect(verdict.answer).toBe('not');
  });

  it('is not moved by a gain that lifts all responses of an electrode alike', () => {
    const verdict = judgeLearning(
      tableOf(8, ({ own, session }) => (own ? 6 : 3) * (isLate(session) ? 2 : 1)),
      INITIAL,
    );
    expect(verdict.counts.gain).toBe(3);
    expect(verdict.index.gain).toBeCloseTo(0, 14);
    expect(verdict.answer).toBe('not');
  });

  it('widens its interval where electrodes drift together', () => {
    const drift = (together: boolean): number => {
      const random = openRandomStream(1, 'drift');
      const steps = Array.from({ length: SESSIONS * 8 }, () => random.integer(5));
      return judgeLearning(
        tableOf(8, ({ own, session, electrode }) => (own ? 8 + steps[session * 8 + (together ? 0 : electrode)]! : 4)),
        INITIAL,
      ).commonDrift;
    };
    expect(drift(true)).toBeCloseTo(Math.sqrt(8), 6);
    expect(drift(false)).toBeLessThan(1.5);
    expect(drift(false)).toBeGreaterThanOrEqual(1);
  });

  it('cannot tell with fewer than three electrodes in an ensemble, and says how many there are', () => {
    const learns = ({ own, session }: Cell): number => (own ? (isLate(session) ? 9 : 6) : 3);
    const verdict = judgeLearning(tableOf(5, learns), INITIAL);
    expect(verdict.answer).toBe('cannot tell');
    expect(verdict.reason).toBe('an ensemble has fewer than 3 electrodes (3 and 2)');
    expect(verdict.counts.gain).toBe(3);
    expect(judgeLearning(tableOf(6, learns), INITIAL).answer).toBe('learned');
  });

  it('cannot tell where an ensemble is empty', () => {
    const silent = judgeLearning(
      tableOf(4, () => 0),
      INITIAL,
    );
    expect(silent.answer).toBe('cannot tell');
    expect(silent.electrodes).toEqual([0, 0]);
    const oneSided = judgeLearning(
      tableOf(6, ({ own, electrode }) => (electrode % 2 === 1 ? 3 : own ? 6 : 3)),
      INITIAL,
    );
    expect(oneSided.answer).toBe('cannot tell');
    expect(oneSided.reason).toBe('an ensemble has fewer than 3 electrodes (3 and 0)');
  });

  it('takes an electrode that fell silent as one that tells nothing apart', () => {
    const verdict = judgeLearning(
      tableOf(8, ({ own, session, electrode }) => (electrode < 2 && isLate(session) ? 0 : own ? 6 : 2)),
      INITIAL,
    );
    // 6 of 8 electrodes keep (6 - 2) / 8
    expect(verdict.index).toEqual({ first: 0.5, last: 0.375, gain: -0.125 });
  });

  it('cannot tell where the last sessions never show one source alone', () => {
    const table = tableOf(8, ({ own }) => (own ? 6 : 3));
    const sources = table.sources.map((on, i) => (i / 2 >= 15 * TRIALS ? 1 : on));
    const verdict = judgeLearning({ ...table, sources }, INITIAL);
    expect(verdict.answer).toBe('cannot tell');
    expect(verdict.reason).toBe('source 1 was never on alone on an even trial of the last sessions');
  });

  it('works with three sources', () => {
    const table = emulateResponses({ seed: 2, sessions: 60, sourceCount: 3, inputsPerBlock: 10, mixing: 0 });
    const verdict = judgeLearning(table, 10);
    expect(verdict.electrodes).toHaveLength(3);
    expect(verdict.counts.first).toBeGreaterThan(1);
  });
});
