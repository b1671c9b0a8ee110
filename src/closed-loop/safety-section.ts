import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';

const ELECTRODE = z.int().min(0).max(65_535);
const POSITIVE = z.number().positive();
const NOT_NEGATIVE = z.number().min(0);
const COUNT = z.int().min(1);

const impedancesSchema = z.strictObject({
  file: z
    .string()
    .min(1)
    .max(1000)
    .describe(
      'A CSV file by its path from the rig file, with a header and the columns `electrode` (its number, from 0), `ohm`, and `measured_at` (ISO 8601 with its zone, e.g. 2026-11-28T09:30:00Z).',
    ),
  maxAgeDays: POSITIVE.optional().describe('Older impedances count as not measured.'),
  measured: z
    .array(
      z.strictObject({
        electrode: ELECTRODE.describe('Number of the electrode.'),
        ohm: POSITIVE.describe('Magnitude of its impedance.'),
        measuredAt: z.iso.datetime({ offset: true }).describe('When it was measured.'),
      }),
    )
    .min(1)
    .optional()
    .describe('What the file said: a recording holds it, so that it needs no other file. Leave it out.'),
});

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
    .optional()
    .describe(
      'Magnitude of the impedance of every electrode as last measured; null when nobody measured it, and then nothing may leave. Left out where `impedances` has a table.',
    ),
  impedanceAgeS: NOT_NEGATIVE.optional().describe('Age of that measurement; left out where `impedances` has a table.'),
  maxImpedanceAgeS: POSITIVE.optional().describe(
    'Older impedances count as not measured; `impedances.maxAgeDays` may say it instead.',
  ),
  impedances: impedancesSchema
    .optional()
    .describe(
      'A table of impedances, in place of `impedanceOhm` and its age. An electrode without a row is not measured, and may not be pulsed; the oldest row of an electrode that may be pulsed gives the age of all.',
    ),
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
  const add = (key: keyof SafetySection, message: string): void => {
    mistakes.push({ path: [key], message, input: Object.entries(section).find(([name]) => name === key)?.[1] });
  };
  if (listed.length === 0) add('electrodes', 'a range that does not end before it begins');
  if (listed.some((electrode) => electrode >= electrodeCount))
    add('electrodes', `electrodes from 0 to ${electrodeCount - 1}`);
  if (new Set(listed).size < listed.length) add('electrodes', 'each electrode once');
  if (section.masked.some((electrode) => !listed.includes(electrode)))
    add('masked', 'electrodes that `electrodes` lists');
  if (section.minPhaseUs > section.maxPhaseUs) add('minPhaseUs', `at most maxPhaseUs (${section.maxPhaseUs})`);
  const { impedances } = section;
  if (impedances === undefined) {
    if (section.impedanceOhm === undefined) add('impedanceOhm', 'a number, null, or a table in `impedances`');
    if (section.impedanceAgeS === undefined) add('impedanceAgeS', 'seconds');
    if (section.maxImpedanceAgeS === undefined) add('maxImpedanceAgeS', 'seconds');
    return mistakes;
  }
  if (section.impedanceOhm !== undefined) add('impedanceOhm', 'either this or `impedances`');
  if (section.impedanceAgeS !== undefined) add('impedanceAgeS', 'no such key: each row of `impedances` has its time');
  if ((section.maxImpedanceAgeS === undefined) === (impedances.maxAgeDays === undefined))
    add('maxImpedanceAgeS', 'either this or `impedances.maxAgeDays`');
  if (impedances.measured === undefined) add('impedances', 'a table that has been read');
  impedances.measured?.forEach(({ electrode }, i, all) => {
    const isOnce = all.findIndex((row) => row.electrode === electrode) === i;
    if (electrode < electrodeCount && isOnce) return;
    const message = isOnce ? `electrodes from 0 to ${electrodeCount - 1}` : 'each electrode once';
    mistakes.push({ path: ['impedances', 'measured', i, 'electrode'], message, input: electrode });
  });
  return mistakes;
}

/** What limits are for. */
export interface ProfileCase {
  /** Electrodes of the array. */
  readonly electrodeCount: number;
  /** Those that may not be pulsed because they are its reference. */
  readonly reference: readonly number[];
  /** Wall time, ms since the epoch. */
  readonly nowMs: number;
}

/**
 * The limits as the gate and the device take them.
 *
 * @param section as checked with the rig
 * @throws MeaError `bad-input` for an impedance that is still to be measured
 */
