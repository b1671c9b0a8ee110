import { MeaError } from '../../protocols/errors.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { ArtefactHandling } from './artefact/artefact-settings.js';
import { createArtefactStage, type ArtefactStage, type HandledSamples } from './artefact/artefact-stage.js';
import type { SpikeDetectorSettings } from './detector-settings.js';
import { openKernels } from './open-kernels.js';
import type { SignalCounters, SignalPipeline } from './signal-pipeline.js';
import type { SnippetBatch } from './snippet-store.js';
import type { SpikeBatch, StimulusMark } from './spike-batch.js';
import { createRowDetector, type SpikeDetector } from './spike-detector.js';

/** What a pipeline from samples to spikes is to do. */
export interface SpikePipelineSettings extends SpikeDetectorSettings {
  /** What is not said is as in `DEFAULT_ARTEFACT_HANDLING`. */
  readonly artefacts?: Partial<ArtefactHandling>;
}

/** Samples of all channels that go through the stages at a time, about: they stay in the cache between them. */
const CHUNK_SAMPLES = 1 << 17;
/** Samples of a channel after which the artefact stage learns of the noise: each multiple of a second. */
const NOISE_SECONDS = 1;
/** Levels that wait to be taken; more forget the oldest. */
const MAX_LEVELS = 1024;

/** What the detector went by when it had got to a sample; once a second. */
export interface PipelineLevels {
  readonly atSample: SampleIndex;
  /** (channels) uV rms */
  readonly noiseUv: Float32Array;
  /** (channels) uV without sign; infinite where nothing can be found */
  readonly thresholdsUv: Float32Array;
}

/**
 * Makes a pipeline: artefact handling, then band-pass, noise and detection, in one instance of the kernels.
 *
 * @throws MeaError `bad-input` for impossible settings, `missing` where there is no WebAssembly SIMD
 */
export function createSpikePipeline(settings: SpikePipelineSettings): SpikePipeline {
  return new SpikePipeline(settings);
}

/**
 * The pipeline of this program. Samples are copied once, into the kernels' memory; the artefact stage hands them on as
 * they are where there is nothing to do, and as float32 rows with a mask where there is. Both ways give the same bits. A
 * class because its stages go on from block to block.
 */
export class SpikePipeline implements SignalPipeline {
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly #stage: ArtefactStage;
  readonly #detector: SpikeDetector;
  readonly #chunkFrames: number;
  readonly #noisePeriod: number;
  /** Next sample that is expected; NaN before the first block. */
  #next = Number.NaN;
  #samples = 0;
  #gaps = 0;
  #gapSamples = 0;
  #rests = 0;
  #levels: PipelineLevels[] = [];

