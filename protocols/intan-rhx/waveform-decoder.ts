import { BLOCK_FRAMES, WAVEFORM_MAGIC, type WaveformLayout } from './waveform-layout.js';

/** A block of 128 frames. */
export interface WaveformBlock {
  readonly type: 'block';
  /** Byte of the stream at which it began. */
  readonly atByte: number;
  /** Counter of its first frame, modulo 2^32; the others follow it one by one. */
  readonly timestamp: number;
  /** (128, words) frame-major, as sent; the receiver's own. */
  readonly words: Uint16Array;
}

/** Bytes that are no block, up to the next one or to the end. */
export interface SkippedBytes {
  readonly type: 'skipped';
  readonly atByte: number;
  readonly bytes: number;
}

const MAGIC_BYTES = [0, 8, 16, 24].map((shift) => (WAVEFORM_MAGIC >>> shift) & 0xff);

/**
 * Takes the waveform stream apart, cut into chunks in any way.
 *
 * A block is one when it begins with the magic word and its 128 time stamps follow each other: a magic word among samples,
 * a block of another size and a block with bytes missing are all told from it, but for bytes missing after the last time
 * stamp, which make a wrong last frame and cost the next block. What is no block is skipped up to the next magic word and
 * counted: every byte is in one block or in one run of skipped bytes.
 */
export class WaveformDecoder {
  readonly #layout: WaveformLayout;
  /** What was not decided about; never more than a block. */
  readonly #bytes: Uint8Array;
  #filled = 0;
  /** Byte of the stream at `#bytes[0]`. */
  #at = 0;
  #skippedAt = 0;
  #skipped = 0;

  constructor(layout: WaveformLayout) {
    this.#layout = layout;
    this.#bytes = new Uint8Array(layout.blockBytes);
  }

  /** Takes the next bytes; gives what is complete by them, in the order of the stream. */
  push(chunk: Uint8Array): readonly (WaveformBlock | SkippedBytes)[] {
    const out: (WaveformBlock | SkippedBytes)[] = [];
    let taken = 0;
    while (taken < chunk.length) {
      const room = this.#bytes.length - this.#filled;
      const part = chunk.subarray(taken, taken + room);
      this.#bytes.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#skipToMagic() && this.#filled === this.#bytes.length) this.#decide(out);
    }
    return out;
  }

  /** The stream is over: what is left over is skipped. */
  end(): readonly SkippedBytes[] {
    this.#skip(this.#filled);
    const out: SkippedBytes[] = [];
    this.#giveSkipped(out);
    return out;
  }

  /** Drops bytes up to the first that may begin a magic word; true where one may be there. */
  #skipToMagic(): boolean {
    let from = 0;
    while (from < this.#filled && !this.#mayBeMagic(from)) from++;
    if (from > 0) this.#skip(from);
    return this.#filled > 0;
  }

  #mayBeMagic(from: number): boolean {
    const end = Math.min(4, this.#filled - from);
    for (let i = 0; i < end; i++) if (this.#bytes[from + i] !== MAGIC_BYTES[i]) return false;
    return true;
  }

  #decide(out: (WaveformBlock | SkippedBytes)[]): void {
    const block = this.#readBlock();
    if (block === undefined) {
      this.#skip(1);
      this.#skipToMagic();
      return;
    }
    this.#giveSkipped(out);
    out.push(block);
    this.#at += this.#filled;
    this.#filled = 0;
  }

  #readBlock(): WaveformBlock | undefined {
    const { frameBytes, words } = this.#layout;
    const view = new DataView(this.#bytes.buffer);
    const timestamp = view.getUint32(4, true);
    for (let frame = 1; frame < BLOCK_FRAMES; frame++) {
      if (view.getUint32(4 + frame * frameBytes, true) !== (timestamp + frame) % 2 ** 32) return undefined;
    }
    const read = new Uint16Array(BLOCK_FRAMES * words.length);
    let to = 0;
    for (let frame = 0; frame < BLOCK_FRAMES; frame++) {
      let from = 8 + frame * frameBytes;
      for (let word = 0; word < words.length; word++, from += 2) {
        read[to++] = this.#bytes[from]! | (this.#bytes[from + 1]! << 8);
      }
    }
    return { type: 'block', atByte: this.#at, timestamp, words: read };
  }

  #skip(bytes: number): void {
    if (this.#skipped === 0) this.#skippedAt = this.#at;
    this.#skipped += bytes;
    this.#at += bytes;
    this.#bytes.copyWithin(0, bytes, this.#filled);
    this.#filled -= bytes;
  }

  #giveSkipped(out: (WaveformBlock | SkippedBytes)[] | SkippedBytes[]): void {
    if (this.#skipped > 0) out.push({ type: 'skipped', atByte: this.#skippedAt, bytes: this.#skipped });
    this.#skipped = 0;
  }
}
