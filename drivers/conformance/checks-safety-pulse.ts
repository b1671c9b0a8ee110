import type { CheckContext } from './check-context.js';
import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import type { ElectrodeSafety, SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds, seconds } from '../../protocols/units.js';
import type { ConformanceCheck } from './conformance-check.js';
import { CheckFailed, CheckSkipped } from './check-verdict.js';
import { describeReply } from './describe.js';
import { wantReply, wantRule } from './expectations.js';
import { uploadWithin } from './stimuli.js';
import { findSlightImbalance, makePulse, phaseCharge, pulseCurrent, type TestPulse } from './test-pulse.js';

/** Two patterns on the two sides of one limit. The limit is the rig's own or a tighter one, never a wider one. */
interface Straddle {
  readonly profile: SafetyProfile;
  readonly over: readonly Pulse[];
  /** The nearest pattern that keeps the limit. */
  readonly within: readonly Pulse[];
}

interface PulseRule {
  readonly id: string;
  readonly rule: SafetyRule;
  readonly title: string;
  /** Gives the two patterns, or why there are none for this rig. */
  readonly straddle: (rig: RigLimits) => Straddle | string;
}

interface RigLimits {
  readonly profile: SafetyProfile;
  readonly stimulation: StimulationCapabilities;
  readonly pulse: TestPulse;
  /** The test pulse on the first electrode. */
  readonly base: Pulse;
}

/**
 * The rules that one pattern can break, whatever was delivered before. The patterns are uploaded and never triggered;
 * they stay within the limits of the rig where they can, because the limit is tightened instead of the pulse enlarged.
 */
export const PULSE_RULE_CHECKS: readonly ConformanceCheck[] = pulseRules().map((rule) => ({
  id: `safety-${rule.id}`,
  title: rule.title,
  section: 'safety rules',
  electrodes: 'untouched',
  async run(context: CheckContext): Promise<void> {
    const { pulse, profile, stimulation } = context;
    const base = makePulse(pulse, pulse.electrodes[0].electrode);
    const straddle = rule.straddle({ profile, stimulation, pulse, base });
    if (typeof straddle === 'string') throw new CheckSkipped(straddle);
    const session = await context.openConfigured(straddle.profile);
    const within = await uploadWithin(context, session, { slot: 0, pulses: straddle.within });
    if (within.type !== 'done') throw new CheckFailed(describeReply(within), 'done for the pattern within the limit');
    // This one is there to be refused, so it does not pass the gate; it is never triggered.
    wantRule(await session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses: straddle.over } }), rule.rule);
  },
}));

/** Limits are those of the last profile. */
export const NEW_PROFILE_CHECK: ConformanceCheck = {
  id: 'safety-configured-anew',
  title: 'a new profile counts at once: what it forbids is refused although the old one allowed it',
  section: 'safety rules',
  electrodes: 'untouched',
  async run(context: CheckContext): Promise<void> {
    const { pulse, profile, blockFrames } = context;
    const pulses = [makePulse(pulse, pulse.electrodes[0].electrode)];
    const session = await context.openConfigured();
    wantReply(await uploadWithin(context, session, { slot: 0, pulses }), 'done');
    const safetyProfile = { ...profile, maxCurrentUa: microamps(pulseCurrent(pulse, -0.5)) };
    wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile }), 'configured');
    wantRule(await session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses } }), 'current');
  },
};

function pulseRules(): readonly PulseRule[] {
  return [...electrodeRules(), ...amplitudeRules(), ...shapeRules(), ...togetherRules()];
}

