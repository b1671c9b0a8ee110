import { describe, expect, it } from 'vitest';
import { createModelRun, type ExperimentDesign } from '../model/model-run.js';
import { correlate, predictionStatistics } from './prediction-statistics.js';

const design: ExperimentDesign = {
  sessions: 3,
  trialsPerSession: 20,
  sourceCount: 2,
  inputsPerBlock: 2,
  initialSessions: 1,
  mixing: 0.25,
};

function arraysOf(
  x: (row: number) => number,
  xp: (row: number) => number,
): ReturnType<typeof createModelRun>['arrays'] {
  const { arrays } = createModelRun(design);
  arrays.x.forEach((_, row) => (arrays.x[row] = x(row)));
  arrays.xp.forEach((_, row) => (arrays.xp[row] = xp(row)));
  return arrays;
}

describe('predictionStatistics', () => {
  it('counts every trial of the last sessions once, responses of 1 included', () => {
    const arrays = arraysOf(
      (row) => (row % 20) / 19,
      () => 1,
    );
    const { cells, window } = predictionStatistics(design, arrays, 1);
    expect(window).toEqual({ first: 2, end: 3 });
    expect(cells.reduce((sum, { trials }) => sum + trials, 0)).toBe(20);
    expect(Math.max(...cells.map(({ observed }) => observed))).toBe(0.975);
  });

  it('keeps trials of equal prediction in one point of the line', () => {
    const arrays = arraysOf(
      (row) => (row % 2 === 0 ? 0.2 : 0.8),
      (row) => (row % 2 === 0 ? 0 : 1),
    );
    const { reliability, correlation } = predictionStatistics(design, arrays, 0);
    expect(reliability.map(({ predicted }) => predicted)).toEqual([0, 1]);
    expect(reliability[0]!.observed).toBeCloseTo(0.2, 12);
    expect(correlation).toBeCloseTo(1, 12);
  });

  it('sets the error beside that of the mean over the initial sessions', () => {
    const arrays = arraysOf(
      (row) => (row % 60 < 20 ? 0.25 : 0.75),
      () => 0.5,
    );
    const { meanSquaredError, constantMean, constantMeanError, correlation } = predictionStatistics(design, arrays, 1);
    expect(meanSquaredError).toBe(0.0625);
    expect(constantMean).toBe(0.25);
    expect(constantMeanError).toBe(0.25);
    expect(correlation).toBeUndefined();
  });
});

describe('correlate', () => {
  it('is Pearson', () => {
    expect(correlate(Float64Array.of(1, 2, 3), Float64Array.of(-2, -4, -6))).toBeCloseTo(-1, 12);
    expect(correlate(Float64Array.of(1, 2, 3, 4), Float64Array.of(1, -1, -1, 1))).toBeCloseTo(0, 12);
  });
});
