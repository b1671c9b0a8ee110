import type { StimulationCapabilities } from '../mea-link/messages.js';
import type { ElectrodeSafety, SafetyProfile } from './safety-profile.js';

/** What the gate holds stimuli against: copies, so that nobody changes a limit behind it. */
export interface GateLimits {
  readonly profile: SafetyProfile;
  readonly capabilities: StimulationCapabilities;
  readonly sampleRateHz: number;
  /** The profile's electrodes by index; one that is listed twice counts as masked. */
  readonly electrodes: ReadonlyMap<number, ElectrodeSafety>;
  /** Electrodes with a stimulation output. */
  readonly outputs: ReadonlySet<number>;
}

/** Limits hold up to one part in 10^9: 20 uA x 150 us is 3 nC, whatever the last bit of the product. */
const TOLERANCE = 1e-9;

const known = new WeakMap<SafetyProfile, WeakMap<StimulationCapabilities, GateLimits>>();

/**
 * The limits of a profile on a device. They are copied when the gate first sees the two objects; changing a profile that
 * is in use has no effect, because the device would not know.
 */
export function toGateLimits(source: {
  readonly profile: SafetyProfile;
  readonly capabilities: StimulationCapabilities;
  readonly sampleRateHz: number;
}): GateLimits {
  const { profile, capabilities, sampleRateHz } = source;
  let ofProfile = known.get(profile);
  if (ofProfile === undefined) {
    ofProfile = new WeakMap();
    known.set(profile, ofProfile);
  }
  const limits = ofProfile.get(capabilities);
  if (limits?.sampleRateHz === sampleRateHz) return limits;
  const made: GateLimits = {
    profile: limits?.profile ?? { ...profile, electrodes: [] },
    capabilities: limits?.capabilities ?? { ...capabilities, electrodes: [] },
    sampleRateHz,
    electrodes: limits?.electrodes ?? indexElectrodes(profile.electrodes),
    outputs: limits?.outputs ?? new Set(capabilities.electrodes),
  };
  ofProfile.set(capabilities, made);
  return made;
}

/** True unless `value` is a number that is at most `limit`: NaN on either side is over. */
export function isOver(value: number, limit: number): boolean {
  return !(value <= limit * (1 + TOLERANCE));
}

/** True unless `value` is a number that is at least `limit`: NaN on either side is under. */
export function isUnder(value: number, limit: number): boolean {
  return !(value >= limit * (1 - TOLERANCE));
}

/** The nearest whole number of steps, halves away from 0; NaN for a step that is not a positive number. */
export function countSteps(value: number, step: number): number {
  if (!(step > 0)) return Number.NaN;
  return Math.sign(value) * Math.round((Math.abs(value) / step) * (1 + TOLERANCE));
}

/** True where two numbers differ by rounding only. */
export function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

/** Whole samples that a time span reaches into. */
export function countSamples(durationUs: number, sampleRateHz: number): number {
  return Math.ceil(durationUs * sampleRateHz * 1e-6 * (1 - TOLERANCE));
}

function indexElectrodes(electrodes: readonly ElectrodeSafety[]): ReadonlyMap<number, ElectrodeSafety> {
  const index = new Map<number, ElectrodeSafety>();
  for (const safety of electrodes) {
    const twice = index.has(safety.electrode);
    index.set(safety.electrode, { ...safety, masked: safety.masked || twice });
  }
  return index;
}
