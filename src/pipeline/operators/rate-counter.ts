import { MeaError } from '../../../protocols/errors.js';
import { sampleIndex, type SampleIndex } from '../../../protocols/units.js';
import type { BlindSpans, SpikeBatch } from '../spike-batch.js';

/** Spikes of one interval. The receiver owns it. */
export interface SpikeRates {
  readonly type: 'spike-rates';
  /** First sample of the interval, a multiple of its length, and the first sample after it. */
  readonly fromSample: SampleIndex;
  readonly toSample: SampleIndex;
  /** (electrodes) */
  readonly counts: Uint32Array;
  /** (electrodes) share of the interval in [0, 1] that could not be seen; absent when every electrode saw all of it. */
  readonly blindFraction?: Float32Array;
  /** Intervals since the last one given, of which no electrode saw anything: they are not given. */
  readonly skippedIntervals: number;
}

/** What rates are counted over. */
export interface RateSettings {
  readonly electrodes: number;
  /** Length of an interval in samples; intervals begin at its multiples on the device's sample clock. */
  readonly intervalSamples: number;
}

/**
 * Counts spikes per electrode and interval. Its state is one interval, whatever comes; a rest of hours is passed over and
 * not counted out.
 */
export class RateCounter {
  readonly #electrodes: number;
  readonly #length: number;
  #counts: Uint32Array;
  /** (electrodes) samples of the interval that were seen. */
  #seen: Float64Array;
  /** First sample of the interval; NaN before the first batch. */
  #first = Number.NaN;
  #settled = Number.NaN;
  #skipped = 0;

  /** @throws MeaError `bad-input` for numbers that are not whole or not positive */
  constructor({ electrodes, intervalSamples }: RateSettings) {
    for (const [name, value] of Object.entries({ electrodes, intervalSamples })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new MeaError('bad-input', {
        what: `Bad ${name} of the spike rates`,
        got: String(value),
        wanted: 'a whole number of at least 1',
      });
    }
    this.#electrodes = electrodes;
    this.#length = intervalSamples;
    this.#counts = new Uint32Array(electrodes);
    this.#seen = new Float64Array(electrodes);
  }

  /** The next spikes. A batch that begins before the last one ended is of another time base. */
  push(batch: SpikeBatch): readonly SpikeRates[] {
    const rates = batch.from < this.#settled ? this.end() : [];
    if (Number.isNaN(this.#first)) this.#first = this.#beginningOf(batch.from);
    const dark = findDarkness(batch.blind, this.#electrodes);
    let spike = 0;
    let at: number = batch.from;
    while (at < batch.to) {
      if (at >= dark.from && at < dark.to) at = Math.max(at, Math.min(dark.to, batch.to));
      this.#moveTo(at, rates);
      const to = Math.min(batch.to, this.#first + this.#length);
      for (; spike < batch.samples.length && batch.samples[spike]! < to; spike++) {
        const electrode = batch.electrodes[spike]!;
        if (electrode < this.#electrodes) this.#counts[electrode]! += 1;
      }
      this.#addSeen(batch.blind, at, to);
      at = to;
    }
    this.#settled = batch.to;
    this.#moveTo(batch.to, rates);
    return rates;
  }

  /** No more spikes come: what was seen of the last interval. */
  end(): SpikeRates[] {
    const rates: SpikeRates[] = [];
    if (!Number.isNaN(this.#first)) this.#finish(rates);
    this.#first = Number.NaN;
    this.#settled = Number.NaN;
    return rates;
  }

  #beginningOf(sample: number): number {
    return Math.floor(sample / this.#length) * this.#length;
  }

  /** Gives the interval that lies wholly before `sample`, and passes over those between. */
  #moveTo(sample: number, rates: SpikeRates[]): void {
    if (sample < this.#first + this.#length) return;
    this.#finish(rates);
    const next = this.#beginningOf(sample);
    this.#skipped += (next - this.#first) / this.#length - 1;
    this.#first = next;
  }

  #finish(rates: SpikeRates[]): void {
    if (this.#seen.every((samples) => samples === 0)) {
      this.#skipped += 1;
      return;
    }
    const length = this.#length;
    const isComplete = this.#seen.every((samples) => samples === length);
    rates.push({
      type: 'spike-rates',
      fromSample: sampleIndex(this.#first),
      toSample: sampleIndex(this.#first + length),
      counts: this.#counts,
      ...(!isComplete && { blindFraction: Float32Array.from(this.#seen, (seen) => (length - seen) / length) }),
      skippedIntervals: this.#skipped,
    });
    this.#counts = new Uint32Array(this.#electrodes);
    this.#seen = new Float64Array(this.#electrodes);
    this.#skipped = 0;
  }

  #addSeen({ electrodes, from, to }: BlindSpans, first: number, end: number): void {
    for (let e = 0; e < this.#electrodes; e++) this.#seen[e]! += end - first;
    for (let i = 0; i < electrodes.length; i++) {
      const overlap = Math.min(to[i]!, end) - Math.max(from[i]!, first);
      if (overlap > 0 && electrodes[i]! < this.#electrodes) this.#seen[electrodes[i]!]! -= overlap;
    }
  }
}

/** A stretch in which no electrode saw anything: where the longest blind spans of all electrodes meet. */
function findDarkness(
  { electrodes, from, to }: BlindSpans,
  count: number,
): { readonly from: number; readonly to: number } {
  const longest = new Int32Array(count).fill(-1);
  for (let i = 0; i < electrodes.length; i++) {
    const electrode = electrodes[i]!;
    const known = longest[electrode] ?? -1;
    if (known < 0 || to[i]! - from[i]! > to[known]! - from[known]!) longest[electrode] = i;
  }
  const dark = { from: -Infinity, to: Infinity };
  for (const i of longest) {
    if (i < 0) return { from: Infinity, to: -Infinity };
    dark.from = Math.max(dark.from, from[i]!);
    dark.to = Math.min(dark.to, to[i]!);
  }
  return dark;
}
