import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import type { CultureCondition } from '../../protocols/culture-names.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { MAX_RENDER_FRAMES } from '../../sim-device/rig/emulated-rig.js';
import { biphasicPulse } from './emulated-voltages.js';

/** Length of the pulses of `biphasicPulse` at 20 kHz, in samples. */
export const PULSE_SAMPLES = 8;
const SAMPLE_RATE_HZ = 20_000;

/** What is recorded of an emulated culture, stimulated once a second on half of its stimulated electrodes. */
export interface EmulatedRecordingPlan {
  readonly seconds: number;
  readonly seed: number;
  /** 64 unless given. */
  readonly electrodes?: number;
  readonly condition?: CultureCondition;
}

/** A stimulus of the recording. */
export interface RecordedStimulus {
  readonly stimulusId: number;
  readonly sample: number;
  readonly electrodes: readonly number[];
}

/** Raw samples from 0 on, and the stimuli within them. */
export interface EmulatedRecording {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  /** (frames, channels) */
  readonly samples: Int16Array;
  readonly stimuli: readonly RecordedStimulus[];
}

/** Renders a recording: stimuli half a second into each second, every eighth of them an empty pattern. */
export function recordEmulated({
  seconds,
  seed,
  electrodes = 64,
  condition,
}: EmulatedRecordingPlan): EmulatedRecording {
  const rig = createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: condition ?? 'none',
      seed,
      electrodes,
      inputs: electrodes / 2,
    },
  });
  const random = openRandomStream(seed, 'recorded-patterns');
  const samples = new Int16Array(seconds * SAMPLE_RATE_HZ * rig.channels);
  const stimuli = Array.from({ length: seconds }, (_, second): RecordedStimulus => {
    const pulsed = rig.stimulatedElectrodes.filter(() => random.integer(2) === 1);
    return {
      stimulusId: second + 1,
      sample: (second + 0.5) * SAMPLE_RATE_HZ,
      electrodes: second % 8 === 7 ? [] : pulsed,
    };
  });
  let next = 0;
  for (let done = 0; done < seconds * SAMPLE_RATE_HZ;) {
    const frames = Math.min(MAX_RENDER_FRAMES, seconds * SAMPLE_RATE_HZ - done);
    for (; next < stimuli.length && stimuli[next]!.sample < done + frames; next++) {
      const { sample, electrodes: pulsed } = stimuli[next]!;
      rig.deliver(
        pulsed.map((electrode) => biphasicPulse(electrode)),
        sample,
      );
    }
    samples.set(rig.render(frames), done * rig.channels);
    done += frames;
  }
  const { channels, gainUvPerBit } = rig;
  return { channels, sampleRateHz: SAMPLE_RATE_HZ, gainUvPerBit, samples, stimuli };
}

/**
 * The recording as a device would tell it, block by block, each stimulus before the block that holds it. `laps` play it
 * again and again with rising sample numbers; the blocks' samples are views.
 */
export function* tellRecording(
  { channels, samples, stimuli }: EmulatedRecording,
  blockFrames: number,
  { laps = 1, firstLap = 0 }: { readonly laps?: number; readonly firstLap?: number } = {},
): Generator<DeviceEvent, void, undefined> {
  const frames = samples.length / channels;
  let sequence = 0;
  for (let lap = firstLap; lap < firstLap + laps; lap++) {
    const origin = lap * frames;
    let next = 0;
    for (let from = 0; from < frames; from += blockFrames) {
      const to = Math.min(frames, from + blockFrames);
      for (; next < stimuli.length && stimuli[next]!.sample < to; next++) {
        const { stimulusId, sample, electrodes } = stimuli[next]!;
        yield {
          type: 'stimulus-delivered',
          sequence: sequence++,
          stimulusId: lap * stimuli.length + stimulusId,
          sample: sampleIndex(origin + sample),
          slot: 0,
          electrodes,
        };
      }
      yield {
        type: 'block',
        sequence: sequence++,
        firstSample: sampleIndex(origin + from),
        frames: to - from,
        channels,
        samples: samples.subarray(from * channels, to * channels),
      };
    }
  }
}
