/** Limits in a rig file for a device of the tests, but for impedances: made up, of no real array. */
export const LIMITS_BUT_IMPEDANCES = {
  name: 'test',
  source: 'made up for a test',
  unconfirmed: ['maxDuty'],
  electrodes: 'all',
  masked: [],
  areaUm2: 2500,
  maxCurrentUa: 30,
  minPhaseUs: 50,
  maxPhaseUs: 500,
  maxPhases: 2,
  maxChargePerPhaseNc: 6,
  maxChargeDensityUcPerCm2: 300,
  maxImbalance: 0.005,
  netChargeBudgetNc: 5,
  leadingPolarity: 'negative',
  minInterphaseGapUs: 0,
  complianceV: 5,
  minIntervalMs: 20,
  maxRateHz: 20,
  maxDuty: 0.05,
  maxChargePerSecondNc: 200,
  maxSimultaneous: 32,
  maxSummedCurrentUa: 960,
  maxStimuliPerSession: 1000,
  maxChargePerSessionNc: 10_000,
};

/** The same, with an impedance of every electrode. */
export const DEVICE_LIMITS = {
  ...LIMITS_BUT_IMPEDANCES,
  impedanceOhm: 100_000,
  impedanceAgeS: 0,
  maxImpedanceAgeS: 86_400,
} as const;
