import { describe, expect, it } from 'vitest';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';
import { CAPABILITIES, PROFILE } from '../../tests/helpers/stimuli.js';
import { createDeviceSafetyCheck, type DeviceSafetyCheck } from './safety-check.js';

function createCheck(limits: Partial<SafetyProfile> = {}, configuredAtSample = 0): DeviceSafetyCheck {
  const profile = { ...PROFILE, ...limits };
  return createDeviceSafetyCheck({ profile, capabilities: CAPABILITIES, sampleRateHz: 20_000, configuredAtSample });
}

function toPulse(electrode: number, ...phases: readonly (readonly [currentUa: number, durationUs: number])[]): Pulse {
  return {
    electrode,
    phases: phases.map(([currentUa, durationUs]) => ({
      currentUa: microamps(currentUa),
      durationUs: microseconds(durationUs),
    })),
  };
}

/** 10 uA for 200 us, negative first: 2 nC per phase, 8 samples. */
function ordinaryPulse(electrode = 0): Pulse {
  return toPulse(electrode, [-10, 200], [10, 200]);
}

describe('the safety check of the device', () => {
  it('lets an ordinary pulse and an empty pattern pass', () => {
    expect(createCheck().checkPulses([ordinaryPulse()])).toBeUndefined();
    expect(createCheck().checkPulses([])).toBeUndefined();
  });

  const broken: readonly (readonly [SafetyRule, readonly Pulse[], Partial<SafetyProfile>?])[] = [
    ['schema', [ordinaryPulse(), ordinaryPulse()]],
    ['schema', [toPulse(0.5, [-10, 200], [10, 200])]],
    ['finite', [toPulse(0, [Number.NaN, 200], [10, 200])]],
    ['finite', [toPulse(0, [-10, 200], [10, Infinity])]],
    ['electrode', [ordinaryPulse(7)]],
    ['electrode', [ordinaryPulse(5)]],
    ['electrode', [ordinaryPulse(12)]],
    ['phase-count', [toPulse(0, [0, 200])]],
    ['phase-count', [toPulse(0, [-10, 100], [10, 100], [-10, 100], [10, 100])]],
    ['current', [toPulse(0, [-30.1, 200], [30.1, 200])]],
    ['current', [toPulse(0, [-10, 200], [10, 200], [0.04, 200])]],
    ['phase-width', [toPulse(0, [-10, 40], [10, 40])]],
    ['phase-width', [toPulse(0, [-1, 1010], [1, 1010])]],
    ['phase-width', [toPulse(0, [-10, 200], [0, 4], [10, 200])]],
    ['phase-width', [toPulse(0, [-10, 200], [0, 999_610], [10, 200])]],
    ['charge', [ordinaryPulse()], { maxChargePerPhaseNc: 1.99 }],
    ['charge', [toPulse(0, [-10, 100], [-10, 100], [10, 200])], { maxChargePerPhaseNc: 1.99 }],
    ['charge-density', [ordinaryPulse()], { maxChargeDensityUcPerCm2: 79.9 }],
    ['balance', [toPulse(0, [-20, 200], [19.8, 200])]],
    ['net-charge', [toPulse(0, [-20, 200], [19.9, 200])], { netChargeBudgetNc: 0.0199 }],
    ['polarity', [toPulse(0, [10, 200], [-10, 200])]],
    ['interphase-gap', [toPulse(0, [-10, 200], [0, 90], [10, 200])], { minInterphaseGapUs: microseconds(100) }],
    ['impedance', [ordinaryPulse(4)]],
    ['impedance', [ordinaryPulse()], { maxImpedanceAgeS: seconds(99) }],
    ['compliance', [ordinaryPulse()], { complianceV: 0.62 }],
    ['rate', [ordinaryPulse()], { maxRateHz: hertz(0.5) }],
    ['duty', [ordinaryPulse()], { maxDuty: 0.00039 }],
    ['charge-rate', [ordinaryPulse()], { maxChargePerSecondNc: 3.99 }],
    ['simultaneous', [ordinaryPulse(0), ordinaryPulse(1)], { maxSimultaneous: 1 }],
    ['summed-current', [ordinaryPulse(0), ordinaryPulse(1)], { maxSummedCurrentUa: microamps(19.9) }],
    ['session-stimuli', [], { maxStimuliPerSession: 0 }],
    ['session-charge', [ordinaryPulse()], { maxChargePerSessionNc: 3.99 }],
  ];

  it.each(broken.map(([rule, pulses, limits]) => ({ rule, pulses, limits })))(
    'refuses under $rule',
    ({ rule, pulses, limits }) => {
      expect(createCheck(limits).checkPulses(pulses)?.rule).toBe(rule);
    },
  );

  it('keeps the interval on both sides, and gives it back when a stimulus is released', () => {
    const check = createCheck({ minIntervalMs: milliseconds(5) });
    check.commit(1, [ordinaryPulse()], 1000);
    const rules = [899, 900, 901, 1099, 1100].map((sample) => check.check([ordinaryPulse()], sample, 0)?.rule);
    expect(rules).toEqual([undefined, undefined, 'interval', 'interval', undefined]);
    check.release(1);
    expect(check.check([ordinaryPulse()], 1050, 0)).toBeUndefined();
  });

  it('lets no two pulses of an electrode overlap', () => {
    const check = createCheck({ minIntervalMs: milliseconds(0) });
    // 20 samples against 8.
    check.commit(1, [toPulse(0, [-10, 500], [10, 500])], 1000);
    const rules = [992, 993, 1000, 1019, 1020].map((sample) => check.check([ordinaryPulse()], sample, 0)?.rule);
    expect(rules).toEqual([undefined, 'interval', 'interval', 'interval', undefined]);
  });

  it('takes a second as half open', () => {
    const check = createCheck({ maxRateHz: hertz(1) });
    check.commit(1, [ordinaryPulse()], 30_000);
    const rules = [10_000, 10_001, 49_999, 50_000].map((sample) => check.check([ordinaryPulse()], sample, 0)?.rule);
    expect(rules).toEqual([undefined, 'rate', 'rate', undefined]);
  });

  it('counts in every second that holds the pulse', () => {
    const check = createCheck({ maxRateHz: hertz(2) });
    check.commit(1, [ordinaryPulse()], 5000);
    check.commit(2, [ordinaryPulse()], 24_999);
    expect(check.check([ordinaryPulse()], 15_000, 0)?.rule).toBe('rate');
    expect(check.check([ordinaryPulse()], 25_000 + 19_999, 0)).toBeUndefined();
    expect(check.check([ordinaryPulse(1)], 15_000, 0)).toBeUndefined();
  });

  it('adds the pulses of stimuli that overlap', () => {
    const check = createCheck({ maxSimultaneous: 1 });
    check.commit(1, [ordinaryPulse()], 1000);
    const rules = [992, 993, 1007, 1008].map((sample) => check.check([ordinaryPulse(1)], sample, 0)?.rule);
    expect(rules).toEqual([undefined, 'simultaneous', 'simultaneous', undefined]);
  });

  it('keeps budgets for a session, and gives nothing of the last one back to the next', () => {
    const check = createCheck({ maxStimuliPerSession: 2, maxChargePerSessionNc: 8 });
    check.commit(1, [ordinaryPulse()], 1000);
    check.commit(2, [ordinaryPulse()], 2000);
    expect(check.check([], 3000, 0)?.rule).toBe('session-stimuli');
    expect(check.check([ordinaryPulse()], 3000, 0)?.rule).toBe('session-stimuli');
    check.startSession();
    check.commit(3, [ordinaryPulse()], 3000);
    check.release(2);
    check.release(2);
    check.commit(4, [], 4000);
    expect(check.check([], 5000, 0)?.rule).toBe('session-stimuli');
  });

  it('ages the impedances by the sample counter', () => {
    const check = createCheck({ maxImpedanceAgeS: seconds(101) }, 500);
    expect(check.check([ordinaryPulse()], 20_500, 500)).toBeUndefined();
    expect(check.check([ordinaryPulse()], 20_501, 500)?.rule).toBe('impedance');
    expect(check.check([ordinaryPulse()], 0, 0)).toBeUndefined();
  });

  it('does not follow a profile that is changed afterwards', () => {
    const profile = { ...PROFILE, maxChargePerPhaseNc: 1 };
    const check = createDeviceSafetyCheck({
      profile,
      capabilities: CAPABILITIES,
      sampleRateHz: 20_000,
      configuredAtSample: 0,
    });
    profile.maxChargePerPhaseNc = 100;
    expect(check.checkPulses([ordinaryPulse()])?.rule).toBe('charge');
  });
});
