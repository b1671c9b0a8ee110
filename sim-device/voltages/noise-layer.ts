import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { isOnePitch, neighbourOffsets, pitchOf } from './array-geometry.js';
import { designFlickerFilter, type FlickerFilter } from './flicker-filter.js';
import { exponential, sineOfTurns } from './reproducible-math.js';
import { floatIndex, halfIndex, RECORD, type SynthesisKernels, TILE_SAMPLES } from './synthesis-kernels.js';
import type { BadChannel, ElectrodePosition, NoiseSettings } from './voltage-settings.js';

/** Variance of the kernels' white noise: signed sums of 8 uniform bytes. */
const WHITE_VARIANCE = (8 * (65536 - 1)) / 12;
/** The hum's wave has 1 at 2^12 and its amplitude 1 bit at 2^3: their product is shifted by 15. */
const WAVE_SCALE = 4096;
const HUM_SCALE = 8;
const LARGEST_HALF = 32767;

/** Samples in a period in which the mains and the sampling come together again. */
export function lineWaveLengthOf(sampleRateHz: number, lineHz: number): number {
  let [a, b] = [sampleRateHz, lineHz];
  while (b !== 0) [a, b] = [b, a % b];
  return sampleRateHz / a;
}

/** What the noise needs to know of the array and the settings. */
export interface NoiseOptions {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  readonly seed: number;
  readonly positions: readonly ElectrodePosition[];
  readonly badChannels: readonly BadChannel[];
  /** 1 for each channel that shows no signal from the start. */
  readonly dead: Uint8Array;
  readonly noise: NoiseSettings;
}

/**
 * Noise, hum and baseline, written by the kernels. A class because the generator, the filters and the baseline go on
 * from call to call; the baseline goes from knot to knot (half a second) in straight lines, which keeps it out of the
 * 1/f spectrum above 2 Hz.
 */
export class NoiseLayer {
  readonly #kernels: SynthesisKernels;
  readonly #options: NoiseOptions;
  readonly #filter: FlickerFilter;
  /** Share of each neighbour (Q15) and noise gain of a channel while it is not dead; gain if it were. */
  readonly #nearShares: Int16Array;
  readonly #farShares: Int16Array;
  readonly #gains: Float32Array;
  readonly #deadGain: number;
  readonly #hums: Int16Array;
  readonly #isDead: Uint8Array;
  readonly #knotSamples: number;
  #knot = -1;
  readonly #baseline: Float64Array;
  readonly #nextBaseline: Float64Array;

  constructor(kernels: SynthesisKernels, options: NoiseOptions) {
    const { channels, sampleRateHz, noise } = options;
    this.#kernels = kernels;
    this.#options = options;
    this.#filter = designFlickerFilter(noise.flickerExponent, sampleRateHz);
    this.#nearShares = new Int16Array(channels);
    this.#farShares = new Int16Array(channels);
    this.#gains = new Float32Array(channels);
    this.#hums = new Int16Array(channels);
    this.#isDead = new Uint8Array(channels);
    this.#baseline = new Float64Array(channels);
    this.#nextBaseline = new Float64Array(channels);
    this.#knotSamples = Math.floor(sampleRateHz / 2 / TILE_SAMPLES) * TILE_SAMPLES;
    this.#deadGain = this.#gainFor(0) * noise.deadFactor;
    seedGenerator(kernels.generator, openRandomStream(options.seed, 'voltage-noise'));
    this.#mixNeighbours();
    this.#tuneHum();
    for (let channel = 0; channel < channels; channel++) {
      this.#isDead[channel] = options.dead[channel]!;
      this.#writeChannel(channel);
    }
    this.#settleFilters();
  }