  constructor(settings: SpikePipelineSettings) {
    const { artefacts, ...detection } = settings;
    const { channels, sampleRateHz, gainUv } = detection;
    const kernels = openKernels();
    this.#detector = createRowDetector(detection, kernels);
    this.channels = channels;
    this.sampleRateHz = sampleRateHz;
    this.#chunkFrames = Math.max(40, Math.floor(CHUNK_SAMPLES / this.#detector.paddedChannels));
    this.#noisePeriod = Math.round(NOISE_SECONDS * sampleRateHz);
    this.#stage = createArtefactStage(kernels, {
      channels,
      sampleRateHz,
      gainUvPerBit: gainUv,
      outputScale: this.#detector.inputScale,
      maxFrames: this.#chunkFrames,
      ...(artefacts !== undefined && { handling: artefacts }),
      ...(detection.noise?.initialUv !== undefined && { noiseUv: detection.noise.initialUv }),
    });
  }

  get settledTo(): SampleIndex {
    return this.#detector.settledTo;
  }

  get counters(): SignalCounters {
    return { samples: this.#samples, gaps: this.#gaps, gapSamples: this.#gapSamples, rests: this.#rests };
  }

  /** (channels) noise in uV rms as it is now. It belongs to the caller. */
  noiseUv(): Float32Array {
    return this.#detector.noiseUv();
  }

  /** (channels) thresholds in uV as they are now, without their sign; infinite where nothing can be found yet. */
  thresholdsUv(): Float32Array {
    return this.#detector.thresholdsUv();
  }

  /** What snippets have come since the last call; undefined where none are kept. */
  takeSnippets(): SnippetBatch | undefined {
    return this.#detector.takeSnippets();
  }

  /** Levels at each whole second that was passed since the last call. */
  takeLevels(): readonly PipelineLevels[] {
    if (this.#levels.length === 0) return this.#levels;
    const taken = this.#levels;
    this.#levels = [];
    return taken;
  }

  mark(stimulus: StimulusMark): void {
    this.#stage.mark(stimulus);
  }

  push(block: SampleBlock): SpikeBatch {
    const { channels, frames, samples, firstSample } = block;
    if (channels !== this.channels || samples.length !== frames * channels) throw this.#misfit(block);
    if (Number.isNaN(this.#next)) this.#begin(firstSample);
    else if (firstSample !== this.#next) {
      const missing = firstSample - this.#next;
      this.#skipTo(firstSample);
      this.#gaps += 1;
      this.#gapSamples += missing;
    }
    for (let done = 0; done < frames;) {
      const untilNoise = this.#noisePeriod - (this.#next % this.#noisePeriod);
      const count = Math.min(frames - done, this.#chunkFrames, untilNoise);
      const isAll = count === frames;
      this.#feed(this.#stage.push(isAll ? samples : samples.subarray(done * channels, (done + count) * channels)));
      this.#next += count;
      done += count;
      if (count === untilNoise) this.#noteLevels();
    }
    this.#samples += frames;
    return this.#detector.take();
  }

  #noteLevels(): void {
    const noiseUv = this.#detector.noiseUv();
    this.#stage.setNoise(noiseUv);
    this.#levels.push({ atSample: sampleIndex(this.#next), noiseUv, thresholdsUv: this.#detector.thresholdsUv() });
    if (this.#levels.length > MAX_LEVELS) this.#levels.shift();
  }

  rest(toSample: SampleIndex): void {
    if (Number.isNaN(this.#next)) return;
    this.#skipTo(toSample);
    this.#rests += 1;
  }

  end(): SpikeBatch {
    this.#feed(this.#stage.end());
    return this.#detector.end();
  }

  #begin(sample: SampleIndex): void {
    this.#stage.reset(sample);
    this.#detector.begin(sample);
    this.#next = sample;
  }

  /** Nothing is known of [next, sample): what is before it is settled, what comes begins afresh. */
  #skipTo(sample: SampleIndex): void {
    if (!(sample >= this.#next)) {
      throw new MeaError('bad-input', {
        what: 'Samples went back',
        got: `sample ${sample}`,
        wanted: `${this.#next} or later`,
        remedy: 'make a new pipeline when the clock has stepped',
      });
    }
    this.#feed(this.#stage.end());
    this.#stage.reset(sample);
    this.#detector.reset(sample);
    this.#next = sample;
  }

  #feed({ from, to, isRaw, rawOffset, outputOffset, blindOffset }: HandledSamples): void {
    const span = { firstSample: from, frames: to - from };
    if (span.frames === 0) return;
    if (isRaw) this.#detector.feedRaw(rawOffset, span);
    else this.#detector.feedScaled(outputOffset, blindOffset, span);
  }

  #misfit({ channels, frames, samples, firstSample }: SampleBlock): MeaError {
    return new MeaError('bad-input', {
      what: 'A block does not fit the signal pipeline',
      got: `${channels} channels, ${samples.length} samples in ${frames} frames`,
      wanted: `${this.channels} channels`,
      where: `the block from sample ${firstSample} on`,
      remedy: 'make a new pipeline when the number of channels changes',
    });
  }
}
