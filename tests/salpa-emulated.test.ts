import { beforeAll, describe, expect, it } from 'vitest';

import type { CultureCondition } from '../protocols/culture-names.js';
import { openRandomStream } from '../protocols/random.js';
import { sampleIndex } from '../protocols/units.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { createArtefactStage } from '../src/pipeline/artefact/artefact-stage.js';
import type { ArtefactHandling } from '../src/pipeline/artefact/artefact-settings.js';
import { openKernels } from '../src/pipeline/open-kernels.js';
import type { StimulusMark } from '../src/pipeline/spike-batch.js';
import { biphasicPulse } from './helpers/emulated-voltages.js';

const RATE = 20_000;
const CHANNELS = 64;
const BLOCK = 500;
/** One stimulus in so many samples, on half of the stimulated electrodes. */
const PERIOD = 5000;
const FIRST = 1000;
/** 200 + 200 us. */
const DURATION = 8;
const NO_ARTEFACT = { directUvPerUa: 0, fastUvPerUa: 0, slowUvPerUa: 0, stepUvPerUa: 0 };

interface Recording {
  readonly samples: Int16Array;
  readonly gainUvPerBit: number;
  readonly marks: readonly StimulusMark[];
  /** Times at which an electrode fired, by electrode. */
  readonly spikes: readonly (readonly number[])[];
}

/** Channels after artefact handling and band-pass. */
interface Filtered {
  /** [channel] (frames), uV. */
  readonly channels: readonly Float64Array[];
  /** [channel] (frames) 1 is blind. */
  readonly blind: readonly Uint8Array[];
}

function record(
  trials: number,
  {
    condition,
    artefact = {},
  }: { readonly condition: CultureCondition; readonly artefact?: typeof NO_ARTEFACT | object },
): Recording {
  const spikes: number[][] = Array.from({ length: CHANNELS }, () => []);
  const rig = createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition, seed: 21 },
    voltages: { artefact },
    onTruth: (truth) => {
      if (truth.type === 'spike') spikes[truth.electrode]!.push(truth.sample);
    },
  });
  const random = openRandomStream(21, 'salpa-patterns');
  const marks = Array.from({ length: trials }, (_, trial): StimulusMark => {
    const electrodes = rig.stimulatedElectrodes.filter(() => random.integer(2) === 1);
    return { sample: sampleIndex(FIRST + trial * PERIOD), electrodes, durationSamples: DURATION };
  });
  const samples = new Int16Array(trials * PERIOD * CHANNELS);
  for (let done = 0; done < trials * PERIOD; done += BLOCK) {
    for (const { sample, electrodes } of marks) {
      if (sample < done || sample >= done + BLOCK) continue;
      rig.deliver(
        electrodes.map((electrode) => biphasicPulse(electrode)),
        sample,
      );
    }
    samples.set(rig.render(BLOCK), done * CHANNELS);
  }
  return { samples, gainUvPerBit: rig.gainUvPerBit, marks, spikes };
}

function handle({ samples, gainUvPerBit, marks }: Recording, handling: Partial<ArtefactHandling>): Filtered {
  const kernels = openKernels();
  const settings = { channels: CHANNELS, sampleRateHz: RATE, gainUvPerBit, maxFrames: BLOCK, handling };
  const stage = createArtefactStage(kernels, settings);
  const frames = samples.length / CHANNELS;
  const uv = Array.from({ length: CHANNELS }, () => new Float64Array(frames));
  const blind = Array.from({ length: CHANNELS }, () => new Uint8Array(frames));
  for (const mark of marks) stage.mark(mark);
  for (let done = 0; done <= frames; done += BLOCK) {
    const block = samples.subarray(done * CHANNELS, (done + BLOCK) * CHANNELS);
    const { from, to, isRaw, rawOffset, outputOffset, blindOffset } = done < frames ? stage.push(block) : stage.end();
    const size = (to - from) * CHANNELS;
    const raw = new Int16Array(kernels.memory.buffer, rawOffset, size);
    const values = new Float32Array(kernels.memory.buffer, outputOffset, size);
    const mask = new Uint8Array(kernels.memory.buffer, blindOffset, size);
    for (let i = 0; i < size; i++) {
      const [channel, n] = [i % CHANNELS, from + Math.floor(i / CHANNELS)];
      uv[channel]![n] = isRaw ? raw[i]! * gainUvPerBit : values[i]!;
      blind[channel]![n] = isRaw ? 0 : mask[i]!;
    }
  }
  return { channels: uv.map(bandPass), blind };
}

/** Butterworth, order 2 each: high-pass 300 Hz, low-pass 3000 Hz; from the steady state of the first sample. */
function bandPass(values: Float64Array): Float64Array {
  return filterSection(filterSection(values, 300, -1), 3000, 1);
}

function filterSection(values: Float64Array, cornerHz: number, sign: 1 | -1): Float64Array {
  const k = Math.tan((Math.PI * cornerHz) / RATE);
  const scale = 1 / (1 + Math.SQRT2 * k + k * k);
  const b0 = sign === 1 ? k * k * scale : scale;
  const a1 = 2 * scale * (k * k - 1);
  const a2 = scale * (1 - Math.SQRT2 * k + k * k);
  const start = sign === 1 ? values[0]! : 0;
  let z2 = b0 * values[0]! - a2 * start;
  let z1 = 2 * sign * b0 * values[0]! - a1 * start + z2;
  return values.map((x) => {
    const y = b0 * x + z1;
    z1 = 2 * sign * b0 * x - a1 * y + z2;
    z2 = b0 * x - a2 * y;
    return y;
  });
}

