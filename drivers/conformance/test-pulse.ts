import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import type { ElectrodeSafety, SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Pulse, PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds } from '../../protocols/units.js';

/** Share of each limit that the test pulse uses, so that a pulse a little stronger still keeps all others. */
const SHARE = 0.4;
/** Width that is used where the limits allow it. */
const USUAL_WIDTH_US = 100;

/** A small balanced pulse that keeps every limit of a profile with room to spare, in whole steps of the device. */
export interface TestPulse {
  /** Two electrodes where the profile has them; else one. */
  readonly electrodes: readonly [ElectrodeSafety, ...ElectrodeSafety[]];
  readonly currentSteps: number;
  readonly widthSteps: number;
  /** Gap between the phases; 0 where a gap would be a phase too many for the device. */
  readonly gapSteps: number;
  readonly currentStepUa: number;
  readonly timeStepUs: number;
  /** +1 or -1: sign of the first phase. */
  readonly firstSign: 1 | -1;
}

/** Changes to the pulse, in steps. */
export interface PulseChange {
  readonly currentSteps?: number;
  readonly widthSteps?: number;
  readonly gapSteps?: number;
  readonly secondCurrentSteps?: number;
  readonly secondWidthSteps?: number;
  readonly firstSign?: 1 | -1;
}

/**
 * Finds a pulse for the checks.
 *
 * @returns the pulse, or why there is none
 */
export function findTestPulse(profile: SafetyProfile, stimulation: StimulationCapabilities): TestPulse | string {
  const electrodes = profile.electrodes.filter((entry) => isUsable(entry, stimulation)).slice(0, 2);
  const [first, second] = electrodes;
  if (first === undefined) return 'no electrode of the profile may be pulsed and has an output';
  if (profile.impedanceAgeS >= profile.maxImpedanceAgeS) return 'the impedances of the profile are out of date';
  const { currentStepUa, timeStepUs } = stimulation;
  const widthSteps = chooseWidth(profile, timeStepUs);
  const widthUs = widthSteps * timeStepUs;
  const limitUa = Math.min(
    ...electrodes.map((entry) => largestCurrent(profile, entry, widthUs)),
    stimulation.maxCurrentUa,
  );
  const currentSteps = Math.floor((SHARE * limitUa) / currentStepUa);
  if (currentSteps < 2) return `the limits leave less than two steps of current (${limitUa} uA)`;
  const gapSteps = stimulation.maxPhases >= 3 ? Math.ceil(profile.minInterphaseGapUs / timeStepUs) : 0;
  if (gapSteps * timeStepUs < profile.minInterphaseGapUs) return 'the device has too few phases for a gap';
  if (stimulation.maxPhases < 2 || profile.maxPhases < 2) return 'no pulse of two phases is allowed';
  return {
    electrodes: second === undefined ? [first] : [first, second],
    currentSteps,
    widthSteps,
    gapSteps,
    currentStepUa,
    timeStepUs,
    firstSign: profile.leadingPolarity === 'positive' ? 1 : -1,
  };
}

/** The pulse on an electrode, changed. */
export function makePulse(pulse: TestPulse, electrode: number, change: PulseChange = {}): Pulse {
  const { currentSteps, widthSteps, gapSteps, firstSign } = { ...pulse, ...change };
  const phase = (current: number, width: number): PulsePhase => ({
    currentUa: microamps(roundTo(current * pulse.currentStepUa)),
    durationUs: microseconds(roundTo(width * pulse.timeStepUs)),
  });
  const second = phase(-firstSign * (change.secondCurrentSteps ?? currentSteps), change.secondWidthSteps ?? widthSteps);
  const gap = gapSteps > 0 ? [phase(0, gapSteps)] : [];
  return { electrode, phases: [phase(firstSign * currentSteps, widthSteps), ...gap, second] };
}

