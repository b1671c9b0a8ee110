import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, milliseconds } from '../../protocols/units.js';
import type { CheckContext } from './check-context.js';
import { CheckFailed, CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { describeReply } from './describe.js';
import { awaitFate, wantEqual, wantRule, wantType } from './expectations.js';
import { assertSchedules, sampleAhead, sendTrigger, uploadPulses, uploadWithin } from './stimuli.js';
import { findSlightImbalance, makePulse, phaseCharge, type TestPulse } from './test-pulse.js';

/** Stimuli of which the last is one too many. Times are in samples after the first one. */
interface Series {
  /** The rig's limits, one of them tightened. */
  readonly profile: SafetyProfile;
  readonly pulses: readonly Pulse[];
  readonly accepted: readonly number[];
  readonly refused: number;
  /** A time at which the refused one is allowed after all. */
  readonly acceptedAfterAll?: number;
}

interface HistoryRule {
  readonly rule: SafetyRule;
  readonly title: string;
  /** Gives the series, or why there is none for this rig. */
  readonly series: (rig: RigSeries) => Series | string;
}

interface RigSeries {
  readonly profile: SafetyProfile;
  readonly pulse: TestPulse;
  readonly base: Pulse;
  /** Samples between two stimuli that keep the interval of the rig. */
  readonly apart: number;
  readonly sampleRateHz: number;
}

/** How far ahead the first stimulus is, so that all can be taken back before it is due. */
const AHEAD_MS = 250;

/**
 * The rules about what an electrode has had before. All stimuli are scheduled ahead and taken back before they are due;
 * they keep the limits of the rig, because the limit is tightened instead of the series lengthened.
 */
export const HISTORY_RULE_CHECKS: readonly ConformanceCheck[] = [
  ...historyRules().map((rule): ConformanceCheck => ({
    id: `safety-${rule.rule}`,
    title: rule.title,
    section: 'safety rules',
    electrodes: 'driven',
    run: (context) => runSeries(context, rule),
  })),
  {
    id: 'safety-session-rest',
    title: 'a rest begins a session: its budgets start afresh',
    section: 'safety rules',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed({ ...context.profile, maxStimuliPerSession: 1 });
      const stimulusId = context.stimulusIds.next();
      wantType(await sendTrigger(armed, { stimulusId }), 'scheduled');
      wantEqual('fate of the first', (await awaitFate(armed.session, stimulusId)).type, 'stimulus-delivered');
      wantRule(await sendTrigger(armed, { stimulusId: context.stimulusIds.next() }), 'session-stimuli');
      wantType(await armed.session.send({ type: 'rest', durationSamples: 100 }), 'done');
      wantType(await sendTrigger(armed, { stimulusId: context.stimulusIds.next() }), 'scheduled');
    },
  },
  {
    id: 'safety-configure-keeps',
    title: 'a pulse still counts within its second after stop, configure, start and arm',
    section: 'safety rules',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { pulse } = context;
      if (context.profile.maxRateHz < 1) throw new CheckSkipped('the profile allows less than one pulse in a second');
      const profile = { ...context.profile, maxRateHz: hertz(1) };
      const pulses = [makePulse(pulse, pulse.electrodes[0].electrode)];
      const armed = await context.openArmed(profile);
      const { session } = armed;
      const stimulusId = context.stimulusIds.next();
      const slot = await uploadPulses(context, session, pulses);
      wantType(await sendTrigger(armed, { stimulusId, slot }), 'scheduled');
      const fate = await awaitFate(session, stimulusId);
      const leftMs = context.timers.nowMs();
      context.pulseTimes.note(leftMs);
      wantEqual('fate of the pulse', fate.type, 'stimulus-delivered');
      wantType(await session.send({ type: 'stop' }), 'done');
      const { blockFrames } = context;
      wantType(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      wantType(await session.send({ type: 'start' }), 'done');
      wantType(await uploadWithin(context, session, { slot, pulses }), 'done');
      const token = await context.arm(session, profile);
      const again = await sendTrigger({ session, token }, { stimulusId: context.stimulusIds.next(), slot });
      const tookMs = context.timers.nowMs() - leftMs;
      if (again.type === 'scheduled') context.pulseTimes.note(context.timers.nowMs());
      if (tookMs > 900) throw new CheckSkipped(`the second was over before it could be asked for (${tookMs} ms)`);
      // An interval of the rig that has not passed either comes before the rate.
      const isRight = again.type === 'refused' && (again.rule === 'rate' || again.rule === 'interval');
      if (!isRight) throw new CheckFailed(describeReply(again), 'refused safety (rate): the pulse before still counts');
    },
  },
];

