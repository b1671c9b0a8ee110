import type { SampleBlock } from '../../../protocols/sample-block.js';
import { sampleIndex } from '../../../protocols/units.js';

/** A stretch of samples around a stimulus. */
interface WantedSpan {
  readonly from: number;
  to: number;
}

/**
 * Lets samples through that lie around stimuli. They come out later by the time that is kept before a stimulus, because
 * only then is it known whether one follows. A class because it holds them.
 */
export class DelayedWindows {
  readonly #before: number;
  readonly #after: number;
  #held: SampleBlock[] = [];
  /** By their beginnings, apart from each other. */
  #wanted: WantedSpan[] = [];

  /** In samples. */
  constructor({ before, after }: { readonly before: number; readonly after: number }) {
    this.#before = before;
    this.#after = after;
  }

  /** A stimulus is due at a sample. */
  want(sample: number): void {
    const from = sample - this.#before;
    const to = sample + this.#after;
    // A stimulus that was asked for later may be due earlier.
    const spans = [...this.#wanted, { from, to }].sort((a, b) => a.from - b.from);
    this.#wanted = [];
    for (const span of spans) {
      const last = this.#wanted.at(-1);
      if (last !== undefined && span.from <= last.to) last.to = Math.max(last.to, span.to);
      else this.#wanted.push(span);
    }
  }

  /** @returns what of the samples before may be kept now */
  push(block: SampleBlock): readonly SampleBlock[] {
    // A block that was handed out belongs to its receiver, but the sender may lend its memory for the call alone.
    this.#held.push({ ...block, samples: block.samples.slice() });
    const until = block.firstSample + block.frames - this.#before;
    const parts: SampleBlock[] = [];
    while (this.#held.length > 0 && this.#held[0]!.firstSample + this.#held[0]!.frames <= until) {
      parts.push(...this.#cut(this.#held.shift()!));
    }
    return parts;
  }

  /** No samples follow those that came. @returns what of them is to be kept */
  end(): readonly SampleBlock[] {
    const held = this.#held;
    this.#held = [];
    return held.flatMap((block) => this.#cut(block));
  }

  #cut(block: SampleBlock): readonly SampleBlock[] {
    const end = block.firstSample + block.frames;
    while (this.#wanted.length > 0 && this.#wanted[0]!.to <= block.firstSample) this.#wanted.shift();
    return this.#wanted.flatMap(({ from, to }) => {
      const first = Math.max(from, block.firstSample);
      const last = Math.min(to, end);
      if (first >= last) return [];
      const at = (first - block.firstSample) * block.channels;
      const samples = block.samples.subarray(at, at + (last - first) * block.channels);
      return [{ ...block, firstSample: sampleIndex(first), frames: last - first, samples }];
    });
  }
}
