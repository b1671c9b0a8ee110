import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { largestDifference } from '../../tests/helpers/arrays.js';
import {
  addEntropy,
  addSession,
  addTrial,
  clearSessionSums,
  createAccumulators,
  createSessionSums,
  finishSums,
  scaleAccumulators,
  type SessionSums,
} from './accumulators.js';
import { codeGroups, packInputs } from './packed-inputs.js';

/** A session of two ensembles and three inputs, small enough to add up by hand. */
const TRIALS = [
  { x: [1, 0.25], inputs: [1, 0, 1] },
  { x: [0.5, 0], inputs: [0, 1, 1] },
  { x: [0, 1], inputs: [0, 0, 0] },
] as const;

function sumByHand(): SessionSums {
  const sums = createSessionSums(2, 3);
  for (const { x, inputs } of TRIALS) {
    const codes = packInputs(Uint8Array.from(inputs), { first: 0, end: 1, width: 3 });
    addTrial(sums, Float64Array.from(x), { codes, offset: 0 });
    addEntropy(sums, Float64Array.from(x));
  }
  finishSums(sums);
  return sums;
}

describe('the sums of a session', () => {
  it('count trials, pulses, responses and their coincidences', () => {
    const sums = sumByHand();
    expect(sums.trials).toBe(3);
    // input 1 in trial 1; input 2 in trial 2; input 3 in trials 1 and 2
    expect(Array.from(sums.shown)).toEqual([1, 1, 2]);
    // 1 + 0.5 + 0, and 0.25 + 0 + 1
    expect(Array.from(sums.on)).toEqual([1.5, 1.25]);
    expect(Array.from(sums.onShown)).toEqual([
      1, // ensemble 1, input 1: x = 1 in trial 1
      0.5, // input 2: x = 0.5 in trial 2
      1.5, // input 3: 1 + 0.5
      0.25, // ensemble 2, input 1: x = 0.25 in trial 1
      0, // input 2: x = 0 in trial 2
      0.25, // input 3: 0.25 + 0
    ]);
  });

  it('add up the negative entropy of every response, with 1e-6 inside the logarithms', () => {
    // x = 1, 0, 0 and 1 are clipped: ln(1 + 1e-6) = 9.999995e-7 each
    // x = 0.25: 0.25 ln 0.250001 + 0.75 ln 0.750001 = -0.562333144621475
    // x = 0.5: ln 0.500001 = -0.6931451805619453
    expect(sumByHand().negativeEntropy).toBeCloseTo(4 * 9.999995e-7 - 0.562333144621475 - 0.6931451805619453, 12);
  });

  it('are empty again after they were cleared', () => {
    const sums = sumByHand();
    clearSessionSums(sums);
    finishSums(sums);
    expect(sums).toEqual(createSessionSums(2, 3));
  });

  it.each([1, 2, 3, 4, 5, 7, 8, 32, 33])(
    'are those of a plain loop, for %d inputs and any place in the array',
    (width) => {
      const random = openRandomStream(7, 'sums', width);
      const trials = 50;
      const inputs = Uint8Array.from({ length: trials * width }, () => random.integer(2));
      const codes = packInputs(inputs, { first: 0, end: trials, width });
      const sums = createSessionSums(3, width);
      const onShown = new Float64Array(3 * width);
      const shown = new Float64Array(width);
      for (let trial = 0; trial < trials; trial++) {
        const x = Float64Array.from({ length: 3 }, () => random.uniform());
        addTrial(sums, x, { codes, offset: trial * codeGroups(width) });
        for (let j = 0; j < width; j++) {
          const o = inputs[trial * width + j]!;
          shown[j]! += o;
          for (let a = 0; a < 3; a++) onShown[a * width + j]! += o * x[a]!;
        }
      }
      finishSums(sums);
      expect(Array.from(sums.shown)).toEqual(Array.from(shown));
      expect(largestDifference(sums.onShown, onShown)).toBeLessThan(1e-13);
    },
  );
});

describe('the accumulators', () => {
  it('hold the prior alone at first: every q is 1/2', () => {
    expect(createAccumulators({ ensembles: 2, inputs: 3, priorTrials: 4 })).toEqual({
      ensembles: 2,
      inputs: 3,
      h1: new Float64Array([2, 2, 2, 2, 2, 2]),
      m1: new Float64Array([4, 4]),
      h0: new Float64Array([2, 2, 2, 2, 2, 2]),
      m0: new Float64Array([4, 4]),
    });
  });

  it('take a session as lambda/2 + sum x o and lambda + sum x, and the same with 1 - x', () => {
    const accumulators = createAccumulators({ ensembles: 2, inputs: 3, priorTrials: 4 });
    addSession(accumulators, sumByHand());
    // 2 + the coincidences above
    expect(Array.from(accumulators.h1)).toEqual([3, 2.5, 3.5, 2.25, 2, 2.25]);
    // 4 + 1.5, 4 + 1.25
    expect(Array.from(accumulators.m1)).toEqual([5.5, 5.25]);
    // 2 + pulses less coincidences: 1 - 1, 1 - 0.5, 2 - 1.5; 1 - 0.25, 1 - 0, 2 - 0.25
    expect(Array.from(accumulators.h0)).toEqual([2, 2.5, 2.5, 2.75, 3, 3.75]);
    // 4 + 3 trials - 1.5, 4 + 3 - 1.25
    expect(Array.from(accumulators.m0)).toEqual([5.5, 5.75]);
  });

  it('are copied with another confidence, the source left alone', () => {
    const source = createAccumulators({ ensembles: 1, inputs: 2, priorTrials: 4 });
    const scaled = scaleAccumulators(source, 2.5);
    expect([scaled.h1, scaled.m1, scaled.h0, scaled.m0].map((part) => Array.from(part))).toEqual([
      [5, 5],
      [10],
      [5, 5],
      [10],
    ]);
    expect(source).toEqual(createAccumulators({ ensembles: 1, inputs: 2, priorTrials: 4 }));
  });
});
