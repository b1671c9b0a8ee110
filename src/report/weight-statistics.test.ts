import { describe, expect, it } from 'vitest';
import { emulateResponses } from '../../tests/helpers/response-tables.js';
import { analyseCulture } from '../model/analysis.js';
import { createModelRun, type ExperimentDesign } from '../model/model-run.js';
import { blockCourse, constantWeightsErrors, weightAgreement } from './weight-statistics.js';

const design: ExperimentDesign = {
  sessions: 4,
  trialsPerSession: 10,
  sourceCount: 2,
  inputsPerBlock: 2,
  initialSessions: 2,
  mixing: 0.25,
};

describe('blockCourse', () => {
  it('averages W over the own block and over the others', () => {
    const { arrays } = createModelRun(design);
    // W of ensemble a, input j is 10 a + j, times the session
    arrays.w1.forEach((_, i) => (arrays.w1[i] = (10 * Math.floor(i / 16) + (Math.floor(i / 4) % 4)) * (i % 4)));
    expect(blockCourse(design, arrays, { kind: 'observed', a: 0 })).toEqual({
      own: Float64Array.of(0, 0.5, 1, 1.5),
      other: Float64Array.of(0, 2.5, 5, 7.5),
    });
    expect(blockCourse(design, arrays, { kind: 'observed', a: 1 }).own[3]).toBe(37.5);
    expect(blockCourse(design, arrays, { kind: 'predicted', a: 1 }).own[3]).toBe(0);
  });
});

describe('weightAgreement', () => {
  it('gives the size of the predicted change in units of the observed one', () => {
    const { arrays } = createModelRun(design);
    arrays.w1.forEach((_, i) => (arrays.w1[i] = i % 4 === 3 ? i : 0));
    arrays.w1p.forEach((_, i) => (arrays.w1p[i] = i % 4 === 3 ? -2 * i : 0));
    const { correlation, changeCorrelation, changeRatio } = weightAgreement(design, arrays);
    expect(correlation).toBeCloseTo(-1, 12);
    expect(changeCorrelation).toBeCloseTo(-1, 12);
    expect(changeRatio).toBeCloseTo(2, 12);
  });

  it('has no ratio where nothing changed', () => {
    expect(weightAgreement(design, createModelRun(design).arrays).changeRatio).toBeUndefined();
  });
});

describe('constantWeightsErrors', () => {
  it('ends at the error that the analysis reports', () => {
    const table = emulateResponses({ seed: 11, sessions: 12, trialsPerSession: 64 });
    const { outcome, design: sizes } = analyseCulture(table, {
      mode: 'causal',
      initialSessions: 4,
      mixing: 0.25,
      baseline: 'own',
    });
    expect(outcome.type).toBe('fitted');
    if (outcome.type !== 'fitted') return;
    const errors = constantWeightsErrors(sizes, outcome.arrays);
    expect(Array.from(errors.slice(0, 5))).toEqual([0, 0, 0, 0, 0]);
    expect(errors[11]).toBeCloseTo(outcome.comparison.constantWeightsErrW, 15);
  });
});
