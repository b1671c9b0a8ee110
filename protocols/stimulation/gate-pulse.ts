import { microamps, microseconds } from '../units.js';
import type { PhaseInput, PulseInput } from './gate-input.js';
import { countSamples, countSteps, isSame, type GateLimits } from './gate-limits.js';
import type { Pulse, PulsePhase } from './stim-pattern.js';

/** One pulse as the device will make it, and what the rules need to know about it. Charges are in pC = uA x us. */
export interface PulseFigures {
  readonly pulse: Pulse;
  readonly electrode: number;
  /** Phases that were asked for with a current. */
  readonly currentPhases: number;
  /** A current that was asked for and is less than half a step of the device, in uA; 0 where there is none. */
  readonly vanishedUa: number;
  /** A duration that was asked for and is less than half a step of the device, or negative, in us; 0 where none is. */
  readonly badDurationUs: number;
  /** Largest |current|. */
  readonly peakUa: number;
  /** Shortest and longest phase with a current; Infinity and 0 where there is none. */
  readonly shortestUs: number;
  readonly longestUs: number;
  /** Largest |charge| that lies between any two moments of the pulse; for an ordinary pulse that of its largest phase. */
  readonly swingPc: number;
  /** Sum of charge, and of |charge|. */
  readonly netPc: number;
  readonly sumPc: number;
  /** Time with a current, and all time. */
  readonly onUs: number;
  readonly totalUs: number;
  /** Samples that the pulse reaches into, at least 1. */
  readonly lengthSamples: number;
  /** Sign of the first phase with a current; 0 where there is none. */
  readonly leadingSign: number;
  /** Shortest time without a current between two phases with one; Infinity where there are not two. */
  readonly shortestGapUs: number;
}

/** Rounds a pulse to the device's steps and computes its figures. */
export function measurePulse({ electrode, phases }: PulseInput, limits: GateLimits): PulseFigures {
  const made = phases.map((phase) => toDeliverable(phase, limits));
  const pulse = Object.freeze({ electrode, phases: Object.freeze(made) });
  const { currentPhases, vanishedUa, badDurationUs } = measureAsked(phases, made);
  const { peakUa, swingPc, netPc, sumPc, leadingSign } = measureCharge(made);
  const { shortestUs, longestUs, onUs, totalUs, shortestGapUs } = measureTimes(made);
  const lengthSamples = Math.max(1, countSamples(totalUs, limits.sampleRateHz));
  return {
    pulse,
    electrode,
    currentPhases,
    vanishedUa,
    badDurationUs,
    peakUa,
    shortestUs,
    longestUs,
    swingPc,
    netPc,
    sumPc,
    onUs,
    totalUs,
    lengthSamples,
    leadingSign,
    shortestGapUs,
  };
}

function toDeliverable({ currentUa, durationUs }: PhaseInput, { capabilities }: GateLimits): PulsePhase {
  return Object.freeze({
    currentUa: microamps(roundToStep(currentUa, capabilities.currentStepUa)),
    durationUs: microseconds(roundToStep(durationUs, capabilities.timeStepUs)),
  });
}

/** Keeps a value that is a whole number of steps as it was written: 0.3 stays 0.3 and does not become 3 x 0.1. */
function roundToStep(value: number, step: number): number {
  const rounded = countSteps(value, step) * step + 0;
  return isSame(value, rounded) ? value : rounded;
}

function measureAsked(
  asked: readonly PhaseInput[],
  made: readonly PulsePhase[],
): Pick<PulseFigures, 'currentPhases' | 'vanishedUa' | 'badDurationUs'> {
  let currentPhases = 0;
  let vanishedUa = 0;
  let badDurationUs = 0;
  for (let i = 0; i < asked.length; i++) {
    const { currentUa, durationUs } = asked[i]!;
    if (currentUa !== 0) currentPhases++;
    if (currentUa !== 0 && made[i]!.currentUa === 0) vanishedUa = currentUa;
    if (durationUs !== 0 && !(made[i]!.durationUs > 0)) badDurationUs = durationUs;
  }
  return { currentPhases, vanishedUa, badDurationUs };
}

function measureCharge(
  phases: readonly PulsePhase[],
): Pick<PulseFigures, 'peakUa' | 'swingPc' | 'netPc' | 'sumPc' | 'leadingSign'> {
  let peakUa = 0;
  let netPc = 0;
  let sumPc = 0;
  let lowest = 0;
  let highest = 0;
  let leadingSign = 0;
  for (const { currentUa, durationUs } of phases) {
    const chargePc = currentUa * durationUs;
    peakUa = Math.max(peakUa, Math.abs(currentUa));
    netPc += chargePc;
    sumPc += Math.abs(chargePc);
    lowest = Math.min(lowest, netPc);
    highest = Math.max(highest, netPc);
    if (leadingSign === 0) leadingSign = Math.sign(currentUa);
  }
  // What rounding leaves of charges that cancel is not charge.
  if (Math.abs(netPc) <= 1e-12 * sumPc) netPc = 0;
  return { peakUa, swingPc: highest - lowest, netPc, sumPc, leadingSign };
}

function measureTimes(
  phases: readonly PulsePhase[],
): Pick<PulseFigures, 'shortestUs' | 'longestUs' | 'onUs' | 'totalUs' | 'shortestGapUs'> {
  let shortestUs = Infinity;
  let longestUs = 0;
  let onUs = 0;
  let totalUs = 0;
  let gapUs = Infinity;
  let shortestGapUs = Infinity;
  for (const { currentUa, durationUs } of phases) {
    totalUs += durationUs;
    if (currentUa === 0) {
      gapUs += durationUs;
      continue;
    }
    shortestUs = Math.min(shortestUs, durationUs);
    longestUs = Math.max(longestUs, durationUs);
    onUs += durationUs;
    shortestGapUs = Math.min(shortestGapUs, gapUs);
    gapUs = 0;
  }
  return { shortestUs, longestUs, onUs, totalUs, shortestGapUs };
}
