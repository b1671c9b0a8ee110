import { MeaError } from '../../protocols/errors.js';
import type { RandomStream } from '../../protocols/random.js';
import { digamma } from './digamma.js';

/** How the agent takes the expectation of ln A: `psi` is exact for Dirichlet counts, `log` is what the network computes. */
export type PomdpVariant = 'psi' | 'log';

/** What an agent starts from. */
export interface PomdpSettings {
  readonly variant: PomdpVariant;
  readonly inputCount: number;
  /** Number of hidden sources; beliefs factorise over them (no explaining away). */
  readonly sourceCount: number;
  /** (2, 2, inputCount, sourceCount) Dirichlet counts a[o][s][j][n], index 0 for "= 1", index 1 for "= 0"; positive. */
  readonly counts: Float64Array;
  /** (sourceCount) D: prior probability in (0, 1) that source n is on. */
  readonly sourcePrior: ArrayLike<number>;
}

/** An agent between two trials. `counts` is its own array, and `learnTrial` alone writes to it. */
export interface PomdpAgent extends PomdpSettings {
  readonly sourcePrior: Float64Array;
}

/** What an agent believed on each trial, and what it had learned at the end. */
export interface PomdpRun {
  /** (trials, sourceCount) P(s_n = 1 | o) before learning from the trial. */
  readonly beliefs: Float64Array;
  /** The agent after the last trial. */
  readonly agent: PomdpAgent;
}

/** Smallest argument of ln and psi, as in the published agent. */
const SMALLEST_ARGUMENT = 1e-6;

/**
 * Creates the Bayesian agent of the paper: one hidden on/off state per source, one likelihood per input and source.
 * The counts are copied.
 *
 * Source: Isomura et al. 2023, Methods, "Generative model" and "Variational Bayesian inference".
 *
 * @throws MeaError `bad-input` when counts or prior do not fit the sizes, a count is not above zero, or a prior is
 *   outside (0, 1)
 */
export function createPomdpAgent(settings: PomdpSettings): PomdpAgent {
  const { inputCount, sourceCount, counts } = settings;
  const sourcePrior = Float64Array.from(settings.sourcePrior);
  assertLength('counts', counts.length, 4 * inputCount * sourceCount);
  assertLength('sourcePrior', sourcePrior.length, sourceCount);
  const badCount = counts.find((count) => !(count > 0 && count < Infinity));
  if (badCount !== undefined) {
    throw new MeaError('bad-input', {
      what: 'Bad Dirichlet count',
      got: String(badCount),
      wanted: 'a finite number > 0',
    });
  }
  const badPrior = sourcePrior.find((prior) => !(prior > 0 && prior < 1));
  if (badPrior !== undefined) {
    throw new MeaError('bad-input', {
      what: 'Bad source prior',
      got: String(badPrior),
      wanted: 'a probability in (0, 1)',
    });
  }
  return { ...settings, counts: counts.slice(), sourcePrior };
}

/**
 * Infers the sources behind one stimulus: sig(v_1 - v_0), v_k = ln D_k + sum_j E ln P(o_j | s = k), with
 * E ln A = f(a) - f(a_1 + a_0) and f = psi or ln.
 *
 * @param inputs (inputCount) 0 or 1
 * @returns (sourceCount) P(s_n = 1 | o); the caller owns it
 * @throws MeaError `bad-input` when `inputs` has the wrong length
 */
export function inferSources(agent: PomdpAgent, inputs: ArrayLike<number>): Float64Array {
  const { inputCount, sourceCount, sourcePrior } = agent;
  assertLength('inputs', inputs.length, inputCount);
  const beliefs = new Float64Array(sourceCount);
  for (let n = 0; n < sourceCount; n++) {
    let on = Math.log(sourcePrior[n]!);
    let off = Math.log(1 - sourcePrior[n]!);
    for (let j = 0; j < inputCount; j++) {
      const observed = inputs[j] === 1 ? 0 : 1;
      on += expectedLogLikelihood(agent, { observed, state: 0, cell: j * sourceCount + n });
      off += expectedLogLikelihood(agent, { observed, state: 1, cell: j * sourceCount + n });
    }
    beliefs[n] = 1 / (1 + Math.exp(off - on));
  }
  return beliefs;
}

/**
 * Learns from one trial, in place: a[o_j][1][j][n] grows by the belief that source n was on, a[o_j][0][j][n] by the
 * rest. With this call left out the agent is one whose plasticity is blocked (APV).
 *
 * @param inputs (inputCount) 0 or 1
 * @param beliefs (sourceCount) what `inferSources` returned for them
 * @throws MeaError `bad-input` when a length is wrong
 */
