import { describe, expect, it } from 'vitest';
import { accept, ordinaryPulse, refusedRules, toCommand, toContext, toPulse } from '../../tests/helpers/stimuli.js';
import { hertz, microamps, milliseconds, seconds } from '../units.js';
import { confirmDelivery, createStimHistory, startSession, withdraw, type StimHistory } from './gate-history.js';
import { checkPattern, checkStimulus } from './gate.js';
import type { SafetyProfile } from './safety-profile.js';
import type { SafetyRule } from './safety-rule.js';

describe('the look back', () => {
  /** Which rule refuses a second pulse on electrode 0 after (or before) a first one. */
  function second(samples: readonly [number, number], limits: Partial<SafetyProfile>): readonly SafetyRule[] {
    const { history } = accept(toCommand([ordinaryPulse()], { sample: samples[0] }), toContext({}, limits));
    return refusedRules(
      toCommand([ordinaryPulse()], { stimulusId: 2, sample: samples[1] }),
      toContext({ history }, limits),
    );
  }

  it('keeps pulses of an electrode the least interval apart, in either order', () => {
    const limits = { minIntervalMs: milliseconds(5) };
    expect(second([1000, 1100], limits)).toEqual([]);
    expect(second([1000, 1099], limits)).toEqual(['interval']);
    expect(second([1000, 900], limits)).toEqual([]);
    expect(second([1000, 901], limits)).toEqual(['interval']);
  });

  it('never lets two pulses of an electrode overlap, whatever the profile allows', () => {
    const limits = { minIntervalMs: milliseconds(0) };
    // 400 us are 8 samples.
    expect(second([1000, 1008], limits)).toEqual([]);
    expect(second([1000, 1007], limits)).toEqual(['interval']);
    expect(second([1000, 993], limits)).toEqual(['interval']);
    expect(second([1000, 1000], limits)).toEqual(['interval']);
  });

  it('lets a short pulse end just before a long one, and begin just after it', () => {
    const limits = { minIntervalMs: milliseconds(0) };
    // 20 samples against 8.
    const long = toPulse(0, [-10, 500], [10, 500]);
    const { history } = accept(toCommand([long], { sample: 1000 }), toContext({}, limits));
    const rulesAt = (sample: number): readonly SafetyRule[] =>
      refusedRules(toCommand([ordinaryPulse()], { stimulusId: 2, sample }), toContext({ history }, limits));
    expect([992, 993, 1019, 1020].map(rulesAt)).toEqual([[], ['interval'], ['interval'], []]);
  });

  it('counts in every second, half open, wherever it begins', () => {
    for (const limits of [{ maxRateHz: hertz(1) }, { maxDuty: 0.0004 }, { maxChargePerSecondNc: 4 }]) {
      const rule = 'maxRateHz' in limits ? 'rate' : 'maxDuty' in limits ? 'duty' : 'charge-rate';
      expect(second([30_000, 50_000], limits)).toEqual([]);
      expect(second([30_000, 49_999], limits)).toEqual([rule]);
      expect(second([30_000, 10_000], limits)).toEqual([]);
      expect(second([30_000, 10_001], limits)).toEqual([rule]);
    }
  });

  it('sees a second that is full only with the pulses before and after', () => {
    const limits = { maxRateHz: hertz(2) };
    const first = accept(toCommand([ordinaryPulse()], { sample: 5000 }), toContext({}, limits));
    const later = toCommand([ordinaryPulse()], { stimulusId: 2, sample: 24_999 });
    const both = accept(later, toContext({ history: first.history }, limits));
    const between = toCommand([ordinaryPulse()], { stimulusId: 3, sample: 15_000 });
    expect(refusedRules(between, toContext({ history: both.history }, limits))).toEqual(['rate']);
    const after = toCommand([ordinaryPulse()], { stimulusId: 3, sample: 25_001 + 19_998 });
    expect(refusedRules(after, toContext({ history: both.history }, limits))).toEqual([]);
  });

  it('adds pulses of other stimuli that run at the same time', () => {
    for (const limits of [{ maxSimultaneous: 1 }, { maxSummedCurrentUa: microamps(19) }]) {
      const rule = 'maxSimultaneous' in limits ? 'simultaneous' : 'summed-current';
      const { history } = accept(toCommand([ordinaryPulse()], { sample: 1000 }), toContext({}, limits));
      const at = (sample: number): unknown => toCommand([ordinaryPulse(1)], { stimulusId: 2, sample });
      expect(refusedRules(at(1007), toContext({ history }, limits))).toEqual([rule]);
      expect(refusedRules(at(1008), toContext({ history }, limits))).toEqual([]);
      expect(refusedRules(at(993), toContext({ history }, limits))).toEqual([rule]);
      expect(refusedRules(at(992), toContext({ history }, limits))).toEqual([]);
    }
  });

  it('takes a stimulus for now as one at the next sample', () => {
    const limits = { minIntervalMs: milliseconds(5) };
    const { history } = accept(toCommand([ordinaryPulse()], { sample: 1000 }), toContext({}, limits));
    const command = { stimulusId: 2, pattern: { slot: 0, pulses: [ordinaryPulse()] }, at: { type: 'now' } };
    expect(refusedRules(command, toContext({ history, nowSample: 1099 }, limits))).toEqual(['interval']);
    expect(refusedRules(command, toContext({ history, nowSample: 1100 }, limits))).toEqual([]);
  });

  it('ages the impedances up to the sample of the stimulus', () => {
    const limits = { maxImpedanceAgeS: seconds(150) };
    const at = (sample: number): unknown => toCommand([ordinaryPulse()], { sample });
    expect(refusedRules(at(10_000), toContext({ profileAgeS: 49.5 }, limits))).toEqual([]);
    expect(refusedRules(at(10_001), toContext({ profileAgeS: 49.5 }, limits))).toEqual(['impedance']);
    expect(refusedRules(at(0), toContext({ profileAgeS: Number.NaN }, limits))).toEqual(['impedance']);
    expect(refusedRules(at(0), toContext({ profileAgeS: -101 }, limits))).toEqual(['impedance']);
  });

  it('still knows a pulse of almost a second ago after another was accepted', () => {
    const limits = { maxRateHz: hertz(2) };
    const first = accept(toCommand([ordinaryPulse()]), toContext({}, limits));
    const later = toContext({ history: first.history, nowSample: 15_000 }, limits);
    const second = accept(toCommand([ordinaryPulse()], { stimulusId: 2, sample: 15_000 }), later);
    const rulesAt = (nowSample: number): readonly SafetyRule[] =>
      refusedRules(
        toCommand([ordinaryPulse()], { stimulusId: 3, sample: nowSample }),
        toContext({ history: second.history, nowSample }, limits),
      );
    expect([19_999, 20_000].map(rulesAt)).toEqual([['rate'], []]);
  });

  it('forgets nothing that a second can still hold, and all else', () => {
    const limits = { maxRateHz: hertz(3) };
    let history = createStimHistory();
    const verdicts: string[] = [];
    for (let i = 0; i < 30; i++) {
      const context = toContext({ history, nowSample: i * 5000 }, limits);
      const verdict = checkStimulus(toCommand([ordinaryPulse()], { stimulusId: i + 1, sample: i * 5000 }), context);
      if (verdict.type === 'accepted') history = verdict.history;
      verdicts.push(verdict.type === 'accepted' ? 'x' : verdict.refusals.map(({ rule }) => rule).join());
    }
    expect(verdicts).toEqual(Array.from({ length: 30 }, (_, i) => (i % 4 === 3 ? 'rate' : 'x')));
    expect(history.recent.length).toBeLessThan(10);
  });
});