/** Charge of the first phase in nC, with so many steps more of current or width. */
export function phaseCharge(
  pulse: TestPulse,
  more: { readonly current?: number; readonly width?: number } = {},
): number {
  const currentUa = (pulse.currentSteps + (more.current ?? 0)) * pulse.currentStepUa;
  return (currentUa * (pulse.widthSteps + (more.width ?? 0)) * pulse.timeStepUs) / 1000;
}

/** Current of a phase in uA, with so many steps more. */
export function pulseCurrent(pulse: TestPulse, more = 0): number {
  return (pulse.currentSteps + more) * pulse.currentStepUa;
}

/**
 * A second phase that does not quite cancel the first: out of balance by less than the limit. Undefined when the steps
 * are too coarse for one.
 */
export function findSlightImbalance(pulse: TestPulse, profile: SafetyProfile): SlightImbalance | undefined {
  const first = pulse.currentSteps * pulse.widthSteps;
  const least = Math.max(Math.ceil(profile.minPhaseUs / pulse.timeStepUs), Math.ceil(pulse.widthSteps / 2));
  const most = Math.min(Math.floor(profile.maxPhaseUs / pulse.timeStepUs), 2 * pulse.widthSteps);
  const widths = Array.from({ length: Math.max(0, most - least + 1) }, (_, k) => least + k);
  widths.sort((a, b) => Math.abs(a - pulse.widthSteps) - Math.abs(b - pulse.widthSteps));
  for (const width of widths) {
    const nearest = Math.round(first / width);
    for (const current of [nearest, nearest - 1, nearest + 1]) {
      const second = current * width;
      const share = Math.abs(second - first) / (second + first);
      if (current < 1 || share === 0 || share >= 0.9 * profile.maxImbalance) continue;
      const netNc = (Math.abs(second - first) * pulse.currentStepUa * pulse.timeStepUs) / 1000;
      return { secondCurrentSteps: current, secondWidthSteps: width, share, netNc };
    }
  }
  return undefined;
}

/** See `findSlightImbalance`. */
export interface SlightImbalance {
  readonly secondCurrentSteps: number;
  readonly secondWidthSteps: number;
  /** |sum of charge| over the sum of |charge|. */
  readonly share: number;
  readonly netNc: number;
}

function isUsable(
  { electrode, areaUm2, impedanceOhm, masked }: ElectrodeSafety,
  { electrodes }: StimulationCapabilities,
): boolean {
  return !masked && areaUm2 > 0 && impedanceOhm !== null && electrodes.includes(electrode);
}

/** In the middle of what is allowed where that is narrow, else the usual width. */
function chooseWidth({ minPhaseUs, maxPhaseUs }: SafetyProfile, timeStepUs: number): number {
  const least = Math.max(2, Math.ceil(minPhaseUs / timeStepUs - 1e-9));
  const most = Math.max(least, Math.floor(maxPhaseUs / timeStepUs + 1e-9));
  return Math.max(Math.min(Math.round(USUAL_WIDTH_US / timeStepUs), most - 1), Math.min(least + 1, most));
}

/** The largest current that keeps every limit of one pulse, and of three in a second. */
function largestCurrent(profile: SafetyProfile, { areaUm2, impedanceOhm }: ElectrodeSafety, widthUs: number): number {
  const perUa = widthUs / 1000;
  // uC/cm2 x um2: 1 cm2 is 1e8 um2, 1 uC is 1000 nC
  const densityNc = profile.maxChargeDensityUcPerCm2 * areaUm2 * 1e-5;
  return Math.min(
    profile.maxCurrentUa,
    profile.maxSummedCurrentUa / 2,
    profile.maxChargePerPhaseNc / perUa,
    densityNc / perUa,
    profile.maxChargePerSecondNc / (6 * perUa),
    profile.maxChargePerSessionNc / (6 * perUa),
    impedanceOhm === null || impedanceOhm === 0 ? Infinity : (0.8 * profile.complianceV * 1e6) / impedanceOhm,
  );
}

/** Away from the noise of binary fractions: nanoamperes and nanoseconds are what travels. */
function roundTo(value: number): number {
  return Math.round(value * 1000) / 1000;
}