function electrodeRules(): readonly PulseRule[] {
  return [
    {
      id: 'electrode-unlisted',
      rule: 'electrode',
      title: 'an electrode that the profile does not list may not be pulsed',
      straddle: ({ profile, pulse, base }) => {
        const [{ electrode }, other] = pulse.electrodes;
        if (other === undefined) return 'the profile has one usable electrode only';
        const electrodes = profile.electrodes.filter((entry) => entry.electrode !== electrode);
        return { profile: { ...profile, electrodes }, over: [base], within: [makePulse(pulse, other.electrode)] };
      },
    },
    {
      id: 'electrode-masked',
      rule: 'electrode',
      title: 'an electrode that is masked may not be pulsed',
      straddle: ({ profile, pulse, base }) => {
        const [first, other] = pulse.electrodes;
        if (other === undefined) return 'the profile has one usable electrode only';
        const changed = changeElectrode(profile, { ...first, masked: true });
        return { profile: changed, over: [base], within: [makePulse(pulse, other.electrode)] };
      },
    },
    {
      id: 'impedance-unknown',
      rule: 'impedance',
      title: 'an electrode whose impedance nobody measured may not be pulsed',
      straddle: ({ profile, pulse, base }) => {
        const [first, other] = pulse.electrodes;
        if (other === undefined) return 'the profile has one usable electrode only';
        const changed = changeElectrode(profile, { ...first, impedanceOhm: null });
        return { profile: changed, over: [base], within: [makePulse(pulse, other.electrode)] };
      },
    },
    {
      id: 'impedance-old',
      rule: 'impedance',
      title: 'impedances that are older than the profile allows count as not measured',
      straddle: ({ profile, base }) => {
        const changed = { ...profile, impedanceAgeS: seconds(profile.maxImpedanceAgeS + 1) };
        return { profile: changed, over: [base], within: [] };
      },
    },
    {
      id: 'compliance',
      rule: 'compliance',
      title: 'current times impedance may use 80 % of the compliance voltage',
      straddle: ({ profile, pulse, base }) => {
        const [{ electrode, impedanceOhm }] = pulse.electrodes;
        if (impedanceOhm === null || impedanceOhm === 0) return 'the impedance is 0';
        const complianceV = (pulseCurrent(pulse, 0.5) * 1e-6 * impedanceOhm) / 0.8;
        const over = [makePulse(pulse, electrode, { currentSteps: pulse.currentSteps + 1 })];
        return { profile: { ...profile, complianceV }, over, within: [base] };
      },
    },
  ];
}

function amplitudeRules(): readonly PulseRule[] {
  const stronger = ({ pulse, base }: RigLimits): readonly Pulse[] => [
    makePulse(pulse, base.electrode, { currentSteps: pulse.currentSteps + 1 }),
  ];
  return [
    {
      id: 'current',
      rule: 'current',
      title: 'a phase of one step more than the largest current is refused',
      straddle: (rig) => ({
        profile: { ...rig.profile, maxCurrentUa: microamps(pulseCurrent(rig.pulse, 0.5)) },
        over: stronger(rig),
        within: [rig.base],
      }),
    },
    {
      id: 'phase-too-long',
      rule: 'phase-width',
      title: 'a phase of one step more than the longest is refused',
      straddle: ({ profile, pulse, base }) => ({
        profile: { ...profile, maxPhaseUs: microseconds((pulse.widthSteps + 0.5) * pulse.timeStepUs) },
        over: [makePulse(pulse, base.electrode, { widthSteps: pulse.widthSteps + 1 })],
        within: [base],
      }),
    },
    {
      id: 'phase-too-short',
      rule: 'phase-width',
      title: 'a phase of one step less than the shortest is refused',
      straddle: ({ profile, pulse, base }) => ({
        profile: { ...profile, minPhaseUs: microseconds((pulse.widthSteps - 0.5) * pulse.timeStepUs) },
        over: [makePulse(pulse, base.electrode, { widthSteps: pulse.widthSteps - 1 })],
        within: [base],
      }),
    },
    {
      id: 'charge',
      rule: 'charge',
      title: 'a phase with more than the largest charge is refused',
      straddle: (rig) => ({
        profile: { ...rig.profile, maxChargePerPhaseNc: phaseCharge(rig.pulse, { current: 0.5 }) },
        over: stronger(rig),
        within: [rig.base],
      }),
    },
    {
      id: 'charge-density',
      rule: 'charge-density',
      title: 'a phase with more charge than the area of the electrode allows is refused',
      straddle: (rig) => {
        // nC over um2: 1 nC is 1e-3 uC, 1 um2 is 1e-8 cm2
        const density = (phaseCharge(rig.pulse, { current: 0.5 }) / rig.pulse.electrodes[0].areaUm2) * 1e5;
        return {
          profile: { ...rig.profile, maxChargeDensityUcPerCm2: density },
          over: stronger(rig),
          within: [rig.base],
        };
      },
    },
  ];
}

