import type { SampleIndex } from '../../protocols/units.js';

/**
 * What was found in a stretch of samples: columns, not objects. Batches follow each other without a gap in [from, to):
 * once a batch has been given, nothing before its `to` will come any more. It belongs to its receiver.
 */
export interface SpikeBatch {
  readonly from: SampleIndex;
  readonly to: SampleIndex;
  /** (spikes) sample of the peak, rising; of one sample by rising electrode. */
  readonly samples: Float64Array;
  /** (spikes) electrode, row by row from 0. */
  readonly electrodes: Uint16Array;
  /** (spikes) filtered voltage at the peak, with its sign. */
  readonly amplitudesUv: Float32Array;
  /** Stretches within [from, to) in which an electrode could not be seen; a spike there would not have been found. */
  readonly blind: BlindSpans;
}

/** Columns of stretches [from, to) of samples, one electrode each; of one electrode they rise and do not overlap. */
export interface BlindSpans {
  readonly electrodes: Uint16Array;
  readonly from: Float64Array;
  readonly to: Float64Array;
}

/** A stimulus as the pipeline must know it: when its pulses began, on which electrodes, and how long they last. */
export interface StimulusMark {
  readonly sample: SampleIndex;
  /** Electrodes that were pulsed; none for an empty pattern. */
  readonly electrodes: readonly number[];
  /** From the beginning of the pulses to the end of the last phase with current, in samples, rounded up. */
  readonly durationSamples: number;
}
