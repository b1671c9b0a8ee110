import { describe, expect, it } from 'vitest';
import type { Pulse } from '../stimulation/stim-pattern.js';
import { microamps, microseconds } from '../units.js';
import { checkStimSettings, RHX_STIM_RULES, toStimSettings, type RhxStimRule } from './stim-checks.js';
import { findStimDifference, IDLE_STIM_SETTINGS, listStimItems, type StimSettings } from './stim-settings.js';

const STEPS = { stepUa: 0.5, sampleRateHz: 30_000 };

function pulseOf(...phases: readonly (readonly [currentUa: number, durationUs: number])[]): Pulse {
  return {
    electrode: 3,
    phases: phases.map(([currentUa, durationUs]) => ({
      currentUa: microamps(currentUa),
      durationUs: microseconds(durationUs),
    })),
  };
}

function settingsOf(pulse: Pulse, around: Partial<StimSettings> = {}): StimSettings {
  const result = toStimSettings(pulse, STEPS, { ...IDLE_STIM_SETTINGS, source: 'KeyPressF2', ...around });
  if (result.type === 'refused') throw new Error(result.refusals.map(({ message }) => message).join('; '));
  return result.settings;
}

function rulesAgainst(pulse: Pulse): readonly RhxStimRule[] {
  const result = toStimSettings(pulse, STEPS, { ...IDLE_STIM_SETTINGS, source: 'KeyPressF2' });
  return result.type === 'settings' ? [] : result.refusals.map(({ rule }) => rule);
}

/** The pulse of the other tests: 10 uA, 200 us a phase. */
const ENABLED = settingsOf(pulseOf([-10, 200], [10, 200]));

describe('the settings of a pulse', () => {
  it('are those of a single biphasic pulse at an edge', () => {
    expect(ENABLED).toMatchObject({
      stimEnabled: true,
      shape: 'Biphasic',
      polarity: 'NegativeFirst',
      source: 'KeyPressF2',
      triggerEdgeOrLevel: 'Edge',
      triggerHighOrLow: 'High',
      pulseOrTrain: 'SinglePulse',
      numberOfStimPulses: 1,
      firstPhaseDurationUs: 200,
      secondPhaseDurationUs: 200,
      firstPhaseAmplitudeUa: 10,
      secondPhaseAmplitudeUa: 10,
    });
  });

  it('have a delay for a gap, and the sign of the first phase', () => {
    expect(settingsOf(pulseOf([5, 300], [0, 100], [0, 100], [-7.5, 200], [0, 100]))).toMatchObject({
      shape: 'BiphasicWithInterphaseDelay',
      polarity: 'PositiveFirst',
      interphaseDelayUs: 200,
      firstPhaseAmplitudeUa: 5,
      secondPhaseAmplitudeUa: 7.5,
    });
  });

  it('wait for the amplifiers to settle', () => {
    expect(settingsOf(pulseOf([-10, 200], [10, 200]), { preStimAmpSettleUs: 500 }).postTriggerDelayUs).toBe(500);
  });

  it.each<readonly [string, RhxStimRule, Pulse]>([
    ['one phase', 'shape', pulseOf([-10, 200])],
    ['no phase', 'shape', pulseOf()],
    ['three phases', 'shape', pulseOf([-10, 200], [10, 400], [-10, 200])],
    ['two phases of one sign', 'shape', pulseOf([-10, 200], [-10, 200])],
    ['a gap first', 'shape', pulseOf([0, 200], [-10, 200], [10, 200])],
    ['half a step', 'amplitude', pulseOf([-10.25, 200], [10.25, 200])],
    ['256 steps', 'amplitude', pulseOf([-128, 200], [128, 200])],
    ['part of a sample', 'duration', pulseOf([-10, 210], [10, 210])],
    ['part of a sample between', 'duration', pulseOf([-10, 200], [0, 50], [10, 200])],
    ['a long phase', 'duration', pulseOf([-10, 6000], [10, 6000])],
    ['charge left over', 'charge', pulseOf([-10, 200], [10, 300])],
  ])('are refused with %s', (_, rule, pulse) => {
    expect(rulesAgainst(pulse)).toEqual([rule]);
  });

  it('take the rounding of a third of 100 us', () => {
    expect(rulesAgainst(pulseOf([-10, 166.6667], [10, 166.6667]))).toEqual([]);
    expect(rulesAgainst(pulseOf([-10, 5e6 / 30_000], [10, 5e6 / 30_000]))).toEqual([]);
  });
});

describe('what RHX does not check', () => {
  it.each<readonly [RhxStimRule, Partial<StimSettings>]>([
    ['train', { pulseOrTrain: 'PulseTrain' }],
    ['train-period', { pulseOrTrain: 'PulseTrain', pulseTrainPeriodUs: 300 }],
    ['settle-before', { preStimAmpSettleUs: 100 }],
    ['recovery-order', { enableChargeRecovery: true, postStimChargeRecovOnUs: 200, postStimChargeRecovOffUs: 100 }],
    ['refractory-settle', { refractoryPeriodUs: 900 }],
    ['refractory-recovery', { enableChargeRecovery: true, postStimChargeRecovOffUs: 1100 }],
    ['charge', { shape: 'Triphasic' }],
    ['amplitude', { firstPhaseAmplitudeUa: 0, secondPhaseAmplitudeUa: 0 }],
    ['duration', { firstPhaseDurationUs: 0, secondPhaseDurationUs: 0 }],
    ['too-long', { pulseOrTrain: 'PulseTrain', numberOfStimPulses: 256 }],
  ])('is refused by the name %s', (rule, change) => {
    const rules = checkStimSettings({ ...ENABLED, ...change }, STEPS).map((refusal) => refusal.rule);
    expect(rules).toContain(rule);
    expect(RHX_STIM_RULES).toContain(rule);
  });

  it('does not matter for what is switched off', () => {
    const off = { enableAmpSettle: false, preStimAmpSettleUs: 500, postStimChargeRecovOnUs: 500 };
    expect(checkStimSettings({ ...ENABLED, ...off }, STEPS)).toEqual([]);
    expect(checkStimSettings(ENABLED, STEPS)).toEqual([]);
  });

  it('leaves a balanced triphasic pulse alone', () => {
    expect(checkStimSettings({ ...ENABLED, shape: 'Triphasic', secondPhaseAmplitudeUa: 20 }, STEPS)).toEqual([]);
  });
});

describe('settings that were read back', () => {
  function answersTo(settings: StimSettings): Map<string, string> {
    return new Map(
      listStimItems(settings).map(([item, value]) => [
        item,
        typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value),
      ]),
    );
  }

  it('are the same within a step, whatever their case', () => {
    const third = { ...ENABLED, firstPhaseDurationUs: 1e6 / 30_000 };
    expect(findStimDifference(third, answersTo(third), STEPS)).toBeUndefined();
    const upper = new Map([...answersTo(third)].map(([item, value]) => [item, value.toUpperCase()]));
    expect(findStimDifference(third, upper, STEPS)).toBeUndefined();
  });

  it('differ by any item that was not taken', () => {
    for (const [item, value] of answersTo(ENABLED)) {
      const read = answersTo(ENABLED).set(item, Number.isNaN(Number(value)) ? 'other' : String(Number(value) + 1));
      expect(findStimDifference(ENABLED, read, STEPS)?.item).toBe(item);
      read.delete(item);
      expect(findStimDifference(ENABLED, read, STEPS)).toMatchObject({ item, got: 'nothing' });
    }
  });
});
