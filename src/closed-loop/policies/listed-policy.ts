import { MeaError } from '../../../protocols/errors.js';
import type { StimulusPattern } from '../../../protocols/mixed-sources.js';
import type { Experiment } from '../experiment.js';
import { sliceTrials, type PlannedPolicy } from '../pattern-policy.js';

/** Patterns that were read from somewhere. */
export interface ListedPatterns {
  /** `pattern-file` or `yoked` */
  readonly name: string;
  /** What a message calls their place, e.g. the path of the file. */
  readonly where: string;
  /** True where one session's trials are repeated in every session. */
  readonly repeats: boolean;
  /** Trials one after the other. */
  readonly pattern: StimulusPattern;
}

/**
 * Patterns from a list: one session's, repeated in each where the list says so, or those of all sessions in their order
 * (more than the experiment has are left over).
 *
 * @throws MeaError `bad-input` where sizes or number of trials do not fit the experiment
 */
export function listedPolicy(experiment: Experiment, { name, where, repeats, pattern }: ListedPatterns): PlannedPolicy {
  const { trials, sessions, sources, inputsPerBlock } = experiment;
  const sizes = [pattern.sources.length / pattern.trials, pattern.inputs.length / pattern.trials];
  const wanted = [sources, sources * inputsPerBlock];
  if (sizes[0] !== wanted[0] || sizes[1] !== wanted[1]) {
    throw new MeaError('bad-input', {
      what: 'The patterns do not fit the experiment',
      got: `${sizes[0]} sources and ${sizes[1]} inputs`,
      wanted: `${wanted[0]} sources and ${wanted[1]} inputs`,
      where,
    });
  }
  const isRepeated = repeats && pattern.trials === trials;
  if (!isRepeated && pattern.trials < sessions * trials) {
    throw new MeaError('bad-input', {
      what: 'The number of trials in the patterns does not fit the experiment',
      got: String(pattern.trials),
      wanted: `${repeats ? `${trials} for every session, or ` : ''}${sessions} sessions of ${trials} = ${sessions * trials}`,
      where,
    });
  }
  const trialsOf = (session: number, from: number): StimulusPattern => {
    const first = isRepeated ? 0 : session * trials;
    return sliceTrials(pattern, first + from, first + trials);
  };
  return { name, nextTrials: trialsOf, later: (session) => trialsOf(session, 0) };
}
