import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { createReachTable, pitchOf, type Reach } from './array-geometry.js';
import { type CurrentSpan, planPulses, type PulseEnd } from './pulse-timeline.js';
import { exponential } from './reproducible-math.js';
import { floatIndex, isGroupAtRail, RECORD, type SynthesisKernels } from './synthesis-kernels.js';
import type { ArtefactSettings, ElectrodePosition } from './voltage-settings.js';

/** Share of the artefact below which a channel does not see it: 0.08 uV of 400 mV. */
const LEAST_SHARE = 2e-7;
const RAIL_HIGH = 32767;
const RAIL_LOW = -32768;

/** A channel shows the rail because of a pulse, from sample `first` to the one before `end`. */
export interface SaturationSpan {
  readonly electrode: number;
  readonly first: number;
  readonly end: number;
}

/** What the artefacts need to know of the array and the settings. */
export interface ArtefactOptions {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  readonly positions: readonly ElectrodePosition[];
  readonly artefact: ArtefactSettings;
  /** 1 for each channel that shows no artefacts; changes through `silence` only. */
  readonly dead: Uint8Array;
  /** 1 for each channel whose samples are overwritten afterwards: its saturation is not reported. */
  readonly overwritten: Uint8Array;
}

/** Pulses and what they leave behind, added to the samples by the kernels; and who shows the rail meanwhile. */
export class ArtefactLayer {
  readonly #kernels: SynthesisKernels;
  readonly #options: ArtefactOptions;
  readonly #reachOf: (electrode: number) => Reach;
  readonly #fastDecay: number;
  readonly #slowDecay: number;
  /** Not over yet, as given. */
  #spans: CurrentSpan[] = [];
  #ends: PulseEnd[] = [];
  /** Something is left in the kernels' records. */
  #isAlive = false;
  /** First sample at the rail of each channel; -1: not at the rail. */
  readonly #railSince: Float64Array;
  #railCount = 0;
  #saturations: SaturationSpan[] = [];

  constructor(kernels: SynthesisKernels, options: ArtefactOptions) {
    const { artefact, sampleRateHz, positions } = options;
    this.#kernels = kernels;
    this.#options = options;
    const lengthUm = artefact.lengthPitches * pitchOf(positions);
    this.#reachOf = createReachTable(positions, { lengthUm, least: LEAST_SHARE });
    this.#fastDecay = exponential(-1000 / (artefact.fastMs * sampleRateHz));
    this.#slowDecay = exponential(-1000 / (artefact.slowMs * sampleRateHz));
    this.#railSince = new Float64Array(options.channels).fill(-1);
  }

