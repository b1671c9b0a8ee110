import { assertNever } from '../../../protocols/errors.js';
import type { DropReason } from '../../../protocols/mea-link/messages.js';
import type { Delivery, TrialRequest, TrialResponse } from '../../../protocols/trial.js';
import type { SampleIndex } from '../../../protocols/units.js';

/** A stretch [first, end) on the device's sample clock. */
export type SampleRange = readonly [first: SampleIndex, end: SampleIndex];

/** What was seen around one stimulus. Depends on samples and stimuli alone, never on host time. The receiver owns it. */
export interface WindowedResponse {
  readonly type: 'windowed-response';
  readonly stimulusId: number;
  readonly delivery: Delivery;
  /**
   * The sample at which the pulses began, or nothing left as asked. For a stimulus that did not leave: where it was
   * dropped, or was due.
   */
  readonly deliveredSample: SampleIndex;
  /** Electrodes that were pulsed, rising; none for an empty pattern or one that did not leave. */
  readonly pulsedElectrodes: readonly number[];
  readonly window: SampleRange;
  /** (electrodes) spikes in the window; at most 65,535 are counted. */
  readonly counts: Uint16Array;
  /** (electrodes) share of the window in [0, 1] that could not be seen; absent when every electrode saw all of it. */
  readonly blindFraction?: Float32Array;
  readonly baselineWindow: SampleRange;
  /** (electrodes) */
  readonly baselineCounts: Uint16Array;
  readonly baselineBlindFraction?: Float32Array;
  /** Electrodes that missed more of the response window than allowed, rising: to be left out of ensembles. */
  readonly blindElectrodes: Uint16Array;
  /** From the first sample that went into this up to the one after the last. */
  readonly usedSamples: SampleRange;
}

/** What the loop and the model take: the response of the trial that the stimulus was sent for. */
export function toTrialResponse(
  response: WindowedResponse,
  { session, trial }: Pick<TrialRequest, 'session' | 'trial'>,
): TrialResponse {
  const { delivery, deliveredSample, window, counts, blindFraction, usedSamples } = response;
  const { baselineWindow, baselineCounts, baselineBlindFraction } = response;
  return {
    session,
    trial,
    delivery,
    deliveredSample,
    window,
    counts,
    ...(blindFraction !== undefined && { blindFraction }),
    baseline: {
      window: baselineWindow,
      counts: baselineCounts,
      ...(baselineBlindFraction !== undefined && { blindFraction: baselineBlindFraction }),
    },
    usedSamples,
  };
}

/** What a dropped stimulus was to its trial: `refused` when a safety rule held it back, otherwise `missing`. */
export function toDroppedDelivery(reason: DropReason): Delivery {
  switch (reason) {
    case 'safety':
      return 'refused';
    case 'cancelled':
    case 'aborted':
    case 'disarmed':
    case 'stopped':
    case 'device-fault':
      return 'missing';
    default:
      return assertNever(reason);
  }
}
