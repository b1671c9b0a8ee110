import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';

const NONE: readonly number[] = [];
/** An artefact may last so long: its other phases, the amplifier's return. */
const ARTEFACT_MS = 10;

/** How an artefact is told from anything alive. */
export interface ArtefactWatchOptions {
  /** A step from one sample to the next of more than this: far above a spike's. */
  readonly aboveUv: number;
  readonly gainUvPerBit: number;
  /** Steps within so many samples after the first of an artefact may be further electrodes' first. */
  readonly skewSamples: number;
  readonly sampleRateHz: number;
}

/** Electrodes that stepped from one sample to the next, and had not before in this artefact. */
export interface ArtefactStep {
  readonly sample: SampleIndex;
  /** Rising. */
  readonly electrodes: readonly number[];
}

/**
 * Finds where artefacts begin, on any electrode, where a recorder has nothing else to see deliveries by. Keeps the last
 * frame and where the last artefact began, so that where blocks are cut changes nothing.
 */
export class ArtefactWatch {
  readonly #aboveBits: number;
  readonly #skewSamples: number;
  readonly #holdSamples: number;
  #last: { readonly sample: number; readonly frame: Int16Array } | undefined;
  #beganAt = -Infinity;
  /** Electrodes that have stepped in this artefact. */
  readonly #stepped = new Set<number>();

  constructor({ aboveUv, gainUvPerBit, skewSamples, sampleRateHz }: ArtefactWatchOptions) {
    this.#aboveBits = aboveUv / gainUvPerBit;
    this.#skewSamples = skewSamples;
    this.#holdSamples = Math.round((ARTEFACT_MS * sampleRateHz) / 1000);
  }

  /** An acquisition begins: samples are counted anew. */
  start(): void {
    this.#last = undefined;
    this.#beganAt = -Infinity;
    this.#stepped.clear();
  }

  /**
   * Takes every block, in order.
   *
   * @returns the steps with which artefacts begin: the first of each, and those within the skew after it
   */
  look({ firstSample, frames, channels, samples }: SampleBlock): readonly ArtefactStep[] {
    const steps: ArtefactStep[] = [];
    const follows = this.#last?.sample === firstSample - 1;
    for (let frame = follows ? 0 : 1; frame < frames; frame++) {
      const sample = firstSample + frame;
      const since = sample - this.#beganAt;
      if (since > this.#skewSamples && since <= this.#holdSamples) continue;
      const at = frame * channels;
      const electrodes =
        frame === 0
          ? this.#stepsBetween(this.#last!.frame, 0, { samples, at, channels })
          : this.#stepsBetween(samples, at - channels, { samples, at, channels });
      if (electrodes.length === 0) continue;
      if (since > this.#holdSamples) {
        this.#beganAt = sample;
        this.#stepped.clear();
      }
      const first = electrodes.filter((electrode) => !this.#stepped.has(electrode));
      for (const electrode of first) this.#stepped.add(electrode);
      if (first.length > 0) steps.push({ sample: sampleIndex(sample), electrodes: first });
    }
    if (frames > 0) this.#last = { sample: firstSample + frames - 1, frame: samples.slice((frames - 1) * channels) };
    return steps;
  }

  #stepsBetween(
    before: Int16Array,
    beforeAt: number,
    { samples, at, channels }: { readonly samples: Int16Array; readonly at: number; readonly channels: number },
  ): readonly number[] {
    let electrodes: number[] | undefined;
    for (let electrode = 0; electrode < channels; electrode++) {
      if (Math.abs(samples[at + electrode]! - before[beforeAt + electrode]!) <= this.#aboveBits) continue;
      electrodes ??= [];
      electrodes.push(electrode);
    }
    return electrodes ?? NONE;
  }
}
