import { MeaError } from '../../protocols/errors.js';
import { SpikeColumns } from './spike-columns.js';

/** Which spikes count as one and the same. */
export interface DuplicateRule {
  /** For each electrode those near it, itself not among them. */
  readonly neighbours: readonly Int32Array[];
  readonly withinFrames: number;
}

/** Keys of a sort hold a sample (17 bits, from the first pending one on), an electrode (16) and a place (20). */
const PLACES = 2 ** 20;
const ELECTRODES = 2 ** 16;
/** As many are sorted by insertion, which costs less than the call of a sort. */
const FEW = 48;

/**
 * Spikes between the kernels, which find them group by group, and the batches, in which they stand by sample and
 * electrode. Of duplicates the largest is kept, of equals the earlier, of those the lower electrode; a spike gives way
 * to a larger one even when that one gives way itself. A class because it holds what is not settled.
 */
export class SpikeQueue {
  readonly #pending = new SpikeColumns();
  readonly #rule: DuplicateRule | undefined;
  #keys = new Float64Array(64);
  #settledTo = Number.NEGATIVE_INFINITY;

  constructor(rule?: DuplicateRule) {
    this.#rule = rule;
  }

  /** Adds a spike, in any order. */
  push(sample: number, electrode: number, amplitudeUv: number): void {
    this.#pending.push(sample, electrode, amplitudeUv);
  }

  /** Moves the spikes before a sample to `out`, in order. All spikes less than `withinFrames` later must be known. */
  settle(before: number, out: SpikeColumns): void {
    const pending = this.#pending;
    if (pending.count > 0) {
      const order = this.#sort();
      for (let i = 0; i < order.length; i++) {
        const at = order[i]! % PLACES;
        const sample = pending.samples[at]!;
        if (sample < this.#settledTo || sample >= before) continue;
        if (this.#rule !== undefined && this.#isDuplicate(order, i, this.#rule)) continue;
        out.push(sample, pending.electrodes[at]!, pending.amplitudesUv[at]!);
      }
      this.#forget(before - (this.#rule?.withinFrames ?? 0));
    }
    // After a gap more is settled than the lag says.
    this.#settledTo = Math.max(this.#settledTo, before);
  }

  /** Keys of the pending spikes, rising. */
  #sort(): Float64Array {
    const { samples, electrodes, count } = this.#pending;
    if (count > PLACES) throw overflow(count, 'spikes');
    if (this.#keys.length < count) this.#keys = new Float64Array(2 * count);
    let first = samples[0]!;
    let last = first;
    for (let i = 1; i < count; i++) {
      if (samples[i]! < first) first = samples[i]!;
      else if (samples[i]! > last) last = samples[i]!;
    }
    if (last - first >= 2 ** 17) throw overflow(last - first, 'samples');
    for (let i = 0; i < count; i++) {
      this.#keys[i] = ((samples[i]! - first) * ELECTRODES + electrodes[i]!) * PLACES + i;
    }
    const keys = this.#keys.subarray(0, count);
    if (count > FEW) return keys.sort();
    for (let i = 1; i < count; i++) {
      const key = keys[i]!;
      let at = i;
      for (; at > 0 && keys[at - 1]! > key; at--) keys[at] = keys[at - 1]!;
      keys[at] = key;
    }
    return keys;
  }

  #isDuplicate(order: Float64Array, index: number, { neighbours, withinFrames }: DuplicateRule): boolean {
    const { samples, electrodes, amplitudesUv } = this.#pending;
    const own = order[index]! % PLACES;
    const near = neighbours[electrodes[own]!]!;
    const size = Math.abs(amplitudesUv[own]!);
    for (const step of [-1, 1]) {
      for (let i = index + step; i >= 0 && i < order.length; i += step) {
        const other = order[i]! % PLACES;
        if (Math.abs(samples[other]! - samples[own]!) > withinFrames) break;
        const otherSize = Math.abs(amplitudesUv[other]!);
        const isLarger = otherSize > size || (otherSize === size && step < 0);
        if (isLarger && near.includes(electrodes[other]!)) return true;
      }
    }
    return false;
  }

  #forget(before: number): void {
    const pending = this.#pending;
    let kept = 0;
    for (let i = 0; i < pending.count; i++) {
      if (pending.samples[i]! < before) continue;
      pending.move(i, kept);
      kept++;
    }
    pending.count = kept;
  }
}

function overflow(got: number, what: string): MeaError {
  return new MeaError('internal', { what: 'Too much waits to be settled', got: `${got} ${what}` });
}
