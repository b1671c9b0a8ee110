import { describe, expect, it } from 'vitest';

import type { MixingDesign } from '../../protocols/mixed-sources.js';
import { createAccumulators } from './accumulators.js';
import { idealLikelihood, jointLikelihood, likelihoodErrors, weightError } from './ideal-observer.js';
import { createWeights, updateWeights, type Weights } from './weights.js';

function design(sourceCount: number, mixing: number, inputsPerBlock = 2): MixingDesign {
  return { sourceCount, mixing, inputsPerBlock };
}

function unlearned(ensembles: number, inputs: number): Weights {
  const weights = createWeights(ensembles, inputs);
  updateWeights(weights, createAccumulators({ ensembles, inputs, priorTrials: 3000 }));
  return weights;
}

/** P(o_j = 1 | s_a = 1) by adding up all states with source a on, each as probable as the others. */
function likelihoodByStates({ sourceCount, mixing, inputsPerBlock }: MixingDesign): number[] {
  const inputs = Array.from({ length: sourceCount * inputsPerBlock }, (_, j) => Math.floor(j / inputsPerBlock));
  return Array.from({ length: sourceCount }, (_, a) =>
    inputs.map((block) => {
      const states = Array.from({ length: 2 ** sourceCount }, (_, state) => state).filter(
        (state) => (state >> a) % 2 === 1,
      );
      const shown = states.map((state) => {
        const on = Array.from({ length: sourceCount }, (_, k) => (state >> k) % 2);
        const others = on.filter((_, k) => k !== block);
        const meanOfOthers = others.reduce((sum, s) => sum + s, 0) / others.length;
        return (1 - mixing) * on[block]! + mixing * meanOfOthers;
      });
      return shown.reduce((sum, p) => sum + p, 0) / shown.length;
    }),
  ).flat();
}

describe('the ideal likelihood', () => {
  it.each([
    [0.25, 0.875, 0.625],
    [0, 1, 0.5],
    [0.5, 0.75, 0.75],
  ])('of two sources mixed by %d is %d in the own block and %d in the other', (mixing, own, other) => {
    expect(Array.from(idealLikelihood(design(2, mixing)))).toEqual([own, own, other, other, other, other, own, own]);
  });

  it.each([
    [2, 0.1],
    [3, 0],
    [3, 0.25],
    [3, 0.5],
    [4, 0.25],
    [4, 1],
  ])('of %d sources mixed by %d is the mean over all states with the source on', (sourceCount, mixing) => {
    const ideal = idealLikelihood(design(sourceCount, mixing));
    likelihoodByStates(design(sourceCount, mixing)).forEach((wanted, i) => {
      expect(Math.abs(ideal[i]! - wanted)).toBeLessThan(1e-15);
    });
    expect(ideal).toHaveLength(sourceCount * sourceCount * 2);
  });
});

describe('the error of the belief about A', () => {
  it.each([
    // ((1/2 - 7/8)^2 + (1/2 - 5/8)^2) / 2 over (49/64 + 1/64 + 25/64 + 9/64) / 4
    [0.25, 0.078125 / 0.328125],
    // (1/4 + 0) / 2 over (1 + 0 + 1/4 + 1/4) / 4
    [0, 0.125 / 0.375],
    // 1/16 over (9/16 + 1/16) / 2
    [0.5, 0.0625 / 0.3125],
  ])('is, where W is 0 and mixing %d, %d for every ensemble', (mixing, wanted) => {
    const errors = new Float64Array(4);
    likelihoodErrors(unlearned(2, 32), idealLikelihood(design(2, mixing, 16)), errors);
    for (const error of errors) expect(error).toBeCloseTo(wanted, 15);
    if (mixing === 0.25) expect(errors[0]).toBeCloseTo(0.238095238095238, 14);
  });

  it('is 0 for the true process, and tells ensembles and states apart', () => {
    const ideal = idealLikelihood(design(2, 0.25));
    const weights = { ...unlearned(2, 4), q1: ideal.slice(), q0: ideal.map((a) => 1 - a) };
    const errors = new Float64Array(4);
    likelihoodErrors(weights, ideal, errors);
    expect(Array.from(errors)).toEqual([0, 0, 0, 0]);
    weights.q0[4]! += 0.5; // first input of ensemble 2: (1/4) / 4 inputs over 0.328125
    likelihoodErrors(weights, ideal, errors);
    expect(Array.from(errors.subarray(0, 3))).toEqual([0, 0, 0]);
    expect(errors[3]).toBeCloseTo(0.0625 / 0.328125, 14);
  });
});

describe('the belief about A', () => {
  it('has the columns 11, 10, 01, 00', () => {
    const weights = {
      ...unlearned(2, 2),
      q1: new Float64Array([0.9, 0.8, 0.7, 0.6]),
      q0: new Float64Array([0.1, 0.2, 0.3, 0.5]),
    };
    const wanted = [
      ...[0.9 * 0.7, 0.9 * 0.3, 0.1 * 0.7, 0.1 * 0.3], // input 1: ensembles 0.9 / 0.1 and 0.7 / 0.3
      ...[0.8 * 0.6, 0.8 * 0.5, 0.2 * 0.6, 0.2 * 0.5], // input 2: ensembles 0.8 / 0.2 and 0.6 / 0.5
    ];
    jointLikelihood(weights).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 15);
    });
  });

  it('goes with three ensembles from 111 down to 000', () => {
    const weights = {
      ...unlearned(3, 1),
      q1: new Float64Array([2, 3, 5]),
      q0: new Float64Array([7, 11, 13]),
    };
    expect(Array.from(jointLikelihood(weights))).toEqual([
      ...[2 * 3 * 5, 2 * 3 * 13, 2 * 11 * 5, 2 * 11 * 13],
      ...[7 * 3 * 5, 7 * 3 * 13, 7 * 11 * 5, 7 * 11 * 13],
    ]);
  });
});

describe('the error of predicted weights', () => {
  it('is the squared distance of q1 and q0, relative to the squares of the observed ones', () => {
    const observed = { ...unlearned(1, 2), q1: new Float64Array([0.5, 1]), q0: new Float64Array([0, 0.5]) };
    const predicted = { ...unlearned(1, 2), q1: new Float64Array([0.5, 0.5]), q0: new Float64Array([0.25, 0.5]) };
    // (0.25 + 0.0625) / (0.25 + 1 + 0 + 0.25)
    expect(weightError(observed, predicted)).toBeCloseTo(0.3125 / 1.5, 15);
    expect(weightError(observed, observed)).toBe(0);
  });
});
