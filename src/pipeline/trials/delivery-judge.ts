import { MeaError } from '../../../protocols/errors.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import { sampleIndex, type Hertz, type SampleIndex } from '../../../protocols/units.js';
import type { SitePosition } from '../detector-settings.js';

/** How delivery is judged from the signal. */
export interface DeliveryJudgeOptions {
  readonly sampleRateHz: Hertz;
  readonly gainUvPerBit: number;
  /** (channels) where electrodes lie. */
  readonly positions: readonly SitePosition[];
  /** An electrode shows an artefact when it spans more than this from lowest to highest sample: far above any spike. */
  readonly aboveUv: number;
  /** An electrode so near to a pulsed one may show its artefact. */
  readonly reachUm: number;
  /** Electrodes that are not judged. */
  readonly excluded?: readonly number[] | undefined;
}

/** A stimulus that the electrodes did not show as the device told it. Those that they did show make no word. */
export interface DeliveryDoubt {
  readonly type: 'delivery-doubted';
  readonly stimulusId: number;
  readonly sample: SampleIndex;
  /** Pulsed electrodes without an artefact, rising. */
  readonly missing: readonly number[];
  /** Electrodes with an artefact though neither they nor any near them were pulsed, rising. */
  readonly unexpected: readonly number[];
}

/** A stimulus as the device told it. */
interface Told {
  readonly stimulusId: number;
  readonly sample: SampleIndex;
  readonly electrodes: readonly number[];
  /** Of its pulses, rounded up. */
  readonly durationSamples: number;
}

interface Watched extends Told {
  readonly end: number;
  readonly lowest: Int16Array;
  readonly highest: Int16Array;
}

/** Looked at before the pulses, so that what begins too early is seen, and after them. */
const BEFORE_MS = 1;
const AFTER_MS = 1;
/** Stimuli that are watched at once; more are not judged. */
const MAX_WATCHED = 64;

/**
 * Holds what the device says that it pulsed against what the electrodes show. A pure state machine on the device's sample
 * clock; its answers do not depend on how samples are cut into blocks. A stimulus of which samples are missing is not judged.
 */
export class DeliveryJudge {
  readonly #options: DeliveryJudgeOptions;
  readonly #before: number;
  readonly #after: number;
  readonly #aboveBits: number;
  readonly #isExcluded: readonly boolean[];
  #watched: Watched[] = [];
  /** The newest samples, as many as lie before a pulse. */
  #tail: { first: number; readonly samples: Int16Array } = { first: 0, samples: new Int16Array(0) };
  #next = Number.NaN;
  #unjudged = 0;

  /** @throws MeaError `bad-input` for numbers that cannot be */
  constructor(options: DeliveryJudgeOptions) {
    const { sampleRateHz, gainUvPerBit, aboveUv, reachUm, excluded = [], positions } = options;
    for (const [name, value] of Object.entries({ aboveUv, reachUm })) {
      if (value > 0 && value < Infinity) continue;
      throw new MeaError('bad-input', {
        what: `Bad ${name} of the judge of deliveries`,
        got: String(value),
        wanted: 'above 0',
      });
    }
    this.#options = options;
    this.#before = Math.round((BEFORE_MS * sampleRateHz) / 1000);
    this.#after = Math.round((AFTER_MS * sampleRateHz) / 1000);
    this.#aboveBits = aboveUv / gainUvPerBit;
    this.#isExcluded = positions.map((_, electrode) => excluded.includes(electrode));
  }

  /** Stimuli that could not be judged, because samples were missing or too many came at once. */
  get unjudged(): number {
    return this.#unjudged;
  }

  /** The device pulsed, or nothing was due. Before the block that holds the sample. */
  deliver(told: Told): void {
    const { length } = this.#options.positions;
    const isSeen = Number.isNaN(this.#next) || told.sample - this.#before >= this.#tail.first;
    if (this.#watched.length >= MAX_WATCHED || Number.isNaN(this.#next) || !isSeen) {
      this.#unjudged += 1;
      return;
    }
    const watched: Watched = {
      ...told,
      end: told.sample + told.durationSamples + this.#after,
      lowest: new Int16Array(length).fill(32_767),
      highest: new Int16Array(length).fill(-32_768),
    };
    this.#watched.push(watched);
    this.#look(watched, this.#tail.first, this.#tail.samples);
  }

  /** The next samples; after a gap what was being watched is not judged. */
  push({ firstSample, frames, channels, samples }: SampleBlock): readonly DeliveryDoubt[] {
    if (channels !== this.#options.positions.length) return this.reset();
    if (firstSample !== this.#next) this.reset();
    this.#next = firstSample + frames;
    const doubts: DeliveryDoubt[] = [];
    for (const watched of this.#watched) this.#look(watched, firstSample, samples);
    while (this.#watched.length > 0 && this.#watched[0]!.end <= this.#next) {
      const doubt = this.#judge(this.#watched.shift()!);
      if (doubt !== undefined) doubts.push(doubt);
    }
    this.#keepTail(firstSample, samples);
    return doubts;
  }

  /** What comes does not continue what came before. */
  reset(): readonly DeliveryDoubt[] {
    this.#unjudged += this.#watched.length;
    this.#watched = [];
    this.#tail = { first: 0, samples: new Int16Array(0) };
    this.#next = Number.NaN;
    return [];
  }

  #keepTail(firstSample: number, samples: Int16Array): void {
    const channels = this.#options.positions.length;
    const wanted = this.#before * channels;
    const { samples: old } = this.#tail;
    if (samples.length >= wanted && old.length === wanted) {
      old.set(samples.subarray(samples.length - wanted));
      this.#tail.first = firstSample + (samples.length - wanted) / channels;
      return;
    }
    const kept = new Int16Array(Math.min(wanted, old.length + samples.length));
    const ofNew = Math.min(kept.length, samples.length);
    kept.set(samples.subarray(samples.length - ofNew), kept.length - ofNew);
    if (ofNew < kept.length) kept.set(old.subarray(old.length - (kept.length - ofNew)));
    this.#tail = { first: firstSample + (samples.length - kept.length) / channels, samples: kept };
  }

  #look({ sample, end, lowest, highest }: Watched, firstSample: number, samples: Int16Array): void {
    const channels = this.#options.positions.length;
    const from = Math.max(0, sample - this.#before - firstSample);
    const to = Math.min(samples.length / channels, end - firstSample);
    for (let frame = from; frame < to; frame++) {
      for (let c = 0, at = frame * channels; c < channels; c++, at++) {
        const value = samples[at]!;
        if (value < lowest[c]!) lowest[c] = value;
        if (value > highest[c]!) highest[c] = value;
      }
    }
  }

  #judge({ stimulusId, sample, electrodes, lowest, highest }: Watched): DeliveryDoubt | undefined {
    const { positions, reachUm } = this.#options;
    const shows = (e: number): boolean => highest[e]! - lowest[e]! > this.#aboveBits;
    const isNear = (e: number): boolean =>
      electrodes.some(
        (other) =>
          Math.hypot(positions[e]!.xUm - positions[other]!.xUm, positions[e]!.yUm - positions[other]!.yUm) <= reachUm,
      );
    const missing = electrodes.filter((e) => this.#isExcluded[e] === false && !shows(e));
    const unexpected = positions.flatMap((_, e) =>
      this.#isExcluded[e] === false && shows(e) && !isNear(e) ? [e] : [],
    );
    if (missing.length + unexpected.length === 0) return undefined;
    return { type: 'delivery-doubted', stimulusId, sample: sampleIndex(sample), missing, unexpected };
  }
}
