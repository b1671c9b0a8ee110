import type { StimulationCapabilities } from '../../protocols/mea-link/messages.js';
import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import { checkStimulus, type GateContext } from '../../protocols/stimulation/gate.js';
import {
  createStimHistory,
  startSession,
  withdraw,
  type StimHistory,
} from '../../protocols/stimulation/gate-history.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SafetyRule } from '../../protocols/stimulation/safety-rule.js';
import type { Pulse, PulsePhase, StimCommand } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, milliseconds, sampleIndex, seconds } from '../../protocols/units.js';
import { createDeviceSafetyCheck } from '../../sim-device/firmware/safety-check.js';

export const GATE_COMMANDS_SEED = 20260726;
export const COMMANDS_PER_SEQUENCE = 40;

/** What a run of drawn commands found. */
export interface GateFindings {
  commands: number;
  accepted: number;
  withdrawals: number;
  /** Accepted commands that begin before one that was accepted earlier. */
  scheduledBetween: number;
  pulsesJudged: number;
  readonly hits: Map<SafetyRule, number>;
  readonly disagreements: unknown[];
  readonly overLimit: unknown[];
}

/** A rig with limits drawn so that in each sequence other rules bind. */
interface Rig {
  readonly profile: SafetyProfile;
  readonly capabilities: StimulationCapabilities;
  readonly sampleRateHz: number;
}

/** What was accepted and not withdrawn, for the oracle. */
interface Accepted {
  readonly stimulusId: number;
  readonly session: number;
  readonly sample: number;
  readonly pulses: readonly Pulse[];
}

/**
 * Draws commands around every limit and holds each against the gate of the controller, the check of the device, and, where
 * it is accepted, plain arithmetic.
 */
export function runGateCommands(sequences: number): GateFindings {
  const findings: GateFindings = {
    commands: 0,
    accepted: 0,
    withdrawals: 0,
    scheduledBetween: 0,
    pulsesJudged: 0,
    hits: new Map(),
    disagreements: [],
    overLimit: [],
  };
  for (let sequence = 0; sequence < sequences; sequence++) {
    runSequence(openRandomStream(GATE_COMMANDS_SEED, 'safety-gates', sequence), findings);
  }
  return findings;
}

function runSequence(random: RandomStream, findings: GateFindings): void {
  const rig = drawRig(random);
  const configuredAtSample = random.integer(1_000_000);
  const device = createDeviceSafetyCheck({ ...rig, configuredAtSample });
  let history: StimHistory = createStimHistory();
  let log: Accepted[] = [];
  let session = 0;
  let nowSample = configuredAtSample + random.integer(1000);
  for (let stimulusId = 1; stimulusId <= COMMANDS_PER_SEQUENCE; stimulusId++) {
    nowSample += drawPause(random, rig);
    if (random.uniform() < 0.02) {
      history = startSession(history);
      device.startSession();
      session++;
    }
    const newest = log.at(-1);
    if (newest !== undefined && newest.sample > nowSample && random.uniform() < 0.3) {
      history = withdraw(history, newest.stimulusId);
      device.release(newest.stimulusId);
      log = log.slice(0, -1);
      findings.withdrawals++;
    }
    const command = drawCommand(random, rig, { stimulusId, nowSample });
    const sample = command.at.type === 'now' ? nowSample : command.at.sample;
    const armed = random.uniform() >= 0.03;
    const context: GateContext = {
      ...rig,
      nowSample,
      history,
      profileAgeS: (nowSample - configuredAtSample) / rig.sampleRateHz,
      arming: { armed, untilSample: Number.MAX_SAFE_INTEGER },
    };
    const verdict = checkStimulus(command, context);
    const refusal = device.check(command.pattern.pulses, sample, nowSample);
    findings.commands++;
    const refusals = verdict.type === 'refused' ? verdict.refusals : [];
    for (const { rule } of refusals) findings.hits.set(rule, (findings.hits.get(rule) ?? 0) + 1);
    const first = refusals.find(({ rule }) => rule !== 'armed');
    if (first?.rule !== refusal?.rule && findings.disagreements.length < 5) {
      findings.disagreements.push({ gate: first, device: refusal, command, rig });
    }
    if (verdict.type === 'refused') continue;
    findings.accepted++;
    if (log.some((other) => other.sample > sample)) findings.scheduledBetween++;
    history = verdict.history;
    device.commit(stimulusId, command.pattern.pulses, sample);
    const { pulses } = verdict.command.pattern;
    log = [...log, { stimulusId, session, sample, pulses }];
    findings.pulsesJudged += pulses.length;
    const over = pulses.flatMap((pulse) => judge(pulse, { sample, session, log, rig }));
    if (over.length > 0 && findings.overLimit.length < 5) findings.overLimit.push({ over, command, rig });
  }
}

