import { quantile } from './quantile.js';

/** How far deliveries were from where they were due, in samples; late ones are positive. */
export interface DeliveryErrors {
  readonly deliveries: number;
  readonly medianSamples: number;
  /** The interquartile range. */
  readonly spreadSamples: number;
  readonly worstSamples: number;
}

/** Deliveries that are remembered: those of the last minutes, so that a correction follows a device that warms up. */
const KEPT = 64;

/**
 * How long before its sample a trigger has to be given. A recorder's samples come late by an unknown time, and a trigger
 * takes one; what the two make together shows in where pulses are seen, and is corrected for from then on.
 */
export class LeadTime {
  #leadSamples = 0;
  #deliveries = 0;
  #worst = 0;
  readonly #errors: number[] = [];
  /** What the leads should have been. */
  readonly #leads: number[] = [];

  /** Samples before its due sample, by the clock of arriving samples, at which a trigger is given. */
  get samples(): number {
    return this.#leadSamples;
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

  /** A stimulus was seen so many samples after it was due, having been fired with `leadSamples`. */
  note(errorSamples: number, leadSamples: number): void {
    this.#deliveries += 1;
    if (Math.abs(errorSamples) > Math.abs(this.#worst)) this.#worst = errorSamples;
    this.#errors.push(errorSamples);
    this.#leads.push(errorSamples + leadSamples);
    if (this.#errors.length > KEPT) this.#errors.shift();
    if (this.#leads.length > KEPT) this.#leads.shift();
    this.#leadSamples = quantile(this.#leads, 0.5);
  }
}
