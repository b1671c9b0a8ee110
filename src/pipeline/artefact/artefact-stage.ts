import { MeaError } from '../../../protocols/errors.js';
import { sampleIndex, type SampleIndex } from '../../../protocols/units.js';
import type { KernelInstance } from '../open-kernels.js';
import type { StimulusMark } from '../spike-batch.js';
import {
  DEFAULT_ARTEFACT_HANDLING,
  DEFAULT_NOISE_UV,
  planArtefactHandling,
  probeLimit,
  requireInteger,
  requireRange,
  type ArtefactHandling,
  type ArtefactPlan,
} from './artefact-settings.js';
import { blankChannels, layOutSalpa, moveRows, PHASE, setProbeLimits, type SalpaMemory } from './salpa-memory.js';

/** What a stage is made for. */
export interface ArtefactStageSettings {
  readonly channels: number;
  readonly sampleRateHz: number;
  /** Taken as float32. */
  readonly gainUvPerBit: number;
  /** Most frames of a push. */
  readonly maxFrames: number;
  /** Factor from raw units to the float32 rows that are given: `gainUvPerBit` unless given, which makes them uV. */
  readonly outputScale?: number;
  /** What is not said is as in `DEFAULT_ARTEFACT_HANDLING`. */
  readonly handling?: Partial<ArtefactHandling>;
  /** (channels) noise, uV rms; `DEFAULT_NOISE_UV` each by default. */
  readonly noiseUv?: Float32Array;
}

/**
 * A stretch [from, to) of settled samples, in the kernels' memory until the next call. Rows have `paddedChannels`; what
 * the channels beyond the real ones hold means nothing.
 */
export interface HandledSamples {
  readonly from: SampleIndex;
  readonly to: SampleIndex;
  /** Nothing was done in it, and nothing is blind: the int16 rows are all there is, the other two were not written. */
  readonly isRaw: boolean;
  /** Byte offset of (to - from, paddedChannels) int16, raw units. */
  readonly rawOffset: number;
  /** Byte offset of (to - from, paddedChannels) float32, uV (or see `outputScale`). */
  readonly outputOffset: number;
  /** Byte offset of (to - from, paddedChannels) u8: 1 is blind. */
  readonly blindOffset: number;
}

/** Stimulus artefacts taken out of the samples, before any filter. Works on the memory of the kernels it was given. */
export interface ArtefactStage {
  readonly channels: number;
  /** `channels` rounded up to a multiple of 8. */
  readonly paddedChannels: number;
  /** Sample that the next push begins with. */
  readonly nextSample: SampleIndex;
  /**
   * Sample up to which samples have been given: at most 2N samples behind `nextSample` (right after a blank, while a
   * window is filled), N while a symmetric fit goes on, none else.
   */
  readonly settledTo: SampleIndex;
  /**
   * Says that a stimulus begins at a sample that has not been pushed. An empty pattern is treated as any other, so that
   * what can be seen of a trial does not depend on whether it was pulsed.
   *
   * @throws MeaError `bad-input` for a sample that has been pushed, an electrode that is none, a negative duration
   */
  mark(stimulus: StimulusMark): void;
  /**
   * The next frames, (frames, channels) frame-major, as they came.
   *
   * @throws MeaError `bad-input` for no whole number of frames, or more than `maxFrames`
   */
  push(samples: Int16Array): HandledSamples;
  /** No more samples come before a reset: gives what is left, as far as it can be seen. */
  end(): HandledSamples;
  /**
   * Goes on at a later sample after `end`: nothing before the gap counts but the stimuli, also those marked within it.
   *
   * @throws MeaError `bad-input` when the sample is past, or samples are left that `end` would give
   */
  reset(sample: SampleIndex): void;
  /**
   * Noise of each channel from the next push on, uV rms; what it decides is when a fit is taken.
   *
   * @throws MeaError `bad-input` for another number of channels, or noise that is no number or negative
   */
  setNoise(noiseUv: Float32Array): void;
}

/**
 * Opens a stage at sample 0.
 *
 * @throws MeaError `bad-input` for settings that cannot be
 */
export function createArtefactStage(kernels: KernelInstance, settings: ArtefactStageSettings): ArtefactStage {
  return new KernelArtefactStage(kernels, settings);
}

