import type { Microamps, Microseconds, SampleIndex } from '../units.js';

/** A span of constant current; a current of 0 is the gap between two phases. */
export interface PulsePhase {
  /** Signed current through the electrode; negative is cathodic. */
  readonly currentUa: Microamps;
  readonly durationUs: Microseconds;
}

/** One current-controlled pulse on one electrode, its phases one after the other. */
export interface Pulse {
  /** Recording-electrode index, row by row from 0. */
  readonly electrode: number;
  readonly phases: readonly PulsePhase[];
}

/** What a pattern slot of a device holds: pulses that all begin at the same sample, each electrode at most once. */
export interface StimPattern {
  /** Pattern slot of the device, from 0. */
  readonly slot: number;
  /** Without a pulse the pattern is empty: delivering it is an acknowledged nothing. */
  readonly pulses: readonly Pulse[];
}

/** When a stimulus is due: as soon as the device can, or when its sample counter reaches a value. */
export type StimTime = { readonly type: 'now' } | { readonly type: 'sample'; readonly sample: SampleIndex };

/** One stimulus: a pattern, once. Not yet checked: see `gate.ts`. */
export interface StimCommand {
  /** Names this stimulus in every acknowledgement; rises from one command to the next, integer in [1, 2^32 - 1]. */
  readonly stimulusId: number;
  readonly pattern: StimPattern;
  readonly at: StimTime;
}
