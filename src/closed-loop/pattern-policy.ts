import { drawPattern, type StimulusPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { Experiment } from './experiment.js';

/** Decides what is shown next. */
export interface PatternPolicy {
  readonly name: string;
  /**
   * The next trials of a session from trial `from` on: as many as can be decided without seeing another response, at
   * least one and at most the rest of the session.
   */
  nextTrials(session: number, from: number): StimulusPattern;
  /** The whole pattern of a later session; absent where it depends on responses. */
  later?(session: number): StimulusPattern;
}

/**
 * The published policy: hidden sources drawn by coin, mixed into the inputs. A frozen pattern is drawn once and repeated
 * in every session; a fresh one is drawn for each session. Either way it depends on the seed alone, so a whole session
 * can be decided ahead.
 */
export function mixedSourcePolicy(experiment: Experiment): PatternPolicy {
  const design = {
    sourceCount: experiment.sources,
    mixing: experiment.mixing,
    inputsPerBlock: experiment.inputsPerBlock,
  };
  const draw = (index: number): StimulusPattern =>
    drawPattern(design, experiment.trials, openRandomStream(experiment.seed, 'pattern', index));
  const frozen = experiment.patterns === 'frozen' ? draw(0) : undefined;
  return {
    name: 'mixed-source',
    later: (session) => frozen ?? draw(session),
    nextTrials(session, from) {
      const pattern = frozen ?? draw(session);
      return from === 0 ? pattern : patternTail(pattern, from);
    },
  };
}

/** A pattern without its first `from` trials. */
function patternTail(pattern: StimulusPattern, from: number): StimulusPattern {
  const sourceCount = pattern.sources.length / pattern.trials;
  const inputCount = pattern.inputs.length / pattern.trials;
  return {
    trials: pattern.trials - from,
    sources: pattern.sources.subarray(from * sourceCount),
    inputs: pattern.inputs.subarray(from * inputCount),
  };
}
