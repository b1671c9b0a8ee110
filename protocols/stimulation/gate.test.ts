import { describe, expect, it } from 'vitest';
import {
  ARMED,
  CAPABILITIES,
  PROFILE,
  accept,
  firstMessage,
  ordinaryPulse,
  refusedRules,
  toCommand,
  toContext,
  toPulse,
} from '../../tests/helpers/stimuli.js';
import { hertz, microamps, microseconds, seconds } from '../units.js';
import { createStimHistory } from './gate-history.js';
import { checkPattern, isCheckedPattern, isCheckedStimCommand } from './gate.js';
import type { SafetyProfile } from './safety-profile.js';
import { SAFETY_RULES, type SafetyRule } from './safety-rule.js';

describe('checkStimulus', () => {
  it('accepts an ordinary pulse', () => {
    expect(refusedRules(toCommand([ordinaryPulse()]), toContext())).toEqual([]);
  });

  /** Each rule: the pulse and limit that lie on its edge, and a pulse or limit a little beyond it. */
  const edges: readonly {
    readonly rule: SafetyRule;
    readonly within: readonly [readonly unknown[], Partial<SafetyProfile>?];
    readonly beyond: readonly [readonly unknown[], Partial<SafetyProfile>?];
  }[] = [
    { rule: 'electrode', within: [[ordinaryPulse(3)]], beyond: [[ordinaryPulse(5)]] },
    { rule: 'electrode', within: [[ordinaryPulse(3)]], beyond: [[ordinaryPulse(12)]] },
    { rule: 'electrode', within: [[ordinaryPulse(3)]], beyond: [[ordinaryPulse(7)]] },
    {
      rule: 'phase-count',
      within: [[toPulse(0, [-10, 100], [10, 200], [-10, 100])]],
      beyond: [[toPulse(0, [-10, 100], [10, 100], [-10, 100], [10, 100])]],
    },
    { rule: 'phase-count', within: [[ordinaryPulse()]], beyond: [[toPulse(0, [0, 200])]] },
    {
      rule: 'current',
      within: [[toPulse(0, [-30, 200], [30, 200])]],
      beyond: [[toPulse(0, [-30.1, 200], [30.1, 200])]],
    },
    {
      rule: 'phase-width',
      within: [[toPulse(0, [-10, 50], [10, 50])]],
      beyond: [[toPulse(0, [-10, 40], [10, 40])]],
    },
    {
      rule: 'phase-width',
      within: [[toPulse(0, [-1, 1000], [1, 1000])]],
      beyond: [[toPulse(0, [-1, 1010], [1, 1010])]],
    },
    {
      rule: 'charge',
      within: [[ordinaryPulse()], { maxChargePerPhaseNc: 2 }],
      beyond: [[ordinaryPulse()], { maxChargePerPhaseNc: 1.99 }],
    },
    {
      // 2 nC on 2,500 um2 are 80 uC/cm2.
      rule: 'charge-density',
      within: [[ordinaryPulse()], { maxChargeDensityUcPerCm2: 80 }],
      beyond: [[ordinaryPulse()], { maxChargeDensityUcPerCm2: 79.9 }],
    },
    {
      // 20 uA against 19.8 uA leaves 0.2 / 39.8 = 0.503 %; against 19.9 uA 0.251 %.
      rule: 'balance',
      within: [[toPulse(0, [-20, 200], [19.9, 200])]],
      beyond: [[toPulse(0, [-20, 200], [19.8, 200])]],
    },
    {
      // 0.1 uA x 200 us stay: 0.02 nC.
      rule: 'net-charge',
      within: [[toPulse(0, [-20, 200], [19.9, 200])], { netChargeBudgetNc: 0.02 }],
      beyond: [[toPulse(0, [-20, 200], [19.9, 200])], { netChargeBudgetNc: 0.0199 }],
    },
    { rule: 'polarity', within: [[ordinaryPulse()]], beyond: [[toPulse(0, [10, 200], [-10, 200])]] },
    {
      rule: 'polarity',
      within: [[toPulse(0, [0, 50], [10, 200], [-10, 200])], { leadingPolarity: 'positive' }],
      beyond: [[ordinaryPulse()], { leadingPolarity: 'positive' }],
    },
    {
      rule: 'interphase-gap',
      within: [[toPulse(0, [-10, 200], [0, 60], [0, 40], [10, 200])], { minInterphaseGapUs: microseconds(100) }],
      beyond: [[toPulse(0, [-10, 200], [0, 60], [0, 30], [10, 200])], { minInterphaseGapUs: microseconds(100) }],
    },
    { rule: 'impedance', within: [[ordinaryPulse()]], beyond: [[ordinaryPulse(4)]] },
    {
      rule: 'impedance',
      within: [[ordinaryPulse()], { maxImpedanceAgeS: seconds(100) }],
      beyond: [[ordinaryPulse()], { maxImpedanceAgeS: seconds(99.9) }],
    },
    {
      // 10 uA x 50 kOhm = 0.5 V; 80 % of 0.625 V.
      rule: 'compliance',
      within: [[ordinaryPulse()], { complianceV: 0.625 }],
      beyond: [[ordinaryPulse()], { complianceV: 0.62 }],
    },
    {
      rule: 'rate',
      within: [[ordinaryPulse()], { maxRateHz: hertz(1) }],
      beyond: [[ordinaryPulse()], { maxRateHz: hertz(0.5) }],
    },
    {
      rule: 'duty',
      within: [[toPulse(0, [-10, 200], [0, 500], [10, 200])], { maxDuty: 0.0004 }],
      beyond: [[toPulse(0, [-10, 200], [0, 500], [10, 200])], { maxDuty: 0.00039 }],
    },
    {
      rule: 'charge-rate',
      within: [[ordinaryPulse()], { maxChargePerSecondNc: 4 }],
      beyond: [[ordinaryPulse()], { maxChargePerSecondNc: 3.9 }],
    },
    {
      rule: 'simultaneous',
      within: [[ordinaryPulse(0), ordinaryPulse(1)], { maxSimultaneous: 2 }],
      beyond: [[ordinaryPulse(0), ordinaryPulse(1), ordinaryPulse(2)], { maxSimultaneous: 2 }],
    },
    {
      rule: 'summed-current',
      within: [[ordinaryPulse(0), ordinaryPulse(1)], { maxSummedCurrentUa: microamps(20) }],
      beyond: [[ordinaryPulse(0), ordinaryPulse(1)], { maxSummedCurrentUa: microamps(19.9) }],
    },
    { rule: 'session-stimuli', within: [[], { maxStimuliPerSession: 1 }], beyond: [[], { maxStimuliPerSession: 0 }] },
    {
      rule: 'session-charge',
      within: [[ordinaryPulse()], { maxChargePerSessionNc: 4 }],
      beyond: [[ordinaryPulse()], { maxChargePerSessionNc: 3.99 }],
    },
  ];

  it.each(edges)('holds $rule at its limit and refuses beyond it', ({ rule, within, beyond }) => {
    expect(refusedRules(toCommand(within[0]), toContext({}, within[1]))).toEqual([]);
    expect(refusedRules(toCommand(beyond[0]), toContext({}, beyond[1]))).toEqual([rule]);
  });

  it.each([
    ['phase-count', 'maxPhases'],
    ['current', 'maxCurrentUa'],
    ['phase-width', 'minPhaseUs'],
    ['phase-width', 'maxPhaseUs'],
    ['charge', 'maxChargePerPhaseNc'],
    ['charge-density', 'maxChargeDensityUcPerCm2'],
    ['balance', 'maxImbalance'],
    ['net-charge', 'netChargeBudgetNc'],
    ['interphase-gap', 'minInterphaseGapUs'],
    ['impedance', 'impedanceAgeS'],
    ['impedance', 'maxImpedanceAgeS'],
    ['compliance', 'complianceV'],
    ['rate', 'maxRateHz'],
    ['duty', 'maxDuty'],
    ['charge-rate', 'maxChargePerSecondNc'],
    ['simultaneous', 'maxSimultaneous'],
    ['summed-current', 'maxSummedCurrentUa'],
    ['session-stimuli', 'maxStimuliPerSession'],
    ['session-charge', 'maxChargePerSessionNc'],
  ] as const)('refuses under %s when %s of the profile is not a number', (rule, key) => {
    expect(refusedRules(toCommand([ordinaryPulse()]), toContext({}, { [key]: Number.NaN }))).toEqual([rule]);
  });

  it('lists every broken rule once, in the order of checking', () => {
    const pulse = toPulse(0, [100, 2000], [-50, 2000]);
    const rules = refusedRules(toCommand([pulse, ordinaryPulse(5)]), toContext({ arming: { ...ARMED, armed: false } }));
    expect(rules).toEqual([
      'armed',
      'electrode',
      'current',
      'phase-width',
      'charge',
      'charge-density',
      'balance',
      'net-charge',
      'polarity',
    ]);
    expect(SAFETY_RULES.filter((rule) => rules.includes(rule))).toEqual(rules);
  });

  it('shows the product with its limit', () => {
    const command = toCommand([toPulse(1, [-20, 160], [20, 160])]);
    expect(firstMessage(command, toContext({}, { maxChargePerPhaseNc: 3 }))).toBe(
      '160 us x 20 uA = 3.2 nC per phase, limit 3 nC (electrode 1)',
    );
    expect(firstMessage(command, toContext({}, { maxChargeDensityUcPerCm2: 100 }))).toBe(
      '160 us x 20 uA on 2500 um2 = 128 uC/cm2 per phase, limit 100 uC/cm2 (electrode 1)',
    );
    expect(firstMessage(command, toContext({}, { complianceV: 1 }))).toBe(
      '20 uA x 50 kOhm = 1 V, limit 0.8 V (electrode 1)',
    );
    expect(firstMessage(command, toContext({}, { maxChargePerPhaseNc: 3.199999 }))).toContain(
      '= 3.2 nC per phase, limit 3.199999 nC',
    );
  });

  it('holds the shortest and the longest phase of an uneven pulse', () => {
    const uneven = toCommand([toPulse(0, [-20, 50], [10, 100])]);
    expect(refusedRules(uneven, toContext({}, { minPhaseUs: microseconds(60) }))).toEqual(['phase-width']);
    expect(refusedRules(uneven, toContext({}, { maxPhaseUs: microseconds(90) }))).toEqual(['phase-width']);
    expect(refusedRules(uneven, toContext())).toEqual([]);
  });

  it('counts phases of one polarity in a row as one charge', () => {
    const split = toPulse(0, [-10, 200], [0, 50], [-10, 200], [10, 400]);
    expect(refusedRules(toCommand([split]), toContext({}, { maxChargePerPhaseNc: 4 }))).toEqual([]);
    const negativeTwice = toPulse(0, [-20, 100], [-20, 100], [10, 400]);
    expect(refusedRules(toCommand([negativeTwice]), toContext({}, { maxChargePerPhaseNc: 3.9 }))).toEqual(['charge']);
    const threePhases = toPulse(0, [-10, 100], [10, 200], [-10, 100]);
    expect(refusedRules(toCommand([threePhases]), toContext({}, { maxChargePerPhaseNc: 2 }))).toEqual([]);
    expect(refusedRules(toCommand([threePhases]), toContext({}, { maxChargePerPhaseNc: 1.9 }))).toEqual(['charge']);
    // -2 +1 -2 nC: 3 nC lie between the start and the end, though no phase has more than 2.
    const sawtooth = toPulse(0, [-20, 100], [10, 100], [-20, 100]);
    expect(refusedRules(toCommand([sawtooth]), toContext({}, { maxChargePerPhaseNc: 2.9 }))).toContain('charge');
  });
});