async function runSeries(context: CheckContext, { rule, series }: HistoryRule): Promise<void> {
  const { pulse, profile } = context;
  const { sampleRateHz } = context.capabilities;
  const base = makePulse(pulse, pulse.electrodes[0].electrode);
  const apart = Math.ceil((Math.max(profile.minIntervalMs, 10) * sampleRateHz) / 1000) + 1;
  const plan = series({ profile, pulse, base, apart, sampleRateHz });
  if (typeof plan === 'string') throw new CheckSkipped(plan);
  assertRoom(plan, pulse);
  const last = Math.max(plan.refused, plan.acceptedAfterAll ?? 0);
  assertSchedules(context, 2 * AHEAD_MS + (1000 * last) / sampleRateHz);
  const armed = await context.openArmed(plan.profile);
  const slot = await uploadPulses(context, armed.session, plan.pulses);
  const start = await sampleAhead(context, armed.session, AHEAD_MS);
  for (const offset of plan.accepted) {
    const reply = await sendTrigger(armed, { stimulusId: context.stimulusIds.next(), slot, sample: start + offset });
    if (reply.type !== 'scheduled') throw new CheckFailed(describeReply(reply), 'scheduled, within the limit');
  }
  const over = { stimulusId: context.stimulusIds.next(), slot, sample: start + plan.refused };
  wantRule(await sendTrigger(armed, over), rule);
  if (plan.acceptedAfterAll !== undefined) {
    const later = { stimulusId: context.stimulusIds.next(), slot, sample: start + plan.acceptedAfterAll };
    wantType(await sendTrigger(armed, later), 'scheduled');
  }
}

/** The untightened limits must leave room for the whole series. */
function assertRoom({ profile, accepted, pulses }: Series, pulse: TestPulse): void {
  if (pulses.length === 0) return;
  const count = accepted.length + 1;
  const dutyOfOne = (2 * pulse.widthSteps * pulse.timeStepUs) / 1e6;
  if (profile.maxDuty < dutyOfOne * accepted.length) throw new CheckSkipped('the duty leaves no room for a series');
  if (profile.maxRateHz < accepted.length) throw new CheckSkipped('the rate leaves no room for a series');
  if (profile.maxStimuliPerSession < count) throw new CheckSkipped('the session leaves no room for a series');
}

function historyRules(): readonly HistoryRule[] {
  return [
    {
      rule: 'interval',
      title: 'a pulse one sample too soon after another on the same electrode is refused',
      series: ({ profile, base, apart, sampleRateHz }) => ({
        profile: { ...profile, minIntervalMs: milliseconds(((apart - 0.5) * 1000) / sampleRateHz) },
        pulses: [base],
        accepted: [0],
        refused: apart - 1,
        acceptedAfterAll: apart,
      }),
    },
    {
      rule: 'rate',
      title: 'a pulse more within a second than the profile allows is refused',
      series: ({ profile, base, apart }) => {
        if (profile.maxRateHz < 2) return 'the profile allows less than two pulses in a second';
        const tightened = { ...profile, maxRateHz: hertz(2) };
        return { profile: tightened, pulses: [base], accepted: [0, apart], refused: 2 * apart };
      },
    },
    {
      rule: 'duty',
      title: 'a pulse that makes an electrode carry a current for too much of a second is refused',
      series: ({ profile, pulse, base, apart }) => {
        if (profile.maxRateHz < 2) return 'the profile allows less than two pulses in a second';
        const onUs = 2 * pulse.widthSteps * pulse.timeStepUs;
        const maxDuty = Math.min(profile.maxDuty, (1.5 * onUs) / 1e6);
        return { profile: { ...profile, maxDuty }, pulses: [base], accepted: [0], refused: apart };
      },
    },
    {
      rule: 'charge-rate',
      title: 'a pulse that moves too much charge within a second is refused',
      series: ({ profile, pulse, base, apart }) => {
        if (profile.maxRateHz < 2) return 'the profile allows less than two pulses in a second';
        const maxChargePerSecondNc = 3 * phaseCharge(pulse);
        return { profile: { ...profile, maxChargePerSecondNc }, pulses: [base], accepted: [0], refused: apart };
      },
    },
    {
      rule: 'net-charge',
      title: 'charge that accumulates on an electrode over a session is held against its budget',
      series: ({ profile, pulse, base, apart }) => {
        const slight = findSlightImbalance(pulse, profile);
        if (slight === undefined) return 'the steps are too coarse for a pulse that is out of balance within the limit';
        if (slight.netNc > profile.netChargeBudgetNc) return 'the budget is below what one step of imbalance leaves';
        const netChargeBudgetNc = Math.min(profile.netChargeBudgetNc, 1.5 * slight.netNc);
        const pulses = [makePulse(pulse, base.electrode, slight)];
        return { profile: { ...profile, netChargeBudgetNc }, pulses, accepted: [0], refused: apart };
      },
    },
    {
      rule: 'session-stimuli',
      title: 'a stimulus more in a session than the profile allows is refused, empty ones included',
      series: ({ profile, apart }) => ({
        profile: { ...profile, maxStimuliPerSession: Math.min(profile.maxStimuliPerSession, 2) },
        pulses: [],
        accepted: [0, apart].slice(0, profile.maxStimuliPerSession),
        refused: 2 * apart,
      }),
    },
    {
      rule: 'session-charge',
      title: 'a pulse that moves too much charge in a session is refused',
      series: ({ profile, pulse, base, apart }) => ({
        profile: { ...profile, maxChargePerSessionNc: 3 * phaseCharge(pulse) },
        pulses: [base],
        accepted: [0],
        refused: apart,
      }),
    },
  ];
}
