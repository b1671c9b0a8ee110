import type { SafetyProfile } from '../stimulation/safety-profile.js';
import type { SafetyRule } from '../stimulation/safety-rule.js';
import type { StimPattern, StimTime } from '../stimulation/stim-pattern.js';
import type { SampleBlock } from '../sample-block.js';
import type { Hertz, SampleIndex } from '../units.js';

/** Version of the protocol; a device of another major version refuses `hello`. */
export const MEA_LINK_VERSION = { major: 1, minor: 1 } as const;

/** Largest encoded message in bytes; a longer one is refused before it is decoded. */
export const MAX_MESSAGE_BYTES = 65_536;

/**
 * The two streams of messages from a device, each with sequence numbers of its own. `control` carries replies and
 * heartbeats; `data` carries everything that happened, in order, and is what the device keeps in its ring.
 */
export type Lane = 'control' | 'data';

// ---- from the host ---------------------------------------------------------------------------------------------------

export type HostMessage = CommandMessage | HostHeartbeat;

/** A command; the device answers each with one `Reply` that carries its id, and answers a repeated id with the same. */
export interface CommandMessage {
  readonly type: 'command';
  /** Counts the host's messages on this link from 0, modulo 2^32. */
  readonly sequence: number;
  /** Integer in [1, 2^32 - 1], rising; 0 is refused. */
  readonly commandId: number;
  readonly command: Command;
}

/** Sent every 20 ms while armed; the device disarms when none has come for `Capabilities.watchdogMs`. */
export interface HostHeartbeat {
  readonly type: 'heartbeat';
  readonly sequence: number;
  /** The token it was armed with; empty while not armed. A heartbeat with another token does not keep it armed. */
  readonly token: Uint8Array;
  /** Counts the turns of the controller's main loop: when it stands still for too long, the controller hangs. */
  readonly progress: number;
  /** Time from now after which the device is to disarm although heartbeats come; 0 while not armed. */
  readonly armedForMs: number;
}

export type Command =
  | HelloCommand
  | ConfigureCommand
  | { readonly type: 'start' }
  | { readonly type: 'stop' }
  /**
   * Acquisition pauses, the sample counter jumps by so many samples (at least 1), the culture drifts: `rested`, not a gap.
   * A new session begins.
   */
  | { readonly type: 'rest'; readonly durationSamples: number }
  | { readonly type: 'upload-pattern'; readonly pattern: StimPattern }
  | TriggerCommand
  /** Takes back a stimulus that is scheduled and has not left. */
  | { readonly type: 'cancel'; readonly stimulusId: number }
  /** Ends all stimulation at once, purges the queue, disarms. Never refused, in any state. */
  | { readonly type: 'abort' }
  | ArmCommand
  | { readonly type: 'disarm' }
  | { readonly type: 'measure-impedance'; readonly electrodes: readonly number[]; readonly frequencyHz: Hertz }
  /** Sends the data lane again from this sequence on, or from the oldest that the ring holds. */
  | { readonly type: 'resume'; readonly bootId: number; readonly fromSequence: number }
  | { readonly type: 'status' };

export interface HelloCommand {
  readonly type: 'hello';
  readonly major: number;
  readonly minor: number;
  /** Name and version of the controller, for the device's log. */
  readonly client: string;
  /** (16 bytes) random, one for each run of the controller: a device has one controller at a time. */
  readonly clientId: Uint8Array;
}

export interface ConfigureCommand {
  readonly type: 'configure';
  /** Frames in a block; the last one before a stop or a rest may be shorter. */
  readonly blockFrames: number;
  readonly safetyProfile: SafetyProfile;
}

export interface TriggerCommand {
  readonly type: 'trigger';
  readonly stimulusId: number;
  readonly slot: number;
  readonly at: StimTime;
  /** (16 bytes) the token that the device was armed with. */
  readonly token: Uint8Array;
}

export interface ArmCommand {
  readonly type: 'arm';
  /** (16 bytes) random, chosen by the controller for this arming. */
  readonly token: Uint8Array;
  /** Serial number of the device that is meant: another device refuses. */
  readonly serialNumber: string;
  /** (32 bytes) SHA-256 of the encoded safety profile that is meant: see `hashSafetyProfile`. */
  readonly profileHash: Uint8Array;
}

