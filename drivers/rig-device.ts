import type { Observable } from 'rxjs';
import type { Capabilities, DeviceState, Impedance, Refusal, StatusResult } from '../protocols/mea-link/messages.js';
import type { CheckedPattern, CheckedStimCommand } from '../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../protocols/stimulation/safety-profile.js';
import type { Hertz } from '../protocols/units.js';
import type { AcquisitionEndResult } from './mea-link/acquisition-end.js';
import type { DriverCounters } from './mea-link/device-connection.js';
import type { DeviceEvent } from './mea-link/device-event.js';
import type { ArmRequest, Scheduled } from './mea-link/stimulation-control.js';

/** What a device is configured with. */
export interface DeviceConfiguration {
  /** Frames in a block. */
  readonly blockFrames: number;
  readonly safetyProfile: SafetyProfile;
}

/** What the device made of it. */
export interface Configured {
  readonly blockFrames: number;
  /** (32 bytes) SHA-256 of the profile, for `arm`. */
  readonly profileHash: Uint8Array;
}

/**
 * A connected device, whatever it is made of and whatever it speaks: the one contract that everything above the drivers
 * knows. MEA-Link devices meet it by their protocol, others by a `CombinedDevice` of a recorder and a stimulator.
 * Every method throws MeaError: `refused` by the name of the reason and of the rule where the device
 * refuses, `deadline` when no answer came, `link` when the link was lost meanwhile or the driver is closed.
 */
export interface RigDevice {
  readonly capabilities: Capabilities;
  /** Of the present boot of the device. */
  readonly bootId: number;
  /** Id of the last stimulus that the device had accepted when it greeted us; a new one needs a higher id. */
  readonly newestStimulusId: number;
  /**
   * All that happens, in one order, from the time of subscribing on; completes after `close` or `link-failed`. Hot, and
   * handed out synchronously: a subscriber that is slow holds up the link, and nothing is queued for it.
   */
  readonly events$: Observable<DeviceEvent>;
  readonly counters: DriverCounters;
  /** True while a link stands and the device knows us. */
  readonly isConnected: boolean;
  /** True from the answer to `arm` until anything at all speaks against it. */
  readonly isArmed: boolean;
  /** What the device was last known to do; undefined when it has not said so yet. */
  readonly state: DeviceState | undefined;

  /** Sets limits and block size, and checks that the device holds the very same limits. Empties its pattern slots. */
  configure(configuration: DeviceConfiguration, signal?: AbortSignal): Promise<Configured>;
  start(signal?: AbortSignal): Promise<void>;
  /** Ends the acquisition; resolves when everything up to its end has come, or gaps in its place. */
  stop(signal?: AbortSignal): Promise<AcquisitionEndResult>;
  /** Acquisition pauses: the sample counter jumps by so many samples. */
  rest(durationSamples: number, signal?: AbortSignal): Promise<void>;
  /** The turn of the main loop was made: without such calls the device does not stay armed. */
  reportProgress(): void;

  /** Arms the device with a fresh token. The one way to arm: nothing does so by itself. */
  arm(request: ArmRequest, signal?: AbortSignal): Promise<void>;
  /** Stimulation off, and what is scheduled is dropped. */
  disarm(): Promise<void>;
  /**
   * Stimulation off at once: sent before all that waits, again and again until the device has answered, in any state;
   * over the next link when the present one is gone. The device disarms by itself without heartbeats anyhow.
   */
  abort(): Promise<void>;
  /** Fills a pattern slot, unless it holds the same already. @throws MeaError `refused` also for a pattern that did not pass the gate */
  upload(pattern: CheckedPattern, signal?: AbortSignal): Promise<void>;
  /**
   * Schedules a stimulus, after filling its pattern slot where that holds another pattern. A refusal is a result.
   *
   * @throws MeaError `refused` for a command that did not pass the gate
   */
  stimulate(command: CheckedStimCommand, signal?: AbortSignal): Promise<Scheduled | Refusal>;
  /** Takes a scheduled stimulus back. */
  cancel(stimulusId: number, signal?: AbortSignal): Promise<{ readonly type: 'done' } | Refusal>;

  measureImpedance(
    request: { readonly electrodes: readonly number[]; readonly frequencyHz: Hertz },
    signal?: AbortSignal,
  ): Promise<readonly Impedance[]>;
  status(signal?: AbortSignal): Promise<StatusResult>;
  /** Stimulation off, acquisition off, link off, in this order and in bounded time, whatever the device does. */
  close(): Promise<void>;
}
