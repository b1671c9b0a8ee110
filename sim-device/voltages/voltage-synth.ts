import { MeaError } from '../../protocols/errors.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { MAX_RENDER_FRAMES } from '../rig/emulated-rig.js';
import { ArtefactLayer, type SaturationSpan } from './artefact-layer.js';
import { lineWaveLengthOf, NoiseLayer } from './noise-layer.js';
import { SpikeLayer } from './spike-layer.js';
import { openSynthesisKernels, type SynthesisKernels } from './synthesis-kernels.js';
import {
  type ArtefactSettings,
  type ChannelFault,
  DEFAULT_ARTEFACT,
  DEFAULT_GAIN_UV_PER_BIT,
  DEFAULT_NOISE,
  DEFAULT_SPIKE_LENGTH_UM,
  type NoiseSettings,
  type VoltageSettings,
} from './voltage-settings.js';

const RAIL = 32767;

/** Least and most. */
type Range = readonly [number, number];

/**
 * Synthesises the samples of all electrodes: noise, hum and drift, then spikes, then artefacts, clipped at the rail.
 *
 * A sample depends on the settings, its number and what was added, not on how the calls of `render` are cut; and it is
 * the same on every machine. A class because all of it goes on from call to call.
 */
export class VoltageSynth {
  readonly #settings: VoltageSettings;
  readonly #kernels: SynthesisKernels;
  readonly #noise: NoiseLayer;
  readonly #spikes: SpikeLayer;
  readonly #artefacts: ArtefactLayer;
  /** 1 for channels that are dead, from the start or by a fault. */
  readonly #dead: Uint8Array;
  /** 1 for channels that are stuck or saturated by a fault, and what they show. */
  readonly #overwritten: Uint8Array;
  readonly #shown: Int16Array;
  readonly #bornDead: ReadonlySet<number>;
  #overwrittenCount = 0;
  #nextSample = 0;
  #lastFrames = 0;

  /** @throws MeaError `bad-input` when a setting is out of its range */
  constructor(settings: VoltageSettings) {
    const noise = { ...DEFAULT_NOISE, ...settings.noise };
    const artefact = { ...DEFAULT_ARTEFACT, ...settings.artefact };
    assertSettings(settings, noise, artefact);
    const { channels, sampleRateHz, seed, positions, units, badChannels = [] } = settings;
    const gainUvPerBit = settings.gainUvPerBit ?? DEFAULT_GAIN_UV_PER_BIT;
    this.#settings = settings;
    this.#bornDead = new Set(badChannels.filter(({ type }) => type === 'dead').map(({ channel }) => channel));
    this.#dead = Uint8Array.from({ length: channels }, (_, channel) => (this.#bornDead.has(channel) ? 1 : 0));
    this.#overwritten = new Uint8Array(channels);
    this.#shown = new Int16Array(channels);
    this.#kernels = openSynthesisKernels({
      channels,
      lineWaveLength: lineWaveLengthOf(sampleRateHz, noise.lineHz),
      maxFrames: MAX_RENDER_FRAMES,
    });
    const array = { channels, sampleRateHz, gainUvPerBit, positions, dead: this.#dead };
    this.#noise = new NoiseLayer(this.#kernels, { ...array, seed, badChannels, noise });
    const lengthUm = settings.spikeLengthUm ?? DEFAULT_SPIKE_LENGTH_UM;
    this.#spikes = new SpikeLayer({ ...array, units, lengthUm });
    this.#artefacts = new ArtefactLayer(this.#kernels, { ...array, artefact, overwritten: this.#overwritten });
  }

  /** The sample that `render` gives next. */
  get nextSample(): number {
    return this.#nextSample;
  }

  /** A spike must be added before the samples are rendered that lie up to so many before its negative peak. */
  get prePeakSamples(): number {
    return this.#spikes.prePeakSamples;
  }

  /**
   * A unit fires: its negative peak is at `sample`.
   *
   * @throws MeaError `bad-input` for an unknown unit, or when the spike's beginning has been rendered already
   */
  addSpike(unit: number, sample: number): void {
    if (!Number.isInteger(unit) || unit < 0 || unit >= this.#settings.units.length) {
      throw badInput('Bad unit of a spike', unit, `0 to ${this.#settings.units.length - 1}`);
    }
    const first = this.#spikes.firstSampleOf(unit, sample);
    if (!Number.isSafeInteger(sample) || first < this.#nextSample) {
      const least = this.#nextSample + this.prePeakSamples;
      throw badInput('Spike added too late', sample, `a peak at sample ${least} or later`);
    }
    this.#spikes.add(unit, sample);
  }

  /**
   * Pulses begin together at `sample`; no pulse is an acknowledged nothing.
   *
   * @throws MeaError `bad-input` for a sample before `nextSample` or an electrode that is not on the array
   */
  addPulses(pulses: readonly Pulse[], sample: number): void {
    if (!Number.isSafeInteger(sample) || sample < this.#nextSample) {
      throw badInput('Bad sample of pulses', sample, `an integer from ${this.#nextSample} on`);
    }
    for (const { electrode } of pulses) this.#assertChannel(electrode);
    this.#artefacts.add(pulses, sample);
  }

  /**
   * The next frames, (frames, channels) int16 frame-major: a view that the next call overwrites.
   *
   * @throws MeaError `bad-input` unless frames is an integer from 1 to 1024
   */
  render(frames: number): Int16Array {
    if (!Number.isInteger(frames) || frames < 1 || frames > MAX_RENDER_FRAMES) {
      throw badInput('Bad number of frames', frames, `1 to ${MAX_RENDER_FRAMES}`);
    }
    const first = this.#nextSample;
    const samples = this.#kernels.samples.subarray(0, frames * this.#settings.channels);
    this.#noise.render(first, frames);
    this.#spikes.render(first, frames, samples);
    this.#artefacts.render(first, frames);
    if (this.#overwrittenCount > 0) this.#overwrite(samples);
    this.#nextSample = first + frames;
    this.#lastFrames = frames;
    return samples;
  }

  /**
   * No samples for a while: pending spikes, pulses and decays are forgotten, the baseline is drawn afresh, the noise
   * goes on.
   *
   * @throws MeaError `bad-input` unless samples is a non-negative integer
   */
  jump(samples: number): void {
    if (!Number.isSafeInteger(this.#nextSample + samples) || samples < 0) {
      throw badInput('Bad rest', samples, 'a number of samples, 0 or more');
    }
    this.#spikes.clear();
    this.#artefacts.clear(this.#nextSample);
    this.#noise.jump();
    this.#nextSample += samples;
  }

  /** Saturations by pulses that have ended since the last call; one that goes on comes when it has ended. */
  takeSaturations(): readonly SaturationSpan[] {
    return this.#artefacts.takeSaturations();
  }

  /** Puts a fault on a channel, or takes it off, from `nextSample` on. */
  setChannelFault(channel: number, fault: ChannelFault): void {
    this.#assertChannel(channel);
    const isOverwritten = fault === 'stuck' || fault === 'saturated';
    if (fault === 'saturated') this.#shown[channel] = RAIL;
    if (fault === 'stuck') this.#shown[channel] = this.#lastSampleOf(channel);
    this.#overwrittenCount += (isOverwritten ? 1 : 0) - this.#overwritten[channel]!;
    this.#overwritten[channel] = isOverwritten ? 1 : 0;
    const isDead = fault === 'dead' || this.#bornDead.has(channel);
    this.#dead[channel] = isDead ? 1 : 0;
    this.#noise.setDead(channel, isDead);
    if (isDead) this.#artefacts.silence(channel);
  }

  #lastSampleOf(channel: number): number {
    return this.#lastFrames === 0
      ? 0
      : this.#kernels.samples[(this.#lastFrames - 1) * this.#settings.channels + channel]!;
  }

  #overwrite(samples: Int16Array): void {
    const { channels } = this.#settings;
    for (let channel = 0; channel < channels; channel++) {
      if (this.#overwritten[channel] === 0) continue;
      const value = this.#shown[channel]!;
      for (let at = channel; at < samples.length; at += channels) samples[at] = value;
    }
  }

  #assertChannel(channel: number): void {
    const { channels } = this.#settings;
    if (!Number.isInteger(channel) || channel < 0 || channel >= channels) {
      throw badInput('Bad channel', channel, `0 to ${channels - 1}`);
    }
  }
}

