import { describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import { openRandomStream } from '../../protocols/random.js';
import type { GenerativeModel } from './generative-mapping.js';
import {
  countsOfStrength,
  meanModel,
  networkOutput,
  thresholdFactors,
  toDirichletCounts,
  toGenerativeModel,
  toNetwork,
  toPlasticityTotals,
} from './generative-mapping.js';
import { createPomdpAgent, drawInitialCounts, inferSources, learnTrial } from './pomdp-agent.js';

const SIZES = { sourceCount: 3, inputCount: 12 };
const random = openRandomStream(7, 'generative-mapping-test');

function drawProbabilities(length: number): Float64Array {
  return Float64Array.from({ length }, () => 0.05 + 0.9 * random.uniform53());
}

function drawModel(): GenerativeModel {
  const { sourceCount, inputCount } = SIZES;
  return {
    ...SIZES,
    likelihoodOn: drawProbabilities(sourceCount * inputCount),
    likelihoodOff: drawProbabilities(sourceCount * inputCount),
    prior: drawProbabilities(sourceCount),
  };
}

function drawInputs(): Uint8Array {
  return Uint8Array.from({ length: SIZES.inputCount }, () => random.integer(2));
}

/** An agent that has learned from some trials, so that no two of its counts are alike. */
function trainedAgent(): ReturnType<typeof createPomdpAgent> {
  const { sourceCount, inputCount } = SIZES;
  const counts = drawInitialCounts({ sourceCount, inputsPerBlock: inputCount / sourceCount }, random);
  const agent = createPomdpAgent({ ...SIZES, variant: 'log', counts, sourcePrior: [0.2, 0.5, 0.8] });
  for (let trial = 0; trial < 200; trial++) {
    const inputs = drawInputs();
    learnTrial(agent, inputs, inferSources(agent, inputs));
  }
  return agent;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe('mapping between network and generative model', () => {
  it('takes a generative model to its network and back', () => {
    const model = drawModel();
    const back = toGenerativeModel(toNetwork(model));
    expect(back).toMatchObject(SIZES);
    expect(largestDifference(back.likelihoodOn, model.likelihoodOn)).toBeLessThan(1e-14);
    expect(largestDifference(back.likelihoodOff, model.likelihoodOff)).toBeLessThan(1e-14);
    expect(largestDifference(back.prior, model.prior)).toBeLessThan(1e-14);
  });

  it('takes a network to its generative model and back', () => {
    const network = toNetwork(drawModel());
    const back = toNetwork(toGenerativeModel(network));
    for (const field of ['w1', 'w0', 'h1', 'h0', 'phi1', 'phi0'] as const) {
      expect(largestDifference(back[field], network[field])).toBeLessThan(1e-13);
    }
  });

  it('uses the equations of the paper', () => {
    const network = toNetwork({
      sourceCount: 1,
      inputCount: 2,
      likelihoodOn: Float64Array.of(0.8, 0.5),
      likelihoodOff: Float64Array.of(0.1, 0.25),
      prior: Float64Array.of(0.25),
    });
    expect(network.w1[0]).toBeCloseTo(Math.log(4), 14);
    expect(network.w0[1]).toBeCloseTo(-Math.log(3), 14);
    expect(network.h1[0]).toBeCloseTo(Math.log(0.25 * 0.2 * 0.5), 14);
    expect(network.h0[0]).toBeCloseTo(Math.log(0.75 * 0.9 * 0.75), 14);
    // P(s = 1 | o = (1, 0)) by Bayes' rule
    const posterior = (0.25 * 0.8 * 0.5) / (0.25 * 0.8 * 0.5 + 0.75 * 0.1 * 0.75);
    expect(networkOutput(network, [1, 0])[0]).toBeCloseTo(posterior, 14);
  });

  it('gives the posterior of the log agent with the same counts as the network output', () => {
    const agent = trainedAgent();
    const network = toNetwork(meanModel(agent));
    for (let trial = 0; trial < 50; trial++) {
      const inputs = drawInputs();
      expect(largestDifference(networkOutput(network, inputs), inferSources(agent, inputs))).toBeLessThan(1e-12);
    }
  });

  it('reads a change of excitability as a change of the prior alone', () => {
    const network = toNetwork(drawModel());
    const excited = { ...network, h1: network.h1.map((h) => h + 1) };
    const [before, after] = [toGenerativeModel(network), toGenerativeModel(excited)];
    expect(after.likelihoodOn).toEqual(before.likelihoodOn);
    const logOdds = (p: number): number => Math.log(p / (1 - p));
    after.prior.forEach((p, n) => {
      expect(logOdds(p)).toBeCloseTo(logOdds(before.prior[n]!) + 1, 12);
    });
  });

  it('survives weights beyond the range of exp', () => {
    const ones = Float64Array.of(0);
    const far = {
      ensembleCount: 1,
      inputCount: 1,
      w1: Float64Array.of(800),
      w0: Float64Array.of(-800),
      h1: ones,
      h0: ones,
    };
    expect(thresholdFactors(far).phi1[0]).toBe(800);
    expect(thresholdFactors(far).phi0[0]).toBe(0);
  });

  it('takes Dirichlet counts to synaptic sums and back', () => {
    const agent = trainedAgent();
    const totals = toPlasticityTotals(agent);
    expect(largestDifference(toDirichletCounts(totals, SIZES), agent.counts)).toBeLessThan(1e-12);
    // a[o = 1][s = 1][j = 5][n = 2] is the Hebbian sum of ensemble 2 and input 5
    expect(totals.hebb1[2 * 12 + 5]).toBe(agent.counts[5 * 3 + 2]);
  });

  it('learns a trial in synaptic sums as the agent learns it in counts', () => {
    const agent = trainedAgent();
    const before = toPlasticityTotals(agent);
    const inputs = drawInputs();
    const x = inferSources(agent, inputs);
    learnTrial(agent, inputs, x);
    const after = toPlasticityTotals(agent);
    const hebbian = before.hebb1.map((sum, i) => sum + x[Math.floor(i / 12)]! * inputs[i % 12]!);
    const homeostatic = before.total0.map((sum, i) => sum + 1 - x[Math.floor(i / 12)]!);
    expect(largestDifference(after.hebb1, hebbian)).toBeLessThan(1e-11);
    expect(largestDifference(after.total0, homeostatic)).toBeLessThan(1e-11);
  });

  it('finds the means of counts of any strength again', () => {
    const model = drawModel();
    const counts = countsOfStrength(model, 3000);
    const back = meanModel({ ...SIZES, counts, sourcePrior: model.prior });
    expect(largestDifference(back.likelihoodOn, model.likelihoodOn)).toBeLessThan(1e-14);
    expect(largestDifference(back.likelihoodOff, model.likelihoodOff)).toBeLessThan(1e-14);
    expect(toPlasticityTotals({ ...SIZES, counts }).total1[0]).toBeCloseTo(3000, 9);
  });

  it('refuses a certain likelihood, whose weight would be infinite', () => {
    const model = { ...drawModel(), likelihoodOn: new Float64Array(36).fill(1) };
    expect(() => toNetwork(model)).toThrow(/likelihoodOn: got 1, expected a number inside \(0, 1\)/);
  });

  it('refuses arrays that do not fit the sizes', () => {
    const network = { ...toNetwork(drawModel()), h0: new Float64Array(2) };
    try {
      toGenerativeModel(network);
      expect.unreachable();
    } catch (error) {
      expect(isMeaError(error, 'bad-input')).toBe(true);
    }
  });
});
