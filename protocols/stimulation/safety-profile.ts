import type { Hertz, Microamps, Microseconds, Milliseconds, Seconds } from '../units.js';

/** What the limits of one electrode rest on. An electrode that is not listed in the profile may not be pulsed. */
export interface ElectrodeSafety {
  /** Recording-electrode index, row by row from 0. */
  readonly electrode: number;
  /** Geometric surface area. */
  readonly areaUm2: number;
  /** Magnitude of the impedance as last measured; null when nobody measured it, and then it may not be pulsed. */
  readonly impedanceOhm: number | null;
  /** Shorted or otherwise unfit: may not be pulsed. */
  readonly masked: boolean;
}

/** Polarity that the first phase with a current must have. */
export type LeadingPolarity = 'negative' | 'positive' | 'either';

/**
 * The limits that every stimulus of a rig is held against, by the gate of the controller and by the device itself.
 * Every number is explicit: limits differ thirtyfold between arrays, so none has a default.
 */
export interface SafetyProfile {
  readonly name: string;
  /** Where the limits come from: a data sheet, a paper, a measurement. */
  readonly source: string;
  readonly electrodes: readonly ElectrodeSafety[];
  /** Age that the impedances had when the profile was sent; the gate and the device add the time since. */
  readonly impedanceAgeS: Seconds;
  /** Impedances older than this count as not measured. */
  readonly maxImpedanceAgeS: Seconds;

  /** Largest |current| of a phase. */
  readonly maxCurrentUa: Microamps;
  /** Shortest and longest phase with a current. */
  readonly minPhaseUs: Microseconds;
  readonly maxPhaseUs: Microseconds;
  /** Most phases with a current in one pulse. */
  readonly maxPhases: number;
  /** Largest |charge| of a phase, in nC. */
  readonly maxChargePerPhaseNc: number;
  /** Largest |charge| of a phase over the electrode's area, in uC/cm2. */
  readonly maxChargeDensityUcPerCm2: number;
  /** Largest |sum of charge| / sum of |charge| of one pulse, e.g. 0.005. */
  readonly maxImbalance: number;
  /** Largest |charge| that may accumulate on one electrode over a session, in nC. */
  readonly netChargeBudgetNc: number;
  readonly leadingPolarity: LeadingPolarity;
  /** Shortest gap between two phases with a current; 0 allows them to touch. */
  readonly minInterphaseGapUs: Microseconds;
  /** Compliance voltage of the stimulator; current x impedance may use 80 % of it. */
  readonly complianceV: number;

  /** Shortest time from the start of one pulse to the start of the next on the same electrode. */
  readonly minIntervalMs: Milliseconds;
  /** Most pulses on one electrode within any second. */
  readonly maxRateHz: Hertz;
  /** Largest share of any second in which one electrode carries a current. */
  readonly maxDuty: number;
  /** Largest sum of |charge| on one electrode within any second, in nC. */
  readonly maxChargePerSecondNc: number;
  /** Most electrodes pulsed at once. */
  readonly maxSimultaneous: number;
  /** Largest sum over electrodes of |current| flowing at once. */
  readonly maxSummedCurrentUa: Microamps;
  /** Most stimuli, empty ones included, in one session (from rest to rest). */
  readonly maxStimuliPerSession: number;
  /** Largest sum of |charge| on one electrode in one session, in nC. */
  readonly maxChargePerSessionNc: number;
}
