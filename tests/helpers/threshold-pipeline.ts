import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { SignalCounters, SignalPipeline } from '../../src/pipeline/signal-pipeline.js';
import type { SpikeBatch, StimulusMark } from '../../src/pipeline/spike-batch.js';

/** How the stand-in finds spikes. */
export interface ThresholdPipelineOptions {
  readonly channels: number;
  readonly sampleRateHz: number;
  /** A spike is a sample at or below this after one above it. */
  readonly threshold: number;
  /** Samples that are still being looked at after they came. */
  readonly lagSamples?: number;
  /** Samples of every electrode that cannot be seen from the beginning of a stimulus on, beyond its own length. */
  readonly blindAfterSamples?: number;
}

interface Span {
  readonly electrode: number;
  readonly from: number;
  readonly to: number;
}

interface Found {
  readonly sample: number;
  readonly electrode: number;
  readonly value: number;
}

/**
 * The plainest pipeline that keeps the contract: a fixed threshold on raw samples, blind after stimuli on all electrodes
 * and in gaps, settled some samples late. Slow, and meant for tests.
 */
export class ThresholdPipeline implements SignalPipeline {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly #options: ThresholdPipelineOptions;
  readonly #last: Int16Array;
  #waiting: Found[] = [];
  #spans: Span[] = [];
  #settled = Number.NaN;
  #next = Number.NaN;
  #gaps = 0;
  #gapSamples = 0;
  #samples = 0;
  #rests = 0;
  ends = 0;

  constructor(options: ThresholdPipelineOptions) {
    this.#options = options;
    this.channels = options.channels;
    this.sampleRateHz = options.sampleRateHz;
    this.#last = new Int16Array(options.channels);
  }

  get settledTo(): SampleIndex {
    return sampleIndex(this.#settled);
  }

  get counters(): SignalCounters {
    return { samples: this.#samples, gaps: this.#gaps, gapSamples: this.#gapSamples, rests: this.#rests };
  }

  mark({ sample, durationSamples }: StimulusMark): void {
    if (sample < this.#next) throw new Error(`a mark for sample ${sample} after ${this.#next} were pushed`);
    const to = sample + durationSamples + (this.#options.blindAfterSamples ?? 0);
    for (let electrode = 0; electrode < this.channels; electrode++) this.#addSpan({ electrode, from: sample, to });
  }

  push(block: SampleBlock): SpikeBatch {
    if (block.channels !== this.channels) throw new Error(`a block of ${block.channels} channels`);
    if (Number.isNaN(this.#next)) this.#settled = block.firstSample;
    else if (block.firstSample > this.#next) {
      this.#gaps += 1;
      this.#gapSamples += block.firstSample - this.#next;
      this.#skipTo(block.firstSample);
    }
    this.#samples += block.frames;
    for (let frame = 0; frame < block.frames; frame++) {
      for (let electrode = 0; electrode < this.channels; electrode++) {
        const value = block.samples[frame * this.channels + electrode]!;
        const { threshold } = this.#options;
        const sample = block.firstSample + frame;
        if (value <= threshold && this.#last[electrode]! > threshold && !this.#isBlind(electrode, sample)) {
          this.#waiting.push({ sample, electrode, value });
        }
        this.#last[electrode] = value;
      }
    }
    this.#next = block.firstSample + block.frames;
    return this.#settle(Math.max(this.#settled, this.#next - (this.#options.lagSamples ?? 0)));
  }

  rest(toSample: SampleIndex): void {
    this.#rests += 1;
    this.#skipTo(toSample);
  }

  end(): SpikeBatch {
    this.ends += 1;
    return this.#settle(this.#next);
  }

  #skipTo(sample: number): void {
    for (let electrode = 0; electrode < this.channels; electrode++) {
      this.#addSpan({ electrode, from: this.#next, to: sample });
    }
    this.#last.fill(0);
    this.#next = sample;
  }

  #isBlind(electrode: number, sample: number): boolean {
    return this.#spans.some((span) => span.electrode === electrode && span.from <= sample && sample < span.to);
  }

  /** Spans of one electrode must not overlap: what others cover is left out. */
  #addSpan({ electrode, from, to }: Span): void {
    let at = from;
    for (const span of this.#spans.filter((one) => one.electrode === electrode).sort((a, b) => a.from - b.from)) {
      if (span.to <= at || span.from >= to) continue;
      if (span.from > at) this.#spans.push({ electrode, from: at, to: span.from });
      at = span.to;
    }
    if (to > at) this.#spans.push({ electrode, from: at, to });
  }

  #settle(to: number): SpikeBatch {
    const from = this.#settled;
    const spikes = this.#waiting.filter(({ sample }) => sample < to);
    const blind = this.#spans
      .map((span) => ({ ...span, from: Math.max(span.from, from), to: Math.min(span.to, to) }))
      .filter((span) => span.to > span.from)
      .sort((a, b) => a.electrode - b.electrode || a.from - b.from);
    this.#waiting = this.#waiting.filter(({ sample }) => sample >= to);
    this.#spans = this.#spans.filter((span) => span.to > to);
    this.#settled = to;
    return {
      from: sampleIndex(from),
      to: sampleIndex(to),
      samples: Float64Array.from(spikes, ({ sample }) => sample),
      electrodes: Uint16Array.from(spikes, ({ electrode }) => electrode),
      amplitudesUv: Float32Array.from(spikes, ({ value }) => value),
      blind: {
        electrodes: Uint16Array.from(blind, ({ electrode }) => electrode),
        from: Float64Array.from(blind, (span) => span.from),
        to: Float64Array.from(blind, (span) => span.to),
      },
    };
  }
}
