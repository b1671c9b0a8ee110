import { sha256 } from '@noble/hashes/sha2.js';
import type { ElectrodeSafety, SafetyProfile } from '../stimulation/safety-profile.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../units.js';
import { leadingPolarities } from './codec-names.js';
import {
  MAX_ELECTRODE,
  badField,
  checkInteger,
  checkNumber,
  checkPresent,
  checkRisingElectrodes,
  finishMessage,
} from './codec-values.js';
import { mealink } from './generated/mea_link.js';
import { createWireReader } from './codec-reader.js';

const wire = mealink.v1;

/** Numbers of a profile that are counted; all others are finite numbers of at least 0. */
const COUNTS = ['maxPhases', 'maxSimultaneous', 'maxStimuliPerSession'] as const;
const LIMITS = [
  'impedanceAgeS',
  'maxImpedanceAgeS',
  'maxCurrentUa',
  'minPhaseUs',
  'maxPhaseUs',
  'maxChargePerPhaseNc',
  'maxChargeDensityUcPerCm2',
  'maxImbalance',
  'netChargeBudgetNc',
  'minInterphaseGapUs',
  'complianceV',
  'minIntervalMs',
  'maxRateHz',
  'maxDuty',
  'maxChargePerSecondNc',
  'maxSummedCurrentUa',
  'maxChargePerSessionNc',
] as const;

/**
 * The profile in the one form in which it travels and is hashed: all fields in the order of their numbers, those that are
 * 0 too, electrodes rising.
 *
 * @throws MeaError `bad-input` when a number is not finite or negative, or an electrode comes twice
 */
export function encodeSafetyProfile(profile: SafetyProfile): Uint8Array {
  for (const field of COUNTS) checkInteger(profile[field], { field });
  for (const field of LIMITS) checkNumber(profile[field], { field, min: 0 });
  const properties = {
    ...profile,
    leadingPolarity: leadingPolarities.toValue(profile.leadingPolarity),
    electrodes: checkElectrodes(profile.electrodes.toSorted((a, b) => a.electrode - b.electrode)),
  };
  return finishMessage(wire.SafetyProfile.encode(properties).finish());
}

/**
 * Reads an encoded profile.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract, or the bytes are not the canonical form: then
 *   a limit may be in them that this version does not know
 */
export function decodeSafetyProfile(bytes: Uint8Array): SafetyProfile {
  const raw = wire.SafetyProfile.decode(createWireReader(bytes));
  const profile: SafetyProfile = {
    name: checkPresent(raw.name, 'name'),
    source: checkPresent(raw.source, 'source'),
    electrodes: checkElectrodes(raw.electrodes),
    impedanceAgeS: seconds(checkPresent(raw.impedanceAgeS, 'impedanceAgeS')),
    maxImpedanceAgeS: seconds(checkPresent(raw.maxImpedanceAgeS, 'maxImpedanceAgeS')),
    maxCurrentUa: microamps(checkPresent(raw.maxCurrentUa, 'maxCurrentUa')),
    minPhaseUs: microseconds(checkPresent(raw.minPhaseUs, 'minPhaseUs')),
    maxPhaseUs: microseconds(checkPresent(raw.maxPhaseUs, 'maxPhaseUs')),
    maxPhases: checkPresent(raw.maxPhases, 'maxPhases'),
    maxChargePerPhaseNc: checkPresent(raw.maxChargePerPhaseNc, 'maxChargePerPhaseNc'),
    maxChargeDensityUcPerCm2: checkPresent(raw.maxChargeDensityUcPerCm2, 'maxChargeDensityUcPerCm2'),
    maxImbalance: checkPresent(raw.maxImbalance, 'maxImbalance'),
    netChargeBudgetNc: checkPresent(raw.netChargeBudgetNc, 'netChargeBudgetNc'),
    leadingPolarity: leadingPolarities.toName(raw.leadingPolarity),
    minInterphaseGapUs: microseconds(checkPresent(raw.minInterphaseGapUs, 'minInterphaseGapUs')),
    complianceV: checkPresent(raw.complianceV, 'complianceV'),
    minIntervalMs: milliseconds(checkPresent(raw.minIntervalMs, 'minIntervalMs')),
    maxRateHz: hertz(checkPresent(raw.maxRateHz, 'maxRateHz')),
    maxDuty: checkPresent(raw.maxDuty, 'maxDuty'),
    maxChargePerSecondNc: checkPresent(raw.maxChargePerSecondNc, 'maxChargePerSecondNc'),
    maxSimultaneous: checkPresent(raw.maxSimultaneous, 'maxSimultaneous'),
    maxSummedCurrentUa: microamps(checkPresent(raw.maxSummedCurrentUa, 'maxSummedCurrentUa')),
    maxStimuliPerSession: checkPresent(raw.maxStimuliPerSession, 'maxStimuliPerSession'),
    maxChargePerSessionNc: checkPresent(raw.maxChargePerSessionNc, 'maxChargePerSessionNc'),
  };
  const canonical = encodeSafetyProfile(profile);
  if (canonical.length !== bytes.length || canonical.some((byte, i) => byte !== bytes[i])) {
    throw badField('safety profile', `${bytes.length} bytes in another form`, `the ${canonical.length} canonical ones`);
  }
  return profile;
}

/** (32 bytes) SHA-256 of the encoded profile: what `arm` and `configured` carry. */
export function hashSafetyProfile(profile: SafetyProfile): Uint8Array {
  return sha256(encodeSafetyProfile(profile));
}

function checkElectrodes(electrodes: readonly mealink.v1.ElectrodeSafety.$Properties[]): ElectrodeSafety[] {
  const field = 'electrode of the profile';
  checkRisingElectrodes(
    electrodes.map(({ electrode }) => checkInteger(electrode, { field, max: MAX_ELECTRODE })),
    field,
  );
  return electrodes.map(({ electrode, areaUm2, impedanceOhm, masked }) => ({
    electrode: checkPresent(electrode, field),
    areaUm2: checkNumber(checkPresent(areaUm2, 'areaUm2'), { field: 'areaUm2', min: 0 }),
    impedanceOhm:
      impedanceOhm === null || impedanceOhm === undefined
        ? null
        : checkNumber(impedanceOhm, { field: 'impedanceOhm', min: 0 }),
    masked: checkPresent(masked, 'masked'),
  }));
}
