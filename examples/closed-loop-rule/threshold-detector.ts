import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { SignalPipeline } from '../../src/pipeline/signal-pipeline.js';
import type { SpikeBatch, StimulusMark } from '../../src/pipeline/spike-batch.js';

/** What the detector is made with. */
export interface ThresholdDetectorOptions {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly gainUvPerBit: number;
  /** A spike is a high-passed sample below this; negative. */
  readonly thresholdUv: number;
  /** No electrode is looked at for so long from the beginning of a stimulus on. */
  readonly blankMs: number;
  /** After a spike its electrode is not looked at for so long. */
  readonly deadMs: number;
}

/** Corner of the high-pass, one pole. */
const CORNER_HZ = 300;
/** After a gap the filter needs so long. */
const SETTLE_MS = 5;

interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * The least that can be called a detector: one pole of high-pass, a fixed threshold, blind for a while after stimuli. It
 * is here to show what `SignalPipeline` asks for; it tracks no noise and removes no artefact. Every sample is settled
 * when it comes.
 */
export class ThresholdDetector implements SignalPipeline {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly #gainUvPerBit: number;
  readonly #thresholdBits: number;
  readonly #feedback: number;
  readonly #blankSamples: number;
  readonly #settleSamples: number;
  readonly #deadSamples: number;
  /** (channels) state of the filters; the sample from which on a channel is looked at again. */
  readonly #input: Float64Array;
  readonly #output: Float64Array;
  readonly #deadUntil: Float64Array;
  #blank: readonly Stretch[] = [];
  #next = Number.NaN;

  constructor(options: ThresholdDetectorOptions) {
    const { channels, sampleRateHz } = options;
    const toSamples = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
    this.channels = channels;
    this.sampleRateHz = sampleRateHz;
    this.#gainUvPerBit = options.gainUvPerBit;
    this.#thresholdBits = options.thresholdUv / options.gainUvPerBit;
    this.#feedback = Math.exp((-2 * Math.PI * CORNER_HZ) / sampleRateHz);
    this.#blankSamples = toSamples(options.blankMs);
    this.#settleSamples = toSamples(SETTLE_MS);
    this.#deadSamples = toSamples(options.deadMs);
    this.#input = new Float64Array(channels);
    this.#output = new Float64Array(channels);
    this.#deadUntil = new Float64Array(channels).fill(-Infinity);
  }

  get settledTo(): SampleIndex {
    return sampleIndex(this.#next);
  }

  mark({ sample, electrodes, durationSamples }: StimulusMark): void {
    if (electrodes.length > 0) this.#addBlank(sample, sample + Math.max(durationSamples, this.#blankSamples));
  }

  push(block: SampleBlock): SpikeBatch {
    const from = Number.isNaN(this.#next) ? block.firstSample : this.#next;
    if (block.firstSample !== this.#next) this.#begin(block, from);
    const to = block.firstSample + block.frames;
    const spikes: { sample: number; electrode: number; bits: number }[] = [];
    for (let frame = 0; frame < block.frames; frame++) {
      const sample = block.firstSample + frame;
      const isBlank = this.#blank.some((stretch) => stretch.from <= sample && sample < stretch.to);
      for (let electrode = 0; electrode < this.channels; electrode++) {
        const bits = this.#filter(electrode, block.samples[frame * this.channels + electrode]!);
        if (isBlank || bits > this.#thresholdBits || sample < this.#deadUntil[electrode]!) continue;
        this.#deadUntil[electrode] = sample + this.#deadSamples;
        spikes.push({ sample, electrode, bits });
      }
    }
    this.#next = to;
    const blind = this.#takeBlank(from, to);
    return {
      from: sampleIndex(from),
      to: sampleIndex(to),
      samples: Float64Array.from(spikes, ({ sample }) => sample),
      electrodes: Uint16Array.from(spikes, ({ electrode }) => electrode),
      amplitudesUv: Float32Array.from(spikes, ({ bits }) => bits * this.#gainUvPerBit),
      blind,
    };
  }

  end(): SpikeBatch {
    const none = new Float64Array(0);
    const at = sampleIndex(Number.isNaN(this.#next) ? 0 : this.#next);
    const blind = { electrodes: new Uint16Array(0), from: none, to: none };
    return { from: at, to: at, samples: none, electrodes: blind.electrodes, amplitudesUv: new Float32Array(0), blind };
  }

  /** The first block, or one after a gap: the filters start from what they see first. */
  #begin(block: SampleBlock, from: number): void {
    for (let electrode = 0; electrode < this.channels; electrode++) {
      this.#input[electrode] = block.samples[electrode]!;
      this.#output[electrode] = 0;
    }
    this.#addBlank(from, block.firstSample + this.#settleSamples);
  }

  #filter(electrode: number, input: number): number {
    const output = this.#feedback * (this.#output[electrode]! + input - this.#input[electrode]!);
    this.#input[electrode] = input;
    this.#output[electrode] = output;
    return output;
  }

  /** Stretches that touch become one, so that the spans of an electrode do not overlap. */
  #addBlank(from: number, to: number): void {
    const touching = this.#blank.filter((stretch) => stretch.from <= to && stretch.to >= from);
    const joined = {
      from: touching.reduce((first, stretch) => Math.min(first, stretch.from), from),
      to: touching.reduce((last, stretch) => Math.max(last, stretch.to), to),
    };
    const apart = this.#blank.filter((stretch) => !touching.includes(stretch));
    this.#blank = [...apart, joined].sort((a, b) => a.from - b.from);
  }

  /** The blank stretches within [from, to), on every electrode alike; those that are over are forgotten. */
  #takeBlank(from: number, to: number): SpikeBatch['blind'] {
    const stretches = this.#blank
      .map((stretch) => ({ from: Math.max(stretch.from, from), to: Math.min(stretch.to, to) }))
      .filter((stretch) => stretch.to > stretch.from);
    this.#blank = this.#blank.filter((stretch) => stretch.to > to);
    const spans = Array.from({ length: this.channels }, (_, electrode) =>
      stretches.map((stretch) => ({ electrode, ...stretch })),
    ).flat();
    return {
      electrodes: Uint16Array.from(spans, ({ electrode }) => electrode),
      from: Float64Array.from(spans, (span) => span.from),
      to: Float64Array.from(spans, (span) => span.to),
    };
  }
}