  /** Writes frames [0, frames) of the kernels' samples, which begin at sample `first`. */
  render(first: number, frames: number): void {
    let done = 0;
    while (done < frames) {
      const sample = first + done;
      const knot = Math.floor(sample / this.#knotSamples);
      if (knot !== this.#knot) this.#moveBaseline(knot);
      const tick = sample - knot * this.#knotSamples;
      const count = Math.min(frames - done, this.#knotSamples - tick);
      this.#kernels.renderNoise(done, count, tick, sample % this.#kernels.lineWave.length);
      done += count;
    }
  }

  /** The baseline is drawn afresh; generator and filters go on where they were. */
  jump(): void {
    this.#knot = -1;
  }

  /** Makes a channel dead or brings it back. */
  setDead(channel: number, isDead: boolean): void {
    if ((this.#isDead[channel] === 1) === isDead) return;
    const { floats } = this.#kernels;
    const before = floats[floatIndex(channel, RECORD.gain)]!;
    this.#isDead[channel] = isDead ? 1 : 0;
    this.#writeChannel(channel);
    // The filters hold what the gain has let through: without this a dead channel would go on with the old 1/f noise.
    const change = before === 0 ? 0 : floats[floatIndex(channel, RECORD.gain)]! / before;
    for (const field of RECORD.flicker) {
      const index = floatIndex(channel, field);
      floats[index] = floats[index]! * change;
    }
  }

  /** Bits per unit of white noise, with `neighbours` the sum of the squared shares of the neighbours. */
  #gainFor(neighbours: number): number {
    const { noise, gainUvPerBit } = this.#options;
    const perUnit = noise.rmsUv / (gainUvPerBit * this.#filter.bandRms);
    // The filter's direct part is taken into the gain.
    return (perUnit * this.#filter.direct) / Math.sqrt(WHITE_VARIANCE * (1 + neighbours));
  }

  /**
   * x[c] = w[c] + b w[c - near] + b w[c - far] of white w has the correlation b / (1 + 2 b^2) with both neighbours (on
   * the array's edge, where one of them is missing, within 1 % of it).
   */
  #mixNeighbours(): void {
    const { channels, positions, noise, badChannels } = this.#options;
    const rho = noise.neighbourCorrelation;
    const share = rho === 0 ? 0 : (1 - Math.sqrt(1 - 8 * rho * rho)) / (4 * rho);
    const shareQ15 = Math.floor(share * 32768 + 0.5);
    const pitch = pitchOf(positions);
    const { near, far } = neighbourOffsets(positions, pitch);
    const hasNeighbour = (channel: number, offset: number): boolean =>
      offset > 0 && channel >= offset && isOnePitch(positions[channel]!, positions[channel - offset]!, pitch);
    const noisy = new Set(badChannels.filter(({ type }) => type === 'noisy').map(({ channel }) => channel));
    for (let channel = 0; channel < channels; channel++) {
      const [isNear, isFar] = [hasNeighbour(channel, near), hasNeighbour(channel, far)];
      this.#nearShares[channel] = isNear ? shareQ15 : 0;
      this.#farShares[channel] = isFar ? shareQ15 : 0;
      const squares = ((isNear ? 1 : 0) + (isFar ? 1 : 0)) * share * share;
      this.#gains[channel] = this.#gainFor(squares) * (noisy.has(channel) ? noise.noisyFactor : 1);
    }
    const { poles, weights, direct } = this.#filter;
    this.#kernels.configureNoise(...poles, ...weights.map((weight) => weight / direct), near, far);
  }

  #tuneHum(): void {
    const { channels, seed, noise, gainUvPerBit, sampleRateHz } = this.#options;
    const { lineWave } = this.#kernels;
    const rms = Math.sqrt((1 + 0.4 * 0.4 + 0.25 * 0.25) / 2);
    for (let i = 0; i < lineWave.length; i++) {
      const turns = ((i * noise.lineHz) % sampleRateHz) / sampleRateHz;
      const wave = sineOfTurns(turns) + 0.4 * sineOfTurns(2 * turns + 0.1) + 0.25 * sineOfTurns(3 * turns + 0.3);
      lineWave[i] = Math.floor((WAVE_SCALE * wave) / rms + 0.5);
    }
    const random = openRandomStream(seed, 'voltage-hum');
    for (let channel = 0; channel < channels; channel++) {
      const bits = (noise.humUv / gainUvPerBit) * (0.7 + 0.6 * random.uniform());
      this.#hums[channel] = Math.min(LARGEST_HALF, Math.floor(HUM_SCALE * bits + 0.5));
    }
  }

  /** Filters begin as if they had always run, not with a rise from zero. */
  #settleFilters(): void {
    const { floats } = this.#kernels;
    const random = openRandomStream(this.#options.seed, 'voltage-flicker');
    for (let channel = 0; channel < this.#options.channels; channel++) {
      const deviation = floats[floatIndex(channel, RECORD.gain)]! * Math.sqrt(WHITE_VARIANCE);
      RECORD.flicker.forEach((field, i) => {
        const pole = this.#filter.poles[i]!;
        floats[floatIndex(channel, field)] = (deviation * nearNormal(random)) / Math.sqrt(1 - pole * pole);
      });
    }
  }

  #writeChannel(channel: number): void {
    const { floats, halves } = this.#kernels;
    const isDead = this.#isDead[channel] === 1;
    floats[floatIndex(channel, RECORD.gain)] = isDead ? this.#deadGain : this.#gains[channel]!;
    halves[halfIndex(channel, RECORD.nearShare)] = isDead ? 0 : this.#nearShares[channel]!;
    halves[halfIndex(channel, RECORD.farShare)] = isDead ? 0 : this.#farShares[channel]!;
    halves[halfIndex(channel, RECORD.hum)] = isDead ? 0 : this.#hums[channel]!;
    this.#writeBaseline(channel);
  }

  #writeBaseline(channel: number): void {
    const { floats } = this.#kernels;
    const isDead = this.#isDead[channel] === 1;
    const [from, to] = [this.#baseline[channel]!, this.#nextBaseline[channel]!];
    floats[floatIndex(channel, RECORD.baseline)] = isDead ? 0 : from;
    floats[floatIndex(channel, RECORD.slope)] = isDead ? 0 : ((to - from) * TILE_SAMPLES) / this.#knotSamples;
  }

  /** A first-order autoregression from knot to knot; the draws belong to the knot, whatever came before. */
  #moveBaseline(knot: number): void {
    const { channels, seed, noise, gainUvPerBit, sampleRateHz } = this.#options;
    const deviation = noise.driftUv / gainUvPerBit;
    const memory = exponential(-this.#knotSamples / (sampleRateHz * noise.driftSeconds));
    const innovation = deviation * Math.sqrt(1 - memory * memory);
    if (knot !== this.#knot + 1 || this.#knot < 0) {
      const start = openRandomStream(seed, 'voltage-drift-start', knot);
      for (let channel = 0; channel < channels; channel++) this.#nextBaseline[channel] = deviation * nearNormal(start);
    }
    const random = openRandomStream(seed, 'voltage-drift', knot);
    for (let channel = 0; channel < channels; channel++) {
      const from = this.#nextBaseline[channel]!;
      this.#baseline[channel] = from;
      this.#nextBaseline[channel] = memory * from + innovation * nearNormal(random);
      this.#writeBaseline(channel);
    }
    this.#knot = knot;
  }
}

/** Four uniform numbers, centred and scaled to variance 1: no logarithm, so the same bits everywhere. */
function nearNormal(random: RandomStream): number {
  return (random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2) * 1.7320508075688772;
}

function seedGenerator(generator: Uint32Array, random: RandomStream): void {
  for (let i = 0; i < generator.length; i++) generator[i] = random.integer(2 ** 32);
}
