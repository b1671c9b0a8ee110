import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import type { EmulatedRig } from '../../sim-device/rig/emulated-rig.js';

/** What a ramp rig was made to do, in order. */
export type RigAct =
  | { readonly type: 'deliver'; readonly sample: number; readonly electrodes: readonly number[] }
  | { readonly type: 'rest'; readonly samples: number };

/** Value of a channel of the ramp rig at a sample: every sample can be recognised. */
export function rampValue(sample: number, channel: number): number {
  return ((sample * 7 + channel * 131) % 60_000) - 30_000;
}

/**
 * A rig without a culture for tests of what is around it: sample n of channel c is `rampValue(n, c)`, and deliveries are
 * noted.
 */
export function createRampRig(
  options: {
    readonly channels?: number;
    readonly sampleRateHz?: number;
    readonly stimulated?: readonly number[];
    readonly onDeliver?: (pulses: readonly Pulse[]) => void;
  } = {},
): EmulatedRig & { readonly acts: readonly RigAct[] } {
  const { channels = 4, sampleRateHz = 20_000, stimulated = [0, 1, 2] } = options;
  const acts: RigAct[] = [];
  let nextSample = 0;
  return {
    channels,
    sampleRateHz,
    gainUvPerBit: 0.195,
    stimulatedElectrodes: stimulated,
    acts,
    get nextSample() {
      return nextSample;
    },
    deliver(pulses: readonly Pulse[], sample: number) {
      options.onDeliver?.(pulses);
      acts.push({ type: 'deliver', sample, electrodes: pulses.map(({ electrode }) => electrode) });
    },
    render(frames: number) {
      const samples = new Int16Array(frames * channels);
      for (let f = 0; f < frames; f++) {
        for (let c = 0; c < channels; c++) samples[f * channels + c] = rampValue(nextSample + f, c);
      }
      nextSample += frames;
      return samples;
    },
    rest(samples: number) {
      acts.push({ type: 'rest', samples });
      nextSample += samples;
    },
    impedance: (electrode) => ({ magnitudeOhm: 100_000 + 1000 * electrode, phaseDegrees: -60 }),
  };
}
