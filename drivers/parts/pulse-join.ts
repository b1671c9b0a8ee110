import type { SampleIndex } from '../../protocols/units.js';

/** Pulses that began together, or nearly. */
export interface JoinedPulses {
  readonly sample: SampleIndex;
  /** Rising. */
  readonly electrodes: readonly number[];
  readonly atCompliance: readonly number[];
}

/**
 * Puts pulses of one stimulus together: lines that a box raises together fall on either side of a sample. It holds what may
 * have more to it, until all of it was seen or nothing more can belong to it.
 */
export class PulseJoin {
  readonly #skewSamples: number;
  readonly #mayHaveMore: (electrodes: readonly number[]) => boolean;
  #held: JoinedPulses | undefined;

  /** @param mayHaveMore true when pulses on further electrodes may belong to the same stimulus */
  constructor(skewSamples: number, mayHaveMore: (electrodes: readonly number[]) => boolean) {
    this.#skewSamples = skewSamples;
    this.#mayHaveMore = mayHaveMore;
  }

  /** Takes pulses in order of time, and returns those that are whole. */
  add(seen: JoinedPulses): readonly JoinedPulses[] {
    const held = this.#held;
    this.#held = undefined;
    const isMore =
      held !== undefined &&
      seen.sample - held.sample <= this.#skewSamples &&
      !seen.electrodes.some((electrode) => held.electrodes.includes(electrode));
    const newest = isMore ? join(held, seen) : seen;
    const whole = held === undefined || isMore ? [] : [held];
    if (!this.#mayHaveMore(newest.electrodes)) return [...whole, newest];
    this.#held = newest;
    return whole;
  }

  /** True when something that began before `sample` is held to which pulses at that or later may belong. */
  mayGoOnAt(sample: number): boolean {
    const since = sample - (this.#held?.sample ?? -Infinity);
    return since > 0 && since <= this.#skewSamples;
  }

  /** Nothing more belongs to what began before `endSample`: it is whole. */
  takeBefore(endSample: number): JoinedPulses | undefined {
    const held = this.#held;
    if (held === undefined || held.sample >= endSample) return undefined;
    this.#held = undefined;
    return held;
  }
}

function join(a: JoinedPulses, b: JoinedPulses): JoinedPulses {
  return {
    sample: a.sample,
    electrodes: [...a.electrodes, ...b.electrodes].sort((x, y) => x - y),
    atCompliance: [...a.atCompliance, ...b.atCompliance].sort((x, y) => x - y),
  };
}
