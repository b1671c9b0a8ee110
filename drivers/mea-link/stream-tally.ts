import { updateCrc32c } from '../../protocols/mea-link/crc32c.js';
import type { StreamEnded } from '../../protocols/mea-link/messages.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import type { StreamCheck } from './device-event.js';

/** Counts what was received of an acquisition, for the comparison at its end. */
export class StreamTally {
  #sawStart = false;
  #blocks = 0;
  #frames = 0;
  #crc = 0;
  #gaps = 0;
  #gapMessages = 0;
  #gapSamples = 0;

  /** An acquisition begins. Gaps before it count for it: they may have held its end of the lane. */
  start(): void {
    this.#sawStart = true;
    this.#blocks = 0;
    this.#frames = 0;
    this.#crc = 0;
  }

  addBlock({ frames, samples }: SampleBlock): void {
    this.#blocks += 1;
    this.#frames += frames;
    this.#crc = updateCrc32c(this.#crc, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  }

  /** Messages were lost; null when nobody knows how many. */
  addGap(messages: number | null): void {
    this.#gaps += 1;
    this.#gapMessages += messages ?? 0;
  }

  /** The sample counter jumped at a gap. */
  addGapSamples(samples: number): void {
    this.#gapSamples += samples;
  }

  /** Compares with what the device says it sent, and begins anew. */
  end(ended: StreamEnded): StreamCheck {
    const check: StreamCheck = {
      verdict: this.#judge(ended),
      blocks: this.#blocks,
      frames: this.#frames,
      samplesCrc32c: this.#crc,
      missingBlocks: ended.blocks - this.#blocks,
      missingFrames: ended.frames - this.#frames,
      gapMessages: this.#gapMessages,
      gapSamples: this.#gapSamples,
    };
    this.reset();
    return check;
  }

  /** Forgets the acquisition. */
  reset(): void {
    this.start();
    this.#sawStart = false;
    this.#gaps = 0;
    this.#gapMessages = 0;
    this.#gapSamples = 0;
  }

  #judge(ended: StreamEnded): StreamCheck['verdict'] {
    const missingBlocks = ended.blocks - this.#blocks;
    const missingFrames = ended.frames - this.#frames;
    if (missingBlocks === 0 && missingFrames === 0) {
      return ended.samplesCrc32c === this.#crc ? 'complete' : 'mismatch';
    }
    if (missingBlocks <= 0 || missingFrames <= 0) return 'mismatch';
    if (this.#gaps > 0) {
      const explained = missingBlocks <= this.#gapMessages && missingFrames <= this.#gapSamples;
      if (explained || !this.#sawStart) return 'gaps-reported';
      return 'mismatch';
    }
    return this.#sawStart ? 'mismatch' : 'joined-late';
  }
}
