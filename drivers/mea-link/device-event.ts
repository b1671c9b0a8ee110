import type {
  ArmedChanged,
  BlockMessage,
  FaultMessage,
  LogMessage,
  RestedMessage,
  StimulusDelivered,
  StimulusDropped,
  StreamEnded,
  StreamStarted,
} from '../../protocols/mea-link/messages.js';
import type { SampleIndex } from '../../protocols/units.js';

/**
 * Why messages of the data lane are missing: `lost` on the way, and the device did not send them again; `ring-overrun`,
 * the device no longer held them; `restart`, the device booted anew; `gave-up`, the connection ended before they came.
 */
export type GapCause = 'lost' | 'ring-overrun' | 'restart' | 'gave-up';

/**
 * Messages of the data lane that will never come. Sequence numbers are full ones: they do not wrap, but begin anew with
 * each boot of the device.
 */
export interface GapEvent {
  readonly type: 'gap';
  readonly cause: GapCause;
  readonly firstSequence: number;
  /** The last one that is missing, and how many are; null after a restart: nobody knows what the device had in hand. */
  readonly lastSequence: number | null;
  readonly messages: number | null;
  /** Sequence with which the lane goes on. */
  readonly atSequence: number;
  /**
   * Samples that are missing at most: from the one that was expected next up to the next one that is at hand. Null
   * where no neighbour tells; the next block then comes with a `sample-jump` that does.
   */
  readonly fromSample: SampleIndex | null;
  readonly toSample: SampleIndex | null;
}

/** The samples do not continue: `toSample` comes where `fromSample` was expected; no `rested` lies between them. */
export interface SampleJumpEvent {
  readonly type: 'sample-jump';
  readonly fromSample: SampleIndex;
  readonly toSample: SampleIndex;
  /** `gap`: messages are missing before, and a `gap` said so; `clock-step`: none are, the device's counter stepped. */
  readonly cause: 'gap' | 'clock-step';
}

/**
 * What was received of an acquisition against what the device says it sent. `complete`: the same blocks, frames and
 * bytes. `gaps-reported`: the difference lies within the gaps that were reported. `joined-late`: the acquisition began
 * before the receiver did. `mismatch`: anything else, and a fault of device, link or receiver.
 */
export interface StreamCheck {
  readonly verdict: 'complete' | 'gaps-reported' | 'joined-late' | 'mismatch';
  readonly blocks: number;
  readonly frames: number;
  /** CRC-32C over the sample bytes of the blocks that were received. */
  readonly samplesCrc32c: number;
  /** Sent less received. */
  readonly missingBlocks: number;
  readonly missingFrames: number;
  /** Messages missing in reported gaps, and samples that the counter jumped over at them. */
  readonly gapMessages: number;
  readonly gapSamples: number;
}

/** The end of an acquisition, and whether everything came. */
export interface StreamEndedEvent extends StreamEnded {
  readonly check: StreamCheck;
}

/** What the receiver of the data lane hands on, in the order in which it happened. */
export type LaneEvent =
  | BlockMessage
  | RestedMessage
  | StimulusDelivered
  | StimulusDropped
  | ArmedChanged
  | FaultMessage
  | LogMessage
  | StreamStarted
  | StreamEndedEvent
  | GapEvent
  | SampleJumpEvent;

/** The link is gone; stimulation counts as off, and nothing arms again by itself. The driver connects again. */
export interface LinkLostEvent {
  readonly type: 'link-lost';
  readonly reason: string;
}

/** The link is back, and the device has not booted since. */
export interface LinkRestoredEvent {
  readonly type: 'link-restored';
  /** Messages that the device sends again, and those that its ring no longer held: a `gap` tells which. */
  readonly recoveredMessages: number;
  readonly lostMessages: number;
  readonly outageMs: number;
}

/** The device booted anew: it must be configured again, and its acquisition is over. */
export interface DeviceRestartedEvent {
  readonly type: 'device-restarted';
  readonly previousBootId: number;
  readonly bootId: number;
}

/** The link did not come back in time, or to another device: the driver has given up, and this is the last event. */
export interface LinkFailedEvent {
  readonly type: 'link-failed';
  readonly message: string;
}

/** Received bytes were no message; what they were is found missing and asked for again. */
export interface BadFrameEvent {
  readonly type: 'bad-frame';
  readonly message: string;
}

/** The controller's main loop stood still while armed: heartbeats ended, so the device disarms; arm again by hand. */
export interface MainStalledEvent {
  readonly type: 'main-stalled';
  readonly stalledMs: number;
}

/** Something did not go as it should, and the driver went on. */
export interface DriverWarningEvent {
  readonly type: 'driver-warning';
  readonly message: string;
}

/** Everything that a device and the link to it have to say, in one order. */
export type DeviceEvent =
  | LaneEvent
  | LinkLostEvent
  | LinkRestoredEvent
  | DeviceRestartedEvent
  | LinkFailedEvent
  | BadFrameEvent
  | MainStalledEvent
  | DriverWarningEvent;