function shapeRules(): readonly PulseRule[] {
  return [
    {
      id: 'phase-count',
      rule: 'phase-count',
      title: 'a pulse with more phases than the profile allows is refused',
      straddle: ({ profile, base }) => ({ profile: { ...profile, maxPhases: 1 }, over: [base], within: [] }),
    },
    {
      id: 'balance',
      rule: 'balance',
      title: 'a pulse whose phases do not cancel is refused, as the outputs would make it',
      straddle: ({ profile, pulse, base }) => {
        const imbalance = 1 / (2 * pulse.currentSteps + 1);
        return {
          profile: { ...profile, maxImbalance: Math.min(profile.maxImbalance, imbalance / 2) },
          over: [makePulse(pulse, base.electrode, { secondCurrentSteps: pulse.currentSteps + 1 })],
          within: [base],
        };
      },
    },
    {
      id: 'balance-sum',
      rule: 'balance',
      title: 'the imbalance is |sum of charge| over the sum of |charge|: 5 % above the limit is refused',
      straddle: ({ profile, pulse, base }) => {
        const slight = findSlightImbalance(pulse, profile);
        if (slight === undefined) return 'the steps are too coarse for a pulse that is out of balance within the limit';
        const over = [makePulse(pulse, base.electrode, slight)];
        return { profile: { ...profile, maxImbalance: 0.95 * slight.share }, over, within: [base] };
      },
    },
    {
      id: 'polarity',
      rule: 'polarity',
      title: 'a pulse that begins with the other polarity than the profile wants is refused',
      straddle: ({ profile, pulse, base }) => ({
        profile: { ...profile, leadingPolarity: pulse.firstSign < 0 ? 'negative' : 'positive' },
        over: [makePulse(pulse, base.electrode, { firstSign: pulse.firstSign < 0 ? 1 : -1 })],
        within: [base],
      }),
    },
    {
      id: 'interphase-gap',
      rule: 'interphase-gap',
      title: 'a gap between two phases that is shorter than the profile wants is refused',
      straddle: ({ profile, stimulation, pulse, base }) => {
        if (stimulation.maxPhases < 3) return 'the device has too few phases for a gap';
        const gapSteps = pulse.gapSteps + 1;
        return {
          profile: { ...profile, minInterphaseGapUs: microseconds((pulse.gapSteps + 0.5) * pulse.timeStepUs) },
          over: [base],
          within: [makePulse(pulse, base.electrode, { gapSteps })],
        };
      },
    },
  ];
}

function togetherRules(): readonly PulseRule[] {
  return [
    {
      id: 'simultaneous',
      rule: 'simultaneous',
      title: 'more electrodes at once than the profile allows are refused',
      straddle: ({ profile, pulse, base }) => {
        const [, other] = pulse.electrodes;
        if (other === undefined) return 'the profile has one usable electrode only';
        const over = [base, makePulse(pulse, other.electrode)];
        return { profile: { ...profile, maxSimultaneous: 1 }, over, within: [base] };
      },
    },
    {
      id: 'summed-current',
      rule: 'summed-current',
      title: 'more current at once, summed over electrodes, than the profile allows is refused',
      straddle: ({ profile, pulse, base }) => {
        const [, other] = pulse.electrodes;
        if (other === undefined) return 'the profile has one usable electrode only';
        if (profile.maxSimultaneous < 2) return 'the profile allows one electrode at once';
        return {
          profile: { ...profile, maxSummedCurrentUa: microamps(2 * pulseCurrent(pulse) - 0.5 * pulse.currentStepUa) },
          over: [base, makePulse(pulse, other.electrode)],
          within: [base, makePulse(pulse, other.electrode, { currentSteps: pulse.currentSteps - 1 })],
        };
      },
    },
  ];
}

function changeElectrode(profile: SafetyProfile, changed: ElectrodeSafety): SafetyProfile {
  const electrodes = profile.electrodes.map((entry) => (entry.electrode === changed.electrode ? changed : entry));
  return { ...profile, electrodes };
}
