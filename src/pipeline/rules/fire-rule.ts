import { MeaError } from '../../../protocols/errors.js';
import { sampleIndex, type Hertz, type Milliseconds, type SampleIndex } from '../../../protocols/units.js';
import type { SpikeBatch } from '../spike-batch.js';

/** When a rule fires: enough of its electrodes have a spike within a time. */
export interface FireRuleOptions {
  /** Electrodes that the rule looks at, each once. */
  readonly electrodes: readonly number[];
  /** From the first spike to the last one, both included. */
  readonly withinMs: Milliseconds;
  /** How many different electrodes must fire; all of them by default. */
  readonly minimum?: number | undefined;
  /** Spikes sooner than this after the spike that the rule fired at are not looked at. */
  readonly refractoryMs: Milliseconds;
  /** Most triggers within any second; what would be more is suppressed and counted. */
  readonly maxPerSecond: number;
  /** After so many triggers the rule is silent for good. */
  readonly maxTriggers: number;
  readonly sampleRateHz: Hertz;
}

/** The spikes that made a rule fire. */
export interface FireCause {
  /** Samples of the first and of the last spike. */
  readonly firstSample: SampleIndex;
  readonly lastSample: SampleIndex;
  /** Electrodes that fired, rising. */
  readonly electrodes: readonly number[];
}

/** What a rule did. */
export interface FireRuleCounters {
  readonly triggers: number;
  /** Coincidences that did not trigger because the rate was at its cap. */
  readonly suppressed: number;
  /** Coincidences may still trigger; false after the last one allowed. */
  readonly isLive: boolean;
}

/**
 * The rule `when these electrodes fire within T`, as a pure state machine over spikes: the same spikes give the same
 * triggers, however they are cut into batches. Spikes that made it fire, or would have but for the cap, are used up. An
 * electrode that cannot be seen counts as silent.
 */
export class FireRule {
  readonly #within: number;
  readonly #refractory: number;
  readonly #secondSamples: number;
  readonly #minimum: number;
  readonly #maxPerSecond: number;
  readonly #maxTriggers: number;
  /** Place in the rule by electrode. */
  readonly #places: ReadonlyMap<number, number>;
  readonly #electrodes: readonly number[];
  /** (electrodes of the rule) sample of the newest spike that is not used up. */
  readonly #newest: Float64Array;
  /** Samples of the triggers of the last second. */
  #recent: number[] = [];
  #readyAt = -Infinity;
  #settled = Number.NaN;
  #triggers = 0;
  #suppressed = 0;

  /** @throws MeaError `bad-input` for options that cannot be */
  constructor(options: FireRuleOptions) {
    assertOptions(options);
    const { electrodes, sampleRateHz, minimum = electrodes.length } = options;
    this.#electrodes = electrodes.toSorted((a, b) => a - b);
    this.#places = new Map(this.#electrodes.map((electrode, place) => [electrode, place]));
    this.#newest = new Float64Array(electrodes.length).fill(-Infinity);
    this.#within = Math.round((options.withinMs * sampleRateHz) / 1000);
    this.#refractory = Math.round((options.refractoryMs * sampleRateHz) / 1000);
    this.#secondSamples = Math.round(sampleRateHz);
    this.#minimum = minimum;
    this.#maxPerSecond = options.maxPerSecond;
    this.#maxTriggers = options.maxTriggers;
  }

  get counters(): FireRuleCounters {
    return {
      triggers: this.#triggers,
      suppressed: this.#suppressed,
      isLive: this.#triggers < this.#maxTriggers,
    };
  }

  /** The next spikes. After a batch that begins before the last one ended the samples begin anew. */
  push(batch: SpikeBatch): readonly FireCause[] {
    if (batch.from < this.#settled) this.forget();
    this.#settled = batch.to;
    const causes: FireCause[] = [];
    for (let i = 0; i < batch.samples.length; i++) {
      const place = this.#places.get(batch.electrodes[i]!);
      if (place === undefined || batch.samples[i]! < this.#readyAt) continue;
      this.#newest[place] = batch.samples[i]!;
      const cause = this.#find(batch.samples[i]!);
      if (cause !== undefined && this.#fire(cause.lastSample)) causes.push(cause);
    }
    return causes;
  }

  /** The sample clock begins anew; triggers stay counted. */
  forget(): void {
    this.#newest.fill(-Infinity);
    this.#recent = [];
    this.#readyAt = -Infinity;
    this.#settled = Number.NaN;
  }

  #find(sample: number): FireCause | undefined {
    const electrodes: number[] = [];
    let first = sample;
    for (let place = 0; place < this.#newest.length; place++) {
      const newest = this.#newest[place]!;
      if (newest < sample - this.#within) continue;
      electrodes.push(this.#electrodes[place]!);
      first = Math.min(first, newest);
    }
    if (electrodes.length < this.#minimum) return undefined;
    return { firstSample: sampleIndex(first), lastSample: sampleIndex(sample), electrodes };
  }

  /** Uses the spikes up. @returns false when the cap or the latch holds the trigger back */
  #fire(sample: number): boolean {
    this.#newest.fill(-Infinity);
    if (this.#triggers >= this.#maxTriggers) return false;
    this.#recent = this.#recent.filter((trigger) => trigger > sample - this.#secondSamples);
    if (this.#recent.length >= this.#maxPerSecond) {
      this.#suppressed += 1;
      return false;
    }
    this.#recent.push(sample);
    this.#readyAt = sample + this.#refractory;
    this.#triggers += 1;
    return true;
  }
}

function assertOptions(options: FireRuleOptions): void {
  const { electrodes, withinMs, minimum = electrodes.length, refractoryMs, maxPerSecond, maxTriggers } = options;
  const isElectrode = (electrode: number): boolean =>
    Number.isInteger(electrode) && electrode >= 0 && electrode < 65_536;
  if (electrodes.length === 0 || !electrodes.every(isElectrode) || new Set(electrodes).size < electrodes.length) {
    throw bad('electrodes', `[${electrodes.join(', ')}]`, 'different electrodes, at least one');
  }
  if (!isBetween(options.sampleRateHz, Number.MIN_VALUE)) throw bad('sampleRateHz', options.sampleRateHz, 'above 0');
  if (!isBetween(withinMs, 0)) throw bad('withinMs', withinMs, 'at least 0');
  if (!isBetween(refractoryMs, 0)) throw bad('refractoryMs', refractoryMs, 'at least 0');
  if (!Number.isInteger(minimum) || !isBetween(minimum, 1, electrodes.length)) {
    throw bad('minimum', minimum, `1 to ${electrodes.length}, the number of electrodes`);
  }
  if (!Number.isInteger(maxPerSecond) || !isBetween(maxPerSecond, 1, 1000)) {
    throw bad('maxPerSecond', maxPerSecond, '1 to 1000');
  }
  if (!Number.isInteger(maxTriggers) || maxTriggers < 1) throw bad('maxTriggers', maxTriggers, 'at least 1');
}

function isBetween(value: number, low: number, high: number = Number.MAX_VALUE): boolean {
  return value >= low && value <= high;
}

function bad(option: string, got: number | string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${option} of a rule`, got: String(got), wanted });
}
