import type { Observable } from 'rxjs';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import type { CheckedPattern } from '../../protocols/stimulation/gate.js';

/** Electrodes that one trigger fires, always all of them. */
export interface StimulusGroup {
  /** For people: `F1`, `digital-in 3`, `output 2`. */
  readonly trigger: string;
  /** Rising. */
  readonly electrodes: readonly number[];
}

/** What a stimulator is. */
export interface StimulatorDescription {
  readonly device: string;
  readonly serialNumber: string;
  readonly firmware: string;
  readonly stimulation: StimulationCapabilities;
  readonly groups: readonly StimulusGroup[];
  /** Most groups that can begin together. */
  readonly maxTogether: number;
  /** It turns itself off when it no longer hears us for so long; null where it does not. */
  readonly watchdogMs: number | null;
}

export type StimulatorEvent =
  { readonly type: 'warning'; readonly message: string } | { readonly type: 'failed'; readonly message: string };

/**
 * How far switching off goes. `sure`: the device itself stimulates no more, whoever triggers it. `hold`: nothing more is
 * triggered from here and the acquisition goes on; programs may stay in the device, and a trigger of somebody else fires them.
 */
export interface OffOptions {
  readonly how: 'sure' | 'hold';
}

/** What a device has measured itself while it gave a pulse; an observation of its own, not of the recorder. */
export interface MeasuredPulse {
  readonly electrode: number;
  /** NaN where it measured nothing. */
  readonly phases: readonly { readonly askedUa: number; readonly measuredUa: number }[];
}

/**
 * A connected device that stimulates, whatever it speaks. Connecting one has turned off all that its last user left
 * switched on, and read that back. It takes nothing but what the safety gate let pass. Methods throw MeaError: `refused`
 * where the device refuses or holds other values than it was sent, `deadline` where no answer came, `link` when it is gone.
 */
export interface Stimulator {
  readonly description: StimulatorDescription;
  readonly events$: Observable<StimulatorEvent>;
  /** Hot; absent where it measures nothing. */
  readonly measured$?: Observable<MeasuredPulse>;
  /**
   * Programs the pulses of every group, one pattern for each in the order of `groups`, and reads them back where the
   * device lets itself be read. The device must not be acquiring where its protocol wants that. Nothing fires by it.
   *
   * @throws MeaError `refused` also for a pattern that did not pass the gate, or that pulses other electrodes than its group
   */
  program(patterns: readonly CheckedPattern[], signal?: AbortSignal): Promise<void>;
  /** Fires groups, by their places in `groups`, together and once; resolves when the trigger was handed to the device. */
  fire(groups: readonly number[]): Promise<void>;
  /**
   * Triggers one group while nothing is programmed: the way to it is tried, and nothing leaves.
   *
   * @throws MeaError `refused` while a program is there, or may be: after an `allOff` that failed, or only held
   */
  tryTrigger(group: number): Promise<void>;
  /**
   * Ends what is being delivered and lets nothing more fire; in any state, ahead of what waits, a `program` under way
   * included. `sure` unless said. Where a device can be switched off for certain only while it does not acquire, `sure` ends the
   * acquisition: its recorder says a `warning` and `ended`, the latter after this has resolved. Whatever becomes of it, `fire`
   * is refused from the call on, until `program` has succeeded again.
   *
   * @throws MeaError `refused`, `deadline`, `link`: that all is off is not known
   */
  allOff(options?: OffOptions): Promise<void>;
  /** All off, link off; bounded in time, never rejects. */
  close(): Promise<void>;
}

/** A box that raises digital lines for a moment: it fires the groups of a stimulator that is triggered by lines. */
export interface TriggerBox {
  readonly description: { readonly device: string; readonly serialNumber: string; readonly firmware: string };
  /** Lines that it has, numbered from 1. */
  readonly lines: number;
  readonly events$: Observable<StimulatorEvent>;
  /** Raises lines together, for as long as the box was opened for; resolves when the word was handed to the box. */
  pulse(lines: readonly number[]): Promise<void>;
  /** All lines low, and what waits dropped. */
  allOff(): Promise<void>;
  /** All lines low, link off; bounded in time, never rejects. */
  close(): Promise<void>;
}
