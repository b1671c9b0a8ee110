import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';

/** A safety profile for tests that are not about limits: wide, for the given electrodes. Of no real array. */
export function createWideProfile(electrodes: readonly number[], changes: Partial<SafetyProfile> = {}): SafetyProfile {
  return {
    name: 'wide',
    source: 'made up for tests',
    electrodes: electrodes.map((electrode) => ({ electrode, areaUm2: 2500, impedanceOhm: 100_000, masked: false })),
    impedanceAgeS: seconds(0),
    maxImpedanceAgeS: seconds(1e6),
    maxCurrentUa: microamps(30),
    minPhaseUs: microseconds(50),
    maxPhaseUs: microseconds(1000),
    maxPhases: 3,
    maxChargePerPhaseNc: 10,
    maxChargeDensityUcPerCm2: 1000,
    maxImbalance: 0.005,
    netChargeBudgetNc: 10,
    leadingPolarity: 'either',
    minInterphaseGapUs: microseconds(0),
    complianceV: 10,
    minIntervalMs: milliseconds(5),
    maxRateHz: hertz(100),
    maxDuty: 0.5,
    maxChargePerSecondNc: 10_000,
    maxSimultaneous: 64,
    maxSummedCurrentUa: microamps(2000),
    maxStimuliPerSession: 100_000,
    maxChargePerSessionNc: 1e6,
    ...changes,
  };
}

/** A balanced pulse within the wide profile: 200 us of -20 uA, then 200 us of +20 uA. */
export function createBalancedPulse(electrode: number): Pulse {
  return {
    electrode,
    phases: [
      { currentUa: microamps(-20), durationUs: microseconds(200) },
      { currentUa: microamps(20), durationUs: microseconds(200) },
    ],
  };
}