class KernelArtefactStage implements ArtefactStage {
  readonly channels: number;
  readonly #kernels: KernelInstance;
  readonly #plan: ArtefactPlan;
  readonly #memory: SalpaMemory;
  readonly #gain: number;
  readonly #maxFrames: number;
  /** Rows that a window and what it has not settled reach back. */
  readonly #history: number;
  readonly #handle: (...values: readonly number[]) => number;
  readonly #passQuietly: (...values: readonly number[]) => number;
  #input: Int16Array | undefined;
  #nextSample = 0;
  #settledTo = 0;
  /** Row of the next sample. */
  #row: number;
  /** Some group is not raw. */
  #isAwake = false;
  /** By rising sample; those that still matter. */
  #marks: StimulusMark[] = [];

  constructor(kernels: KernelInstance, settings: ArtefactStageSettings) {
    const { channels, gainUvPerBit, maxFrames, sampleRateHz } = settings;
    requireInteger('number of channels', channels, { from: 1, to: 65_536 });
    requireInteger('frames of a push', maxFrames, { from: 1, to: 1 << 20 });
    requireRange('gain in uV per bit', gainUvPerBit, { from: 1e-6, to: 1e6 });
    this.#plan = planArtefactHandling({ ...DEFAULT_ARTEFACT_HANDLING, ...settings.handling }, sampleRateHz);
    this.#kernels = kernels;
    this.channels = channels;
    this.#gain = Math.fround(gainUvPerBit);
    this.#maxFrames = maxFrames;
    this.#history = 2 * this.#plan.halfWindow + 2;
    // Rows are moved when the last one is reached: seldom enough to cost little, often enough to stay in the cache.
    const rows = this.#history + Math.max(4 * this.#history, maxFrames);
    const outputScale = Math.fround(settings.outputScale ?? gainUvPerBit);
    this.#memory = layOutSalpa(kernels, { plan: this.#plan, channels, outputScale, rows });
    this.#row = this.#history;
    this.#handle = kernels.find('handleArtefacts');
    this.#passQuietly = kernels.find('passQuietly');
    this.setNoise(settings.noiseUv ?? new Float32Array(channels).fill(DEFAULT_NOISE_UV));
    this.#restart();
  }

  get paddedChannels(): number {
    return this.#memory.paddedChannels;
  }