/** The oracle: the main limits in plain arithmetic, over everything that was accepted. Names the limits that are passed. */
function judge(
  { electrode, phases }: Pulse,
  at: { readonly sample: number; readonly session: number; readonly log: readonly Accepted[]; readonly rig: Rig },
): readonly string[] {
  const { profile, sampleRateHz } = at.rig;
  const safety = profile.electrodes.find((listed) => listed.electrode === electrode);
  if (safety === undefined || safety.masked || safety.impedanceOhm === null) return ['electrode'];
  const over: string[] = [];
  const hold = (name: string, value: number, limit: number): void => {
    if (value > limit + 1e-6 * Math.abs(limit) || Number.isNaN(value)) over.push(`${name} ${value} > ${limit}`);
  };
  for (const { currentUa, durationUs } of phases) {
    if (currentUa === 0) continue;
    const chargeNc = Math.abs(currentUa * durationUs) / 1000;
    hold('current', Math.abs(currentUa), profile.maxCurrentUa);
    hold('shortest', profile.minPhaseUs, durationUs);
    hold('longest', durationUs, profile.maxPhaseUs);
    hold('charge', chargeNc, profile.maxChargePerPhaseNc);
    hold('density', (chargeNc * 1e-3) / (safety.areaUm2 * 1e-8), profile.maxChargeDensityUcPerCm2);
    hold('voltage', Math.abs(currentUa) * 1e-6 * safety.impedanceOhm, 0.8 * profile.complianceV);
  }
  hold('imbalance', Math.abs(sumCharge(phases)), profile.maxImbalance * sumMagnitude(phases) + 1e-9);
  const others = at.log.flatMap(({ sample, session, pulses }) =>
    pulses.filter((other) => other.electrode === electrode).map((pulse) => ({ sample, session, phases: pulse.phases })),
  );
  const inSession = others.filter(({ session }) => session === at.session);
  const net = Math.abs(total(inSession, (other) => sumCharge(other.phases)));
  hold('net', net, profile.netChargeBudgetNc + 1e-9);
  hold(
    'session charge',
    total(inSession, (other) => sumMagnitude(other.phases)),
    profile.maxChargePerSessionNc,
  );
  hold('stimuli', at.log.filter(({ session }) => session === at.session).length, profile.maxStimuliPerSession);
  for (const { sample: from } of others) {
    const second = others.filter(({ sample }) => sample >= from && sample - from < sampleRateHz);
    hold('rate', second.length, profile.maxRateHz);
    hold(
      'charge in a second',
      total(second, (other) => sumMagnitude(other.phases)),
      profile.maxChargePerSecondNc,
    );
    hold('duty', total(second, (other) => sumOn(other.phases)) * 1e-6, profile.maxDuty);
  }
  for (const first of others) {
    for (const second of others) {
      if (first === second || second.sample < first.sample) continue;
      const intervalMs = ((second.sample - first.sample) / sampleRateHz) * 1000;
      hold('interval', profile.minIntervalMs, intervalMs);
    }
  }
  return over;
}

function total<T>(items: readonly T[], weigh: (item: T) => number): number {
  return items.reduce((sum, item) => sum + weigh(item), 0);
}

/** In nC. */
function sumCharge(phases: readonly PulsePhase[]): number {
  return total(phases, ({ currentUa, durationUs }) => currentUa * durationUs) / 1000;
}

/** In nC. */
function sumMagnitude(phases: readonly PulsePhase[]): number {
  return total(phases, ({ currentUa, durationUs }) => Math.abs(currentUa * durationUs)) / 1000;
}

/** In us. */
function sumOn(phases: readonly PulsePhase[]): number {
  return total(phases, ({ currentUa, durationUs }) => (currentUa === 0 ? 0 : durationUs));
}

