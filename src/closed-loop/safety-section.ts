import { z } from 'zod';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';

const ELECTRODE = z.int().min(0).max(65_535);
const POSITIVE = z.number().positive();
const NOT_NEGATIVE = z.number().min(0);
const COUNT = z.int().min(1);

/** Limits, and what they rest on, that may be marked as not looked up yet. */
const LIMIT_NAMES = [
  'areaUm2',
  'impedanceOhm',
  'maxCurrentUa',
  'minPhaseUs',
  'maxPhaseUs',
  'maxPhases',
  'maxChargePerPhaseNc',
  'maxChargeDensityUcPerCm2',
  'maxImbalance',
  'netChargeBudgetNc',
  'leadingPolarity',
  'minInterphaseGapUs',
  'complianceV',
  'minIntervalMs',
  'maxRateHz',
  'maxDuty',
  'maxChargePerSecondNc',
  'maxSimultaneous',
  'maxSummedCurrentUa',
  'maxStimuliPerSession',
  'maxChargePerSessionNc',
] as const;

/**
 * The limits of a rig with a device, flat, as a person writes them. No number has a default: limits differ thirtyfold
 * between arrays.
 */
export const safetySectionSchema = z.strictObject({
  name: z.string().min(1).max(100).describe('Name of these limits.'),
  source: z.string().min(1).max(1000).describe('Where they come from: a data sheet, a paper, a measurement.'),
  unconfirmed: z
    .union([z.literal('all'), z.array(z.enum(LIMIT_NAMES))])
    .describe(
      'Limits whose source nobody has opened: `all`, a list of keys, or `[]`. While there are any, a device is armed only with `--accept-unconfirmed WHY`, which is written into the recording.',
    ),
  electrodes: z
    .union([
      z.literal('all'),
      z.strictObject({ from: ELECTRODE.describe('First electrode.'), to: ELECTRODE.describe('Last electrode.') }),
      z.array(ELECTRODE).min(1),
    ])
    .describe('Electrodes that may be pulsed: `all` of the array, a range, or a list.'),
  masked: z.array(ELECTRODE).describe('Electrodes among them that are shorted or unfit, `[]` for none.'),
  areaUm2: POSITIVE.describe('Geometric surface area of one electrode.'),
  impedanceOhm: z
    .union([z.null(), POSITIVE])
    .describe('Magnitude of the impedance as last measured; null when nobody measured it, and then nothing may leave.'),
  impedanceAgeS: NOT_NEGATIVE.describe('Age of that measurement.'),
  maxImpedanceAgeS: POSITIVE.describe('Older impedances count as not measured.'),
  maxCurrentUa: POSITIVE.describe('Largest |current| of a phase.'),
  minPhaseUs: POSITIVE.describe('Shortest phase with a current.'),
  maxPhaseUs: POSITIVE.describe('Longest phase with a current.'),
  maxPhases: COUNT.describe('Most phases with a current in one pulse.'),
  maxChargePerPhaseNc: POSITIVE.describe('Largest |charge| of a phase.'),
  maxChargeDensityUcPerCm2: POSITIVE.describe('Largest |charge| of a phase over the area of the electrode.'),
  maxImbalance: NOT_NEGATIVE.max(1).describe(
    'Largest |sum of charge| over the sum of |charge| of one pulse, e.g. 0.005.',
  ),
  netChargeBudgetNc: NOT_NEGATIVE.describe('Largest |charge| that may accumulate on one electrode over a session.'),
  leadingPolarity: z.enum(['negative', 'positive', 'either']).describe('Polarity of the first phase with a current.'),
  minInterphaseGapUs: NOT_NEGATIVE.describe('Shortest gap between two phases; 0 lets them touch.'),
  complianceV: POSITIVE.describe('Compliance voltage of the stimulator; current times impedance may use 80 % of it.'),
  minIntervalMs: NOT_NEGATIVE.describe('Shortest time between the starts of two pulses on one electrode.'),
  maxRateHz: POSITIVE.describe('Most pulses on one electrode within any second.'),
  maxDuty: POSITIVE.max(1).describe('Largest share of any second in which one electrode carries a current.'),
  maxChargePerSecondNc: POSITIVE.describe('Largest sum of |charge| on one electrode within any second.'),
  maxSimultaneous: COUNT.describe('Most electrodes pulsed at once.'),
  maxSummedCurrentUa: POSITIVE.describe('Largest sum of |current| over all electrodes at once.'),
  maxStimuliPerSession: COUNT.describe('Most stimuli, empty ones included, from rest to rest.'),
  maxChargePerSessionNc: POSITIVE.describe('Largest sum of |charge| on one electrode in one session.'),
});

