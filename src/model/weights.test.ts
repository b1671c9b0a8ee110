import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { largestDifference } from '../../tests/helpers/arrays.js';
import { addEntropy, addTrial, createAccumulators, createSessionSums, finishSums } from './accumulators.js';
import { codeGroups, packInputs, type TrialInputs } from './packed-inputs.js';
import {
  createWeights,
  loadWeights,
  predictResponse,
  sessionEnergy,
  thresholdEnergy,
  unlearnedEnergy,
  updateWeights,
  type ThresholdFactors,
  type Weights,
} from './weights.js';

/** Weights of the accumulators that accumulators.test.ts adds up by hand. */
function weightsByHand(): Weights {
  const weights = createWeights(2, 3);
  updateWeights(weights, {
    ensembles: 2,
    inputs: 3,
    h1: new Float64Array([3, 2.5, 3.5, 2.25, 2, 2.25]),
    m1: new Float64Array([5.5, 5.25]),
    h0: new Float64Array([2, 2.5, 2.5, 2.75, 3, 3.75]),
    m0: new Float64Array([5.5, 5.75]),
  });
  return weights;
}

function trialOf(inputs: readonly number[]): TrialInputs {
  return { codes: packInputs(Uint8Array.from(inputs), { first: 0, end: 1, width: inputs.length }), offset: 0 };
}

/** Weights and a session of random responses and stimuli. */
function randomSession(seed: number, { ensembles, inputs, trials }: Record<'ensembles' | 'inputs' | 'trials', number>) {
  const random = openRandomStream(seed, 'weights-test');
  const prior = createAccumulators({ ensembles, inputs, priorTrials: 10 });
  const weights = createWeights(ensembles, inputs);
  const vary = (value: number): number => value * (0.5 + random.uniform());
  updateWeights(weights, { ...prior, h1: prior.h1.map(vary), h0: prior.h0.map(vary) });
  const x = Array.from({ length: trials }, () =>
    Float64Array.from({ length: ensembles }, () => Math.min(1, 1.3 * random.uniform())),
  );
  const o = Uint8Array.from({ length: trials * inputs }, () => random.integer(2));
  const codes = packInputs(o, { first: 0, end: trials, width: inputs });
  const sums = createSessionSums(ensembles, inputs);
  x.forEach((now, trial) => {
    addTrial(sums, now, { codes, offset: trial * codeGroups(inputs) });
    addEntropy(sums, now);
  });
  finishSums(sums);
  const phi: ThresholdFactors = {
    phi1: Float64Array.from({ length: ensembles }, (_, a) => Math.log(0.3 + 0.1 * a)),
    phi0: Float64Array.from({ length: ensembles }, (_, a) => Math.log(0.7 - 0.1 * a)),
  };
  return { weights, x, o, sums, phi };
}

/** ln P(o, s_a) = ln D + sum over inputs of ln q or ln (1 - q). */
function logJoint(q: Float64Array, logPrior: number, o: Uint8Array): number {
  return o.reduce((sum, shown, j) => sum + Math.log(shown === 1 ? q[j]! : 1 - q[j]!), logPrior);
}

describe('weights', () => {
  it('are the log odds of H / M, and biases the sums of ln (1 - q)', () => {
    const { q1, q0, w1, w0, w, bias1, bias0 } = weightsByHand();
    expect(q1[0]).toBeCloseTo(3 / 5.5, 15);
    expect(q0[0]).toBeCloseTo(2 / 5.5, 15);
    // logit (3 / 5.5) = ln (3 / 2.5) = ln 1.2; logit (2 / 5.5) = ln (2 / 3.5)
    expect(w1[0]).toBeCloseTo(0.1823215567939546, 15);
    expect(w0[0]).toBeCloseTo(-0.5596157879354228, 15);
    // ln (1.2 * 3.5 / 2) = ln 2.1
    expect(w[0]).toBeCloseTo(0.7419373447293773, 15);
    // input 3 of ensemble 2: ln (2.25 / 3) - ln (3.75 / 2)
    expect(w[5]).toBeCloseTo(Math.log(0.75 / 1.875), 15);
    // 1 - q1 of ensemble 1: 2.5, 3 and 2 of 5.5
    expect(bias1[0]).toBeCloseTo(Math.log((2.5 * 3 * 2) / 5.5 ** 3), 14);
    // 1 - q0 of ensemble 2: 3, 2.75 and 2 of 5.75
    expect(bias0[1]).toBeCloseTo(Math.log((3 * 2.75 * 2) / 5.75 ** 3), 14);
  });

  it('are 0 where only the prior is known', () => {
    const weights = createWeights(2, 5);
    updateWeights(weights, createAccumulators({ ensembles: 2, inputs: 5, priorTrials: 3000 }));
    expect([weights.w1, weights.w0, weights.w].map((part) => Array.from(part))).toEqual([
      new Array(10).fill(0),
      new Array(10).fill(0),
      new Array(10).fill(0),
    ]);
    expect(weights.bias1[1]).toBeCloseTo(-5 * Math.LN2, 14);
  });

  it('come back from kept log odds', () => {
    const { weights } = randomSession(1, { ensembles: 3, inputs: 6, trials: 1 });
    const kept = { w1: new Float64Array(3 * 6 * 4), w0: new Float64Array(3 * 6 * 4) };
    weights.w1.forEach((value, i) => (kept.w1[i * 4 + 2] = value));
    weights.w0.forEach((value, i) => (kept.w0[i * 4 + 2] = value));
    const loaded = createWeights(3, 6);
    loadWeights(loaded, kept, { session: 2, sessions: 4 });
    for (const part of ['q1', 'q0', 'w1', 'w0', 'w', 'byCode', 'bias1', 'bias0'] as const) {
      expect([part, largestDifference(loaded[part], weights[part])]).toEqual([part, expect.closeTo(0, 13)]);
    }
    loadWeights(loaded, kept, { session: 0, sessions: 4 });
    expect(loaded.q1[17]).toBe(0.5);
    expect(loaded.bias0[2]).toBeCloseTo(-6 * Math.LN2, 14);
  });
});