/** Least and most of each noise setting; beyond them the numbers in the kernels would not do. */
const NOISE_RANGES: Readonly<Record<keyof NoiseSettings, Range>> = {
  rmsUv: [0, 1000],
  flickerExponent: [0, 1.5],
  neighbourCorrelation: [0, 0.3],
  lineHz: [1, 1000],
  humUv: [0, 500],
  driftUv: [0, 2000],
  driftSeconds: [0.1, 1e6],
  noisyFactor: [0, 30],
  deadFactor: [0, 30],
};

/** The same of the artefact. */
const ARTEFACT_RANGES: Readonly<Record<keyof ArtefactSettings, Range>> = {
  directUvPerUa: [0, 1e6],
  fastUvPerUa: [0, 1e6],
  fastMs: [0.01, 1000],
  slowUvPerUa: [0, 1e6],
  slowMs: [0.01, 1000],
  stepUvPerUa: [0, 1e6],
  lengthPitches: [0.01, 100],
};

function assertSettings(settings: VoltageSettings, noise: NoiseSettings, artefact: ArtefactSettings): void {
  const { channels, sampleRateHz, positions, units, gainUvPerBit = 1, spikeLengthUm = 1, badChannels = [] } = settings;
  assertRange('channels', channels, [1, 4096]);
  assertRange('sampleRateHz', sampleRateHz, [10_000, 30_000]);
  assertRange('gainUvPerBit', gainUvPerBit, [0.001, 100]);
  assertRange('spikeLengthUm', spikeLengthUm, [1, 1e4]);
  assertRanges('noise', noise, NOISE_RANGES);
  assertRanges('artefact', artefact, ARTEFACT_RANGES);
  if (![channels, sampleRateHz, noise.lineHz].every(Number.isInteger)) {
    const got = `${channels}, ${sampleRateHz}, ${noise.lineHz}`;
    throw badInput('Bad channels, sampleRateHz or noise.lineHz', got, 'integers');
  }
  if (positions.length !== channels) throw badInput('Bad number of positions', positions.length, `${channels}`);
  for (const { electrode, widthMs, amplitudeUv } of units) {
    assertRange('electrode of a unit', electrode, [0, channels - 1]);
    assertRange('widthMs of a unit', widthMs, [0.05, 2]);
    assertRange('amplitudeUv of a unit', amplitudeUv, [0, 1e5]);
  }
  for (const { channel } of badChannels) assertRange('bad channel', channel, [0, channels - 1]);
}

function assertRanges<Name extends string>(
  part: string,
  got: Readonly<Record<Name, number>>,
  ranges: Readonly<Record<Name, Range>>,
): void {
  for (const name in ranges) assertRange(`${part}.${name}`, got[name], ranges[name]);
}

function assertRange(name: string, got: number, [least, most]: Range): void {
  if (!(got >= least && got <= most)) throw badInput(`Bad ${name}`, got, `${least} to ${most}`);
}

function badInput(what: string, got: number | string, wanted: string): MeaError {
  return new MeaError('bad-input', { what, got: `${got}`, wanted });
}
