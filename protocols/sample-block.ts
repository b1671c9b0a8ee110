import type { SampleIndex } from './units.js';

/**
 * Consecutive samples of all channels, stamped with the device's sample counter.
 *
 * A block that was handed out belongs to its receiver.
 */
export interface SampleBlock {
  /** Sample number of the first frame. */
  readonly firstSample: SampleIndex;
  /** Number of frames: one sample of every channel each. */
  readonly frames: number;
  readonly channels: number;
  /** (frames, channels) frame-major, raw units of the device: multiply by its gain to get microvolts. */
  readonly samples: Int16Array;
}
