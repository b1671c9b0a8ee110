import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';

/** What stands behind the firmware: electrodes in a culture, sampled. Everything is on the device's sample counter. */
export interface EmulatedRig {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  /** Recording-electrode index of each stimulation output, rising. */
  readonly stimulatedElectrodes: readonly number[];
  /** The sample that `render` gives next. */
  readonly nextSample: number;
  /**
   * Pulses begin at `sample`, which is `nextSample` or later, and later than those given before. No pulses: an empty
   * pattern, a trial without a stimulus. Deliveries before the sample that they are for has been rendered do not
   * depend on how the samples are cut into blocks.
   */
  deliver(pulses: readonly Pulse[], sample: number): void;
  /** The next frames, (frames, channels) int16; a view that the next call overwrites. At most `MAX_RENDER_FRAMES`. */
  render(frames: number): Int16Array;
  /** No samples for a while: the counter jumps, the culture drifts, filters and decays start afresh. */
  rest(samples: number): void;
  impedance(electrode: number, frequencyHz: number): { readonly magnitudeOhm: number; readonly phaseDegrees: number };
}

/** Most frames that one `render` gives. */
export const MAX_RENDER_FRAMES = 1024;
