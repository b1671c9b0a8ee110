import type { DeviceAddress } from '../../../drivers/device-address.js';
import type { AcquisitionEndResult } from '../../../drivers/mea-link/acquisition-end.js';
import type { Configured, DeviceConfiguration } from '../../../drivers/rig-device.js';
import type { ArmRequest } from '../../../drivers/mea-link/stimulation-control.js';
import type { Capabilities, Impedance, Refusal, StatusResult } from '../../../protocols/mea-link/messages.js';
import type { StimPattern, StimTime } from '../../../protocols/stimulation/stim-pattern.js';
import type { Hertz } from '../../../protocols/units.js';
import type { OutletCounters } from './ring-outlet.js';
import type { StimulusOutcome } from './rig-account.js';
import type { RigSummary } from './rig-loop.js';
import type { RigLoopSettings } from './rig-settings.js';
import type { WireError } from '../../../protocols/wire-error.js';

/** A stimulus that is asked for, in what crosses between threads. */
export interface StimulusRequest {
  readonly pattern: StimPattern;
  readonly at: StimTime;
  /** Comes back in what is told of it. */
  readonly label?: string;
}

/** Everything that can be asked of the thread with the device. */
export type RigRequest =
  | { readonly method: 'configure'; readonly configuration: DeviceConfiguration }
  | { readonly method: 'start' }
  | { readonly method: 'stop' }
  | { readonly method: 'rest'; readonly durationSamples: number }
  | { readonly method: 'arm'; readonly request: ArmRequest }
  | { readonly method: 'disarm' }
  | { readonly method: 'abort' }
  | { readonly method: 'upload'; readonly pattern: StimPattern }
  | { readonly method: 'schedule'; readonly stimulus: StimulusRequest }
  | { readonly method: 'cancel'; readonly stimulusId: number }
  | {
      readonly method: 'measure-impedance';
      readonly request: { readonly electrodes: readonly number[]; readonly frequencyHz: Hertz };
    }
  | { readonly method: 'status' }
  | { readonly method: 'summary' }
  | { readonly method: 'close' };

/** The thread's answers to them. */
export type RigAnswer =
  | { readonly method: 'start' }
  | { readonly method: 'rest' }
  | { readonly method: 'arm' }
  | { readonly method: 'disarm' }
  | { readonly method: 'abort' }
  | { readonly method: 'upload' }
  | { readonly method: 'configure'; readonly value: Configured }
  | { readonly method: 'stop'; readonly value: AcquisitionEndResult }
  | { readonly method: 'schedule'; readonly value: StimulusOutcome }
  | { readonly method: 'cancel'; readonly value: { readonly type: 'done' } | Refusal }
  | { readonly method: 'measure-impedance'; readonly value: readonly Impedance[] }
  | { readonly method: 'status'; readonly value: StatusResult }
  | { readonly method: 'summary'; readonly value: RigWorkerSummary }
  | { readonly method: 'close'; readonly value: RigWorkerSummary };

/** What the loop did, and what its way out did. */
export interface RigWorkerSummary extends RigSummary {
  readonly outlet: OutletCounters;
}

/**
 * To the thread. `withdraw`: nobody waits for the answer any more, and what can be stopped is. `give-up`: nobody waits for
 * it to be ready any more; it closes what it has opened, and ends.
 */
export type ToRigThread =
  | { readonly type: 'request'; readonly id: number; readonly request: RigRequest }
  | { readonly type: 'withdraw'; readonly id: number }
  | { readonly type: 'give-up' };

/** From the thread. */
export type FromRigThread =
  | {
      readonly type: 'ready';
      readonly ring: SharedArrayBuffer;
      readonly capabilities: Capabilities;
      readonly bootId: number;
    }
  | { readonly type: 'answer'; readonly id: number; readonly answer: RigAnswer }
  | { readonly type: 'refusal'; readonly id: number; readonly error: WireError }
  /** The streams have ended: with an error, or as they should. */
  | { readonly type: 'ended'; readonly error: WireError | undefined };

/** What the thread is started with. */
export interface RigThreadData {
  readonly address: DeviceAddress;
  readonly client: string;
  readonly settings: RigLoopSettings;
  /** How long the reader of the ring may stand still without a loss of blocks. */
  readonly holdMs: number;
  readonly maxBacklogBytes: number;
  /** (1) turns of the starting thread's main loop, modulo 2^32. */
  readonly progress: SharedArrayBuffer;
  /** `process.hrtime` in ms less `performance.now` in the starting thread: both threads then tell the same time. */
  readonly hostOffsetMs: number;
}

/** True for what `startRigWorker` starts a thread with. */
export function isRigThreadData(value: unknown): value is RigThreadData {
  return typeof value === 'object' && value !== null && 'settings' in value && 'progress' in value;
}
