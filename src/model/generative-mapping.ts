import { MeaError } from '../../protocols/errors.js';
import type { PomdpSettings } from './pomdp-agent.js';
import type { ThresholdFactors } from './weights.js';

/** What a two-state network has: weights and thresholds of each ensemble. Arrays are row-major. */
export interface NetworkWeights {
  readonly ensembleCount: number;
  readonly inputCount: number;
  /** (ensembles, inputs) weights onto the firing state. */
  readonly w1: Float64Array;
  /** (ensembles, inputs) weights onto the silent state. */
  readonly w0: Float64Array;
  /** (ensembles) adaptive threshold of the firing state, in nats. */
  readonly h1: Float64Array;
  /** (ensembles) adaptive threshold of the silent state, in nats. */
  readonly h0: Float64Array;
}

/** The generative model that a network implements: a source per ensemble. */
export interface GenerativeModel {
  readonly sourceCount: number;
  readonly inputCount: number;
  /** (sources, inputs) qA: posterior mean of P(o_j = 1 | s_n = 1), in (0, 1). */
  readonly likelihoodOn: Float64Array;
  /** (sources, inputs) posterior mean of P(o_j = 1 | s_n = 0), in (0, 1). */
  readonly likelihoodOff: Float64Array;
  /** (sources) D: prior probability of s_n = 1, in (0, 1). */
  readonly prior: Float64Array;
}

/** The network's synaptic sums, with their prior: the Dirichlet counts seen from the network. */
export interface PlasticityTotals {
  /** (ensembles, inputs) lambda / 2 + sum of x o: the Hebbian term. */
  readonly hebb1: Float64Array;
  /** (ensembles, inputs) lambda + sum of x: the homeostatic term. */
  readonly total1: Float64Array;
  /** (ensembles, inputs) lambda / 2 + sum of (1 - x) o */
  readonly hebb0: Float64Array;
  /** (ensembles, inputs) lambda + sum of (1 - x) */
  readonly total0: Float64Array;
}

/** The part of an agent that the mapping reads. */
export type AgentCounts = Pick<PomdpSettings, 'counts' | 'inputCount' | 'sourceCount'>;

/**
 * The network that implements a generative model: W = logit qA, phi = ln D, h = phi + sum_j ln(1 - qA_j).
 *
 * Source: Isomura et al. 2023, Table 1 and Methods (network and Bayesian model have the same cost function).
 *
 * @throws MeaError `bad-input` when a probability is not inside (0, 1): its weight would be infinite
 */
export function toNetwork(model: GenerativeModel): NetworkWeights & ThresholdFactors {
  const { sourceCount: ensembleCount, inputCount, likelihoodOn, likelihoodOff, prior } = model;
  assertProbabilities('likelihoodOn', likelihoodOn, ensembleCount * inputCount);
  assertProbabilities('likelihoodOff', likelihoodOff, ensembleCount * inputCount);
  assertProbabilities('prior', prior, ensembleCount);
  const phi1 = prior.map((on) => Math.log(on));
  const phi0 = prior.map((on) => Math.log1p(-on));
  return {
    ensembleCount,
    inputCount,
    w1: likelihoodOn.map(logit),
    w0: likelihoodOff.map(logit),
    phi1,
    phi0,
    h1: phi1.map((phi, n) => phi + silenceTerm(rowOf(likelihoodOn, n, inputCount))),
    h0: phi0.map((phi, n) => phi + silenceTerm(rowOf(likelihoodOff, n, inputCount))),
  };
}

/**
 * The generative model that a network implements: qA = sig(W), D = sig(phi1 - phi0).
 *
 * Only phi1 - phi0 moves the network's output, so a pair with e^phi1 + e^phi0 other than 1 maps to its normalised D.
 *
 * @throws MeaError `bad-input` when an array does not fit the sizes
 */
export function toGenerativeModel(network: NetworkWeights): GenerativeModel {
  const { phi1, phi0 } = thresholdFactors(network);
  return {
    sourceCount: network.ensembleCount,
    inputCount: network.inputCount,
    likelihoodOn: network.w1.map(sigmoid),
    likelihoodOff: network.w0.map(sigmoid),
    prior: phi1.map((phi, n) => sigmoid(phi - phi0[n]!)),
  };
}

/**
 * The threshold factors of a network, phi = h - sum_j ln(1 - sig(W_j)): its excitability once the weights' own share
 * of the threshold is taken away.
 *
 * @throws MeaError `bad-input` when an array does not fit the sizes
 */
export function thresholdFactors(network: NetworkWeights): ThresholdFactors {
  const { ensembleCount, inputCount, w1, w0, h1, h0 } = network;
  assertLength('w1', w1.length, ensembleCount * inputCount);
  assertLength('w0', w0.length, ensembleCount * inputCount);
  assertLength('h1', h1.length, ensembleCount);
  assertLength('h0', h0.length, ensembleCount);
  const withoutWeights = (h: number, weights: Float64Array): number => h + softplusSum(weights);
  return {
    phi1: h1.map((h, n) => withoutWeights(h, rowOf(w1, n, inputCount))),
    phi0: h0.map((h, n) => withoutWeights(h, rowOf(w0, n, inputCount))),
  };
}

/**
 * What a network answers to one stimulus, sig(W o + h1 - h0) with W = W1 - W0; equal to the posterior belief of the
 * generative model it implements.
 *
 * @param inputs (inputs) 0 or 1
 * @returns (ensembles) in (0, 1); the caller owns it
 */
export function networkOutput(network: NetworkWeights, inputs: ArrayLike<number>): Float64Array {
  const { inputCount, w1, w0, h1, h0 } = network;
  assertLength('inputs', inputs.length, inputCount);
  return h1.map((threshold, n) => {
    let drive = threshold - h0[n]!;
    for (let j = 0; j < inputCount; j++) drive += (w1[n * inputCount + j]! - w0[n * inputCount + j]!) * inputs[j]!;
    return sigmoid(drive);
  });
}

