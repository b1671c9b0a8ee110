/**
 * What the ZMQ Interface of Open Ephys publishes: one message for each channel of each buffer, one for each change of a
 * line, one for each spike. Each has the next number since the acquisition began, from 1; all kinds count together.
 */
export type ZmqMessage = DataMessage | LineMessage | SpikeMessage | OtherMessage;

/** A buffer of one channel. */
export interface DataMessage {
  readonly type: 'data';
  readonly messageNum: number;
  readonly stream: string;
  readonly channelNum: number;
  readonly channelName: string;
  readonly numSamples: number;
  /** Sample number of the first sample, on the stream's counter. */
  readonly sampleNum: number;
  readonly sampleRateHz: number;
  /** (numSamples) float32, little-endian, as they came: microvolts, or volts of an analog input. Belongs to the receiver. */
  readonly samples: Uint8Array;
  /** The end of the header was missing, and was not needed. */
  readonly isCut: boolean;
}

/** A digital line changed. */
export interface LineMessage {
  readonly type: 'line';
  readonly messageNum: number;
  readonly stream: string;
  /** Number of the processor that saw it. */
  readonly sourceNode: number;
  readonly sampleNum: number;
  /** From 1, as the program shows them; from 0 on the wire. */
  readonly line: number;
  readonly isHigh: boolean;
  /** All lines after the change, line 1 in the lowest bit. */
  readonly word: bigint;
  readonly isCut: boolean;
}

/** A spike that the program found. */
export interface SpikeMessage {
  readonly type: 'spike';
  readonly messageNum: number;
  readonly stream: string;
  readonly sourceNode: number;
  readonly electrode: string;
  readonly sampleNum: number;
  readonly numChannels: number;
  readonly numSamples: number;
  readonly sortedId: number;
  /** (numChannels) */
  readonly thresholds: readonly number[];
  /** (numChannels, numSamples) float32, little-endian, as they came. */
  readonly samples: Uint8Array;
  readonly isCut: boolean;
}

/** An event that is neither a line nor a spike. It counts. */
export interface OtherMessage {
  readonly type: 'other';
  readonly messageNum: number;
  readonly isCut: boolean;
}

/** Parts that are no message. */
export interface BadMessage {
  readonly type: 'bad';
  /** Where the header still told it. */
  readonly messageNum: number | null;
  readonly reason: string;
}

/** First parts: text with its NUL. Spikes travel under `EVENT` as well. */
export const DATA_ENVELOPE = 'DATA\0';
export const EVENT_ENVELOPE = 'EVENT\0';

/** Kind of an event that is the change of a line. */
export const LINE_EVENT_TYPE = 3;
/** Bytes of its payload: line, state, and the word of all lines. */
export const LINE_EVENT_BYTES = 10;
/** Most samples of one message that are taken: two seconds at 30 kHz, and far above any audio buffer. */
export const MAX_NUM_SAMPLES = 65_536;
