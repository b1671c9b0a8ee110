import { describe, expect, it } from 'vitest';
import type { Comparison, EnergyEvidence } from '../model/analysis.js';
import type { SelectivityBand } from '../model/forecast-band.js';
import { scoreForecast, type ScoredForecast } from '../model/forecast-score.js';
import type { EnergyCurve } from '../model/surrogates.js';
import type { Verdict } from '../model/verdict.js';
import {
  baselineWords,
  compareErrors,
  coverageWords,
  energyWords,
  errorWords,
  forecastWords,
  notFoundWords,
  phiNote,
  predictionWords,
  reasonWords,
  responseWords,
  stabilityWords,
  unlearnedWords,
  weightErrorWords,
  weightMapWords,
} from './words.js';

function comparisonOf(lastErrors: Partial<Comparison['lastErrors']>, noiseFloor?: number): Comparison {
  const errors = { published: 0.172, constantMean: 0.108, frozenWeights: 0.086, repeatMean: 0.032 };
  return {
    errors: {
      published: undefined,
      constantMean: undefined,
      frozenWeights: undefined,
      repeatMean: undefined,
      lagOneFilter: undefined,
      empirical: undefined,
    },
    lastErrors: { ...errors, lagOneFilter: 0.001, empirical: 0.032, ...lastErrors },
    noiseFloor,
    empirical: { method: 'repeat-mean', penalty: undefined },
    skill: {
      publishedAgainstMean: 0,
      publishedAgainstRepeat: 0,
      empiricalAgainstMean: 0,
      empiricalAgainstPublished: 0,
    },
    constantWeightsErrW: 0.0126,
  };
}

function curveOf(fall: number): EnergyCurve {
  return { freeEnergy: new Float64Array(), fall, selectivity: 0 };
}

function energyOf(fall: number, staticFalls: readonly number[]): EnergyEvidence {
  const mean = staticFalls.reduce((sum, value) => sum + value, 0) / staticFalls.length;
  return {
    observed: curveOf(fall),
    surrogates: {
      staticCulture: staticFalls.map(curveOf),
      reversed: curveOf(0),
      shuffled: [curveOf(0)],
      rolled: [curveOf(0)],
    },
    beatsStatic: staticFalls.every((value) => fall > value),
    staticShare: mean / fall,
  };
}

describe('words about predictions', () => {
  it('call errors within 5 % about the same', () => {
    expect([compareErrors(0.172, 0.108), compareErrors(0.1, 0.103), compareErrors(0.05, 0.2)]).toEqual([
      'worse than',
      'about as good as',
      'better than',
    ]);
    expect(compareErrors(0, 0)).toBe('about as good as');
  });

  it('say that the prediction is bad when it is', () => {
    expect(predictionWords(comparisonOf({}), { correlations: [0.458, undefined], windowName: 'sessions 91–100' })).toBe(
      'The published prediction is worse than the constant mean: mean squared error 0.172 against 0.108 in sessions 91–100. ' +
        'Observed and predicted responses correlate 0.46 in ensemble 1 and – in ensemble 2.',
    );
  });

  it('never take the lag-1 filter for the best prediction, since it looks at later responses', () => {
    const words = errorWords(comparisonOf({}, 0.012), 'sessions 91–100');
    expect(words).toContain('The smallest error is that of the repeat mean, 0.0320; the noise floor is 0.0120.');
    expect(words).toContain('worse than the same model with W frozen');
  });

  it('do without the repeat mean and the noise floor where patterns are fresh', () => {
    const words = errorWords(comparisonOf({ repeatMean: undefined, empirical: 0.06 }), 'session 3');
    expect(words).toMatch(/The smallest error is that of the empirical, 0\.0600\.$/);
  });

  it('set errW beside the error of weights that stay', () => {
    expect(weightErrorWords({ errW: 0.0303, constantErrW: 0.0126, session: 100 })).toBe(
      'In session 100 errW is 0.0303; weights that stay as calibrated give 0.0126, so predicting their change is worse than predicting none.',
    );
    expect(weightErrorWords({ errW: 0.001, constantErrW: 0.0126, session: 100 })).toContain('change helps');
  });

  it('say when W has not changed', () => {
    expect(weightMapWords({ correlation: 1, changeCorrelation: undefined, changeRatio: undefined, session: 3 })).toBe(
      'In session 3 observed and predicted W correlate 1.00. Observed W has not changed since the calibration.',
    );
  });
});

