import type { Observable } from 'rxjs';
import type { SampleBlock } from '../../protocols/sample-block.js';
import type { Hertz, SampleIndex } from '../../protocols/units.js';

/** What a recorder is. */
export interface RecorderDescription {
  /** Name of the device and of its maker. */
  readonly device: string;
  /** Its own serial number; where it tells none, its address: a person names it to arm the rig. */
  readonly serialNumber: string;
  readonly firmware: string;
  /** True where it says itself that it is emulated. */
  readonly emulated: boolean;
  /** Electrodes of the rig, in the order of the blocks' channels. */
  readonly channels: number;
  readonly sampleRateHz: Hertz;
  /** Microvolts per unit of a sample. */
  readonly gainUvPerBit: number;
  /** Frames of a block where it has a say in that; blocks may be of other lengths. */
  readonly blockFrames: number;
  /** How it sees that a pulse left: from the stimulator's own record, from a line that it samples, or not at all. */
  readonly sees: 'pulses' | 'lines' | 'nothing';
}

/** Samples are missing: `toSample` is the next one at hand. */
export interface SamplesLost {
  readonly type: 'samples-lost';
  readonly fromSample: SampleIndex;
  readonly toSample: SampleIndex;
  /** Messages that are missing, where the protocol counts them. */
  readonly messages: number | null;
}

/** The recorder's own record of the stimulator: pulses began on these electrodes. Comes before the block with the sample. */
export interface PulsesSeen {
  readonly type: 'pulses-seen';
  readonly sample: SampleIndex;
  /** Rising. */
  readonly electrodes: readonly number[];
  /** Electrodes among them that reached the compliance voltage, rising. */
  readonly atCompliance: readonly number[];
}

/** A digital line that the recorder samples has changed. */
export interface LineChanged {
  readonly type: 'line-changed';
  readonly sample: SampleIndex;
  /** From 1. */
  readonly line: number;
  readonly isHigh: boolean;
}

/** Everything that a recorder has to say, in one order; after `failed` nothing comes. */
export type RecorderEvent =
  | (SampleBlock & { readonly type: 'block' })
  | { readonly type: 'started'; readonly firstSample: SampleIndex }
  | { readonly type: 'ended'; readonly endSample: SampleIndex }
  | SamplesLost
  | PulsesSeen
  | LineChanged
  /** The link is gone; the recorder tries to come back. */
  | { readonly type: 'link-lost'; readonly reason: string }
  | { readonly type: 'link-restored'; readonly outageMs: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

/**
 * A connected device that gives samples, whatever it speaks. Methods throw MeaError: `refused` where the device refuses,
 * `deadline` where no answer came, `link` when it is gone.
 */
export interface Recorder {
  readonly description: RecorderDescription;
  /** Hot; subscribe before `start`. A block belongs to whoever it was handed to. */
  readonly events$: Observable<RecorderEvent>;
  readonly isConnected: boolean;
  start(signal?: AbortSignal): Promise<void>;
  /** Resolves when no more samples come. */
  stop(signal?: AbortSignal): Promise<void>;
  /** Acquisition off where we began it, link off; bounded in time, never rejects. */
  close(): Promise<void>;
}
