import type { BlindSpans } from './spike-batch.js';

/** No stretch; arrays without elements may be shared. */
const NONE: BlindSpans = { electrodes: new Uint16Array(0), from: new Float64Array(0), to: new Float64Array(0) };

/** The stretches in which electrodes are blind, until they have been given out. A class because it holds them. */
export class BlindLedger {
  /** (electrodes) place of the stretch that is open, or -1. */
  readonly #open: Int32Array;
  #electrodes: number[] = [];
  #from: number[] = [];
  #to: number[] = [];

  constructor(electrodes: number) {
    this.#open = new Int32Array(electrodes).fill(-1);
  }

  /** The electrode is blind from a sample on. */
  begin(electrode: number, sample: number): void {
    if (this.#open[electrode] !== -1) return;
    this.#open[electrode] = this.#electrodes.length;
    this.#electrodes.push(electrode);
    this.#from.push(sample);
    this.#to.push(Number.POSITIVE_INFINITY);
  }

  /** The electrode can be seen from a sample on. */
  end(electrode: number, sample: number): void {
    const open = this.#open[electrode]!;
    if (open === -1) return;
    this.#to[open] = sample;
    this.#open[electrode] = -1;
  }

  /** What lies in [from, to), as columns of its own; all before `to` is forgotten. */
  take(from: number, to: number): BlindSpans {
    if (this.#electrodes.length === 0) return NONE;
    const electrodes: number[] = [];
    const begins: number[] = [];
    const ends: number[] = [];
    let kept = 0;
    const count = this.#electrodes.length;
    for (let i = 0; i < count; i++) {
      const electrode = this.#electrodes[i]!;
      const begin = Math.max(from, this.#from[i]!);
      const end = Math.min(to, this.#to[i]!);
      if (begin < end) {
        electrodes.push(electrode);
        begins.push(begin);
        ends.push(end);
      }
      if (this.#to[i]! <= to) continue;
      if (this.#to[i] === Number.POSITIVE_INFINITY) this.#open[electrode] = kept;
      this.#electrodes[kept] = electrode;
      this.#from[kept] = this.#from[i]!;
      this.#to[kept] = this.#to[i]!;
      kept++;
    }
    this.#electrodes.length = kept;
    this.#from.length = kept;
    this.#to.length = kept;
    return {
      electrodes: Uint16Array.from(electrodes),
      from: Float64Array.from(begins),
      to: Float64Array.from(ends),
    };
  }
}