function pick<T>(random: RandomStream, items: readonly T[]): T {
  return items[random.integer(items.length)]!;
}

/**
 * Steps that exist: 0.1 uA and 10 us; 10 nA and one sample of 30 kHz; 0.25 uA and 1 us. An ordinary pulse is 10 uA of
 * 200 us (4 nC per pulse); each limit lies at that or far from it, so that some rules bind and most do not.
 */
function drawRig(random: RandomStream): Rig {
  const tight = (near: number, far: number, share = 0.07): number =>
    random.uniform() < share ? near * pick(random, [0.75, 1, 1, 1.05, 1.5]) : far;
  const [sampleRateHz, currentStepUa, timeStepUs] = pick(random, [
    [20_000, 0.1, 10],
    [30_000, 0.01, 1e6 / 30_000],
    [25_000, 0.25, 1],
  ] as const);
  const profile: SafetyProfile = {
    name: 'drawn',
    source: 'a test',
    electrodes: Array.from({ length: 16 }, (_, electrode) => ({
      electrode,
      areaUm2: electrode === 3 ? 1800 : 2500,
      impedanceOhm: electrode === 4 ? null : electrode === 5 ? 120_000 : 50_000,
      masked: electrode === 6,
    })),
    impedanceAgeS: seconds(10),
    maxImpedanceAgeS: seconds(tight(12, 86_400, 0.1)),
    maxCurrentUa: microamps(tight(10, 30)),
    minPhaseUs: microseconds(tight(200, 20)),
    maxPhaseUs: microseconds(tight(200, 1000)),
    maxPhases: pick(random, [2, 3, 3, 5]),
    maxChargePerPhaseNc: tight(2, 20),
    maxChargeDensityUcPerCm2: tight(80, 1000),
    maxImbalance: pick(random, [0.005, 0.02, 0.05, 0.05, 0]),
    // A pulse that is one step out of balance leaves 200 us of it: the budget is spent after one to five.
    netChargeBudgetNc: tight(0.4 * currentStepUa, 10, 0.5),
    leadingPolarity: pick(random, [
      'negative',
      'negative',
      'negative',
      'negative',
      'either',
      'either',
      'either',
      'either',
      'positive',
    ]),
    minInterphaseGapUs: microseconds(pick(random, [0, 0, 0, 0, 0, 0, 50, 100])),
    complianceV: tight(0.625, 10),
    minIntervalMs: milliseconds(tight(20, pick(random, [0, 0, 1]), 0.2)),
    maxRateHz: hertz(tight(2, 200, 0.35)),
    maxDuty: tight(0.0012, 0.5, 0.25),
    maxChargePerSecondNc: tight(12, 1e6, 0.25),
    maxSimultaneous: random.uniform() < 0.2 ? pick(random, [1, 2, 3]) : 32,
    maxSummedCurrentUa: microamps(tight(20, 1000)),
    maxStimuliPerSession: random.uniform() < 0.15 ? 8 + random.integer(8) : 1000,
    maxChargePerSessionNc: tight(16, 1e6, 0.25),
  };
  const capabilities: StimulationCapabilities = {
    electrodes: [0, 1, 2, 3, 4, 5, 6, 8],
    currentStepUa,
    maxCurrentUa: 100,
    timeStepUs,
    maxPhases: 4,
    slots: 8,
    queueLength: 16,
    scheduling: 'at-sample',
    delivery: 'acknowledged',
    maxAheadMs: 1000,
  };
  return { profile, capabilities, sampleRateHz };
}

/** Around the lengths that matter: a pulse, the least interval, a second; a long one now and then. */
function drawPause(random: RandomStream, { sampleRateHz, profile }: Rig): number {
  const second = sampleRateHz;
  const interval = Math.round((profile.minIntervalMs * sampleRateHz) / 1000);
  const around = pick(random, [0, 2, 10, interval, interval, second / 4, second / 4, second / 2, second]);
  return Math.max(0, Math.round(around) + random.integer(5) - 2);
}

function drawCommand(
  random: RandomStream,
  rig: Rig,
  { stimulusId, nowSample }: { readonly stimulusId: number; readonly nowSample: number },
): StimCommand {
  const ahead = random.uniform() < 0.5 ? 0 : drawPause(random, rig);
  const pulses = random.uniform() < 0.05 ? [] : drawPulses(random, rig);
  return {
    stimulusId,
    pattern: { slot: random.integer(8), pulses },
    at: random.uniform() < 0.3 ? { type: 'now' } : { type: 'sample', sample: sampleIndex(nowSample + ahead) },
  };
}