describe('arming', () => {
  it('refuses a stimulus while not armed, an empty one too', () => {
    const context = toContext({ arming: { ...ARMED, armed: false } });
    expect(refusedRules(toCommand([ordinaryPulse()]), context)).toEqual(['armed']);
    expect(refusedRules(toCommand([]), context)).toEqual(['armed']);
  });

  it('refuses a stimulus that begins when the arming is over', () => {
    const context = toContext({ arming: { armed: true, untilSample: 100 } });
    expect(refusedRules(toCommand([], { sample: 99 }), context)).toEqual([]);
    expect(refusedRules(toCommand([], { sample: 100 }), context)).toEqual(['armed']);
    expect(refusedRules(toCommand([]), toContext({ arming: { armed: true, untilSample: Number.NaN } }))).toEqual([
      'armed',
    ]);
  });
});

describe('quantisation', () => {
  it('holds what the device will make against the limits', () => {
    // 30.04 uA become 30.0 uA, 30.06 uA 30.1 uA.
    const toSlight = (currentUa: number): unknown => toCommand([toPulse(0, [-currentUa, 200], [currentUa, 200])]);
    expect(refusedRules(toSlight(30.04), toContext())).toEqual([]);
    expect(refusedRules(toSlight(30.06), toContext())).toEqual(['current']);
  });

  it('sees the imbalance that rounding makes', () => {
    // Balanced as asked; 205 us becomes 210 us and 410 us stays.
    const pulse = toPulse(0, [-20, 205], [10, 410]);
    expect(refusedRules(toCommand([pulse]), toContext())).toEqual(['balance']);
  });

  it('sends what was checked: whole steps of the device, halves away from 0', () => {
    const { command } = accept(toCommand([toPulse(0, [-10.04, 198], [10.04, 198])]), toContext());
    expect(command.pattern.pulses).toEqual([ordinaryPulse()]);
    const half = accept(toCommand([toPulse(0, [-0.15, 195], [0.15, 195])]), toContext());
    expect(half.command.pattern.pulses).toEqual([toPulse(0, [-0.2, 200], [0.2, 200])]);
  });

  it('keeps numbers that are whole steps as they were written', () => {
    const { command } = accept(toCommand([toPulse(0, [-0.3, 200], [0.3, 200])]), toContext());
    expect(command.pattern.pulses[0]!.phases[0]!.currentUa).toBe(-0.3);
  });

  it('refuses a current and a duration that are less than half a step', () => {
    expect(refusedRules(toCommand([toPulse(0, [-0.04, 200], [10, 200])]), toContext())[0]).toBe('current');
    expect(refusedRules(toCommand([toPulse(0, [-10, 200], [0, 4], [10, 200])]), toContext())).toEqual(['phase-width']);
    expect(refusedRules(toCommand([toPulse(0, [-10, 200], [0, -50], [10, 200])]), toContext())[0]).toBe('phase-width');
  });

  it('refuses a pulse that lasts longer than a second', () => {
    const toLong = (gapUs: number): unknown => toCommand([toPulse(0, [-10, 200], [0, gapUs], [10, 200])]);
    expect(refusedRules(toLong(999_600), toContext())).toEqual([]);
    expect(refusedRules(toLong(999_610), toContext())).toEqual(['phase-width']);
  });

  it('refuses everything on a device without steps', () => {
    const context = toContext({ capabilities: { ...CAPABILITIES, currentStepUa: 0 } });
    expect(refusedRules(toCommand([ordinaryPulse()]), context)).toContain('current');
  });
});

