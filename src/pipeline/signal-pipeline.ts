import type { SampleBlock } from '../../protocols/sample-block.js';
import type { SampleIndex } from '../../protocols/units.js';
import type { SpikeBatch, StimulusMark } from './spike-batch.js';

/** What a pipeline did and what it did not get. */
export interface SignalCounters {
  /** Samples of each channel that were looked at. */
  readonly samples: number;
  /** Gaps: blocks that did not begin where the last one ended, with no rest between them; and how many samples. */
  readonly gaps: number;
  readonly gapSamples: number;
  /** Rests of the device, of which nothing was to be seen. */
  readonly rests: number;
}

/**
 * From samples to spikes: everything that works on single samples, with its state. Pure in the sense that matters: what
 * it finds depends on the samples, the marks, the gaps and the rests it was given with their sample numbers, and on
 * nothing else; how the samples are cut into blocks cannot matter.
 */
export interface SignalPipeline {
  readonly channels: number;
  readonly sampleRateHz: number;
  /** Sample up to which batches have been given; samples after it are still being looked at. NaN before the first. */
  readonly settledTo: SampleIndex;
  readonly counters: SignalCounters;
  /** Says that pulses begin at a sample; before the block that holds this sample is pushed. */
  mark(stimulus: StimulusMark): void;
  /**
   * The next samples; a block that does not begin where the last one ended is a gap: state starts afresh there, with a
   * blind span, and the gap is counted.
   *
   * @returns what has been settled by it; may span less or more than the block
   * @throws MeaError `bad-input` for a block with another number of channels, or one that goes back
   */
  push(block: SampleBlock): SpikeBatch;
  /**
   * The device rests: the next sample is `toSample`. As a gap, but counted as what it is.
   *
   * @throws MeaError `bad-input` for a sample that has been already
   */
  rest(toSample: SampleIndex): void;
  /** No more samples come: settles what is left, as far as it can be seen. */
  end(): SpikeBatch;
}
