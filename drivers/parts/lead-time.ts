import { quantile } from './quantile.js';

/** How far deliveries were from where they were expected, in samples; late ones are positive. */
export interface DeliveryErrors {
  readonly deliveries: number;
  readonly medianSamples: number;
  /** The interquartile range. */
  readonly spreadSamples: number;
  readonly worstSamples: number;
}

export interface LeadTimeOptions {
  /** Leads beyond these are believed of no device, and not learned from. */
  readonly leastSamples: number;
  readonly mostSamples: number;
  /** Leads that lie within so much of each other agree. */
  readonly agreeWithinSamples: number;
}

/** Deliveries that are remembered: those of the last minutes, so that a correction follows a device that warms up. */
const KEPT = 64;
/** The newest deliveries that have to agree before it is relied upon where the next is to be looked for. */
const AGREEING = 3;

/**
 * How long before its sample a trigger has to be given. A recorder's samples come late by an unknown time, and a trigger
 * takes one; what the two make together shows in where pulses are seen, and is corrected for from then on. The median of
 * many: a single delivery that was taken for another's is outvoted by the next two.
 */
export class LeadTime {
  readonly #options: LeadTimeOptions;
  #leadSamples = 0;
  #deliveries = 0;
  #worst = 0;
  readonly #errors: number[] = [];
  /** What the leads should have been. */
  readonly #leads: number[] = [];

  constructor(options: LeadTimeOptions) {
    this.#options = options;
  }

  /** Samples before its due sample, by the clock of arriving samples, at which a trigger is given. */
  get samples(): number {
    return this.#leadSamples;
  }

  /** True when the newest deliveries agree, so that one that lies elsewhere is another's. */
  get isSettled(): boolean {
    const newest = this.#leads.slice(-AGREEING);
    return newest.length === AGREEING && Math.max(...newest) - Math.min(...newest) <= this.#options.agreeWithinSamples;
  }

  /** Undefined before the first delivery. */
  get errors(): DeliveryErrors | undefined {
    if (this.#errors.length === 0) return undefined;
    return {
      deliveries: this.#deliveries,
      medianSamples: quantile(this.#errors, 0.5),
      spreadSamples: quantile(this.#errors, 0.75) - quantile(this.#errors, 0.25),
      worstSamples: this.#worst,
    };
  }

  /**
   * A stimulus was seen.
   *
   * @param errorSamples so many samples after the one where it was expected
   * @param neededSamples the lead with which it would have been seen where it was due
   */
  note(errorSamples: number, neededSamples: number): void {
    this.#deliveries += 1;
    if (Math.abs(errorSamples) > Math.abs(this.#worst)) this.#worst = errorSamples;
    this.#errors.push(errorSamples);
    if (this.#errors.length > KEPT) this.#errors.shift();
    const { leastSamples, mostSamples } = this.#options;
    if (neededSamples < leastSamples || neededSamples > mostSamples) return;
    this.#leads.push(neededSamples);
    if (this.#leads.length > KEPT) this.#leads.shift();
    this.#leadSamples = quantile(this.#leads, 0.5);
  }
}