describe('the predicted response', () => {
  it('is the posterior of Bayes that the source is on', () => {
    const phi = {
      phi1: new Float64Array([Math.log(0.25), Math.log(0.5)]),
      phi0: new Float64Array([Math.log(0.75), Math.log(0.5)]),
    };
    const out = new Float64Array(2);
    predictResponse(weightsByHand(), phi, { trial: trialOf([1, 0, 1]), out });
    // ensemble 1: P(101 | on) = 6/11 * 6/11 * 7/11 = 252/1331, P(101 | off) = 4/11 * 6/11 * 5/11 = 120/1331
    // 0.25 * 252 / (0.25 * 252 + 0.75 * 120) = 63 / 153
    expect(out[0]).toBeCloseTo(63 / 153, 14);
    // ensemble 2: 3/7 * 13/21 * 3/7 = 117/1029 and 11/23 * 11/23 * 15/23 = 1815/12167, prior 1/2
    expect(out[1]).toBeCloseTo(117 / 1029 / (117 / 1029 + 1815 / 12167), 14);
  });

  it.each([1, 3, 4, 6, 32])('is the same posterior for %d inputs', (inputs) => {
    const trials = 20;
    const { weights, o, phi } = randomSession(2, { ensembles: 2, inputs, trials });
    const out = new Float64Array(2);
    for (let trial = 0; trial < trials; trial++) {
      const shown = o.subarray(trial * inputs, (trial + 1) * inputs);
      predictResponse(weights, phi, { trial: trialOf(Array.from(shown)), out });
      for (let a = 0; a < 2; a++) {
        const on = logJoint(weights.q1.subarray(a * inputs, (a + 1) * inputs), phi.phi1[a]!, shown);
        const off = logJoint(weights.q0.subarray(a * inputs, (a + 1) * inputs), phi.phi0[a]!, shown);
        expect(Math.abs(out[a]! - 1 / (1 + Math.exp(off - on)))).toBeLessThan(1e-13);
      }
    }
  });
});

describe('the free energy of a session', () => {
  it('is the sum over trials and ensembles of the free energy of each, written out', () => {
    const [ensembles, inputs, trials] = [2, 7, 40];
    const { weights, x, o, sums, phi } = randomSession(3, { ensembles, inputs, trials });
    let energy = 0;
    x.forEach((now, trial) => {
      const shown = o.subarray(trial * inputs, (trial + 1) * inputs);
      now.forEach((xa, a) => {
        const on = logJoint(weights.q1.subarray(a * inputs, (a + 1) * inputs), phi.phi1[a]!, shown);
        const off = logJoint(weights.q0.subarray(a * inputs, (a + 1) * inputs), phi.phi0[a]!, shown);
        energy += xa * (Math.log(xa + 1e-6) - on) + (1 - xa) * (Math.log(1 - xa + 1e-6) - off);
      });
    });
    expect(Math.abs(sessionEnergy(weights, sums) + thresholdEnergy(phi, sums.on, sums.trials) - energy)).toBeLessThan(
      1e-11,
    );
  });

  it('is 512 * 32 ln 2 and the divergence of x from its prior, where W is 0', () => {
    const [trials, inputs] = [256, 32];
    const { x, sums, phi } = randomSession(4, { ensembles: 2, inputs, trials });
    const unlearned = createWeights(2, inputs);
    updateWeights(unlearned, createAccumulators({ ensembles: 2, inputs, priorTrials: 3000 }));
    const divergence = x
      .flatMap((now) => Array.from(now, (xa, a) => [xa, phi.phi1[a]!, phi.phi0[a]!] as const))
      .map(([xa, on, off]) => xa * (Math.log(xa + 1e-6) - on) + (1 - xa) * (Math.log(1 - xa + 1e-6) - off));
    const closed = 512 * 32 * Math.LN2 + divergence.reduce((sum, part) => sum + part, 0);
    expect(512 * 32 * Math.LN2).toBeCloseTo(11356.523, 3);
    const threshold = thresholdEnergy(phi, sums.on, sums.trials);
    expect(Math.abs(sessionEnergy(unlearned, sums) + threshold - closed)).toBeLessThan(1e-8);
    expect(Math.abs(unlearnedEnergy(sums) + threshold - closed)).toBeLessThan(1e-8);
  });
});
