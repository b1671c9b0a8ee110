import { hertz, sampleIndex } from '../../protocols/units.js';
import { openRandomStream } from '../../protocols/random.js';
import { CultureActivity } from '../../sim-device/rig/culture-activity.js';
import type { ActivityKnobs } from '../../sim-device/rig/activity-settings.js';
import { createReachTable } from '../../sim-device/voltages/array-geometry.js';
import { drawSpikeShape, type SpikeShape } from '../../sim-device/voltages/spike-layer.js';
import { DEFAULT_SPIKE_LENGTH_UM } from '../../sim-device/voltages/voltage-settings.js';
import { VoltageSynth } from '../../sim-device/voltages/voltage-synth.js';
import { DEFAULT_BAND, designBandPass } from '../../src/pipeline/design-band-pass.js';
import { filterSections, steadyState } from '../../src/pipeline/reference/filter-sections.js';
import type { StimulusMark } from '../../src/pipeline/spike-batch.js';
import { biphasicPulse } from './emulated-voltages.js';

export const SCENE_RATE_HZ = 20_000;
export const SCENE_GAIN_UV = 0.195;
/** Pulses of 200 + 200 us. */
const PULSE_SAMPLES = 8;
const BLOCK = 1000;
/** Spikes that a channel sees smaller than this, in units of its noise, are drawn but not told of. */
const LEAST_TOLD = 2;
const RAIL = 32_767;

/** Shapes of spikes: two of the emulator's, and one that begins with a positive phase. */
export const SPIKE_SHAPES = ['narrow', 'wide', 'triphasic'] as const;
export type SpikeShapeName = (typeof SPIKE_SHAPES)[number];

/** Sizes of units on their own electrodes: filtered peak over noise. A unit has 1, 1.1, 1.2, 1.3 or 1.4 times its level. */
export const SCENE_LEVELS = [4, 6, 8, 12, 40] as const;

/** What a scene is made of. */
export interface SceneSettings {
  readonly seed: number;
  readonly shape: SpikeShapeName;
  readonly seconds: number;
  /** Electrodes in a row of the square array. */
  readonly columns?: number;
  readonly activity: Partial<ActivityKnobs>;
  /** A stimulus on half of the stimulated electrodes each second. */
  readonly isStimulated: boolean;
  /** Distance in which spikes fall to 1/e, at a pitch of 200 um; the emulator's 100 um unless given. */
  readonly lengthUm?: number;
}

/** A spike as one electrode sees it. */
export interface SeenSpike {
  /** Of its negative peak. */
  readonly sample: number;
  /** Its filtered peak, as if nothing else were there, over the noise of the electrode. */
  readonly level: number;
}

/** Samples with all that is known of them. */
export interface ScoredScene {
  readonly channels: number;
  readonly frames: number;
  /** (frames, channels) raw, `SCENE_GAIN_UV` a bit. */
  readonly samples: Int16Array;
  readonly marks: readonly StimulusMark[];
  /** (channels) rms of the filtered noise alone, uV. */
  readonly sigmaUv: Float64Array;
  /** (channels) level of the electrode's own units. */
  readonly levels: readonly number[];
  /** [channel] all spikes that it sees, of whatever unit, by sample. */
  readonly spikes: readonly (readonly SeenSpike[])[];
}

/**
 * An emulated culture on an emulated array, but with units of known sizes: its noise, hum, drift and artefacts are
 * rendered alone, its spikes drawn on top as the emulator would, also on neighbours; what shows the rail stays there.
 */
export function renderScene(settings: SceneSettings): ScoredScene {
  const { seed, seconds, columns = 8, isStimulated, lengthUm = DEFAULT_SPIKE_LENGTH_UM } = settings;
  const frames = seconds * SCENE_RATE_HZ;
  const activity = new CultureActivity({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed,
      electrodes: columns * columns,
      sampleRateHz: hertz(SCENE_RATE_HZ),
    },
    knobs: settings.activity,
  });
  const marks = isStimulated ? planStimuli(activity.stimulatedElectrodes, settings) : [];
  const { positions } = activity;
  const channels = positions.length;
  const sigmaUv = measureNoise(renderBackground({ seed, frames, positions, marks: [] }), channels);
  const samples = renderBackground({ seed, frames, positions, marks });
  const levels = positions.map((_, e) => levelOf(e, columns));
  const spikes: SeenSpike[][] = positions.map(() => []);
  const shape = drawShape(settings.shape);
  const gain = filteredPeak(shape);
  const reach = createReachTable(positions, { lengthUm, least: 1e-3 });
  for (const { sample, unit } of listSpikes(activity, marks, frames)) {
    const { electrode } = activity.units[unit]!;
    const peakUv = (levels[electrode]! * (1 + 0.1 * (unit % 5)) * sigmaUv[electrode]!) / gain;
    const { channels: seeing, factors } = reach(electrode);
    for (let k = 0; k < seeing.length && peakUv * factors[k]! >= 1; k++) {
      const channel = seeing[k]!;
      addSpike(samples, { shape, peakUv: peakUv * factors[k]!, sample, channel, channels });
      const level = (peakUv * factors[k]! * gain) / sigmaUv[channel]!;
      if (level >= LEAST_TOLD) spikes[channel]!.push({ sample, level });
    }
  }
  return { channels, frames, samples, marks, sigmaUv, levels, spikes };
}