// ---- from the device -------------------------------------------------------------------------------------------------

export type DeviceMessage = ControlMessage | DataMessage;

/** Messages of the control lane. */
export type ControlMessage = Reply | DeviceHeartbeat;

/** Messages of the data lane: each has the lane's next sequence number, from 0 at each boot, modulo 2^32. */
export type DataMessage =
  | BlockMessage
  | RestedMessage
  | StimulusDelivered
  | StimulusDropped
  | ArmedChanged
  | FaultMessage
  | LogMessage
  | StreamStarted
  | StreamEnded;

export interface Reply {
  readonly type: 'reply';
  readonly sequence: number;
  readonly commandId: number;
  readonly result: ReplyResult;
}

export type ReplyResult =
  | { readonly type: 'done' }
  | HelloResult
  /** A stimulus is accepted for this sample. */
  | { readonly type: 'scheduled'; readonly sample: SampleIndex }
  | { readonly type: 'configured'; readonly profileHash: Uint8Array; readonly blockFrames: number }
  | { readonly type: 'impedances'; readonly frequencyHz: Hertz; readonly values: readonly Impedance[] }
  /** The data lane goes on from `fromSequence`; later than asked where the ring had lost what was before it. */
  | { readonly type: 'resumed'; readonly fromSequence: number; readonly nextSequence: number }
  | StatusResult
  | Refusal;

export interface HelloResult {
  readonly type: 'hello';
  readonly capabilities: Capabilities;
  /** Random, one for each boot of the device: another one means that all state and the ring are gone. */
  readonly bootId: number;
  /** Sequence that the next message of the data lane will have, and the oldest that the ring can send again. */
  readonly nextDataSequence: number;
  readonly oldestDataSequence: number;
  /** Id of the last stimulus that was accepted in this boot, 0 for none: the next one must be higher. */
  readonly newestStimulusId: number;
}

export interface StatusResult {
  readonly type: 'status';
  readonly state: DeviceState;
  readonly armed: boolean;
  readonly nextSample: SampleIndex;
  readonly scheduledStimuli: number;
  readonly nextDataSequence: number;
}