describe('what the gate returns', () => {
  it('is the only thing that passes for checked', () => {
    const { command } = accept(toCommand([ordinaryPulse()]), toContext());
    expect(isCheckedStimCommand(command)).toBe(true);
    expect(isCheckedPattern(command.pattern)).toBe(true);
    expect(isCheckedStimCommand({ stimulusId: command.stimulusId, pattern: command.pattern, at: command.at })).toBe(
      false,
    );
    expect(isCheckedPattern({ slot: 0, pulses: command.pattern.pulses })).toBe(false);
    expect(isCheckedStimCommand(structuredClone(command))).toBe(false);
    expect(isCheckedStimCommand(Object.create(command))).toBe(false);
    expect(isCheckedStimCommand(command.pattern)).toBe(false);
    for (const value of [null, undefined, 1, 'x', []]) {
      expect(isCheckedStimCommand(value)).toBe(false);
      expect(isCheckedPattern(value)).toBe(false);
    }
  });

  it('cannot be made by its constructor', () => {
    const { command, history } = accept(toCommand([ordinaryPulse()]), toContext());
    for (const value of [command, command.pattern, history]) {
      const arguments_: readonly unknown[] = [Symbol('gate'), 0, { figures: [], limits: {} }];
      expect(() => void Reflect.construct(value.constructor, arguments_)).toThrow(/Only the gate/);
    }
  });

  it('is frozen and does not follow the object that was given', () => {
    const phase = { currentUa: -10, durationUs: 200 };
    const pulses = [{ electrode: 0, phases: [phase, { currentUa: 10, durationUs: 200 }] }];
    const { command } = accept(toCommand(pulses), toContext());
    phase.currentUa = -1000;
    pulses.length = 0;
    expect(command.pattern.pulses).toEqual([ordinaryPulse()]);
    const parts: readonly unknown[] = [
      command,
      command.at,
      command.pattern,
      command.pattern.pulses,
      command.pattern.pulses[0],
      command.pattern.pulses[0]!.phases,
      command.pattern.pulses[0]!.phases[0],
    ];
    expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  });

  it('leaves the history that was given as it was', () => {
    const before = createStimHistory();
    const { history } = accept(toCommand([ordinaryPulse()]), toContext({ history: before }));
    expect([before.stimuli, before.recent.length, before.electrode(0).sumPc]).toEqual([0, 0, 0]);
    expect([history.stimuli, history.recent.length, history.electrode(0).sumPc]).toEqual([1, 1, 4000]);
  });
});