/** The highest level on one electrode of each quarter of an 8 x 8 array, whose neighbours see it; the others in turns. */
function levelOf(electrode: number, columns: number): number {
  const [x, y] = [electrode % columns, Math.floor(electrode / columns)];
  return x % 4 === 1 && y % 4 === 1 ? SCENE_LEVELS[4] : SCENE_LEVELS[(x + 2 * y) % 4]!;
}

function planStimuli(electrodes: readonly number[], { seed, seconds }: SceneSettings): StimulusMark[] {
  const random = openRandomStream(seed, 'scene-patterns');
  return Array.from({ length: seconds }, (_, second): StimulusMark => ({
    sample: sampleIndex(second * SCENE_RATE_HZ + SCENE_RATE_HZ / 2),
    electrodes: electrodes.filter(() => random.integer(2) === 1),
    durationSamples: PULSE_SAMPLES,
  }));
}

interface Background {
  readonly seed: number;
  readonly frames: number;
  readonly positions: CultureActivity['positions'];
  readonly marks: readonly StimulusMark[];
}

function renderBackground({ seed, frames, positions, marks }: Background): Int16Array {
  const channels = positions.length;
  const settings = { channels, sampleRateHz: SCENE_RATE_HZ, gainUvPerBit: SCENE_GAIN_UV, seed, positions, units: [] };
  const synth = new VoltageSynth(settings);
  const samples = new Int16Array(frames * channels);
  for (const { sample, electrodes } of marks) {
    synth.addPulses(
      electrodes.map((electrode) => biphasicPulse(electrode)),
      sample,
    );
  }
  for (let done = 0; done < frames; done += BLOCK) {
    samples.set(synth.render(Math.min(BLOCK, frames - done)), done * channels);
  }
  return samples;
}

/** (channels) rms after the band-pass, without its first half second; uV. */
function measureNoise(samples: Int16Array, channels: number): Float64Array {
  const sections = designBandPass(DEFAULT_BAND, SCENE_RATE_HZ);
  const values = new Float64Array(samples.length / channels);
  return Float64Array.from({ length: channels }, (_, c) => {
    for (let i = 0; i < values.length; i++) values[i] = SCENE_GAIN_UV * samples[i * channels + c]!;
    const filtered = filterSections(sections, values, steadyState(sections, values[0]!)).subarray(SCENE_RATE_HZ / 2);
    let sum = 0;
    for (const value of filtered) sum += value * value;
    return Math.sqrt(sum / filtered.length);
  });
}

function drawShape(name: SpikeShapeName): SpikeShape {
  switch (name) {
    case 'narrow':
      return drawSpikeShape(0.28, SCENE_RATE_HZ);
    case 'wide':
      return drawSpikeShape(0.45, SCENE_RATE_HZ);
    case 'triphasic':
      return drawTriphasic();
  }
}

/** A positive Gaussian 0.3 ms before the negative peak, and a slow one after it. */
function drawTriphasic(): SpikeShape {
  const peak = 14;
  const gaussian = (ms: number, width: number): number => Math.exp(-0.5 * (ms / width) ** 2);
  const valueAt = (ms: number): number =>
    0.3 * gaussian(ms + 0.3, 0.12) - gaussian(ms, 0.1) + 0.25 * gaussian(ms - 0.45, 0.22);
  return {
    values: Float64Array.from({ length: 36 }, (_, i) => -valueAt((1000 * (i - peak)) / SCENE_RATE_HZ) / valueAt(0)),
    peak,
  };
}

/** Size of the filtered peak of a spike of size 1. */
function filteredPeak({ values }: SpikeShape): number {
  const padded = new Float64Array(values.length + 40);
  padded.set(values);
  return -Math.min(...filterSections(designBandPass(DEFAULT_BAND, SCENE_RATE_HZ), padded));
}

/** All that the culture does up to the last frame, by sample. */
function listSpikes(
  activity: CultureActivity,
  marks: readonly StimulusMark[],
  frames: number,
): { readonly sample: number; readonly unit: number }[] {
  const inputs = new Uint8Array(activity.stimulatedElectrodes.length);
  const spikes: { readonly sample: number; readonly unit: number }[] = [];
  for (const { sample, electrodes } of marks) {
    spikes.push(...activity.takeSpikes(activity.taken, sample));
    activity.stimulatedElectrodes.forEach(
      (electrode, input) => (inputs[input] = Number(electrodes.includes(electrode))),
    );
    activity.stimulate(inputs, sample);
  }
  spikes.push(...activity.takeSpikes(activity.taken, frames));
  return spikes.filter(({ sample }) => sample >= 40 && sample < frames - 60);
}

interface DrawnSpike {
  readonly shape: SpikeShape;
  readonly peakUv: number;
  readonly sample: number;
  readonly channel: number;
  readonly channels: number;
}

function addSpike(samples: Int16Array, { shape, peakUv, sample, channel, channels }: DrawnSpike): void {
  const bits = peakUv / SCENE_GAIN_UV;
  let at = (sample - shape.peak) * channels + channel;
  for (const value of shape.values) {
    const before = samples[at]!;
    const after = before + Math.floor(bits * value + 0.5);
    if (Math.abs(before + 0.5) < RAIL) samples[at] = Math.max(-RAIL - 1, Math.min(RAIL, after));
    at += channels;
  }
}
