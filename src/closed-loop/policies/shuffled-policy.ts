import { drawPattern } from '../../../protocols/mixed-sources.js';
import { openRandomStream, shuffleInPlace } from '../../../protocols/random.js';
import type { Experiment } from '../experiment.js';
import { planSessions, toMixing, type PlannedPolicy } from '../pattern-policy.js';

/**
 * The mixed-source pattern of the same seed with the relation between sources and inputs destroyed: each electrode's pulses
 * are permuted over the trials of the session, each by a permutation of its own. Sources and every electrode's rate are those of the
 * mixed-source pattern; what inputs share with sources and with each other is left to chance.
 */
export function shuffledPolicy(experiment: Experiment): PlannedPolicy {
  const { seed, trials } = experiment;
  const draw = (index: number) => {
    const pattern = drawPattern(toMixing(experiment), trials, openRandomStream(seed, 'pattern', index));
    const inputCount = pattern.inputs.length / trials;
    const column = new Uint8Array(trials);
    for (let j = 0; j < inputCount; j++) {
      for (let i = 0; i < trials; i++) column[i] = pattern.inputs[i * inputCount + j]!;
      shuffleInPlace(column, openRandomStream(seed, 'shuffled-pattern', index, j));
      for (let i = 0; i < trials; i++) pattern.inputs[i * inputCount + j] = column[i]!;
    }
    return pattern;
  };
  return planSessions('shuffled', experiment, draw);
}
