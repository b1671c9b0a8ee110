import type { DriverOptions } from '../../../drivers/mea-link/driver-options.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import type { Hertz, Milliseconds } from '../../../protocols/units.js';
import type { DecimateOptions } from '../operators/trace-decimator.js';
import type { FireRuleOptions } from '../rules/fire-rule.js';
import type { SpikePipelineSettings } from '../spike-pipeline.js';
import type { DeliveryJudgeOptions } from '../trials/delivery-judge.js';
import type { TrialWindowOptions } from '../trials/window-settings.js';

/** A closed loop's rule as data: when these electrodes fire within a time, deliver a pattern. */
export interface RigRule {
  /** Names it in what comes of it. */
  readonly name: string;
  readonly when: Omit<FireRuleOptions, 'sampleRateHz'>;
  /** What it delivers. Its slot belongs to this rule alone, and is filled by `configure`. */
  readonly pattern: StimPattern;
  /** From the newest sample at hand to the stimulus: longer than the loop takes, or the device refuses it as late. */
  readonly leadMs: Milliseconds;
  /**
   * Stimuli, of whomever, that may be without an answer when this rule fires; with more it is refused at once, because
   * commands go one after the other and what has to queue comes late. 4 by default.
   */
  readonly maxUnanswered?: number | undefined;
}

/** Which streams there are besides spikes, trial results and the device's events. */
export interface RigStreams {
  /** Every block of samples, as the device sent it; true by default. */
  readonly blocks?: boolean | undefined;
  /** Envelopes for a display; none by default. */
  readonly traces?: DecimateOptions | undefined;
  /** Spike counts over intervals; none by default. */
  readonly rates?: { readonly intervalMs: Milliseconds } | undefined;
}

/** How spikes are found. Gain, and what is not said of channels and rate, are the device's. */
export interface RigDetector extends Omit<SpikePipelineSettings, 'channels' | 'sampleRateHz' | 'gainUv'> {
  /** What the device must have: another number is refused. */
  readonly channels?: number;
  readonly sampleRateHz?: Hertz;
}

/** What is done with a device's samples. Data alone, so that it can be sent to another thread. */
export interface RigLoopSettings {
  readonly detector?: RigDetector | undefined;
  readonly windows?: Omit<TrialWindowOptions, 'electrodes' | 'sampleRateHz'> | undefined;
  readonly rules?: readonly RigRule[] | undefined;
  /** How delivery is judged from the signal; it is not by default. */
  readonly delivery?: Omit<DeliveryJudgeOptions, 'sampleRateHz' | 'gainUvPerBit' | 'excluded'> | undefined;
  readonly streams?: RigStreams | undefined;
  /** Of the driver, see there; what is not said is its default. The token of an arming is always random. */
  readonly driver?: Omit<Partial<DriverOptions>, 'randomBytes'> | undefined;
}
