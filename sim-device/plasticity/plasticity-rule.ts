import type { Anatomy, CultureSize } from '../anatomy.js';
import type { CultureParameters } from '../culture-parameters.js';

/** What a rule is made from. */
export interface PlasticityContext {
  readonly parameters: CultureParameters;
  readonly anatomy: Anatomy;
  readonly size: CultureSize;
  readonly seed: number;
}

/** One trial as the synapses saw it. All arrays are views, valid during the call. */
export interface PlasticTrial {
  /** Session and trial as the culture counts them, from 0: the keys of random streams. */
  readonly session: number;
  readonly trial: number;
  /** The inputs that were pulsed: the first `activeCount` values. */
  readonly active: Uint16Array;
  readonly activeCount: number;
  /** (inputs) stimulus less its mean over the previous 256 s of stimulated time. */
  readonly centred: Float64Array;
  /** (electrodes) spikes in the window: evoked ones alone, and all. */
  readonly evoked: Uint16Array;
  readonly counts: Uint16Array;
}

/**
 * How a culture changes with use. A rule learns from every trial, but what it has learned shows in the gains only
 * after the next rest: inside a session the gains depend on the data before it (docs/model.md).
 */
export interface PlasticityRule {
  /** Everything that a rule remembers. It is saved at rests, so it must determine the gains of the session after. */
  readonly state: readonly Float64Array[];
  /** (electrodes) living units, integers in [0, 30]; a view that changes at rests only. */
  readonly units: Float64Array;
  /** Learns from one trial. Not called under APV. */
  onTrial(trial: PlasticTrial): void;
  /** Ends a session; `session` is the one that begins. Called under APV too. */
  onRest(session: number): void;
  /** Recomputes whatever follows from `state`, whose values were replaced by those of a rest. */
  onRestore(): void;
  /**
   * Writes the natural logarithm of the gains G_e of a stimulus into `logGains` (electrodes).
   *
   * @param centred (inputs) stimulus less its mean over the previous 256 s of stimulated time
   */
  writeLogGains(centred: Float64Array, logGains: Float64Array): void;
}