/** Root mean square of a channel where no stimulus has been for 150 ms. */
function noiseOf(values: Float64Array, marks: readonly StimulusMark[]): number {
  let [sum, count] = [0, 0];
  for (const { sample } of marks) {
    for (let n = sample + 3000; n < Math.min(sample + 4000, values.length); n++, count++) sum += values[n]! ** 2;
  }
  return Math.sqrt(sum / count);
}

/** Samples from a stimulus to the first one from which a channel is seen to the end of 100 ms. */
function seenAfter(blind: Uint8Array, sample: number): number {
  return blind.subarray(sample, sample + 2000).lastIndexOf(1) + 1;
}

/** Windows (trial, channel) with a sample beyond 5 sigma, either sign, that is not blind, 3-100 ms after the pulse. */
function countFalse({ channels, blind }: Filtered, marks: readonly StimulusMark[]): number {
  let found = 0;
  channels.forEach((values, c) => {
    const limit = 5 * noiseOf(values, marks);
    for (const { sample } of marks) {
      const window = values.subarray(sample + 60, sample + 2000);
      if (window.some((value, i) => Math.abs(value) > limit && blind[c]![sample + 60 + i] === 0)) found++;
    }
  });
  return found;
}

describe('the artefact stage on the emulated rig, silenced', () => {
  const TRIALS = 60;
  let recording: Recording;
  beforeAll(() => {
    recording = record(TRIALS, { condition: 'ttx' });
  });

  it('sees other electrodes from 3 ms after the pulse on, and pulsed ones from 6 ms', () => {
    const { blind } = handle(recording, {});
    const pulsed: number[] = [];
    const others: number[] = [];
    for (const { sample, electrodes } of recording.marks) {
      blind.forEach((mask, c) => {
        (electrodes.includes(c) ? pulsed : others).push(seenAfter(mask, sample) - DURATION);
      });
    }
    expect(pulsed.length + others.length).toBe(64 * TRIALS);
    expect(Math.max(...others)).toBeLessThanOrEqual(60);
    expect(Math.max(...pulsed)).toBeLessThanOrEqual(120);
    // What saturates cannot be seen.
    expect(Math.min(...pulsed)).toBeGreaterThan(30);
  });

  it.each(['after-stimulus', 'always'] as const)(
    'leaves less than one false crossing of 5 sigma in 1,000 windows: %s',
    (mode) => {
      const filtered = handle(recording, { mode });
      expect(countFalse(filtered, recording.marks)).toBeLessThan((64 * TRIALS) / 1000);
    },
  );

  it('does what blanking alone does not', () => {
    const filtered = handle(recording, { mode: 'blank', blankMs: 2.6, pulsedBlankMs: 5.6 });
    expect(countFalse(filtered, recording.marks)).toBeGreaterThan(0.2 * 64 * TRIALS);
  });
});

describe('the artefact stage on the emulated rig, alive', () => {
  it('keeps spikes of 8 sigma and more, where they are seen', () => {
    const TRIALS = 30;
    const before = record(TRIALS, { condition: 'none', artefact: NO_ARTEFACT });
    const wanted = handle(before, { mode: 'off' });
    const got = handle(record(TRIALS, { condition: 'none' }), {});
    const ratios: number[] = [];
    let blindSpikes = 0;
    before.spikes.forEach((times, c) => {
      const values = wanted.channels[c]!;
      // Spikes raise the root mean square of a living culture: 5.1 uV is the band's noise and hum.
      for (const time of times) {
        const at = peakNear(values, time);
        if (values[at]! > -8 * 5.1 || !isDue(at, c, before.marks)) continue;
        if (got.blind[c]![at] === 1) blindSpikes++;
        else ratios.push(got.channels[c]![peakNear(got.channels[c]!, at)]! / values[at]!);
      }
    });
    ratios.sort((a, b) => a - b);
    const quantile = (share: number): number => ratios[Math.floor(share * ratios.length)]!;
    expect(ratios.length).toBeGreaterThan(1000);
    expect(blindSpikes).toBeLessThan(0.002 * ratios.length);
    expect(Math.abs(quantile(0.5) - 1)).toBeLessThan(0.06);
    expect(quantile(0.05)).toBeGreaterThan(0.8);
    expect(quantile(0.95)).toBeLessThan(1.25);
    // 5 of 8 sigma: still found.
    expect(ratios.filter((ratio) => ratio < 5 / 8).length).toBeLessThan(0.01 * ratios.length);
  });
});

/** Sample of the lowest value within 0.3 ms. */
function peakNear(values: Float64Array, time: number): number {
  let best = Math.max(0, time - 6);
  for (let n = best; n < Math.min(values.length, time + 7); n++) if (values[n]! < values[best]!) best = n;
  return best;
}

/** True when a sample is within 100 ms after a pulse, and so late that it must be seen. */
function isDue(sample: number, channel: number, marks: readonly StimulusMark[]): boolean {
  const last = marks.findLast((mark) => mark.sample <= sample);
  if (last === undefined) return false;
  const after = sample - last.sample - DURATION;
  return after >= (last.electrodes.includes(channel) ? 120 : 60) && after < 2000;
}
