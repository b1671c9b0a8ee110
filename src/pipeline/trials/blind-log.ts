import type { BlindSpans } from '../spike-batch.js';

/**
 * Stretches that electrodes could not see, as long as they are needed. Stretches of one electrode that touch become one,
 * so that what is kept does not depend on how batches were cut.
 */
export class BlindLog {
  readonly #max: number;
  /** (electrodes) place of the electrode's newest span, or -1. */
  readonly #newest: Int32Array;
  #electrodes = new Uint16Array(64);
  #from = new Float64Array(64);
  #to = new Float64Array(64);
  #size = 0;

  constructor(electrodes: number, max: number) {
    this.#max = Math.max(max, electrodes);
    this.#newest = new Int32Array(electrodes).fill(-1);
  }

  get size(): number {
    return this.#size;
  }

  clear(): void {
    this.#size = 0;
    this.#newest.fill(-1);
  }

  /** @returns the sample up to which spans had to be forgotten for want of room, -Infinity when none were */
  append({ electrodes, from, to }: BlindSpans): number {
    let forgottenTo = -Infinity;
    for (let i = 0; i < electrodes.length; i++) {
      forgottenTo = Math.max(forgottenTo, this.#add(electrodes[i]!, from[i]!, to[i]!));
    }
    return forgottenTo;
  }

  /** Drops the spans that end at `before` or earlier. */
  forget(before: number): void {
    this.#keep((i) => this.#to[i]! > before);
  }

  /** Adds the samples of [first, end) that each electrode could not see to `blindSamples` (electrodes). */
  addTo(blindSamples: Float64Array, first: number, end: number): void {
    for (let i = 0; i < this.#size; i++) {
      const overlap = Math.min(this.#to[i]!, end) - Math.max(this.#from[i]!, first);
      if (overlap > 0) blindSamples[this.#electrodes[i]!]! += overlap;
    }
  }

  #add(electrode: number, from: number, to: number): number {
    const newest = this.#newest[electrode]!;
    if (newest >= 0 && this.#to[newest] === from) {
      this.#to[newest] = to;
      return -Infinity;
    }
    const forgottenTo = this.#makeRoom();
    this.#electrodes[this.#size] = electrode;
    this.#from[this.#size] = from;
    this.#to[this.#size] = to;
    this.#newest[electrode] = this.#size;
    this.#size += 1;
    return forgottenTo;
  }

  #makeRoom(): number {
    if (this.#size < this.#electrodes.length && this.#size < this.#max) return -Infinity;
    if (this.#size < this.#max) {
      const capacity = Math.min(this.#max, 2 * this.#size);
      this.#electrodes = grow(this.#electrodes, new Uint16Array(capacity));
      this.#from = grow(this.#from, new Float64Array(capacity));
      this.#to = grow(this.#to, new Float64Array(capacity));
      return -Infinity;
    }
    const ends = this.#to.slice(0, this.#size).sort();
    const before = ends[this.#size >> 1]!;
    this.forget(before);
    return before;
  }

  #keep(isKept: (i: number) => boolean): void {
    this.#newest.fill(-1);
    let kept = 0;
    for (let i = 0; i < this.#size; i++) {
      if (!isKept(i)) continue;
      this.#electrodes[kept] = this.#electrodes[i]!;
      this.#from[kept] = this.#from[i]!;
      this.#to[kept] = this.#to[i]!;
      this.#newest[this.#electrodes[kept]!] = kept;
      kept++;
    }
    this.#size = kept;
  }
}

function grow<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}
