import type { Accumulators } from './accumulators.js';
import type { ThresholdFactors } from './weights.js';

/**
 * What a belief about A says of every input, ready to be summed over a pattern. Two entries per ensemble a and input j:
 * [2i] where the input is off, [2i + 1] where it is on, i = a * inputs + j.
 */
export interface GainTables {
  readonly belief: Accumulators;
  /** (ensembles) phi1 - phi0 */
  readonly bias: Float64Array;
  /** ln P(o_j | x_a = 1) - ln P(o_j | x_a = 0) */
  readonly logOdds: Float64Array;
  /** Nats that one unit of x squared gains about q1_aj. */
  readonly gain1: Float64Array;
  /** Nats that one unit of (1 - x) squared gains about q0_aj. */
  readonly gain0: Float64Array;
}

/** Tables over a copy of the belief; `updateGainTables` fills them. */
export function createGainTables(belief: Accumulators, { phi1, phi0 }: ThresholdFactors): GainTables {
  const { ensembles, inputs, h1, m1, h0, m0 } = belief;
  const table = () => new Float64Array(2 * ensembles * inputs);
  return {
    belief: { ensembles, inputs, h1: h1.slice(), m1: m1.slice(), h0: h0.slice(), m0: m0.slice() },
    bias: phi1.map((phi, a) => phi - phi0[a]!),
    logOdds: table(),
    gain1: table(),
    gain0: table(),
  };
}

/** Brings the tables in line with their belief. */
export function updateGainTables({ belief, logOdds, gain1, gain0 }: GainTables): void {
  const { ensembles, inputs, h1, m1, h0, m0 } = belief;
  for (let a = 0; a < ensembles; a++) {
    for (let i = a * inputs; i < (a + 1) * inputs; i++) {
      const q1 = h1[i]! / m1[a]!;
      const q0 = h0[i]! / m0[a]!;
      logOdds[2 * i] = Math.log1p(-q1) - Math.log1p(-q0);
      logOdds[2 * i + 1] = Math.log(q1) - Math.log(q0);
      gain1[2 * i] = q1 / (2 * m1[a]! * (1 - q1));
      gain1[2 * i + 1] = (1 - q1) / (2 * m1[a]! * q1);
      gain0[2 * i] = q0 / (2 * m0[a]! * (1 - q0));
      gain0[2 * i + 1] = (1 - q0) / (2 * m0[a]! * q0);
    }
  }
}

/**
 * Information that the model expects to gain about A when it sees the response to a pattern, nats.
 *
 * The belief about q1_aj = P(o_j = 1 | x_a = 1) is Beta(H1, M1 - H1), that about q0_aj Beta(H0, M0 - H0). The model learns from
 * a trial by H1 += x o, M1 += x and H0 += (1 - x) o, M0 += 1 - x, with the graded response x in [0, 1]. What a trial
 * teaches is the divergence of the new belief from the old. Adding a weight x of the outcome o to Beta(H, M - H) moves its
 * mean by x (o - q) / M, and the precision of its mean is M / (q (1 - q)), so to second order in x / M the divergence
 * is
 *
 *     x^2 (o - q)^2 / (2 M q (1 - q)) = x^2 (1 - q) / (2 M q) for o = 1, x^2 q / (2 M (1 - q)) for o = 0,
 *
 * within some x / M of itself (the published prior makes M at least 3000). The gain is its sum over inputs, ensembles and
 * both values of x. As the response is not known beforehand, its prediction x = sig(W o + h1 - h0) stands in its
 * place; the spread of responses about their prediction is left out.
 *
 * Source: that actions are chosen for what they are expected to teach about A is active inference (Friston et al. 2017, Active
 * inference, curiosity and insight, Neural Computation 29:2633, where it is called novelty). The form here, for graded
 * counts and for stimuli that the experimenter sets, was derived for this program and is published nowhere else.
 *
 * @param inputs (inputs) 0 or 1
 */
export function expectedInformationGain(tables: GainTables, inputs: Uint8Array): number {
  const { belief, gain1, gain0 } = tables;
  let gained = 0;
  for (let a = 0; a < belief.ensembles; a++) {
    const first = a * belief.inputs;
    const x = predictFromTables(tables, a, inputs);
    let on = 0;
    let off = 0;
    for (let j = 0; j < belief.inputs; j++) {
      const entry = 2 * (first + j) + inputs[j]!;
      on += gain1[entry]!;
      off += gain0[entry]!;
    }
    gained += x * x * on + (1 - x) * (1 - x) * off;
  }
  return gained;
}

/** Adds to the belief what a pattern is expected to teach; the tables follow with `updateGainTables`. */
export function learnExpected(tables: GainTables, inputs: Uint8Array): void {
  const { belief } = tables;
  for (let a = 0; a < belief.ensembles; a++) {
    const x = predictFromTables(tables, a, inputs);
    belief.m1[a]! += x;
    belief.m0[a]! += 1 - x;
    for (let j = 0; j < belief.inputs; j++) {
      belief.h1[a * belief.inputs + j]! += x * inputs[j]!;
      belief.h0[a * belief.inputs + j]! += (1 - x) * inputs[j]!;
    }
  }
}

/** Response of ensemble a that the tables' belief predicts, in (0, 1). */
function predictFromTables({ belief, bias, logOdds }: GainTables, a: number, inputs: Uint8Array): number {
  let v = bias[a]!;
  const first = a * belief.inputs;
  for (let j = 0; j < belief.inputs; j++) v += logOdds[2 * (first + j) + inputs[j]!]!;
  return 1 / (1 + Math.exp(-v));
}
