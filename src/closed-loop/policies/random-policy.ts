import { openRandomStream } from '../../../protocols/random.js';
import type { Experiment } from '../experiment.js';
import { emptyPattern, planSessions, type PlannedPolicy } from '../pattern-policy.js';

/**
 * The control without sources: every electrode is pulsed by itself with one probability. Hidden sources are drawn by coin
 * all the same, as labels that no input follows, so that the same analysis can be carried out and must find nothing.
 *
 * @param probability of a pulse per electrode and trial, in [0, 1]
 */
export function randomPolicy(experiment: Experiment, probability: number): PlannedPolicy {
  const draw = (index: number) => {
    const pattern = emptyPattern(experiment);
    const labels = openRandomStream(experiment.seed, 'random-labels', index);
    const pulses = openRandomStream(experiment.seed, 'random-pulses', index);
    for (let i = 0; i < pattern.sources.length; i++) pattern.sources[i] = labels.integer(2);
    for (let i = 0; i < pattern.inputs.length; i++) pattern.inputs[i] = pulses.uniform() < probability ? 1 : 0;
    return pattern;
  };
  return planSessions('random', experiment, draw);
}