describe('checkPattern', () => {
  it('accepts an ordinary pattern and an empty one', () => {
    expect(checkPattern({ slot: 0, pulses: [ordinaryPulse()] }, toContext()).type).toBe('accepted');
    expect(checkPattern({ slot: 0, pulses: [] }, toContext()).type).toBe('accepted');
  });

  it('refuses what a pattern alone can break, armed or not', () => {
    const verdict = checkPattern({ slot: 0, pulses: [toPulse(0, [10, 200])] }, toContext());
    expect(verdict).toMatchObject({
      type: 'refused',
      refusals: [{ rule: 'balance' }, { rule: 'net-charge' }, { rule: 'polarity' }],
    });
    expect(checkPattern({ slot: 0, pulses: [ordinaryPulse(4)] }, toContext())).toMatchObject({
      refusals: [{ rule: 'impedance' }],
    });
    expect(checkPattern({ slot: 0 }, toContext())).toMatchObject({ refusals: [{ rule: 'schema' }] });
  });

  it('lets the same pattern be sent again and again, held against what came before', () => {
    const context = toContext();
    const verdict = checkPattern({ slot: 3, pulses: [ordinaryPulse()] }, context);
    if (verdict.type === 'refused') throw new Error('refused');
    const { pattern } = verdict;
    const toTrigger = (stimulusId: number, sample: number): unknown => ({
      stimulusId,
      pattern,
      at: { type: 'sample', sample },
    });
    const first = accept(toTrigger(1, 1000), context);
    expect(first.command.pattern).toBe(pattern);
    expect(refusedRules(toTrigger(2, 1010), { ...context, history: first.history })).toEqual(['interval']);
    expect(refusedRules(toTrigger(2, 2000), { ...context, history: first.history })).toEqual([]);
  });

  it('is not trusted under other limits', () => {
    const verdict = checkPattern({ slot: 3, pulses: [ordinaryPulse()] }, toContext());
    if (verdict.type === 'refused') throw new Error('refused');
    const command = { stimulusId: 1, pattern: verdict.pattern, at: { type: 'now' } };
    expect(refusedRules(command, toContext({}, { maxChargePerPhaseNc: 1 }))).toEqual(['charge']);
    expect(refusedRules(command, toContext({}, { maxChargePerPhaseNc: 9 }))).toEqual([]);
    const coarse = { ...CAPABILITIES, timeStepUs: 300 };
    expect(refusedRules(command, toContext({ capabilities: coarse }, { maxChargePerPhaseNc: 2 }))).toEqual(['charge']);
  });

  it('does not follow a profile that is changed after the gate has seen it', () => {
    const profile = { ...PROFILE, maxChargePerPhaseNc: 1 };
    const context = toContext({ profile });
    expect(refusedRules(toCommand([ordinaryPulse()]), context)).toEqual(['charge']);
    profile.maxChargePerPhaseNc = 100;
    expect(refusedRules(toCommand([ordinaryPulse()]), context)).toEqual(['charge']);
  });

  it('refuses an electrode that the profile lists twice', () => {
    const electrodes = [...PROFILE.electrodes, { electrode: 0, areaUm2: 1e9, impedanceOhm: 1, masked: false }];
    expect(refusedRules(toCommand([ordinaryPulse()]), toContext({}, { electrodes }))).toEqual(['electrode']);
  });
});
