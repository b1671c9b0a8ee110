import type { SampleBlock } from '../../protocols/sample-block.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';

/** How an artefact is told from anything alive. */
export interface ArtefactWatchOptions {
  /** A step from one sample to the next of more than this: far above a spike's. */
  readonly aboveUv: number;
  readonly gainUvPerBit: number;
}

/**
 * Looks for the first artefact on pulsed electrodes, where a recorder has nothing else to see a delivery by. Keeps the
 * last frame, so that where blocks are cut changes nothing.
 */
export class ArtefactWatch {
  readonly #aboveBits: number;
  #last: { readonly sample: number; readonly frame: Int16Array } | undefined;

  constructor({ aboveUv, gainUvPerBit }: ArtefactWatchOptions) {
    this.#aboveBits = aboveUv / gainUvPerBit;
  }

  /**
   * Takes every block, in order.
   *
   * @param electrodes those that may have been pulsed; none when nothing is awaited
   * @returns the first sample after a step on any of them
   */
  look(
    { firstSample, frames, channels, samples }: SampleBlock,
    electrodes: readonly number[],
  ): SampleIndex | undefined {
    const before = this.#last?.sample === firstSample - 1 ? this.#last.frame : undefined;
    const last = frames - 1;
    this.#last = { sample: firstSample + last, frame: samples.slice(last * channels, frames * channels) };
    for (let frame = 0; frame < frames; frame++) {
      for (const electrode of electrodes) {
        const now = samples[frame * channels + electrode] ?? 0;
        const then = frame > 0 ? samples[(frame - 1) * channels + electrode] : before?.[electrode];
        if (then !== undefined && Math.abs(now - then) > this.#aboveBits) return sampleIndex(firstSample + frame);
      }
    }
    return undefined;
  }
}