export function learnTrial(agent: PomdpAgent, inputs: ArrayLike<number>, beliefs: ArrayLike<number>): void {
  const { counts, inputCount, sourceCount } = agent;
  assertLength('inputs', inputs.length, inputCount);
  assertLength('beliefs', beliefs.length, sourceCount);
  const plane = inputCount * sourceCount;
  for (let j = 0; j < inputCount; j++) {
    const first = (inputs[j] === 1 ? 0 : 2 * plane) + j * sourceCount;
    for (let n = 0; n < sourceCount; n++) {
      counts[first + n]! += beliefs[n]!;
      counts[first + plane + n]! += 1 - beliefs[n]!;
    }
  }
}

/**
 * Runs an agent over many trials: infers and learns row by row, the same two calls as in a stream.
 *
 * @param inputs (trials, inputCount) 0 or 1
 * @throws MeaError `bad-input` when `inputs` is not whole rows, or for bad settings
 */
export function runPomdpAgent(settings: PomdpSettings, inputs: Uint8Array): PomdpRun {
  const agent = createPomdpAgent(settings);
  const trials = inputs.length / agent.inputCount;
  assertLength('inputs', inputs.length, Math.floor(trials) * agent.inputCount);
  const beliefs = new Float64Array(trials * agent.sourceCount);
  for (let trial = 0; trial < trials; trial++) {
    const row = inputs.subarray(trial * agent.inputCount, (trial + 1) * agent.inputCount);
    const belief = inferSources(agent, row);
    learnTrial(agent, row, belief);
    beliefs.set(belief, trial * agent.sourceCount);
  }
  return { beliefs, agent };
}

/** The sizes of the initial counts, and how far they lean. Defaults are those of the blind-source-separation demo. */
export interface InitialCountsDesign {
  readonly sourceCount: number;
  /** Inputs per block; block k holds inputs [k * inputsPerBlock, (k + 1) * inputsPerBlock) and follows source k. */
  readonly inputsPerBlock: number;
  /** Range of the uniform amplitude a_1 + a_0 of a cell, in trials; 200 to 400. */
  readonly amplitude?: readonly [low: number, high: number];
  /** How far P(o = 1 | s = 1) starts above 1/2 for an input's own source; 0.02. */
  readonly ownLean?: number;
  /** The same for the other sources; 0.01. */
  readonly otherLean?: number;
}

/**
 * Draws the initial counts of the blind-source-separation demo: amplitude_jn * (0.5 +- lean), so that the agent starts
 * nearly flat, with each source leaning a little towards its own inputs (which fixes which source is which).
 *
 * @returns (2, 2, inputs, sourceCount) counts as `PomdpSettings.counts` wants them; the caller owns them
 */
export function drawInitialCounts(design: InitialCountsDesign, random: RandomStream): Float64Array {
  const { sourceCount, inputsPerBlock, amplitude = [200, 400], ownLean = 0.02, otherLean = 0.01 } = design;
  const plane = sourceCount * inputsPerBlock * sourceCount;
  const counts = new Float64Array(4 * plane);
  for (let cell = 0; cell < plane; cell++) {
    const input = Math.floor(cell / sourceCount);
    const isOwn = Math.floor(input / inputsPerBlock) === cell % sourceCount;
    const lean = isOwn ? ownLean : otherLean;
    const size = amplitude[0] + (amplitude[1] - amplitude[0]) * random.uniform53();
    counts[cell] = size * (0.5 + lean);
    counts[plane + cell] = size * (0.5 - lean);
    counts[2 * plane + cell] = size * (0.5 - lean);
    counts[3 * plane + cell] = size * (0.5 + lean);
  }
  return counts;
}

/** One likelihood entry: index of the observation, index of the state, and input * sourceCount + source. */
interface LikelihoodIndex {
  readonly observed: 0 | 1;
  readonly state: 0 | 1;
  readonly cell: number;
}

function expectedLogLikelihood(agent: PomdpAgent, { observed, state, cell }: LikelihoodIndex): number {
  const { counts, inputCount, sourceCount, variant } = agent;
  const plane = inputCount * sourceCount;
  const seen = counts[(2 * observed + state) * plane + cell]!;
  const unseen = counts[(2 * (1 - observed) + state) * plane + cell]!;
  const part = Math.max(seen, SMALLEST_ARGUMENT);
  const whole = Math.max(seen + unseen, SMALLEST_ARGUMENT);
  return variant === 'psi' ? digamma(part) - digamma(whole) : Math.log(part) - Math.log(whole);
}

function assertLength(field: string, got: number, wanted: number): void {
  if (got === wanted) return;
  throw new MeaError('bad-input', {
    what: `Wrong number of values in ${field}`,
    got: String(got),
    wanted: String(wanted),
  });
}
