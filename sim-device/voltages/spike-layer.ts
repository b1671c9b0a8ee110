import type { EmulatedUnit } from '../rig/spike-event.js';
import { createReachTable, type Reach } from './array-geometry.js';
import { exponential } from './reproducible-math.js';
import type { ElectrodePosition } from './voltage-settings.js';

/** Smaller than this a spike is not drawn. */
const LEAST_UV = 1;
/** Standard deviations of the two Gaussians, and how far they are drawn, in units of the unit's width. */
const NEGATIVE_DEVIATION = 0.3;
const POSITIVE_DEVIATION = 0.5;
const BEFORE_PEAK = 3.5 * NEGATIVE_DEVIATION;
const AFTER_PEAK = 1 + 3 * POSITIVE_DEVIATION;
/** The positive Gaussian, relative to the negative one. */
const POSITIVE_SHARE = 0.3;

/** A spike of size 1: -1 at sample `peak`. */
export interface SpikeShape {
  readonly values: Float64Array;
  readonly peak: number;
}

/**
 * Draws the spike of a unit: a negative Gaussian, then a positive one, slower and 0.3 times as high, `widthMs` later.
 * From the first to the last visible sample 3.55 widths: 1 to 1.6 ms for widths of 0.28 to 0.45 ms.
 */
export function drawSpikeShape(widthMs: number, sampleRateHz: number): SpikeShape {
  const width = (widthMs * sampleRateHz) / 1000;
  const peak = Math.ceil(BEFORE_PEAK * width);
  const values = new Float64Array(peak + Math.ceil(AFTER_PEAK * width) + 1);
  const valueAt = (time: number): number =>
    POSITIVE_SHARE * gaussian((time - width) / (POSITIVE_DEVIATION * width)) -
    gaussian(time / (NEGATIVE_DEVIATION * width));
  const atPeak = -valueAt(0);
  for (let i = 0; i < values.length; i++) values[i] = valueAt(i - peak) / atPeak;
  return { values, peak };
}

/** What the spikes need to know of the array and the settings. */
export interface SpikeOptions {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  readonly positions: readonly ElectrodePosition[];
  readonly units: readonly EmulatedUnit[];
  readonly lengthUm: number;
  /** 1 for each channel that shows no spikes; may change from call to call. */
  readonly dead: Uint8Array;
}

interface PendingSpike {
  readonly unit: number;
  /** Of the first sample of its shape. */
  readonly first: number;
}

/** Spikes that have been announced, added to the samples of their own and of neighbouring channels. */
export class SpikeLayer {
  readonly #options: SpikeOptions;
  readonly #shapes: readonly SpikeShape[];
  readonly #reachOf: (electrode: number) => Reach;
  #pending: PendingSpike[] = [];
  /** Samples between the beginning of the longest shape and its peak. */
  readonly prePeakSamples: number;

  constructor(options: SpikeOptions) {
    this.#options = options;
    const shapes = new Map<number, SpikeShape>();
    this.#shapes = options.units.map(({ widthMs }) => {
      const shape = shapes.get(widthMs) ?? drawSpikeShape(widthMs, options.sampleRateHz);
      shapes.set(widthMs, shape);
      return shape;
    });
    this.prePeakSamples = this.#shapes.reduce((longest, { peak }) => Math.max(longest, peak), 0);
    const largest = options.units.reduce((most, { amplitudeUv }) => Math.max(most, amplitudeUv), 10);
    this.#reachOf = createReachTable(options.positions, { lengthUm: options.lengthUm, least: LEAST_UV / largest });
  }

  /** The sample at which the shape of a spike begins whose negative peak is at `sample`. */
  firstSampleOf(unit: number, sample: number): number {
    return sample - this.#shapes[unit]!.peak;
  }

  add(unit: number, sample: number): void {
    this.#pending.push({ unit, first: this.firstSampleOf(unit, sample) });
  }

  /** Adds what falls into the frames of `samples`, the first of which is sample `first`. */
  render(first: number, frames: number, samples: Int16Array): void {
    if (this.#pending.length === 0) return;
    let hasEnded = false;
    for (const spike of this.#pending) {
      if (spike.first >= first + frames) continue;
      this.#addSpike(spike, { first, frames, samples });
      hasEnded ||= spike.first + this.#shapes[spike.unit]!.values.length <= first + frames;
    }
    if (!hasEnded) return;
    const end = first + frames;
    this.#pending = this.#pending.filter((spike) => spike.first + this.#shapes[spike.unit]!.values.length > end);
  }

  /** Forgets spikes that have not been drawn to their end. */
  clear(): void {
    this.#pending = [];
  }

  #addSpike(
    spike: PendingSpike,
    { first, frames, samples }: { readonly first: number; readonly frames: number; readonly samples: Int16Array },
  ): void {
    const { units, gainUvPerBit, dead, channels: stride } = this.#options;
    const { electrode, amplitudeUv } = units[spike.unit]!;
    const { values } = this.#shapes[spike.unit]!;
    const { channels, factors } = this.#reachOf(electrode);
    const from = Math.max(0, first - spike.first);
    const to = Math.min(values.length, first + frames - spike.first);
    for (let k = 0; k < channels.length; k++) {
      const uv = amplitudeUv * factors[k]!;
      // Nearest first: the others see it even less.
      if (uv < LEAST_UV) break;
      const channel = channels[k]!;
      if (dead[channel] === 1) continue;
      const bits = uv / gainUvPerBit;
      let at = (spike.first + from - first) * stride + channel;
      for (let i = from; i < to; i++, at += stride) {
        const sum = samples[at]! + Math.floor(bits * values[i]! + 0.5);
        samples[at] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum;
      }
    }
  }
}

function gaussian(z: number): number {
  return exponential(-0.5 * z * z);
}