function drawPulses(random: RandomStream, rig: Rig): readonly Pulse[] {
  const first = random.uniform() < 0.04 ? pick(random, [4, 5, 6, 7, 8, 20]) : random.integer(4);
  const count = random.uniform() < 0.6 ? 1 : 1 + random.integer(3);
  const pulses = Array.from({ length: count }, (_, i) => drawPulse(random, rig, i === 0 ? first : (first + i) % 4));
  const electrodes = new Set(pulses.map(({ electrode }) => electrode));
  const isDuplicate = electrodes.size < pulses.length;
  if (random.uniform() < 0.02) return [...pulses, pulses[0]!];
  return isDuplicate ? pulses.slice(0, 1) : pulses;
}

/** A balanced pulse near the limits, spoilt in one way or another now and then. */
function drawPulse(random: RandomStream, rig: Rig, electrode: number): Pulse {
  const { currentStepUa, timeStepUs } = rig.capabilities;
  const near = (value: number, step: number): number => {
    const wanted = value * pick(random, [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.05, 1.5]);
    const steps = Math.round(wanted / step) + pick(random, [0, 0, 0, 0, 0, 0, -1, 1]);
    // Never at half a step: which way that goes is tested apart.
    const off = random.uniform() < 0.2 ? (random.uniform() - 0.5) * 0.9 : 0;
    return Math.max(steps + off, 1) * step;
  };
  const currentUa = near(10, currentStepUa);
  const durationUs = near(200, timeStepUs);
  const leading = rig.profile.leadingPolarity === 'positive' ? 1 : -1;
  const sign = random.uniform() < 0.95 ? leading : -leading;
  const gapUs = random.uniform() < 0.8 ? rig.profile.minInterphaseGapUs + 2 : pick(random, [0, 50, 90, 100]);
  const leakUa = random.uniform() < 0.15 ? currentStepUa : 0;
  const phases: PulsePhase[] = [toPhase(sign * currentUa, durationUs)];
  if (gapUs > 0) {
    const steps = Math.ceil(gapUs / timeStepUs);
    const before = random.integer(steps);
    phases.push(toPhase(0, before * timeStepUs), toPhase(0, (steps - before) * timeStepUs));
  }
  phases.push(toPhase(-sign * (currentUa + leakUa), durationUs));
  return { electrode, phases: spoil(random, phases, currentStepUa) };
}

function spoil(random: RandomStream, phases: readonly PulsePhase[], currentStepUa: number): readonly PulsePhase[] {
  const [first, ...rest] = phases;
  if (first === undefined || random.uniform() > 0.13) return phases;
  const { currentUa, durationUs } = first;
  switch (random.integer(12)) {
    case 0:
      return [first];
    case 1:
      return [toPhase(0, durationUs)];
    case 2:
      return [first, ...rest, first, ...rest];
    case 3: // Out of balance by one step in a hundred: just over, or just under, 0.5 %.
    case 4:
      return [toPhase(currentUa + Math.sign(currentUa) * currentStepUa, durationUs), ...rest];
    case 5: // Twice the charge in one direction, then back.
      return [first, first, ...rest.map((phase) => toPhase(phase.currentUa, 2 * phase.durationUs))];
    case 6:
      return [toPhase(pick(random, [Number.NaN, Infinity, 5e-324]), durationUs), ...rest];
    case 7:
      return [first, ...rest, toPhase(0, pick(random, [-Infinity, Number.NaN, 1e-12]))];
    case 8:
      return [toPhase(currentStepUa * 0.4, durationUs), ...rest];
    case 9:
      return [toPhase(currentUa / 2, durationUs), ...rest, toPhase(currentUa / 2, durationUs)];
    case 10:
      return [first, ...rest, toPhase(0, pick(random, [-10, 1e6, 0]))];
    default:
      return [first, toPhase(0, 0), ...rest, ...rest, first];
  }
}

function toPhase(currentUa: number, durationUs: number): PulsePhase {
  return { currentUa: microamps(currentUa), durationUs: microseconds(durationUs) };
}
