/** Coefficients of a second-order section with a_0 = 1. */
interface Section {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

/** Corner of the high-pass before detection. */
const CORNER_HZ = 300;
/** The extremum within this time of the crossing is the spike; until then nothing else is seen on its channel. */
const DEAD_MS = 1;

/** Butterworth high-pass of order 2 at 300 Hz: bilinear transform, pre-warped. */
function designHighPass(sampleRateHz: number): Section {
  const k = Math.tan((Math.PI * CORNER_HZ) / sampleRateHz);
  const b0 = 1 / (1 + Math.SQRT2 * k + k * k);
  return { b0, b1: -2 * b0, b2: b0, a1: 2 * b0 * (k * k - 1), a2: b0 * (1 - Math.SQRT2 * k + k * k) };
}

/** One channel high-passed at 300 Hz, from the steady state of its first sample. */
export function highPass(values: Float64Array, sampleRateHz: number): Float64Array {
  const { b0, b1, b2, a1, a2 } = designHighPass(sampleRateHz);
  let [z1, z2] = [-b0 * values[0]!, b2 * values[0]!];
  return values.map((x) => {
    const y = b0 * x + z1;
    z1 = b1 * x - a1 * y + z2;
    z2 = b2 * x - a2 * y;
    return y;
  });
}

/** Noise of a high-passed channel: median(|x|) / 0.6745 (Quiroga et al. 2004). */
export function noiseLevelOf(values: Float64Array): number {
  return values.map(Math.abs).sort()[values.length >> 1]! / 0.6745;
}

/** A spike that was found in samples. */
export interface DetectedSpike {
  /** Of its negative peak, high-passed. */
  readonly sample: number;
  readonly channel: number;
  /** Size of that peak in bits, positive. */
  readonly size: number;
}

/**
 * A plain detector: high-pass at 300 Hz, first crossing of a fixed negative threshold, the extremum of the next 1 ms, no
 * other spike meanwhile. A class because filters and searches go on from block to block.
 */
export class SpikeDetector {
  readonly #section: Section;
  readonly #thresholds: Float64Array;
  readonly #deadSamples: number;
  /** (channels, 2) state of the filters. */
  readonly #states: Float64Array;
  /** (channels) end of the search that is on, or -1; the extremum so far, and where it is. */
  readonly #until: Float64Array;
  readonly #best: Float64Array;
  readonly #bestAt: Float64Array;
  readonly #spikes: DetectedSpike[] = [];
  #next: number;
  #hasBegun = false;

  /** @param thresholds (channels) in bits, positive */
  constructor(thresholds: Float64Array, options: { readonly sampleRateHz: number; readonly firstSample: number }) {
    const { length } = thresholds;
    this.#section = designHighPass(options.sampleRateHz);
    this.#thresholds = thresholds;
    this.#deadSamples = Math.round((DEAD_MS * options.sampleRateHz) / 1000);
    this.#states = new Float64Array(2 * length);
    this.#until = new Float64Array(length).fill(-1);
    this.#best = new Float64Array(length);
    this.#bestAt = new Float64Array(length);
    this.#next = options.firstSample;
  }

  /** The next frames, (frames, channels). */
  push(samples: Int16Array): void {
    const channels = this.#thresholds.length;
    if (!this.#hasBegun) {
      const { b0, b2 } = this.#section;
      for (let c = 0; c < channels; c++) this.#states.set([-b0 * samples[c]!, b2 * samples[c]!], 2 * c);
      this.#hasBegun = true;
    }
    for (let c = 0; c < channels; c++) this.#pushChannel(c, samples);
    this.#next += samples.length / channels;
  }

  /** What has been found so far, by time. */
  spikes(): readonly DetectedSpike[] {
    return this.#spikes.toSorted((a, b) => a.sample - b.sample || a.channel - b.channel);
  }

  #pushChannel(channel: number, samples: Int16Array): void {
    const { b0, b1, b2, a1, a2 } = this.#section;
    const limit = -this.#thresholds[channel]!;
    const stride = this.#thresholds.length;
    let [z1, z2] = [this.#states[2 * channel]!, this.#states[2 * channel + 1]!];
    let until = this.#until[channel]!;
    let best = this.#best[channel]!;
    let at = this.#next;
    for (let i = channel; i < samples.length; i += stride, at++) {
      const x = samples[i]!;
      const y = b0 * x + z1;
      z1 = b1 * x - a1 * y + z2;
      z2 = b2 * x - a2 * y;
      if (at === until) {
        this.#spikes.push({ sample: this.#bestAt[channel]!, channel, size: -best });
        until = -1;
      }
      if (until < 0 ? y >= limit : y >= best) continue;
      if (until < 0) until = at + this.#deadSamples;
      best = y;
      this.#bestAt[channel] = at;
    }
    this.#states.set([z1, z2], 2 * channel);
    this.#until[channel] = until;
    this.#best[channel] = best;
  }
}
