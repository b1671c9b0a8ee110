import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMeaError } from '../../protocols/errors.js';
import { rigSchema, type Rig } from '../closed-loop/rig.js';
import { smallExperiment, type ExperimentKeys } from '../../tests/helpers/small-experiment.js';
import { confirmArming, type ArmingWords } from './arming.js';
import { packageFolder } from './package-info.js';

const NOW = '2026-11-28T10:00:00Z';
const EXAMPLE: unknown = parse(readFileSync(join(packageFolder(), 'rigs/mea-link-tcp.yaml'), 'utf8'));

function rigWith(unconfirmed: unknown): Rig {
  const rig = rigSchema.parse(EXAMPLE);
  return rigSchema.parse({ ...rig, safety: { ...rig.safety, unconfirmed } });
}

function confirm(words: ArmingWords, unconfirmed: unknown = [], keys: ExperimentKeys = {}): unknown {
  try {
    return confirmArming(words, {
      experiment: smallExperiment(keys),
      rig: rigWith(unconfirmed),
      serialNumber: 'A7',
      device: 'stimulator A7',
      nowMs: Date.parse(NOW),
    });
  } catch (error) {
    return error;
  }
}

const TREATMENT = { treatment: { drug: 'bicuculline', concentrationUm: 10, washInS: 1800 } };

describe('the word of a person', () => {
  it('is the serial number of the very device', () => {
    expect(confirm({ arm: 'A7' })).toEqual({ serialNumber: 'A7', limits: 'emulator example' });
    for (const arm of [undefined, 'A8', 'a7', ' A7']) {
      const error = confirm({ arm });
      expect(isMeaError(error, 'refused') && error.message).toContain('expected --arm A7');
    }
  });

  it('allows the device to be armed again, if at all, and not without end', () => {
    expect(confirm({ arm: 'A7', rearm: 0 })).not.toHaveProperty('rearms');
    expect(confirm({ arm: 'A7', rearm: 20 })).toMatchObject({ rearms: 20 });
    const error = confirm({ arm: 'A7', rearm: 21 });
    expect(isMeaError(error, 'usage') && error.message).toContain('got --rearm 21, expected at most 20');
    expect(isMeaError(confirm({ rearm: 1 }), 'refused')).toBe(true);
  });

  it('says why limits are good enough whose source nobody has opened, and it is recorded', () => {
    const why = 'data sheet is on its way';
    const error = confirm({ arm: 'A7' }, ['maxDuty', 'complianceV']);
    expect(isMeaError(error, 'refused') && error.message).toMatch(
      /got maxDuty, complianceV, expected .*--accept-unconf/,
    );
    expect(isMeaError(confirm({ arm: 'A7', acceptUnconfirmed: ' ' }, ['maxDuty']), 'refused')).toBe(true);
    expect(confirm({ arm: 'A7', acceptUnconfirmed: why }, ['maxDuty'])).toMatchObject({
      acceptedUnconfirmed: { limits: ['maxDuty'], why },
    });
    const all = JSON.stringify(confirm({ arm: 'A7', acceptUnconfirmed: why }, 'all'));
    for (const limit of ['areaUm2', 'maxChargePerSessionNc']) expect(all).toContain(`"${limit}"`);
    // Nothing was overridden.
    expect(confirm({ arm: 'A7', acceptUnconfirmed: why })).not.toHaveProperty('acceptedUnconfirmed');
  });

  it('confirms a treatment with its lot and time, which is recorded', () => {
    const words = { arm: 'A7', treatmentLot: 'L-3', treatmentApplied: '2026-11-28T10:20:00+01:00' };
    expect(confirm(words, [], TREATMENT)).toMatchObject({
      treatment: {
        drug: 'bicuculline',
        concentrationUm: 10,
        lot: 'L-3',
        appliedAt: '2026-11-28T09:20:00.000Z',
        washInS: 1800,
      },
    });
  });

  it.each([
    { how: 'without a lot', words: { treatmentApplied: NOW }, tag: 'refused', message: 'got no --treatment-lot' },
    { how: 'without a time', words: { treatmentLot: 'L' }, tag: 'refused', message: 'got no --treatment-applied' },
    {
      how: 'before it has washed in',
      words: { treatmentLot: 'L', treatmentApplied: '2026-11-28T09:45:00Z' },
      tag: 'refused',
      message: 'in 900 s',
    },
    {
      how: 'before it was given',
      words: { treatmentLot: 'L', treatmentApplied: '2026-11-28T11:00:00Z' },
      tag: 'refused',
      message: 'still to come',
    },
    {
      how: 'with a time that is none',
      words: { treatmentLot: 'L', treatmentApplied: '1' },
      tag: 'usage',
      message: 'got 1, expected a time',
    },
    {
      how: 'with a time of no zone',
      words: { treatmentLot: 'L', treatmentApplied: '2026-11-28T09:00:00' },
      tag: 'usage',
      message: 'its zone',
    },
  ] as const)('arms nothing under a treatment $how', ({ words, tag, message }) => {
    const error = confirm({ arm: 'A7', ...words }, [], TREATMENT);
    expect(isMeaError(error, tag) && error.message).toContain(message);
  });

  it('is not about a treatment that the experiment does not have', () => {
    expect(isMeaError(confirm({ arm: 'A7', treatmentLot: 'L' }), 'usage')).toBe(true);
  });

  it('does not stand for impedances: a table that is too old, or lacks an electrode, arms nothing', () => {
    const { safety, ...rig } = rigWith([]);
    const limits = { ...safety, impedanceOhm: undefined, impedanceAgeS: undefined, maxImpedanceAgeS: undefined };
    const arm = (measuredAt: string, count = 64): unknown => {
      const measured = Array.from({ length: count }, (_, electrode) => ({ electrode, ohm: 1e5, measuredAt }));
      const impedances = { file: 'z.csv', maxAgeDays: 7, measured };
      try {
        return confirmArming(
          { arm: 'A7' },
          {
            experiment: smallExperiment(),
            rig: rigSchema.parse({ ...rig, safety: { ...limits, impedances } }),
            serialNumber: 'A7',
            device: 'stimulator A7',
            nowMs: Date.parse(NOW),
          },
        );
      } catch (error) {
        return error;
      }
    };
    expect(arm('2026-11-21T10:00:00Z')).toMatchObject({ serialNumber: 'A7' });
    const old = arm('2026-11-21T09:00:00Z');
    expect(isMeaError(old, 'refused') && old.message).toMatch(/too old: .* \(z\.csv\); measure the impedances again/);
    const missing = arm('2026-11-21T10:00:00Z', 60);
    expect(isMeaError(missing, 'refused') && missing.message).toMatch(/none of electrodes 61, 63/);
  });
});
