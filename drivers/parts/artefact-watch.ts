import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';

/** How an artefact is told from anything alive. */
export interface ArtefactWatchOptions {
  /** A step from one sample to the next of more than this: far above a spike's. */
  readonly aboveUv: number;
  readonly gainUvPerBit: number;
  /** Steps within so many samples after the first of an artefact may be further electrodes' first. */
  readonly skewSamples: number;
  /** Steps within so many samples after its first belong to an artefact: its other phases, the amplifier's return. */
  readonly holdSamples: number;
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

  constructor({ aboveUv, gainUvPerBit, skewSamples, holdSamples }: ArtefactWatchOptions) {
    this.#aboveBits = aboveUv / gainUvPerBit;
    this.#skewSamples = skewSamples;
    this.#holdSamples = holdSamples;
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
    let before = this.#last?.sample === firstSample - 1 ? this.#last.frame : undefined;
    const steps: ArtefactStep[] = [];
    for (let frame = 0; frame < frames; frame++) {
      const now = samples.subarray(frame * channels, (frame + 1) * channels);
      if (before !== undefined) {
        const sample = firstSample + frame;
        const since = sample - this.#beganAt;
        if (since > this.#holdSamples) this.#stepped.clear();
        if (since > this.#holdSamples || since <= this.#skewSamples) {
          const electrodes = this.#newSteps(before, now);
          if (electrodes.length > 0) steps.push({ sample: sampleIndex(sample), electrodes });
          if (electrodes.length > 0 && since > this.#holdSamples) this.#beganAt = sample;
        }
      }
      before = now;
    }
    if (before !== undefined) this.#last = { sample: firstSample + frames - 1, frame: before.slice() };
    return steps;
  }

  #newSteps(before: Int16Array, now: Int16Array): readonly number[] {
    const electrodes: number[] = [];
    for (let electrode = 0; electrode < now.length; electrode++) {
      const isStep = Math.abs(now[electrode]! - before[electrode]!) > this.#aboveBits;
      if (!isStep || this.#stepped.has(electrode)) continue;
      this.#stepped.add(electrode);
      electrodes.push(electrode);
    }
    return electrodes;
  }
}
