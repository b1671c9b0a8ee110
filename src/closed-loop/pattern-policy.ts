import { drawPattern, inputCountOf, type MixingDesign, type StimulusPattern } from '../../protocols/mixed-sources.js';
import type { PolicyFallback } from '../../protocols/ledger.js';
import { openRandomStream } from '../../protocols/random.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { OnlineModel } from '../model/online-model.js';
import type { Experiment } from './experiment.js';
import type { LookedAt } from './seen-samples.js';

/** What has happened before the trial that is to be decided. It belongs to the engine; a policy only reads it. */
export interface TrialHistory {
  /** The rows of all trials before are filled in, the others are zero. */
  readonly table: ResponseTable;
  /** The online model after the last trial, and after the last session that has ended. */
  readonly model: OnlineModel;
}

/** The next trials, and what went wrong in deciding them. */
export interface PatternDecision extends StimulusPattern {
  /** (trials) why a trial's pattern is another policy's; undefined where it is not. */
  readonly fallbacks?: readonly (PolicyFallback | undefined)[] | undefined;
  /** The responses that it could look at; absent where it looked at none. */
  readonly lookedAt?: LookedAt | undefined;
}

/**
 * Decides what is shown next: history in, pattern out.
 *
 * Given the same experiment and the same history it decides the same, so that a run can be replayed and resumed. A policy
 * that cannot promise this is wrapped by `repeatRecorded`, which takes the recorded patterns.
 */
export interface PatternPolicy {
  readonly name: string;
  /**
   * The next trials of a session from trial `from` on: as many as can be decided without seeing another response, at
   * least one and at most the rest of the session.
   */
  nextTrials(session: number, from: number, history: TrialHistory): PatternDecision | Promise<PatternDecision>;
  /** The whole pattern of a later session; absent where it depends on responses. */
  later?(session: number): StimulusPattern;
}

/** A policy that looks at no response: every session can be decided ahead. */
export interface PlannedPolicy extends PatternPolicy {
  nextTrials(session: number, from: number): StimulusPattern;
  later(session: number): StimulusPattern;
}

/**
 * The published policy: hidden sources drawn by coin, mixed into the inputs. A frozen pattern is drawn once and repeated
 * in every session; a fresh one is drawn for each session. Either way it depends on the seed alone, so a whole session
 * can be decided ahead.
 */
export function mixedSourcePolicy(experiment: Experiment): PlannedPolicy {
  const design = toMixing(experiment);
  return planSessions('mixed-source', experiment, (index) =>
    drawPattern(design, experiment.trials, openRandomStream(experiment.seed, 'pattern', index)),
  );
}

/**
 * A policy of whole sessions drawn by `draw`: with frozen patterns that of index 0 for every session, else of index
 * `session`.
 */
export function planSessions(
  name: string,
  { patterns }: Pick<Experiment, 'patterns'>,
  draw: (index: number) => StimulusPattern,
): PlannedPolicy {
  const frozen = patterns === 'frozen' ? draw(0) : undefined;
  return {
    name,
    later: (session) => frozen ?? draw(session),
    nextTrials(session, from) {
      const pattern = frozen ?? draw(session);
      return from === 0 ? pattern : sliceTrials(pattern, from, pattern.trials);
    },
  };
}

/** How an experiment's hidden sources become stimuli. */
export function toMixing(experiment: Experiment): MixingDesign {
  return {
    sourceCount: experiment.sources,
    mixing: experiment.mixing,
    inputsPerBlock: experiment.inputsPerBlock,
  };
}

/** Trials [from, end) of a pattern; views into its arrays. */
export function sliceTrials(pattern: StimulusPattern, from: number, end: number): StimulusPattern {
  const sourceCount = pattern.sources.length / pattern.trials;
  const inputCount = pattern.inputs.length / pattern.trials;
  return {
    trials: end - from,
    sources: pattern.sources.subarray(from * sourceCount, end * sourceCount),
    inputs: pattern.inputs.subarray(from * inputCount, end * inputCount),
  };
}

/** A pattern of the experiment's sizes with nothing on. */
export function emptyPattern(experiment: Experiment): StimulusPattern {
  const { trials, sources } = experiment;
  return {
    trials,
    sources: new Uint8Array(trials * sources),
    inputs: new Uint8Array(trials * inputCountOf(toMixing(experiment))),
  };
}
