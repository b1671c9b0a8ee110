import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import type { FaultName } from './fault-settings.js';

/** Most frames that overtake one that is held back. */
const MAX_OVERTAKEN = 3;

/**
 * Faults of single frames on their way from the device: dropped, doubled, held back, damaged, cut short. Draws the same
 * number of random words for every frame, so that one switch does not move the hits of another.
 */
export class FrameFaults {
  readonly #share: (name: FaultName) => number;
  readonly #count: (name: FaultName) => void;
  readonly #random: RandomStream;
  #held: { readonly frame: Uint8Array; left: number }[] = [];

  /**
   * @param seed of the fault's own random stream
   * @param share probability of a fault, 0 when it is off
   * @param count called once for each frame that is hit
   */
  constructor(seed: number, share: (name: FaultName) => number, count: (name: FaultName) => void) {
    this.#share = share;
    this.#count = count;
    this.#random = openRandomStream(seed, 'fault-frames');
  }

  /** What goes onto the wire in place of a frame, in order. The frame may be changed. */
  filter(frame: Uint8Array): readonly Uint8Array[] {
    const dropped = this.#hits('drop');
    const doubled = this.#hits('duplicate');
    const held = this.#hits('reorder');
    const corrupted = this.#hits('corrupt');
    const truncated = this.#hits('truncate');
    const overtaken = 1 + this.#random.integer(MAX_OVERTAKEN);
    const place = this.#random.uniform();
    const bits = 1 + this.#random.integer(3);
    const released = this.#release();
    if (dropped) {
      this.#count('drop');
      return released;
    }
    let sent = frame;
    if (corrupted) {
      this.#count('corrupt');
      sent = flipBits(sent, bits, place);
    }
    if (truncated && sent.length > 2) {
      this.#count('truncate');
      sent = sent.slice(0, 2 + Math.floor(place * (sent.length - 2)));
    }
    if (held) {
      this.#count('reorder');
      this.#held.push({ frame: sent.slice(), left: overtaken });
      return released;
    }
    if (doubled) this.#count('duplicate');
    return doubled ? [sent, sent, ...released] : [sent, ...released];
  }

  /** A link is gone, and with it what was held back. */
  forget(): void {
    this.#held = [];
  }

  #hits(name: FaultName): boolean {
    return this.#random.uniform() < this.#share(name);
  }

  #release(): readonly Uint8Array[] {
    const ready: Uint8Array[] = [];
    for (const held of this.#held) {
      held.left -= 1;
      if (held.left < 0) ready.push(held.frame);
    }
    if (ready.length > 0) this.#held = this.#held.filter(({ left }) => left >= 0);
    return ready;
  }
}

/** Flips bits that lie a fixed stride apart, beginning at a place in [0, 1) of the frame. */
function flipBits(frame: Uint8Array, bits: number, place: number): Uint8Array {
  const flipped = frame.slice();
  const total = flipped.length * 8;
  for (let k = 0; k < bits; k++) {
    const bit = (Math.floor(place * total) + k * 37) % total;
    flipped[bit >> 3]! ^= 1 << (bit & 7);
  }
  return flipped;
}
