import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { createStimHistory, type StimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedStimCommand, type GateContext } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import { hertz, microamps, microseconds, milliseconds, seconds } from '../../protocols/units.js';

/** Limits that an ordinary pulse (10 uA, 200 us a phase: 2 nC) is far from. */
export const PROFILE: SafetyProfile = {
  name: 'bench',
  source: 'a test',
  electrodes: [0, 1, 2, 3, 4, 5, 12].map((electrode) => ({
    electrode,
    areaUm2: 2500,
    impedanceOhm: electrode === 4 ? null : 50_000,
    masked: electrode === 5,
  })),
  impedanceAgeS: seconds(100),
  maxImpedanceAgeS: seconds(86_400),
  maxCurrentUa: microamps(30),
  minPhaseUs: microseconds(50),
  maxPhaseUs: microseconds(1000),
  maxPhases: 3,
  maxChargePerPhaseNc: 10,
  maxChargeDensityUcPerCm2: 1000,
  maxImbalance: 0.005,
  netChargeBudgetNc: 1,
  leadingPolarity: 'negative',
  minInterphaseGapUs: microseconds(0),
  complianceV: 10,
  minIntervalMs: milliseconds(2),
  maxRateHz: hertz(200),
  maxDuty: 0.5,
  maxChargePerSecondNc: 1000,
  maxSimultaneous: 32,
  maxSummedCurrentUa: microamps(320),
  maxStimuliPerSession: 1000,
  maxChargePerSessionNc: 1e6,
};

/** Steps of 0.1 uA and 10 us; electrode 12 has no output. */
export const CAPABILITIES: StimulationCapabilities = {
  electrodes: [0, 1, 2, 3, 4, 5],
  currentStepUa: 0.1,
  maxCurrentUa: 100,
  timeStepUs: 10,
  maxPhases: 4,
  slots: 64,
  queueLength: 16,
  scheduling: 'at-sample',
  delivery: 'acknowledged',
  maxAheadMs: 1000,
};

/** Armed, with no end in sight. */
export const ARMED = { armed: true, untilSample: Number.MAX_SAFE_INTEGER };

/** A fresh history at sample 0 of 20 kHz, armed. */
export function toContext(change: Partial<GateContext> = {}, limits: Partial<SafetyProfile> = {}): GateContext {
  return {
    profile: { ...PROFILE, ...limits },
    capabilities: CAPABILITIES,
    sampleRateHz: 20_000,
    profileAgeS: 0,
    nowSample: 0,
    arming: ARMED,
    history: createStimHistory(),
    ...change,
  };
}

/** Current in uA and duration in us. */
export type PhasePair = readonly [currentUa: number, durationUs: number];

/** A pulse of unchecked phases. */
export function toPulse(electrode: number, ...phases: readonly PhasePair[]): unknown {
  return { electrode, phases: phases.map(([currentUa, durationUs]) => ({ currentUa, durationUs })) };
}

/** 10 uA for 200 us, negative first, balanced. */
export function ordinaryPulse(electrode = 0): unknown {
  return toPulse(electrode, [-10, 200], [10, 200]);
}

/** A command of unchecked pulses in slot 0. */
export function toCommand(pulses: readonly unknown[], { stimulusId = 1, sample = 0 } = {}): unknown {
  return { stimulusId, pattern: { slot: 0, pulses }, at: { type: 'sample', sample } };
}

/** The rules that are refused; empty when the stimulus is accepted. */
export function refusedRules(command: unknown, context: GateContext): readonly SafetyRule[] {
  const verdict = checkStimulus(command, context);
  return verdict.type === 'accepted' ? [] : verdict.refusals.map(({ rule }) => rule);
}

export function firstMessage(command: unknown, context: GateContext): string {
  const verdict = checkStimulus(command, context);
  return verdict.type === 'accepted' ? 'accepted' : verdict.refusals[0]!.message;
}

/** Accepts the stimulus, or fails. */
export function accept(command: unknown, context: GateContext): { command: CheckedStimCommand; history: StimHistory } {
  const verdict = checkStimulus(command, context);
  if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
  return verdict;
}