/**
 * The synaptic sums that stand for an agent's Dirichlet counts: hebb = a_1, total = a_1 + a_0.
 *
 * @param agent counts (2, 2, inputs, sources)
 * @returns arrays (sources, inputs): the agent's axes j, n swapped to the network's n, j
 */
export function toPlasticityTotals(agent: AgentCounts): PlasticityTotals {
  const { counts, inputCount, sourceCount } = agent;
  const plane = inputCount * sourceCount;
  assertLength('counts', counts.length, 4 * plane);
  const swapped = (value: (cell: number) => number): Float64Array =>
    Float64Array.from({ length: plane }, (_, i) => value((i % inputCount) * sourceCount + Math.floor(i / inputCount)));
  return {
    hebb1: swapped((cell) => counts[cell]!),
    total1: swapped((cell) => counts[cell]! + counts[2 * plane + cell]!),
    hebb0: swapped((cell) => counts[plane + cell]!),
    total0: swapped((cell) => counts[plane + cell]! + counts[3 * plane + cell]!),
  };
}

/**
 * The Dirichlet counts that a network's synaptic sums stand for; the inverse of `toPlasticityTotals`.
 *
 * @param totals arrays (sources, inputs)
 * @returns (2, 2, inputs, sources) as `PomdpSettings.counts` wants them
 * @throws MeaError `bad-input` when an array does not fit the sizes
 */
export function toDirichletCounts(
  totals: PlasticityTotals,
  sizes: { readonly inputCount: number; readonly sourceCount: number },
): Float64Array {
  const { inputCount, sourceCount } = sizes;
  const plane = inputCount * sourceCount;
  const { hebb1, total1, hebb0, total0 } = totals;
  for (const [field, values] of Object.entries({ hebb1, total1, hebb0, total0 }))
    assertLength(field, values.length, plane);
  const counts = new Float64Array(4 * plane);
  for (let cell = 0; cell < plane; cell++) {
    const synapse = (cell % sourceCount) * inputCount + Math.floor(cell / sourceCount);
    counts[cell] = hebb1[synapse]!;
    counts[plane + cell] = hebb0[synapse]!;
    counts[2 * plane + cell] = total1[synapse]! - hebb1[synapse]!;
    counts[3 * plane + cell] = total0[synapse]! - hebb0[synapse]!;
  }
  return counts;
}

/**
 * The generative model whose likelihoods are the means of an agent's Dirichlet counts, a_1 / (a_1 + a_0).
 *
 * @param agent counts (2, 2, inputs, sources) and D
 */
export function meanModel(agent: AgentCounts & Pick<PomdpSettings, 'sourcePrior'>): GenerativeModel {
  const { hebb1, total1, hebb0, total0 } = toPlasticityTotals(agent);
  return {
    sourceCount: agent.sourceCount,
    inputCount: agent.inputCount,
    likelihoodOn: hebb1.map((hebb, i) => hebb / total1[i]!),
    likelihoodOff: hebb0.map((hebb, i) => hebb / total0[i]!),
    prior: Float64Array.from(agent.sourcePrior),
  };
}

/**
 * The Dirichlet counts of a given strength whose means are a generative model's likelihoods; with qA = 1/2 and a
 * strength of lambda they are the network's initial counts.
 *
 * @param strength a_1 + a_0 of every entry, in trials, above zero
 * @returns (2, 2, inputs, sources)
 */
export function countsOfStrength(model: GenerativeModel, strength: number): Float64Array {
  if (!(strength > 0 && strength < Infinity)) {
    throw new MeaError('bad-input', {
      what: 'Bad prior strength',
      got: String(strength),
      wanted: 'a number of trials > 0',
    });
  }
  const total = new Float64Array(model.likelihoodOn.length).fill(strength);
  const hebb1 = model.likelihoodOn.map((mean) => mean * strength);
  const hebb0 = model.likelihoodOff.map((mean) => mean * strength);
  return toDirichletCounts({ hebb1, total1: total, hebb0, total0: total }, model);
}

function logit(p: number): number {
  return Math.log(p) - Math.log1p(-p);
}

function sigmoid(v: number): number {
  return 1 / (1 + Math.exp(-v));
}

/** sum_j ln(1 - q_j): what the silent inputs say about the state. */
function silenceTerm(likelihoods: Float64Array): number {
  return likelihoods.reduce((sum, q) => sum + Math.log1p(-q), 0);
}

/** sum_j ln(1 + e^w_j) = -sum_j ln(1 - sig(w_j)), without overflow. */
function softplusSum(weights: Float64Array): number {
  return weights.reduce((sum, w) => sum + Math.max(w, 0) + Math.log1p(Math.exp(-Math.abs(w))), 0);
}

function rowOf(values: Float64Array, row: number, width: number): Float64Array {
  return values.subarray(row * width, (row + 1) * width);
}

function assertProbabilities(field: string, values: Float64Array, wanted: number): void {
  assertLength(field, values.length, wanted);
  const bad = values.findIndex((p) => !(p > 0 && p < 1));
  if (bad < 0) return;
  throw new MeaError('bad-input', {
    what: `Bad probability in ${field}`,
    got: String(values[bad]),
    wanted: 'a number inside (0, 1)',
    where: `entry ${bad}`,
  });
}

function assertLength(field: string, got: number, wanted: number): void {
  if (got === wanted) return;
  throw new MeaError('bad-input', {
    what: `Wrong number of values in ${field}`,
    got: String(got),
    wanted: String(wanted),
  });
}
