import type { BlockReader } from '../../protocols/recording/block-reader.js';
import type { LedgerRecord, ModelSnapshot } from '../../protocols/ledger.js';
import type { SampleIndex } from '../../protocols/units.js';
import type { SessionFile } from './session-file.js';

/** Spikes that were found in [from, to), as columns. */
export interface RecordedSpikes {
  readonly from: SampleIndex;
  readonly to: SampleIndex;
  /** (spikes) sample of the peak, rising; of one sample by rising electrode. */
  readonly samples: Float64Array;
  /** (spikes) electrode, row by row from 0. */
  readonly electrodes: Uint16Array;
  /** (spikes) filtered voltage at the peak, with its sign. */
  readonly amplitudesUv: Float32Array;
}

/** What became of one stimulus that the device had accepted; one that was refused is in the record of its trial. */
export interface RecordedStimulus {
  readonly stimulusId: number;
  readonly atSample: SampleIndex;
  readonly outcome: 'delivered' | 'dropped';
  /** Electrodes that were pulsed; none for an empty pattern. */
  readonly electrodes: readonly number[];
  /** Of the first phase, negative for cathodic; absent for an empty pattern. */
  readonly amplitudeUa?: number;
  readonly phaseWidthUs?: number;
}

/** A recording of this program, opened for reading. What is long is read in pieces, each time from its beginning. */
export interface RecordingContents {
  readonly path: string;
  readonly session: SessionFile;
  /** Stretches of raw samples without a gap, in order of time; none where raw samples were not kept. */
  readonly signals: readonly BlockReader[];
  ledger(): AsyncIterable<LedgerRecord>;
  spikes(): AsyncIterable<RecordedSpikes>;
  stimuli(): AsyncIterable<RecordedStimulus>;
  models(): AsyncIterable<ModelSnapshot>;
  /** Idempotent. */
  close(): Promise<void>;
}