  /** Pulses that begin together at `sample`. */
  add(pulses: readonly Pulse[], sample: number): void {
    const { spans, ends } = planPulses(pulses, sample, this.#options.sampleRateHz);
    this.#spans.push(...spans);
    this.#ends.push(...ends);
  }

  /** Adds what falls into the kernels' frames [0, frames), which begin at sample `first`. */
  render(first: number, frames: number): void {
    const end = first + frames;
    let sample = first;
    while (sample < end) {
      this.#applyEvents(sample);
      const next = this.#nextEvent(sample, end);
      if (this.#isAlive) {
        const alive = this.#kernels.addArtefact(sample - first, next - sample, this.#fastDecay, this.#slowDecay);
        this.#isAlive = alive > 0;
        this.#watchRail(sample, { offset: sample - first, frames: next - sample });
      } else if (this.#railCount > 0) this.#closeSpans(sample);
      sample = next;
    }
  }

  /** Spans that have ended since the last call; one that goes on comes when it has ended. */
  takeSaturations(): readonly SaturationSpan[] {
    const taken = this.#saturations;
    this.#saturations = [];
    return taken;
  }

  /** Forgets all pulses and decays; `sample` is the first that is not rendered. */
  clear(sample: number): void {
    this.#closeSpans(sample);
    this.#spans = [];
    this.#ends = [];
    this.#isAlive = false;
    for (let channel = 0; channel < this.#options.channels; channel++) this.#clearChannel(channel);
  }

  /** Takes the artefact off a channel that has just died. */
  silence(channel: number): void {
    this.#clearChannel(channel);
  }

  /** Brings the records to what holds from `sample` on: the potential of the currents that flow, the decays that begin. */
  #applyEvents(sample: number): void {
    const { spans, ends } = { spans: this.#spans, ends: this.#ends };
    if (spans.some((span) => span.first === sample || span.end === sample)) {
      this.#writeField(spans.filter((span) => span.first <= sample && sample < span.end));
      this.#spans = spans.filter((span) => span.end > sample);
    }
    if (!ends.some((end) => end.sample === sample)) return;
    for (const end of ends) if (end.sample === sample) this.#beginDecay(end);
    this.#ends = ends.filter((end) => end.sample !== sample);
  }

  #nextEvent(after: number, end: number): number {
    let next = end;
    for (const span of this.#spans) {
      if (span.first > after) next = Math.min(next, span.first);
      else if (span.end > after) next = Math.min(next, span.end);
    }
    for (const { sample } of this.#ends) if (sample > after) next = Math.min(next, sample);
    return next;
  }

  #writeField(flowing: readonly CurrentSpan[]): void {
    const { artefact, gainUvPerBit, channels } = this.#options;
    const { floats } = this.#kernels;
    for (let channel = 0; channel < channels; channel++) floats[floatIndex(channel, RECORD.field)] = 0;
    for (const { currentUa, electrodes } of flowing) {
      this.#spread(electrodes, RECORD.field, (currentUa * artefact.directUvPerUa) / gainUvPerBit);
    }
    this.#isAlive ||= flowing.length > 0;
  }

  #beginDecay({ currentUa, electrodes }: PulseEnd): void {
    const { artefact, gainUvPerBit, channels, dead } = this.#options;
    const { floats } = this.#kernels;
    this.#spread(electrodes, RECORD.fast, (currentUa * artefact.fastUvPerUa) / gainUvPerBit);
    this.#spread(electrodes, RECORD.slow, (currentUa * artefact.slowUvPerUa) / gainUvPerBit);
    const step = (electrodes.length * currentUa * artefact.stepUvPerUa) / gainUvPerBit;
    for (let channel = 0; channel < channels; channel++) {
      if (dead[channel] === 1) continue;
      const index = floatIndex(channel, RECORD.slow);
      floats[index] = floats[index]! + step;
    }
    this.#isAlive = true;
  }

  /** Adds `bits` at each electrode, and around it as far as it is seen. */
  #spread(electrodes: readonly number[], field: number, bits: number): void {
    const { dead } = this.#options;
    const { floats } = this.#kernels;
    for (const electrode of electrodes) {
      const { channels, factors } = this.#reachOf(electrode);
      for (let k = 0; k < channels.length; k++) {
        if (dead[channels[k]!] === 1) continue;
        const index = floatIndex(channels[k]!, field);
        floats[index] = floats[index]! + bits * factors[k]!;
      }
    }
  }

  /** Opens and closes spans by the samples of the frames just written, the first of which is sample `first`. */
  #watchRail(first: number, written: { readonly offset: number; readonly frames: number }): void {
    const { channels } = this.#options;
    for (let group = 0; group < this.#kernels.groups; group++) {
      const end = Math.min(channels, 8 * group + 8);
      const isMarked = isGroupAtRail(this.#kernels, group);
      for (let channel = 8 * group; channel < end; channel++) {
        if (isMarked || this.#railSince[channel]! >= 0) this.#watchChannel(channel, first, written);
      }
    }
  }

  #watchChannel(
    channel: number,
    first: number,
    { offset, frames }: { readonly offset: number; readonly frames: number },
  ): void {
    const { channels, overwritten } = this.#options;
    const { samples } = this.#kernels;
    const isSeen = overwritten[channel] === 0;
    for (let i = 0; i < frames; i++) {
      const value = samples[(offset + i) * channels + channel]!;
      const isAtRail = isSeen && (value === RAIL_HIGH || value === RAIL_LOW);
      if (isAtRail === this.#railSince[channel]! >= 0) continue;
      if (isAtRail) {
        this.#railSince[channel] = first + i;
        this.#railCount++;
      } else this.#closeSpan(channel, first + i);
    }
  }

  #closeSpans(end: number): void {
    if (this.#railCount === 0) return;
    for (let channel = 0; channel < this.#options.channels; channel++) {
      if (this.#railSince[channel]! >= 0) this.#closeSpan(channel, end);
    }
  }

  #closeSpan(channel: number, end: number): void {
    this.#saturations.push({ electrode: channel, first: this.#railSince[channel]!, end });
    this.#railSince[channel] = -1;
    this.#railCount--;
  }

  #clearChannel(channel: number): void {
    const { floats } = this.#kernels;
    for (const field of [RECORD.fast, RECORD.slow, RECORD.field]) floats[floatIndex(channel, field)] = 0;
  }
}