  get nextSample(): SampleIndex {
    return sampleIndex(this.#nextSample);
  }

  get settledTo(): SampleIndex {
    return sampleIndex(this.#settledTo);
  }

  mark(stimulus: StimulusMark): void {
    const { sample, electrodes, durationSamples } = stimulus;
    requireInteger('sample of a stimulus', sample, { from: this.#nextSample, to: Number.MAX_SAFE_INTEGER });
    requireInteger('duration of a stimulus in samples', durationSamples, { from: 0, to: 1 << 24 });
    for (const electrode of electrodes) {
      requireInteger('electrode of a stimulus', electrode, { from: 0, to: this.channels - 1 });
    }
    if (this.#plan.mode === 'off') return;
    const after = this.#marks.findIndex((mark) => mark.sample > sample);
    this.#marks.splice(after < 0 ? this.#marks.length : after, 0, stimulus);
  }

  push(samples: Int16Array): HandledSamples {
    const frames = samples.length / this.channels;
    requireInteger('frames of a push', frames, { from: 0, to: this.#maxFrames });
    this.#copy(samples, frames);
    const [first, row] = [this.#nextSample, this.#row];
    this.#nextSample += frames;
    this.#row += frames;
    const isMarked = this.#marks.some(({ sample }) => sample >= first && sample < first + frames);
    const isQuiet = !this.#isAwake && !isMarked;
    const { settings } = this.#memory;
    const isRaw = this.#plan.mode === 'off' || (isQuiet && this.#passQuietly(settings, row, row + frames) === 1);
    const open = isRaw ? 0 : this.#process(first, row);
    return this.#settle(this.#nextSample - open, isRaw);
  }

  end(): HandledSamples {
    if (this.#isAwake) this.#kernels.find('finishArtefacts')(this.#memory.settings, this.#row);
    return this.#settle(this.#nextSample, this.#settledTo === this.#nextSample);
  }

  reset(sample: SampleIndex): void {
    requireInteger('sample to go on at', sample, { from: this.#nextSample, to: Number.MAX_SAFE_INTEGER });
    if (this.#settledTo < this.#nextSample) {
      throw new MeaError('bad-input', {
        what: 'A reset while samples are not settled',
        got: `samples up to ${this.#settledTo} of ${this.#nextSample}`,
        remedy: 'call end first',
      });
    }
    this.#nextSample = sample;
    this.#settledTo = sample;
    this.#restart();
  }

  setNoise(noiseUv: Float32Array): void {
    requireInteger('number of noise values', noiseUv.length, { from: this.channels, to: this.channels });
    const limits = noiseUv.map((noise) => {
      requireRange('noise in uV', noise, { from: 0, to: 1e6 });
      return probeLimit(this.#plan, noise, this.#gain);
    });
    setProbeLimits(this.#kernels, this.#memory, limits);
  }

  /** All channels as at the start, save what stimuli before the next sample still do. */
  #restart(): void {
    const { mode, active, fade } = this.#plan;
    const at = this.#nextSample;
    this.#forgetMarks();
    const past = this.#marks.filter(({ sample }) => sample < at);
    const isActive = past.some((mark) => mark.sample + this.#longestBlank(mark) + active + fade > at);
    const isSubtracting = mode === 'always' || (mode === 'after-stimulus' && isActive);
    this.#kernels.find('restartArtefacts')(this.#memory.settings, isSubtracting ? PHASE.waiting : PHASE.raw);
    this.#isAwake = isSubtracting;
    if (mode !== 'off') for (const mark of past) this.#blank(mark, at);
  }

  /** Rows from `row` on, stretch by stretch between stimuli; returns how many are not settled. */
  #process(first: number, row: number): number {
    let from = row;
    for (const mark of this.#marks) {
      if (mark.sample < first) continue;
      if (mark.sample >= this.#nextSample) break;
      const to = row + mark.sample - first;
      this.#handle(this.#memory.settings, from, to);
      this.#blank(mark, mark.sample);
      from = to;
    }
    const open = this.#handle(this.#memory.settings, from, this.#row);
    this.#isAwake = open >= 0;
    this.#forgetMarks();
    return Math.max(0, open);
  }

  /** Blanks what is left of a stimulus from sample `from` on, which is the next one. */
  #blank(mark: StimulusMark, from: number): void {
    const { blank, pulsedBlank } = this.#plan;
    const gone = from - mark.sample;
    const counts = new Uint32Array(this.paddedChannels).fill(Math.max(0, mark.durationSamples + blank - gone));
    const pulsed = Math.max(0, mark.durationSamples + Math.max(blank, pulsedBlank) - gone);
    for (const electrode of mark.electrodes) counts[electrode] = pulsed;
    if (counts.every((count) => count === 0)) return;
    blankChannels(this.#kernels, this.#memory, counts);
    this.#isAwake = true;
  }

  #longestBlank({ durationSamples }: StimulusMark): number {
    return durationSamples + Math.max(this.#plan.blank, this.#plan.pulsedBlank);
  }

  #forgetMarks(): void {
    const { active, fade } = this.#plan;
    const isOver = (mark: StimulusMark): boolean =>
      mark.sample + this.#longestBlank(mark) + active + fade < this.#nextSample;
    if (this.#marks.some(isOver)) this.#marks = this.#marks.filter((mark) => !isOver(mark));
  }

  #copy(samples: Int16Array, frames: number): void {
    if (this.#row + frames > this.#memory.rows) {
      moveRows(this.#kernels, this.#memory, { row: this.#row, count: this.#history });
      this.#row = this.#history;
    }
    const { paddedChannels } = this.#memory;
    const rows = this.#borrowInput();
    const at = this.#row * paddedChannels;
    if (paddedChannels === this.channels) {
      rows.set(samples, at);
      return;
    }
    for (let frame = 0; frame < frames; frame++) {
      const row = samples.subarray(frame * this.channels, (frame + 1) * this.channels);
      rows.set(row, at + frame * paddedChannels);
    }
  }

  /** All rows of the input; made anew when the kernels' memory has grown. */
  #borrowInput(): Int16Array {
    const { buffer } = this.#kernels.memory;
    if (this.#input?.buffer !== buffer) {
      const { input, rows, paddedChannels } = this.#memory;
      this.#input = new Int16Array(buffer, input, rows * paddedChannels);
    }
    return this.#input;
  }

  #settle(to: number, isRaw: boolean): HandledSamples {
    const from = this.#settledTo;
    this.#settledTo = to;
    const { input, output, blind, paddedChannels } = this.#memory;
    const at = (this.#row - (this.#nextSample - from)) * paddedChannels;
    return {
      from: sampleIndex(from),
      to: sampleIndex(to),
      isRaw,
      rawOffset: input + 2 * at,
      outputOffset: output + 4 * at,
      blindOffset: blind + at,
    };
  }
}
