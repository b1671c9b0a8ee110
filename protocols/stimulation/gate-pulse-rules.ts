import { isOver, isUnder, type GateLimits } from './gate-limits.js';
import type { PulseFigures } from './gate-pulse.js';
import { describeOver, describeUnder, format } from './gate-wording.js';
import type { SafetyRule } from './safety-rule.js';

/** Why one pulse breaks a rule; undefined when it keeps it. */
export type PulseCheck = (figures: PulseFigures, limits: GateLimits) => string | undefined;

/** A pulse may last a second, gaps included, whatever the profile says: the windows of one second rely on it. */
const MAX_PULSE_US = 1_000_000;

/** Share of the compliance voltage that current x impedance may use. */
const COMPLIANCE_SHARE = 0.8;

/** The rules that a pulse keeps or breaks by itself, whatever else is stimulated. */
export const PULSE_CHECKS = {
  electrode: checkElectrode,
  'phase-count': checkPhaseCount,
  current: checkCurrent,
  'phase-width': checkPhaseWidth,
  charge: checkCharge,
  'charge-density': checkChargeDensity,
  balance: checkBalance,
  polarity: checkPolarity,
  'interphase-gap': checkInterphaseGap,
  compliance: checkCompliance,
} as const satisfies Partial<Record<SafetyRule, PulseCheck>>;

function checkElectrode({ electrode }: PulseFigures, { electrodes, outputs }: GateLimits): string | undefined {
  const safety = electrodes.get(electrode);
  if (safety === undefined) return `electrode ${electrode} is not in the safety profile`;
  if (safety.masked) return `electrode ${electrode} is masked, or listed twice, in the safety profile`;
  return outputs.has(electrode) ? undefined : `electrode ${electrode} has no stimulation output on this device`;
}

function checkPhaseCount({ currentPhases, electrode }: PulseFigures, limits: GateLimits): string | undefined {
  if (!(currentPhases >= 1)) return `no phase has a current (electrode ${electrode})`;
  const most = Math.min(limits.profile.maxPhases, limits.capabilities.maxPhases);
  if (!isOver(currentPhases, most)) return undefined;
  return `${currentPhases} phases with a current, limit ${most} (electrode ${electrode})`;
}

function checkCurrent({ vanishedUa, peakUa, electrode }: PulseFigures, limits: GateLimits): string | undefined {
  const { currentStepUa } = limits.capabilities;
  if (vanishedUa !== 0) {
    return `${format(vanishedUa)} uA is less than half a step of the device, ${currentStepUa} uA (electrode ${electrode})`;
  }
  const most = Math.min(limits.profile.maxCurrentUa, limits.capabilities.maxCurrentUa);
  if (!isOver(peakUa, most)) return undefined;
  return `${describeOver(peakUa, most, 'uA')} (electrode ${electrode})`;
}

function checkPhaseWidth(figures: PulseFigures, { profile, capabilities }: GateLimits): string | undefined {
  const { badDurationUs, shortestUs, longestUs, totalUs, electrode, currentPhases } = figures;
  const where = `(electrode ${electrode})`;
  if (badDurationUs !== 0) {
    return `${format(badDurationUs)} us is less than half a step of the device, ${capabilities.timeStepUs} us ${where}`;
  }
  if (isOver(totalUs, MAX_PULSE_US)) return `pulse of ${describeOver(totalUs, MAX_PULSE_US, 'us')} ${where}`;
  if (currentPhases === 0 || shortestUs === Infinity) return undefined;
  if (!(shortestUs > 0) || isUnder(shortestUs, profile.minPhaseUs)) {
    return `phase of ${describeUnder(shortestUs, profile.minPhaseUs, 'us')} ${where}`;
  }
  return isOver(longestUs, profile.maxPhaseUs)
    ? `phase of ${describeOver(longestUs, profile.maxPhaseUs, 'us')} ${where}`
    : undefined;
}

