import { MeaError } from '../errors.js';
import type { StimulationCapabilities } from '../mea-link/messages.js';
import { sampleIndex } from '../units.js';
import { account, createStimHistory, type StimHistory } from './gate-history.js';
import { checkFinite, readCommand, readPattern, type CommandInput } from './gate-input.js';
import { toGateLimits, type GateLimits } from './gate-limits.js';
import { PULSE_CHECKS, type PulseCheck } from './gate-pulse-rules.js';
import { measurePulse, type PulseFigures } from './gate-pulse.js';
import { TRIAL_CHECKS, type GateArming, type Trial } from './gate-trial-rules.js';
import type { SafetyProfile } from './safety-profile.js';
import { SAFETY_RULES, type SafetyRefusal, type SafetyRule } from './safety-rule.js';
import type { Pulse, StimCommand, StimPattern, StimTime } from './stim-pattern.js';

/** What a pattern is held against. */
export interface PatternContext {
  readonly profile: SafetyProfile;
  readonly capabilities: StimulationCapabilities;
  readonly sampleRateHz: number;
  /** Seconds since the profile was sent to the device; the impedances are that much older than it says. */
  readonly profileAgeS: number;
}

/** What a stimulus is held against. */
export interface GateContext extends PatternContext {
  /** The next sample of the device, as far as the caller knows: never later than it is, never falling. */
  readonly nowSample: number;
  readonly arming: GateArming;
  /** What the gate returned with the last accepted stimulus of this device. */
  readonly history: StimHistory;
}

export type PatternVerdict =
  | { readonly type: 'accepted'; readonly pattern: CheckedPattern }
  | { readonly type: 'refused'; readonly refusals: readonly SafetyRefusal[] };

export type StimulusVerdict =
  | { readonly type: 'accepted'; readonly command: CheckedStimCommand; readonly history: StimHistory }
  | { readonly type: 'refused'; readonly refusals: readonly SafetyRefusal[] };

/** Only this module has it, so that only this module makes checked values. */
const KEY = Symbol('gate');

class CheckedPatternValue implements StimPattern {
  readonly slot: number;
  readonly pulses: readonly Pulse[];
  readonly #figures: readonly PulseFigures[];
  readonly #limits: GateLimits;

  constructor(key: symbol, slot: number, checked: Pick<Trial, 'figures' | 'limits'>) {
    assertGate(key);
    this.slot = slot;
    this.pulses = Object.freeze(checked.figures.map(({ pulse }) => pulse));
    this.#figures = checked.figures;
    this.#limits = checked.limits;
    Object.freeze(this);
  }

  static is(value: unknown): value is CheckedPatternValue {
    return typeof value === 'object' && value !== null && #figures in value;
  }

  /** The figures of the pulses, if they were checked under these very limits. */
  static figuresUnder(pattern: CheckedPatternValue, limits: GateLimits): readonly PulseFigures[] | undefined {
    return pattern.#limits === limits ? pattern.#figures : undefined;
  }
}

class CheckedStimCommandValue implements StimCommand {
  readonly stimulusId: number;
  readonly pattern: CheckedPattern;
  readonly at: StimTime;
  readonly #checked = true;

  constructor(key: symbol, command: CommandInput, pattern: CheckedPattern) {
    assertGate(key);
    this.stimulusId = command.stimulusId;
    this.pattern = pattern;
    const { atSample } = command;
    this.at = Object.freeze(
      atSample === undefined ? { type: 'now' } : { type: 'sample', sample: sampleIndex(atSample) },
    );
    Object.freeze(this);
  }

  static is(value: unknown): value is CheckedStimCommandValue {
    return typeof value === 'object' && value !== null && #checked in value && value.#checked;
  }
}

/**
 * A pattern that the gate let pass: deeply frozen, its currents and durations as the device will make them. Nothing but
 * `checkPattern` and `checkStimulus` makes one.
 */
export type CheckedPattern = CheckedPatternValue;

/** A stimulus that the gate let pass, deeply frozen. Nothing but `checkStimulus` makes one; drivers take nothing else. */
export type CheckedStimCommand = CheckedStimCommandValue;

/** True for what `checkPattern` accepted, and for nothing that looks like it. */
export function isCheckedPattern(value: unknown): value is CheckedPattern {
  return CheckedPatternValue.is(value);
}

/** True for what `checkStimulus` accepted, and for nothing that looks like it. */
export function isCheckedStimCommand(value: unknown): value is CheckedStimCommand {
  return CheckedStimCommandValue.is(value);
}

/**
 * Holds a pattern, of whatever origin, against all that a pattern alone can break: the rules for its first delivery, to
 * a culture that has had no stimulus yet. `armed` is not among them.
 *
 * @returns the checked pattern, or every broken rule, once each, in the order of `SAFETY_RULES`
 */
export function checkPattern(pattern: unknown, context: PatternContext): PatternVerdict {
  const fault = describeClockFault(context.sampleRateHz, 0);
  if (fault !== undefined) return refuse('schema', fault);
  const limits = toGateLimits(context);
  const read = measurePattern(pattern, limits);
  if (read.type === 'refused') return read;
  const trial: Trial = {
    limits,
    figures: read.figures,
    startSample: 0,
    impedanceAgeS: limits.profile.impedanceAgeS + context.profileAgeS,
    arming: { armed: true, untilSample: Infinity },
    history: createStimHistory(),
  };
  const refusals = collectRefusals(trial);
  if (refusals.length > 0) return { type: 'refused', refusals };
  return { type: 'accepted', pattern: read.checked ?? new CheckedPatternValue(KEY, read.slot, trial) };
}