/** Named refusals: a command is done, or one of these says why not. */
export const REFUSAL_REASONS = [
  'unknown-command',
  'version',
  'not-controller',
  'bad-argument',
  'wrong-state',
  'not-configured',
  'not-armed',
  'bad-token',
  'wrong-device',
  'wrong-profile',
  'safety',
  'empty-slot',
  'late',
  'too-far-ahead',
  'stale-id',
  'queue-full',
  'unsupported',
  'device-fault',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface Refusal {
  readonly type: 'refused';
  readonly reason: RefusalReason;
  /** The safety rule, where the reason is `safety`. */
  readonly rule?: SafetyRule;
  /** For a person: what was wrong, with the values. */
  readonly message: string;
}

/** `idle`: not configured; `ready`: configured, not acquiring; `running`: acquiring. */
export type DeviceState = 'idle' | 'ready' | 'running';

/** Sent on the control lane at least every `heartbeatMs`: shows that the tail of the data lane has arrived or not. */
export interface DeviceHeartbeat {
  readonly type: 'device-heartbeat';
  readonly sequence: number;
  /** Sequence that the next message of the data lane will have: everything before it has been sent. */
  readonly nextDataSequence: number;
  readonly nextSample: SampleIndex;
  readonly state: DeviceState;
  readonly armed: boolean;
}

export interface BlockMessage extends SampleBlock {
  readonly type: 'block';
  readonly sequence: number;
}

/** Acquisition rested: no samples exist from `fromSample` up to `toSample`. */
export interface RestedMessage {
  readonly type: 'rested';
  readonly sequence: number;
  readonly fromSample: SampleIndex;
  /** The sample that comes next. */
  readonly toSample: SampleIndex;
}

/** A stimulus left, or an empty pattern was due and nothing left as asked. */
export interface StimulusDelivered {
  readonly type: 'stimulus-delivered';
  readonly sequence: number;
  readonly stimulusId: number;
  /** The sample at which its pulses began. */
  readonly sample: SampleIndex;
  readonly slot: number;
  /** Electrodes that were pulsed, rising. */
  readonly electrodes: readonly number[];
  /**
   * Those of them, rising, on which the stimulator reached its compliance voltage, so that less current flowed than was asked for;
   * absent where it did on none, or the device cannot tell.
   */
  readonly limitedElectrodes?: readonly number[];
}

export const DROP_REASONS = ['cancelled', 'aborted', 'disarmed', 'stopped', 'safety', 'device-fault'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** A stimulus that was accepted will not leave. */
export interface StimulusDropped {
  readonly type: 'stimulus-dropped';
  readonly sequence: number;
  readonly stimulusId: number;
  readonly atSample: SampleIndex;
  readonly reason: DropReason;
  readonly message: string;
}

export const ARMING_CAUSES = [
  'command',
  'watchdog',
  'armed-time',
  'link-lost',
  'abort',
  'stopped',
  'reconfigured',
  'device-fault',
] as const;
export type ArmingCause = (typeof ARMING_CAUSES)[number];

export interface ArmedChanged {
  readonly type: 'armed-changed';
  readonly sequence: number;
  readonly atSample: SampleIndex;
  readonly armed: boolean;
  readonly cause: ArmingCause;
}

export const FAULT_CODES = [
  'ring-overrun',
  'brown-out',
  'clock',
  'stimulator',
  'amplifier',
  'host-link',
  'internal',
] as const;
export type FaultCode = (typeof FAULT_CODES)[number];

export interface FaultMessage {
  readonly type: 'fault';
  readonly sequence: number;
  readonly atSample: SampleIndex;
  readonly code: FaultCode;
  readonly message: string;
}

export interface LogMessage {
  readonly type: 'log';
  readonly sequence: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

export interface StreamStarted {
  readonly type: 'stream-started';
  readonly sequence: number;
  readonly firstSample: SampleIndex;
}

/** The last message of an acquisition: what the receiver must have got. */
export interface StreamEnded {
  readonly type: 'stream-ended';
  readonly sequence: number;
  /** Sample after the last one. */
  readonly endSample: SampleIndex;
  /** Blocks and frames since the start of the acquisition. */
  readonly blocks: number;
  readonly frames: number;
  /** CRC-32C over the sample bytes of those blocks, in order. */
  readonly samplesCrc32c: number;
}

export interface Impedance {
  readonly electrode: number;
  /** Magnitude in ohm, phase in degrees. */
  readonly magnitudeOhm: number;
  readonly phaseDegrees: number;
}

/** What a device is and can; the answer to `hello`. */
export interface Capabilities {
  /** Name of the device and of its maker, and its own serial number. */
  readonly device: string;
  readonly serialNumber: string;
  readonly firmware: string;
  readonly major: number;
  readonly minor: number;
  /** True for an emulated device; a program that records must say so. */
  readonly emulated: boolean;
  /** Recording channels; 0 for a device that only stimulates. */
  readonly channels: number;
  readonly sampleRateHz: Hertz;
  /** Microvolts per unit of a sample. */
  readonly gainUvPerBit: number;
  /** Largest `blockFrames`. */
  readonly maxBlockFrames: number;
  readonly stimulation: StimulationCapabilities | null;
  /** The device disarms when no heartbeat has come for so long. */
  readonly watchdogMs: number;
  /** Interval of the device's own heartbeats. */
  readonly heartbeatMs: number;
  /** How long the device keeps what it has sent; above 0. */
  readonly ringMs: number;
  readonly canMeasureImpedance: boolean;
}

export interface StimulationCapabilities {
  /** Electrodes with a stimulation output, rising. */
  readonly electrodes: readonly number[];
  readonly currentStepUa: number;
  readonly maxCurrentUa: number;
  readonly timeStepUs: number;
  readonly maxPhases: number;
  readonly slots: number;
  /** Most stimuli that can be scheduled at once. */
  readonly queueLength: number;
  /** `at-sample` devices deliver at the sample that was asked for or refuse; `immediate` ones as soon as they can. */
  readonly scheduling: 'at-sample' | 'immediate';
  /** `acknowledged`: the device says when it set its outputs; `observed`: it saw the pulse in a measurement. */
  readonly delivery: 'acknowledged' | 'observed';
  /** Furthest that a stimulus may be scheduled ahead. */
  readonly maxAheadMs: number;
}
