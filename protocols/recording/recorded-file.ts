import type { Hertz } from '../units.js';
import type { BlockReader } from './block-reader.js';

/** Formats that can be opened. */
export type RecordedFormat =
  'meactl' | 'open-ephys' | 'raw' | 'intan-rhs' | 'maxwell' | 'mcs' | 'nwb' | 'spikeglx' | 'waverepo' | 'responses';

/** When one unit, or one electrode, fired. */
export interface SpikeTrain {
  readonly name: string;
  /** Channel or electrode number of the file; absent where it has none. */
  readonly electrode?: number;
  /** (spikes) seconds from the beginning of the file's clock, rising. */
  readonly timesS: Float64Array;
  /** (spikes) volts of the peak in microvolts; absent where the file does not say. */
  readonly amplitudesUv?: Float32Array;
}

/** Where an electrode is. */
export interface RecordedElectrode {
  readonly name: string;
  /** Channel of the signal that it is connected to; absent where it is connected to none. */
  readonly channel?: number;
  readonly xUm: number;
  readonly yUm: number;
}

/** Something that happened at a time: a trigger line, a marker, a stimulus of the file. */
export interface RecordedMark {
  readonly timeS: number;
  readonly durationS?: number;
  readonly label: string;
}

/** A recording, whoever made it. */
export interface RecordedFile {
  readonly format: RecordedFormat;
  readonly path: string;
  /** Version of the format or of the program that wrote it, as the file says; absent where it does not. */
  readonly writtenBy?: string;
  /** Stretches without a gap, in order of time; several signals of one time follow each other by name. */
  readonly signals: readonly BlockReader[];
  /** Rate of the clock that spikes and marks were taken from; absent where there is none. */
  readonly sampleRateHz?: Hertz;
  readonly spikes: readonly SpikeTrain[];
  readonly electrodes: readonly RecordedElectrode[];
  readonly marks: readonly RecordedMark[];
  /** What is in the file and could not be read, each with its reason and remedy. */
  readonly unread: readonly string[];
  /** Idempotent. */
  close(): Promise<void>;
}
