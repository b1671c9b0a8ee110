import type { Hertz, SampleIndex } from '../units.js';

/** One channel of a recorded signal: microvolts are raw x gain + offset. */
export interface RecordedChannel {
  readonly name: string;
  readonly gainUvPerBit: number;
  readonly offsetUv: number;
  /** Electrode of the array, row by row from 0; absent where the file does not say. */
  readonly electrode?: number;
}

/** A stretch [from, to) of samples on the recorder's clock. */
export interface SampleSpan {
  readonly from: SampleIndex;
  readonly to: SampleIndex;
}

/** Samples of all channels, one after the other without a gap in the counter. */
export interface RecordedSignal {
  readonly name: string;
  readonly channels: readonly RecordedChannel[];
  readonly sampleRateHz: Hertz;
  /** Number of the first frame on the recorder's sample clock; 0 where the file does not say. */
  readonly firstSample: SampleIndex;
  readonly frames: number;
  /** Stretches that were filled in, or that cannot be trusted: what stands there was not recorded. Rising, apart. */
  readonly blind: readonly SampleSpan[];
}

/** Consecutive frames of a recorded signal. It belongs to its receiver. */
export interface FrameBlock {
  /** From 0 at the beginning of the signal. */
  readonly firstFrame: number;
  readonly frames: number;
  readonly channels: number;
  /** (frames, channels) frame-major, raw units; see `RecordedChannel`. Floats where the file has them. */
  readonly samples: Int16Array | Int32Array | Float32Array | Float64Array;
}

/** A recorded signal that is read in pieces; memory does not grow with the file. */
export interface BlockReader {
  readonly signal: RecordedSignal;
  /**
   * Reads frames `first` to `first + frames`, cut off at the end of the signal.
   *
   * @throws MeaError `bad-input` for a stretch that begins outside the signal; `bad-format` for a file that is not what its
   *   header says; `storage` where the disk refuses
   */
  readBlock(first: number, frames: number): Promise<FrameBlock>;
}