export function toProfile(section: SafetySection, { electrodeCount, reference, nowMs }: ProfileCase): SafetyProfile {
  const { areaUm2 } = section;
  const listed = listElectrodes(section, electrodeCount).toSorted((a, b) => a - b);
  const masked = [...section.masked, ...reference];
  const pulsed = listed.filter((electrode) => !masked.includes(electrode));
  const { impedanceOf, ageS, maxAgeS } = findImpedances(section, { pulsed, nowMs });
  return {
    name: section.name,
    source: section.source,
    electrodes: listed.map((electrode) => ({
      electrode,
      areaUm2,
      impedanceOhm: impedanceOf(electrode),
      masked: masked.includes(electrode),
    })),
    impedanceAgeS: seconds(ageS),
    maxImpedanceAgeS: seconds(maxAgeS),
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

interface Impedances {
  readonly impedanceOf: (electrode: number) => number | null;
  readonly ageS: number;
  readonly maxAgeS: number;
}

const DAY_S = 86_400;

function findImpedances(
  section: SafetySection,
  { pulsed, nowMs }: { readonly pulsed: readonly number[]; readonly nowMs: number },
): Impedances {
  const { impedances, impedanceOhm = null, impedanceAgeS = 0, maxImpedanceAgeS = 0 } = section;
  if (impedances === undefined) {
    return { impedanceOf: () => impedanceOhm, ageS: impedanceAgeS, maxAgeS: maxImpedanceAgeS };
  }
  const rows = new Map(impedances.measured?.map((row) => [row.electrode, row]));
  let ageS = 0;
  for (const electrode of pulsed) {
    const row = rows.get(electrode);
    if (row === undefined) continue;
    const rowAgeS = (nowMs - Date.parse(row.measuredAt)) / 1000;
    if (rowAgeS < 0) throw stillToCome(row, { nowMs, file: impedances.file });
    ageS = Math.max(ageS, rowAgeS);
  }
  return {
    impedanceOf: (electrode) => rows.get(electrode)?.ohm ?? null,
    ageS,
    maxAgeS: impedances.maxAgeDays === undefined ? maxImpedanceAgeS : impedances.maxAgeDays * DAY_S,
  };
}

function stillToCome(
  { electrode, measuredAt }: { readonly electrode: number; readonly measuredAt: string },
  { nowMs, file }: { readonly nowMs: number; readonly file: string },
): MeaError {
  return new MeaError('bad-input', {
    what: 'An impedance has a time that is still to come',
    got: measuredAt,
    wanted: `a time before ${new Date(nowMs).toISOString()}`,
    where: `${file}, electrode ${electrode}`,
    remedy: 'look at the clocks of this computer and of the one that measured',
  });
}

/**
 * Holds the impedances of a table against what is to be pulsed, before anything is armed: the gate would refuse each pulse.
 *
 * @param stimulated electrodes that are to be pulsed
 * @throws MeaError `refused` for impedances that are too old, or electrodes that nobody measured
 */
export function assertMeasured(
  { impedances }: SafetySection,
  { profile, stimulated }: { readonly profile: SafetyProfile; readonly stimulated: readonly number[] },
): void {
  if (impedances === undefined) return;
  const { impedanceAgeS, maxImpedanceAgeS, electrodes } = profile;
  const days = (ageS: number): string => (ageS / DAY_S).toFixed(1);
  const remedy = 'measure the impedances again and write the table anew';
  if (impedanceAgeS > maxImpedanceAgeS) {
    throw new MeaError('refused', {
      what: 'The impedances are too old',
      got: `the oldest is of ${days(impedanceAgeS)} days ago`,
      wanted: `at most ${days(maxImpedanceAgeS)} days`,
      where: impedances.file,
      remedy,
    });
  }
  const measured = new Set(electrodes.filter((one) => one.impedanceOhm !== null).map(({ electrode }) => electrode));
  const missing = stimulated.filter((electrode) => !measured.has(electrode));
  if (missing.length === 0) return;
  throw new MeaError('refused', {
    what: 'Nobody measured the impedance of some electrodes that are to be pulsed',
    got: `none of electrodes ${missing.slice(0, 20).join(', ')}${missing.length > 20 ? ', ...' : ''}`,
    wanted: 'a row for each, and each among those that may be pulsed',
    where: impedances.file,
    remedy,
  });
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