/**
 * The safety gate: holds one stimulus, of whatever origin, against every rule. Whatever is not known to be allowed is
 * refused. A pure function; the cheapest command is one whose pattern `checkPattern` has accepted under the same limits.
 *
 * @returns the checked command and the history that has it in its account, or every broken rule, once each, in the
 * order of `SAFETY_RULES`; where `schema` or `finite` is broken, that alone
 */
export function checkStimulus(command: unknown, context: GateContext): StimulusVerdict {
  const { history, nowSample, sampleRateHz } = context;
  const read = readCommand(command);
  if (typeof read === 'string') return refuse('schema', read);
  const fault = describeClockFault(sampleRateHz, nowSample) ?? describeOrderFault(read, context);
  if (fault !== undefined) return refuse('schema', fault);
  const limits = toGateLimits(context);
  const pattern = measurePattern(read.pattern, limits);
  if (pattern.type === 'refused') return pattern;
  const { figures } = pattern;
  const startSample = read.atSample ?? nowSample;
  const aheadS = (startSample - nowSample) / sampleRateHz;
  const impedanceAgeS = limits.profile.impedanceAgeS + context.profileAgeS + aheadS;
  const trial: Trial = { limits, figures, startSample, impedanceAgeS, arming: context.arming, history };
  const refusals = collectRefusals(trial, { pulsesHeld: pattern.checked !== undefined });
  if (refusals.length > 0) return { type: 'refused', refusals };
  const checked = pattern.checked ?? new CheckedPatternValue(KEY, pattern.slot, trial);
  const { stimulusId } = read;
  return {
    type: 'accepted',
    command: new CheckedStimCommandValue(KEY, read, checked),
    history: account(history, { stimulusId, startSample, figures, nowSample, sampleRateHz }),
  };
}

interface MeasuredPattern {
  readonly type: 'measured';
  readonly slot: number;
  readonly figures: readonly PulseFigures[];
  /** The pattern itself, where it was checked under these limits before. */
  readonly checked?: CheckedPattern;
}

function measurePattern(
  value: unknown,
  limits: GateLimits,
): MeasuredPattern | { readonly type: 'refused'; readonly refusals: readonly SafetyRefusal[] } {
  let unread = value;
  if (CheckedPatternValue.is(value)) {
    const figures = CheckedPatternValue.figuresUnder(value, limits);
    if (figures !== undefined) return { type: 'measured', slot: value.slot, figures, checked: value };
    unread = { slot: value.slot, pulses: value.pulses };
  }
  const pattern = readPattern(unread, limits.capabilities.slots);
  if (typeof pattern === 'string') return refuse('schema', pattern);
  const notFinite = checkFinite(pattern.pulses);
  if (notFinite !== undefined) return { type: 'refused', refusals: [notFinite] };
  const figures = Object.freeze(pattern.pulses.map((pulse) => measurePulse(pulse, limits)));
  return { type: 'measured', slot: pattern.slot, figures };
}

/** A clock that is none would make every window of one second empty. */
function describeClockFault(sampleRateHz: number, nowSample: number): string | undefined {
  if (sampleRateHz > 0 && sampleRateHz < Infinity && Number.isSafeInteger(nowSample) && nowSample >= 0)
    return undefined;
  return `no sample clock: sample ${nowSample} at ${sampleRateHz} Hz`;
}

/** What is past can no longer be held against what was forgotten; an id that comes again may be a replay. */
function describeOrderFault(
  { stimulusId, atSample }: CommandInput,
  { nowSample, history }: GateContext,
): string | undefined {
  if (nowSample < history.nowSample) {
    return `the sample clock went back from ${history.nowSample} to ${nowSample}: a device that boots anew needs a new history`;
  }
  if (atSample !== undefined && atSample < nowSample) return `sample ${atSample} is past: the next one is ${nowSample}`;
  if (stimulusId > history.newestStimulusId) return undefined;
  return `stimulusId ${stimulusId} after ${history.newestStimulusId}: ids must rise`;
}

/** The checks in the order of the rules. A rule that is added without a check does not compile. */
const ORDERED_CHECKS = SAFETY_RULES.map((rule) => {
  // These two are held before there is anything to compute with.
  if (rule === 'schema' || rule === 'finite') return { rule };
  return isTrialRule(rule) ? { rule, checkTrial: TRIAL_CHECKS[rule] } : { rule, checkPulse: PULSE_CHECKS[rule] };
});

function isTrialRule(rule: SafetyRule): rule is keyof typeof TRIAL_CHECKS {
  return Object.hasOwn(TRIAL_CHECKS, rule);
}

/** @param skip `pulsesHeld`: the pulses were held against the rules about a pulse by itself before */
function collectRefusals(
  trial: Trial,
  skip: { readonly pulsesHeld: boolean } = { pulsesHeld: false },
): SafetyRefusal[] {
  const refusals: SafetyRefusal[] = [];
  for (const { rule, checkTrial, checkPulse } of ORDERED_CHECKS) {
    let message = checkTrial?.(trial);
    if (checkPulse !== undefined && !skip.pulsesHeld) message = findBrokenPulse(trial, checkPulse);
    if (message !== undefined) refusals.push({ rule, message });
  }
  return refusals;
}

function findBrokenPulse({ figures, limits }: Trial, check: PulseCheck): string | undefined {
  for (const pulse of figures) {
    const message = check(pulse, limits);
    if (message !== undefined) return message;
  }
  return undefined;
}

function refuse(
  rule: SafetyRule,
  message: string,
): { readonly type: 'refused'; readonly refusals: readonly SafetyRefusal[] } {
  return { type: 'refused', refusals: [{ rule, message }] };
}

function assertGate(key: symbol): void {
  if (key !== KEY) throw new MeaError('internal', { what: 'Only the gate makes checked stimuli' });
}
