import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import type { DetectorLevels } from '../../../protocols/trial.js';
import type { SampleIndex } from '../../../protocols/units.js';
import type { DecimatedTrace } from '../operators/trace-decimator.js';
import type { SpikeRates } from '../operators/rate-counter.js';
import type { FireCause } from '../rules/fire-rule.js';
import type { SnippetBatch } from '../snippet-store.js';
import type { DeliveryDoubt } from '../trials/delivery-judge.js';
import type { WindowedResponse } from '../trials/windowed-response.js';
import type { EventLatency } from './latency-recorder.js';
import type { SpikesEvent, StimulusScheduled } from './pipeline-event.js';

/** A block of samples without the number that it had on the link. */
export interface BlockRecord extends SampleBlock {
  readonly type: 'block';
}

/** Filtered voltages around spikes, after the batch that they belong to. */
export interface SnippetsEvent {
  readonly type: 'snippets';
  readonly batch: SnippetBatch;
}

/** What the detector goes by, once a second, after the spikes up to that sample. */
export interface DetectorLevelsEvent extends DetectorLevels {
  readonly type: 'detector-levels';
}

/** Who wanted a stimulus: a rule, because of spikes, or a request, with the label that it was given. */
export type StimulusOrigin =
  | { readonly type: 'rule'; readonly rule: string; readonly number: number; readonly cause: FireCause }
  | { readonly type: 'request'; readonly label?: string };

/** The device accepted a stimulus for a sample. */
export interface RigStimulusScheduled extends StimulusScheduled {
  readonly slot: number;
  /** From the beginning of its pulses to their end, rounded up; 0 for an empty pattern. */
  readonly durationSamples: number;
  /** Electrodes that it pulses; none for an empty pattern. */
  readonly electrodes: readonly number[];
  /** The first phase of the first pulse, negative for cathodic; absent for an empty pattern. */
  readonly amplitudeUa?: number;
  readonly phaseWidthUs?: number;
  readonly origin: StimulusOrigin;
}

/** A stimulus was not sent, or not taken. */
export interface RigStimulusRefused {
  readonly type: 'stimulus-refused';
  /** Null where it was not sent: no id was used. */
  readonly stimulusId: number | null;
  readonly slot: number;
  readonly origin: StimulusOrigin;
  /** `driver` with an id: the command failed on its way, nobody knows whether it left, and the account keeps it. */
  readonly by: 'gate' | 'device' | 'driver';
  /** The first broken rule, the device's reason, the tag of the driver's error, or `busy`. */
  readonly reason: string;
  /** For a person: all of them, with the values. */
  readonly message: string;
}

/**
 * The receiving thread was too slow, and this is missing. It stands before the first block after those that are missing,
 * and in the place of all else that is.
 */
export interface OverrunEvent {
  readonly type: 'overrun';
  readonly blocks: number;
  readonly spikeBatches: number;
  readonly trials: number;
  readonly others: number;
  /** Samples that the missing records tell of, first and end; null where none of them tells of samples. */
  readonly fromSample: SampleIndex | null;
  readonly toSample: SampleIndex | null;
}

/** What is small and seldom: it crosses between threads as text. */
export type PlainEvent =
  | Exclude<DeviceEvent, { readonly type: 'block' }>
  | EventLatency
  | RigStimulusScheduled
  | RigStimulusRefused
  | DetectorLevelsEvent
  | DeliveryDoubt
  | OverrunEvent;

/** Everything that a rig has to say, in one order. */
export type RigEvent =
  BlockRecord | SpikesEvent | SnippetsEvent | WindowedResponse | SpikeRates | DecimatedTrace | PlainEvent;

/** By name, so that a type that is added without a line here does not compile. */
const PLAIN_TYPES: Readonly<Record<PlainEvent['type'], true>> = {
  rested: true,
  'stimulus-delivered': true,
  'stimulus-dropped': true,
  'armed-changed': true,
  fault: true,
  log: true,
  'stream-started': true,
  'stream-ended': true,
  gap: true,
  'sample-jump': true,
  'link-lost': true,
  'link-restored': true,
  'device-restarted': true,
  'link-failed': true,
  'bad-frame': true,
  'main-stalled': true,
  'driver-warning': true,
  latency: true,
  'stimulus-scheduled': true,
  'stimulus-refused': true,
  overrun: true,
  'detector-levels': true,
  'delivery-doubted': true,
};

/** True for an event of one of the known types; its other fields are the writer's word, for both are one program. */
export function isPlainEvent(value: unknown): value is PlainEvent {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  return typeof value.type === 'string' && Object.hasOwn(PLAIN_TYPES, value.type);
}
