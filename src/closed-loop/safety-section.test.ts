import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { LIMITS_BUT_IMPEDANCES } from '../../tests/helpers/device-limits.js';
import { rigSchema, toSafetyProfile, type Rig } from './rig.js';
import { assertMeasured } from './safety-section.js';

type Keys = Readonly<Record<string, unknown>>;

const NOW = Date.parse('2026-11-28T10:00:00Z');

function parse(safety: Keys) {
  return rigSchema.safeParse({
    version: 1,
    name: 'r',
    device: 'emulator',
    array: { rows: 1, columns: 4 },
    stimulated: { electrodes: [0, 1], status: 'confirmed' },
    pulse: { amplitudeUa: 10, phaseWidthUs: 200, status: 'confirmed' },
    safety: { ...LIMITS_BUT_IMPEDANCES, ...safety },
  });
}

const measured = [
  { electrode: 1, ohm: 200_000, measuredAt: '2026-11-28T09:00:00Z' },
  { electrode: 0, ohm: 100_000, measuredAt: '2026-11-27T10:00:00Z' },
  { electrode: 3, ohm: 300_000, measuredAt: '2026-10-01T00:00:00Z' },
];

function rigWith(impedances: Keys, safety: Keys = {}): Rig {
  return rigSchema.parse(parse({ impedances: { file: 'z.csv', ...impedances }, ...safety }).data);
}

function errorOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    if (isMeaError(error)) return `${error.tag}: ${error.message}`;
    throw error;
  }
  throw new Error('no mistake found');
}

describe('limits with a table of impedances', () => {
  it('give each electrode its own, none to one without a row, and the age of the oldest that may be pulsed', () => {
    const profile = toSafetyProfile(rigWith({ measured, maxAgeDays: 2 }, { masked: [3] }), NOW);
    expect(profile.electrodes.map(({ impedanceOhm }) => impedanceOhm)).toEqual([100_000, 200_000, null, 300_000]);
    expect(profile.impedanceAgeS).toBe(86_400);
    expect(profile.maxImpedanceAgeS).toBe(172_800);
    const all = toSafetyProfile(rigWith({ measured }, { maxImpedanceAgeS: 60 }), NOW);
    expect(all.impedanceAgeS).toBe(58 * 86_400 + 36_000);
    expect(all.maxImpedanceAgeS).toBe(60);
  });

  it('refuse a time that is still to come', () => {
    const rig = rigWith({ measured, maxAgeDays: 2 });
    expect(errorOf(() => toSafetyProfile(rig, Date.parse('2026-11-28T08:59:59Z')))).toMatch(
      /bad-input: .*still to come: got 2026-11-28T09:00:00Z, expected .*z\.csv, electrode 1/,
    );
  });

  it('are held against what is to be pulsed before anything is armed', () => {
    const check = (stimulated: readonly number[], maxAgeDays: number) => (): void => {
      const { safety, ...rig } = rigWith({ measured, maxAgeDays }, { masked: [3] });
      assertMeasured(safety!, { profile: toSafetyProfile({ ...rig, safety }, NOW), stimulated });
    };
    expect(check([0, 1], 2)).not.toThrow();
    expect(errorOf(check([0, 1], 0.5))).toMatch(/refused: .*too old: got .*1\.0 days ago, expected at most 0\.5 days/);
    expect(errorOf(check([0, 2], 2))).toMatch(/refused: Nobody measured .*got none of electrodes 2/);
  });

  it.each<readonly [string, Keys, RegExp]>([
    ['both', { impedances: { file: 'z', maxAgeDays: 1, measured }, impedanceOhm: 1 }, /impedanceOhm: either this or/],
    [
      'an age beside',
      { impedances: { file: 'z', maxAgeDays: 1, measured }, impedanceAgeS: 1 },
      /impedanceAgeS: no such/,
    ],
    [
      'two largest ages',
      { impedances: { file: 'z', maxAgeDays: 1, measured }, maxImpedanceAgeS: 1 },
      /maxImpedanceAgeS: either/,
    ],
    ['no largest age', { impedances: { file: 'z', measured } }, /maxImpedanceAgeS: either this or/],
    ['neither', { impedanceAgeS: 0, maxImpedanceAgeS: 1 }, /impedanceOhm: a number, null, or a table/],
    ['no age', { impedanceOhm: 1, maxImpedanceAgeS: 1 }, /impedanceAgeS: seconds/],
    ['a table that nobody has read', { impedances: { file: 'z', maxAgeDays: 1 } }, /impedances: a table that has been/],
    [
      'an electrode beyond the array',
      { impedances: { file: 'z', maxAgeDays: 1, measured: [{ ...measured[0], electrode: 4 }] } },
      /impedances\.measured\.0\.electrode: electrodes from 0 to 3/,
    ],
  ])('with %s are refused', (_, safety, message) => {
    const issues = parse(safety).error?.issues ?? [];
    expect(issues.map(({ path, message: text }) => `${path.join('.')}: ${text}`).join('; ')).toMatch(message);
  });
});
