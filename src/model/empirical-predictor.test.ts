import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { hasSameBytes, largestDifference } from '../../tests/helpers/arrays.js';
import { predictRepeatMean, type ComparisonData } from './comparators.js';
import { predictEmpirically, RIDGE_PENALTIES } from './empirical-predictor.js';
import { createModelRun, type ExperimentDesign } from './model-run.js';

const DESIGN: ExperimentDesign = {
  sessions: 10,
  trialsPerSession: 100,
  initialSessions: 8,
  sourceCount: 2,
  inputsPerBlock: 3,
  mixing: 0.25,
};

/** Responses that follow the stimulus, with noise of the given size; a new pattern in every session. */
function experiment(noise: number, design = DESIGN): ComparisonData {
  const random = openRandomStream(4, 'ridge');
  const rows = design.sessions * design.trialsPerSession;
  const inputs = Uint8Array.from({ length: rows * 6 }, () => random.integer(2));
  const { arrays } = createModelRun(design);
  for (let row = 0; row < rows; row++) {
    const o = inputs.subarray(row * 6, (row + 1) * 6);
    arrays.x[row] = 0.2 + 0.3 * o[0]! + 0.1 * o[1]! + noise * random.normal();
    arrays.x[rows + row] = 0.5 - 0.2 * o[5]! + noise * random.normal();
  }
  const phi = { phi1: new Float64Array(2), phi0: new Float64Array(2) };
  return { design, arrays, phi, inputs };
}

describe('the empirical predictor', () => {
  it('is the mean of the same trial where the pattern repeats', () => {
    const { inputs, ...data } = experiment(0.1);
    const frozen = inputs.map((_, i) => inputs[i % (100 * 6)]!);
    const prediction = predictEmpirically({ ...data, inputs: frozen });
    expect(prediction).toMatchObject({ method: 'repeat-mean', penalty: undefined });
    expect(hasSameBytes(prediction.predicted, predictRepeatMean({ ...data, inputs: frozen }))).toBe(true);
  });

  it('is a ridge on the stimulus where it does not, and finds what is linear in it', () => {
    const data = experiment(0);
    const { method, penalty, predicted } = predictEmpirically(data);
    expect(method).toBe('ridge');
    // without noise the smallest penalty is best
    expect(penalty).toBe(RIDGE_PENALTIES[0]);
    // shrunk by about 1 in 800 trials
    expect(largestDifference(predicted, data.arrays.x)).toBeLessThan(2e-3);
  });

  it('also knows the number of pulses squared and whether there was any', () => {
    const data = experiment(0);
    for (let row = 0; row < 1000; row++) {
      const pulses = data.inputs.subarray(row * 6, (row + 1) * 6).reduce((sum, o) => sum + o, 0);
      data.arrays.x[row] = pulses === 0 ? 0.9 : 0.01 * pulses * pulses;
    }
    const { predicted } = predictEmpirically(data);
    expect(largestDifference(predicted.subarray(0, 1000), data.arrays.x.subarray(0, 1000))).toBeLessThan(0.02);
  });

  it('shrinks more where there is more noise', () => {
    const { penalty } = predictEmpirically(experiment(5));
    expect(RIDGE_PENALTIES).toContain(penalty);
    expect(penalty).toBeGreaterThanOrEqual(100);
  });

  it('fits the initial sessions alone', () => {
    const data = experiment(0.1);
    const changed = {
      ...data,
      arrays: { ...data.arrays, x: data.arrays.x.map((x, i) => (i % 1000 < 800 ? x : 1 - x)) },
    };
    expect(hasSameBytes(predictEmpirically(changed).predicted, predictEmpirically(data).predicted)).toBe(true);
  });

  it('works with a single initial session, and with inputs that are never or always pulsed', () => {
    const data = experiment(0.1, { ...DESIGN, initialSessions: 1 });
    const inputs = data.inputs.map((o, i) => (i % 6 === 2 ? 0 : i % 6 === 3 ? 1 : o));
    const { penalty, predicted } = predictEmpirically({ ...data, inputs });
    expect(penalty).toBe(100);
    expect(predicted.every(Number.isFinite)).toBe(true);
    expect(largestDifference(predicted, data.arrays.x)).toBeLessThan(0.6);
  });
});
