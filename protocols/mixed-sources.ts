import { MeaError } from './errors.js';
import type { RandomStream } from './random.js';

/** How hidden sources become stimuli: the generative process of Isomura et al. 2023, for 2 to 4 sources. */
export interface MixingDesign {
  /** Number of hidden sources. */
  readonly sourceCount: number;
  /** Probability in [0, 1] that an input follows another source than its own block's. */
  readonly mixing: number;
  /** Inputs per block; block k holds inputs [k * inputsPerBlock, (k + 1) * inputsPerBlock) and follows source k. */
  readonly inputsPerBlock: number;
}

/** Sources and stimuli of a run of trials, row-major. */
export interface StimulusPattern {
  readonly trials: number;
  /** (trials, sourceCount) 0 or 1 */
  readonly sources: Uint8Array;
  /** (trials, inputCount) 0 or 1 */
  readonly inputs: Uint8Array;
}

export function inputCountOf(design: MixingDesign): number {
  return design.sourceCount * design.inputsPerBlock;
}

/**
 * Draws a pattern: sources are independent fair bits; each input copies its own block's source with probability
 * 1 - mixing, else one of the other sources, drawn anew for every input and trial.
 *
 * Source: facts of the paper's generative process, P(o_j = 1 | s) = (1 - m) s_own + m s_other; with more than two
 * sources the other one is uniform among the rest.
 */
export function drawPattern(design: MixingDesign, trials: number, random: RandomStream): StimulusPattern {
  const { sourceCount, inputsPerBlock, mixing } = design;
  if (!(
    Number.isInteger(sourceCount) &&
    sourceCount >= 2 &&
    mixing >= 0 &&
    mixing <= 1 &&
    Number.isInteger(inputsPerBlock) &&
    inputsPerBlock >= 1
  )) {
    throw new MeaError('bad-input', {
      what: 'Bad mixing design',
      got: `${sourceCount} sources, mixing ${mixing}, ${inputsPerBlock} inputs per block`,
      wanted: 'at least 2 sources, mixing in [0, 1], at least 1 input per block',
    });
  }
  const inputCount = inputCountOf(design);
  const sources = new Uint8Array(trials * sourceCount);
  const inputs = new Uint8Array(trials * inputCount);
  for (let trial = 0; trial < trials; trial++) {
    const firstSource = trial * sourceCount;
    for (let k = 0; k < sourceCount; k++) sources[firstSource + k] = random.integer(2);
    for (let j = 0; j < inputCount; j++) {
      const own = Math.floor(j / inputsPerBlock);
      const follows = random.uniform() < mixing ? otherSource(own, sourceCount, random) : own;
      inputs[trial * inputCount + j] = sources[firstSource + follows]!;
    }
  }
  return { trials, sources, inputs };
}

function otherSource(own: number, sourceCount: number, random: RandomStream): number {
  const drawn = random.integer(sourceCount - 1);
  return drawn < own ? drawn : drawn + 1;
}