function checkCharge(figures: PulseFigures, { profile }: GateLimits): string | undefined {
  const chargeNc = figures.swingPc / 1000;
  if (!isOver(chargeNc, profile.maxChargePerPhaseNc)) return undefined;
  const amount = describeOver(chargeNc, profile.maxChargePerPhaseNc, 'nC per phase');
  return `${describeLargestCharge(figures)} = ${amount} (electrode ${figures.electrode})`;
}

function checkChargeDensity(figures: PulseFigures, { profile, electrodes }: GateLimits): string | undefined {
  const safety = electrodes.get(figures.electrode);
  if (safety === undefined) return undefined;
  // 1 pC/um2 = 100 uC/cm2.
  const density = safety.areaUm2 > 0 ? (100 * figures.swingPc) / safety.areaUm2 : Number.NaN;
  if (!isOver(density, profile.maxChargeDensityUcPerCm2)) return undefined;
  const amount = describeOver(density, profile.maxChargeDensityUcPerCm2, 'uC/cm2 per phase');
  return `${describeLargestCharge(figures)} on ${safety.areaUm2} um2 = ${amount} (electrode ${figures.electrode})`;
}

function checkBalance({ netPc, sumPc, electrode }: PulseFigures, { profile }: GateLimits): string | undefined {
  const share = sumPc === 0 ? 0 : Math.abs(netPc) / sumPc;
  if (!isOver(share, profile.maxImbalance)) return undefined;
  const amount = describeOver(100 * share, 100 * profile.maxImbalance, '%');
  return `${format(Math.abs(netPc) / 1000)} nC left / ${format(sumPc / 1000)} nC = ${amount} (electrode ${electrode})`;
}

function checkPolarity({ leadingSign, electrode }: PulseFigures, { profile }: GateLimits): string | undefined {
  const { leadingPolarity } = profile;
  if (leadingSign === 0 || leadingPolarity === 'either') return undefined;
  const leading = leadingSign < 0 ? 'negative' : 'positive';
  return leading === leadingPolarity
    ? undefined
    : `the first phase is ${leading}, it has to be ${leadingPolarity} (electrode ${electrode})`;
}

function checkInterphaseGap({ shortestGapUs, electrode }: PulseFigures, { profile }: GateLimits): string | undefined {
  if (!isUnder(shortestGapUs, profile.minInterphaseGapUs)) return undefined;
  return `gap of ${describeUnder(shortestGapUs, profile.minInterphaseGapUs, 'us')} (electrode ${electrode})`;
}

function checkCompliance({ peakUa, electrode }: PulseFigures, { profile, electrodes }: GateLimits): string | undefined {
  const impedanceOhm = electrodes.get(electrode)?.impedanceOhm ?? undefined;
  // Without an impedance the rule `impedance` refuses.
  if (impedanceOhm === undefined) return undefined;
  const volts = peakUa * impedanceOhm * 1e-6;
  const most = COMPLIANCE_SHARE * profile.complianceV;
  if (!isOver(volts, most)) return undefined;
  return `${format(peakUa)} uA x ${format(impedanceOhm / 1000)} kOhm = ${describeOver(volts, most, 'V')} (electrode ${electrode})`;
}

/** The product behind the largest charge, or the sum where phases of one sign add up to it. */
function describeLargestCharge({ pulse, swingPc }: PulseFigures): string {
  for (const { currentUa, durationUs } of pulse.phases) {
    const magnitudeUa = Math.abs(currentUa);
    if (!isUnder(magnitudeUa * durationUs, swingPc)) return `${format(durationUs)} us x ${format(magnitudeUa)} uA`;
  }
  const terms = pulse.phases
    .filter(({ currentUa }) => currentUa !== 0)
    .map(({ currentUa, durationUs }) => `${format(durationUs)} us x ${format(currentUa)} uA`);
  return `phases that add up (${terms.join(', ')})`;
}