describe('the budgets of a session', () => {
  const limits = { maxStimuliPerSession: 3, maxChargePerSessionNc: 8, netChargeBudgetNc: 0.04 };

  it('end stimulation when they are spent, and begin afresh with the session', () => {
    let history = createStimHistory();
    for (let i = 1; i <= 2; i++) {
      const context = toContext({ history }, limits);
      ({ history } = accept(toCommand([ordinaryPulse()], { stimulusId: i, sample: i * 1000 }), context));
    }
    const third = toCommand([ordinaryPulse()], { stimulusId: 3, sample: 3000 });
    expect(refusedRules(third, toContext({ history }, limits))).toEqual(['session-charge']);
    const other = accept(toCommand([], { stimulusId: 3, sample: 3000 }), toContext({ history }, limits));
    const fourth = toCommand([], { stimulusId: 4, sample: 4000 });
    expect(refusedRules(fourth, toContext({ history: other.history }, limits))).toEqual(['session-stimuli']);
    const fresh = startSession(other.history);
    expect(refusedRules(fourth, toContext({ history: fresh }, limits))).toEqual([]);
    expect(
      refusedRules(
        toCommand([ordinaryPulse()], { stimulusId: 4, sample: 4000 }),
        toContext({ history: fresh }, limits),
      ),
    ).toEqual([]);
  });

  it('add up the charge that stays on an electrode', () => {
    const leaky = [toPulse(0, [-20, 200], [19.9, 200])];
    const wide = { ...limits, maxStimuliPerSession: 100, maxChargePerSessionNc: 1000 };
    const first = accept(toCommand(leaky), toContext({}, wide));
    const second = accept(
      toCommand(leaky, { stimulusId: 2, sample: 1000 }),
      toContext({ history: first.history }, wide),
    );
    const context = toContext({ history: second.history }, wide);
    expect(refusedRules(toCommand(leaky, { stimulusId: 3, sample: 2000 }), context)).toEqual(['net-charge']);
    const back = [toPulse(0, [-19.9, 200], [20, 200])];
    expect(refusedRules(toCommand(back, { stimulusId: 3, sample: 2000 }), context)).toEqual([]);
  });

  it('are not what a new session gives back of the seconds', () => {
    const rate = { maxRateHz: hertz(1) };
    const { history } = accept(toCommand([ordinaryPulse()]), toContext({}, rate));
    const soon = toCommand([ordinaryPulse()], { stimulusId: 2, sample: 10_000 });
    expect(refusedRules(soon, toContext({ history: startSession(history) }, rate))).toEqual(['rate']);
  });
});