/** Checked limits as they stand in a rig file. */
export type SafetySection = Readonly<z.infer<typeof safetySectionSchema>>;

/** A mistake that the schema alone does not see. */
interface SectionMistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly input: unknown;
}

/** What is wrong with limits on an array of so many electrodes, though each value is possible. */
export function findSectionMistakes(section: SafetySection, electrodeCount: number): readonly SectionMistake[] {
  const mistakes: SectionMistake[] = [];
  const listed = listElectrodes(section, electrodeCount);
  const add = (key: string, message: string): void => {
    mistakes.push({ path: [key], message, input: Object.entries(section).find(([name]) => name === key)?.[1] });
  };
  if (listed.length === 0) add('electrodes', 'a range that does not end before it begins');
  if (listed.some((electrode) => electrode >= electrodeCount))
    add('electrodes', `electrodes from 0 to ${electrodeCount - 1}`);
  if (new Set(listed).size < listed.length) add('electrodes', 'each electrode once');
  if (section.masked.some((electrode) => !listed.includes(electrode)))
    add('masked', 'electrodes that `electrodes` lists');
  if (section.minPhaseUs > section.maxPhaseUs) add('minPhaseUs', `at most maxPhaseUs (${section.maxPhaseUs})`);
  return mistakes;
}

/**
 * The limits as the gate and the device take them.
 *
 * @param section as checked with the rig
 * @param electrodeCount electrodes of the array
 */
export function toProfile(section: SafetySection, electrodeCount: number): SafetyProfile {
  const { masked, areaUm2, impedanceOhm } = section;
  const listed = listElectrodes(section, electrodeCount).toSorted((a, b) => a - b);
  return {
    name: section.name,
    source: section.source,
    electrodes: listed.map((electrode) => ({ electrode, areaUm2, impedanceOhm, masked: masked.includes(electrode) })),
    impedanceAgeS: seconds(section.impedanceAgeS),
    maxImpedanceAgeS: seconds(section.maxImpedanceAgeS),
    maxPhases: section.maxPhases,
    maxChargePerPhaseNc: section.maxChargePerPhaseNc,
    maxChargeDensityUcPerCm2: section.maxChargeDensityUcPerCm2,
    maxImbalance: section.maxImbalance,
    netChargeBudgetNc: section.netChargeBudgetNc,
    leadingPolarity: section.leadingPolarity,
    complianceV: section.complianceV,
    maxDuty: section.maxDuty,
    maxChargePerSecondNc: section.maxChargePerSecondNc,
    maxSimultaneous: section.maxSimultaneous,
    maxStimuliPerSession: section.maxStimuliPerSession,
    maxChargePerSessionNc: section.maxChargePerSessionNc,
    maxCurrentUa: microamps(section.maxCurrentUa),
    minPhaseUs: microseconds(section.minPhaseUs),
    maxPhaseUs: microseconds(section.maxPhaseUs),
    minInterphaseGapUs: microseconds(section.minInterphaseGapUs),
    minIntervalMs: milliseconds(section.minIntervalMs),
    maxRateHz: hertz(section.maxRateHz),
    maxSummedCurrentUa: microamps(section.maxSummedCurrentUa),
  };
}

/** Names of the limits whose source nobody has opened. */
export function unconfirmedLimits({ unconfirmed }: SafetySection): readonly string[] {
  return unconfirmed === 'all' ? LIMIT_NAMES : unconfirmed;
}

function listElectrodes({ electrodes }: SafetySection, electrodeCount: number): readonly number[] {
  if (electrodes === 'all') return Array.from({ length: electrodeCount }, (_, electrode) => electrode);
  if (!('from' in electrodes)) return electrodes;
  const { from, to } = electrodes;
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k);
}
