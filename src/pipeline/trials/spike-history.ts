import { MeaError } from '../../../protocols/errors.js';
import type { SpikeBatch } from '../spike-batch.js';
import { BlindLog } from './blind-log.js';

/** What is kept, and what had to go. */
export interface HistoryCounters {
  /** Spikes that are kept, and the most that ever were. */
  readonly kept: number;
  readonly keptHighWater: number;
  /** Spikes that no window needed any more. */
  readonly forgotten: number;
  /** Spikes that had to go for want of room; their time counts as blind. */
  readonly forgottenEarly: number;
}

/** What was seen in a window. */
export interface WindowCount {
  /** (electrodes) */
  readonly counts: Uint16Array;
  /** (electrodes) samples of the window that could not be seen. */
  readonly blindSamples: Float64Array;
}

interface Hole {
  readonly from: number;
  readonly to: number;
}

/** Shortest stretch of spans or spikes that is worth tidying up. */
const TIDY_AT = 256;

/**
 * The spikes of the last stretch of samples, and what could not be seen in it. What lies before the first batch, between
 * two batches, after the last one or before what was forgotten counts as not seen by any electrode.
 */
export class SpikeHistory {
  readonly #electrodeCount: number;
  readonly #maxSpikes: number;
  readonly #blind: BlindLog;
  #samples = new Float64Array(TIDY_AT);
  #electrodes = new Uint16Array(TIDY_AT);
  #start = 0;
  #end = 0;
  #holes: readonly Hole[] = [];
  #tidyBlindAt = TIDY_AT;
  /** [seenFrom, settled) is known, but for its holes; both are NaN before the first batch. */
  #seenFrom = Number.NaN;
  #settled = Number.NaN;
  #highWater = 0;
  #forgotten = 0;
  #forgottenEarly = 0;

  constructor(electrodes: number, maxSpikes: number) {
    this.#electrodeCount = electrodes;
    this.#maxSpikes = maxSpikes;
    this.#blind = new BlindLog(electrodes, maxSpikes);
  }

  /** Sample up to which batches have come; NaN before the first. */
  get settled(): number {
    return this.#settled;
  }

  get counters(): HistoryCounters {
    return {
      kept: this.#end - this.#start,
      keptHighWater: this.#highWater,
      forgotten: this.#forgotten,
      forgottenEarly: this.#forgottenEarly,
    };
  }

  /** Another time base begins: everything is forgotten. */
  clear(): void {
    this.#forgotten += this.#end - this.#start;
    this.#start = 0;
    this.#end = 0;
    this.#holes = [];
    this.#blind.clear();
    this.#seenFrom = Number.NaN;
    this.#settled = Number.NaN;
  }

  /**
   * The next batch; the history copies what it keeps.
   *
   * @throws MeaError `bad-input` for an electrode that the array does not have
   */
  append(batch: SpikeBatch): void {
    if (Number.isNaN(this.#settled)) this.#seenFrom = batch.from;
    else if (batch.from > this.#settled) this.#holes = [...this.#holes, { from: this.#settled, to: batch.from }];
    assertElectrodes(batch.electrodes, this.#electrodeCount);
    assertElectrodes(batch.blind.electrodes, this.#electrodeCount);
    this.#appendSpikes(batch);
    const forgottenTo = this.#blind.append(batch.blind);
    if (forgottenTo > this.#seenFrom) this.#seenFrom = forgottenTo;
    this.#settled = batch.to;
  }

  /** Nothing before this sample will be asked for any more. */
  forget(before: number): void {
    const first = this.#firstAt(before);
    this.#forgotten += first - this.#start;
    this.#start = first;
    if (before > this.#seenFrom) this.#seenFrom = Math.min(before, this.#settled);
    if (this.#holes.length > 0 && this.#holes[0]!.to <= before) {
      this.#holes = this.#holes.filter(({ to }) => to > before);
    }
    if (this.#blind.size < this.#tidyBlindAt) return;
    this.#blind.forget(before);
    this.#tidyBlindAt = Math.max(TIDY_AT, 2 * this.#blind.size);
  }

  /** Spikes in [first, end), and what could not be seen of it. New arrays. */
  count(first: number, end: number): WindowCount {
    const counts = new Uint16Array(this.#electrodeCount);
    for (let i = this.#firstAt(first); i < this.#end && this.#samples[i]! < end; i++) {
      const electrode = this.#electrodes[i]!;
      if (counts[electrode]! < 65_535) counts[electrode]! += 1;
    }
    const blindSamples = new Float64Array(this.#electrodeCount);
    const from = Math.max(first, this.#seenFrom);
    const to = Math.min(end, this.#settled);
    // Also where nothing has come yet: a comparison with NaN is false.
    if (!(to > from)) return { counts, blindSamples: blindSamples.fill(end - first) };
    this.#blind.addTo(blindSamples, from, to);
    let unseen = end - first - (to - from);
    for (const hole of this.#holes) unseen += Math.max(0, Math.min(hole.to, to) - Math.max(hole.from, from));
    if (unseen > 0) for (let e = 0; e < blindSamples.length; e++) blindSamples[e]! += unseen;
    return { counts, blindSamples };
  }

  #appendSpikes({ samples, electrodes }: SpikeBatch): void {
    const room = this.#maxSpikes - (this.#end - this.#start);
    // Of a batch that is too long by itself, its end is kept.
    const skipped = Math.max(0, samples.length - this.#maxSpikes);
    const tooMany = samples.length - skipped - room;
    if (skipped > 0) this.#loseUpTo(samples[skipped - 1]!, skipped);
    if (tooMany > 0) {
      this.#loseUpTo(this.#samples[this.#start + tooMany - 1]!, tooMany);
      this.#start += tooMany;
    }
    this.#makeRoom(samples.length - skipped);
    this.#samples.set(skipped === 0 ? samples : samples.subarray(skipped), this.#end);
    this.#electrodes.set(skipped === 0 ? electrodes : electrodes.subarray(skipped), this.#end);
    this.#end += samples.length - skipped;
    this.#highWater = Math.max(this.#highWater, this.#end - this.#start);
  }

  #loseUpTo(sample: number, spikes: number): void {
    this.#forgottenEarly += spikes;
    this.#seenFrom = Math.max(this.#seenFrom, sample + 1);
  }

  #makeRoom(wanted: number): void {
    if (this.#end + wanted <= this.#samples.length) return;
    const live = this.#end - this.#start;
    const capacity = Math.max(this.#samples.length, 2 * (live + wanted));
    const samples = capacity > this.#samples.length ? new Float64Array(capacity) : this.#samples;
    const electrodes = capacity > this.#electrodes.length ? new Uint16Array(capacity) : this.#electrodes;
    samples.set(this.#samples.subarray(this.#start, this.#end));
    electrodes.set(this.#electrodes.subarray(this.#start, this.#end));
    this.#samples = samples;
    this.#electrodes = electrodes;
    this.#start = 0;
    this.#end = live;
  }

  /** Place of the first spike at `sample` or later. */
  #firstAt(sample: number): number {
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#samples[middle]! < sample) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function assertElectrodes(electrodes: Uint16Array, count: number): void {
  for (let i = 0; i < electrodes.length; i++) {
    if (electrodes[i]! < count) continue;
    throw new MeaError('bad-input', {
      what: 'A batch of spikes names an electrode that the array does not have',
      got: String(electrodes[i]),
      wanted: `less than ${count}`,
    });
  }
}