describe('words about free energy', () => {
  it('call a fall within the static culture no evidence', () => {
    const words = energyWords(energyOf(244, [100, 300]), 'sessions 91–100');
    expect(words).toContain('A falling L alone is the estimate converging');
    expect(words).toContain('82 % of the observed fall; 100.0 to 300.0 in 2 draws');
    expect(words).toContain('no evidence of learning');
  });

  it('call a fall beyond the static culture change, which need not be learning', () => {
    const words = energyWords(energyOf(244, [100, 120]), 'sessions 91–100');
    expect(words).toContain('it beats every draw');
    expect(words).toContain('Drift can do that as well as learning');
  });

  it('give no share and no praise where L does not fall, even when the static culture rises more', () => {
    const words = energyWords(energyOf(-5, [-10, -20]), 'sessions 91–100');
    expect(words).toContain('L does not fall: from session 1 to sessions 91–100 it rises by 5.0 nats');
    expect(words).not.toContain('beats');
    expect(words).not.toContain('%');
  });

  it('say on which side of W = 0 the last session lies', () => {
    expect(unlearnedWords(327.41, 100)).toBe('In session 100 L is 327.4 nats below L with W = 0.');
    expect(unlearnedWords(-3, 9)).toContain('3.0 nats above L with W = 0: the connections make it worse');
  });
});

describe('words about the verdict and its grounds', () => {
  const verdict: Verdict = {
    answer: 'cannot tell',
    reason: 'the 95 % interval of the gain in selectivity index is -0.096 to -0.009: below 0.05',
    electrodes: [3, 3],
    index: { first: 0, last: 0, gain: 0 },
    counts: { first: 0, last: 0, gain: 0 },
    gainInterval: [-0.096, -0.009],
    commonDrift: 1,
  };

  it('write true minus signs', () => {
    expect(reasonWords(verdict)).toContain('is −0.096 to −0.009');
  });

  it('name the sources without an ensemble', () => {
    expect(notFoundWords([1])).toContain('ensemble not found: no electrode prefers source 2,');
    expect(notFoundWords([0, 2])).toContain('source 1 or source 3');
    expect(notFoundWords([])).toContain('ensemble not found');
  });

  it('judge the stability of the choice only where there are two halves', () => {
    expect(stabilityWords({ jaccard: [1, 0.5], stable: false }, 10)).toContain('unstable');
    expect(stabilityWords({ jaccard: [1, 0.9], stable: true }, 10)).toMatch(/^stable: /);
    expect(stabilityWords({ jaccard: [1, 1], stable: true }, 1)).toContain('unknown');
  });

  it('allow to compare phi only under a control baseline', () => {
    expect(baselineWords({ value: 2.64037, source: 'control' })).toBe(
      '2.640 spikes per trial, mean over control cultures',
    );
    expect(phiNote({ value: 1, source: 'control' })).toMatch(/^comparable/);
    expect(phiNote({ value: 1, source: 'group' })).toMatch(/^not comparable/);
  });

  it('give the course of the preference of every ensemble', () => {
    const words = responseWords(
      [
        { ensemble: 0, first: 1.69, last: 1.8 },
        { ensemble: 1, first: 1.91, last: Number.NaN },
      ],
      { firstName: 'sessions 1–10', lastName: 'sessions 91–100' },
    );
    expect(words).toContain('from 1.69 to 1.80 in ensemble 1 and from 1.91 to – in ensemble 2');
  });
});

describe('words about a forecast', () => {
  const band = (low: number, high: number): SelectivityBand => ({
    centre: [[0.5, 0.5]],
    low: [[low, low]],
    high: [[high, high]],
  });
  const forecast = (later: readonly number[]): ScoredForecast =>
    scoreForecast(
      {
        method: 'selectivity-1',
        level: 0.9,
        draws: 10,
        isKnownAhead: true,
        published: band(0.45, 0.55),
        empirical: band(0, 1),
        initialMean: [0.4],
      },
      { initial: [[0, 0.4]], later: [later] },
    );

  it('say where a band does not hold what it claims', () => {
    const words = forecastWords(forecast([0.2, 0.5]));
    expect(words).toContain(
      '1 of 2 sessions in ensemble 1 lie inside the 90 % band of the published prediction: fewer than the band claims',
    );
    expect(words).toContain(
      '2 of 2 sessions in ensemble 1 lie inside the 90 % band of the empirical forecast: more than the band claims',
    );
    expect(words).toContain('published 0.0450, empirical 0.0450, mean of the initial sessions 0.0250');
  });

  it('do not judge what was never scored', () => {
    const unscored = forecast([Number.NaN, Number.NaN]);
    expect(forecastWords(unscored)).toContain('0 of 0 sessions in ensemble 1');
    expect(forecastWords(unscored)).toContain('there is nothing to hold it against');
    expect(forecastWords(unscored)).not.toContain('NaN');
    expect(coverageWords(unscored.score.empirical, 0.9)).toBe('nothing to score');
    expect(coverageWords({ inside: [], insideSoFar: 9, scored: 10, error: 0 }, 0.9)).toBe('9 of 10 (as it claims)');
  });
});