describe('withdraw', () => {
  const limits = { maxStimuliPerSession: 1, maxChargePerSessionNc: 4, maxRateHz: hertz(1), maxSimultaneous: 1 };
  const again = toCommand([ordinaryPulse()], { stimulusId: 2, sample: 1000 });

  function firstHistory(): StimHistory {
    return accept(toCommand([ordinaryPulse()], { sample: 1000 }), toContext({}, limits)).history;
  }

  it('gives back what a stimulus took that did not leave', () => {
    const history = firstHistory();
    expect(refusedRules(again, toContext({ history }, limits))).toEqual([
      'interval',
      'rate',
      'simultaneous',
      'session-stimuli',
      'session-charge',
    ]);
    expect(refusedRules(again, toContext({ history: withdraw(history, 1) }, limits))).toEqual([]);
  });

  it('gives nothing back twice, nor for an unknown stimulus', () => {
    const history = firstHistory();
    expect(withdraw(history, 7)).toBe(history);
    const once = withdraw(history, 1);
    expect(withdraw(once, 1)).toBe(once);
    expect(once.stimuli).toBe(0);
  });

  it('gives nothing back for what was delivered', () => {
    const history = confirmDelivery(firstHistory(), { stimulusId: 1, sample: 1000 });
    expect(withdraw(history, 1)).toBe(history);
  });

  it('gives nothing of an earlier session back to this one', () => {
    const wide = { ...limits, maxStimuliPerSession: 2, maxRateHz: hertz(10), maxChargePerSessionNc: 8 };
    const first = accept(toCommand([ordinaryPulse()], { sample: 1000 }), toContext({}, wide));
    const next = accept(
      toCommand([ordinaryPulse()], { stimulusId: 2, sample: 2000 }),
      toContext({ history: startSession(first.history) }, wide),
    );
    const history = withdraw(next.history, 1);
    expect(history.stimuli).toBe(1);
    expect(history.electrode(0).sumPc).toBe(4000);
    expect(history.electrode(0).recent).toHaveLength(1);
  });

  it('leaves the id used', () => {
    const history = withdraw(firstHistory(), 1);
    const replay = toCommand([ordinaryPulse()], { stimulusId: 1, sample: 1000 });
    expect(refusedRules(replay, toContext({ history }, limits))).toEqual(['schema']);
  });
});

describe('confirmDelivery', () => {
  it('moves a stimulus to the sample at which it left', () => {
    const limits = { minIntervalMs: milliseconds(5) };
    const { history } = accept(toCommand([ordinaryPulse()], { sample: 1000 }), toContext({}, limits));
    const confirmed = confirmDelivery(history, { stimulusId: 1, sample: 1050 });
    const next = toCommand([ordinaryPulse()], { stimulusId: 2, sample: 1100 });
    expect(refusedRules(next, toContext({ history }, limits))).toEqual([]);
    expect(refusedRules(next, toContext({ history: confirmed }, limits))).toEqual(['interval']);
    expect(confirmed.electrode(0).sumPc).toBe(history.electrode(0).sumPc);
    expect(confirmDelivery(history, { stimulusId: 9, sample: 1050 })).toBe(history);
  });
});

describe('the order of commands', () => {
  it('refuses an id that does not rise, a sample that is past, and a clock that went back', () => {
    const { history } = accept(toCommand([], { stimulusId: 5, sample: 100 }), toContext({ nowSample: 100 }));
    const at = (stimulusId: number, sample: number): unknown => toCommand([], { stimulusId, sample });
    expect(refusedRules(at(5, 200), toContext({ history, nowSample: 100 }))).toEqual(['schema']);
    expect(refusedRules(at(4, 200), toContext({ history, nowSample: 100 }))).toEqual(['schema']);
    expect(refusedRules(at(6, 99), toContext({ history, nowSample: 100 }))).toEqual(['schema']);
    expect(refusedRules(at(6, 200), toContext({ history, nowSample: 99 }))).toEqual(['schema']);
    expect(refusedRules(at(6, 200), toContext({ history, nowSample: 100 }))).toEqual([]);
  });

  it('refuses everything without a sample clock', () => {
    for (const sampleRateHz of [0, -1, Number.NaN, Infinity]) {
      expect(refusedRules(toCommand([]), toContext({ sampleRateHz }))).toEqual(['schema']);
      expect(checkPattern({ slot: 0, pulses: [] }, toContext({ sampleRateHz })).type).toBe('refused');
    }
    expect(refusedRules(toCommand([]), toContext({ nowSample: Number.NaN }))).toEqual(['schema']);
  });
});
