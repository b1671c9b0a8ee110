import type { Pulse } from '../stimulation/stim-pattern.js';
import { countStimSteps, IDLE_STIM_SETTINGS, stepOf, type StimSettings, type StimSteps } from './stim-settings.js';

/**
 * What RHX does not check, or only says in its window:
 *
 * - `shape`: not two phases of opposite sign, with or without a gap between them
 * - `amplitude`: not a whole number of steps from 1 to 255
 * - `duration`: a phase or gap that is not a whole number of samples, of none, or of more than 5000 us
 * - `charge`: first and second phase do not carry the same charge, in steps
 * - `train`: more than a single pulse
 * - `settle-before`: the amplifiers settle before the trigger: PostTriggerDelay < PreStimAmpSettle
 * - `recovery-order`: charge recovery ends before it begins
 * - `refractory-settle`, `refractory-recovery`: the next pulse may come while amplifiers settle or charge is recovered
 * - `train-period`: shorter than the pulse
 * - `too-long`: an event later than its register of 16 bits holds
 */
export const RHX_STIM_RULES = [
  'shape',
  'amplitude',
  'duration',
  'charge',
  'train',
  'settle-before',
  'recovery-order',
  'refractory-settle',
  'refractory-recovery',
  'train-period',
  'too-long',
] as const;
export type RhxStimRule = (typeof RHX_STIM_RULES)[number];

export interface RhxStimRefusal {
  readonly rule: RhxStimRule;
  /** For a person, with the values. */
  readonly message: string;
}

/** What of the settings is not in the pulse. */
export type StimSurroundings = Pick<
  StimSettings,
  | 'source'
  | 'refractoryPeriodUs'
  | 'enableAmpSettle'
  | 'preStimAmpSettleUs'
  | 'postStimAmpSettleUs'
  | 'enableChargeRecovery'
  | 'postStimChargeRecovOnUs'
  | 'postStimChargeRecovOffUs'
>;

export type StimSettingsResult =
  | { readonly type: 'settings'; readonly settings: StimSettings }
  | { readonly type: 'refused'; readonly refusals: readonly RhxStimRefusal[] };

const MAX_STEPS = 255;
const MAX_PHASE_US = 5000;
/** The register value that means never. */
const NEVER = 65_535;
/** Relative difference below which two values differ by rounding only. */
const TOLERANCE = 1e-6;

/**
 * The settings that make a pulse exactly: one single pulse of two phases at an edge of its trigger.
 *
 * @returns the settings, checked, or everything that speaks against them
 */
export function toStimSettings(pulse: Pulse, steps: StimSteps, around: StimSurroundings): StimSettingsResult {
  const shape = readShape(pulse);
  if (typeof shape === 'string') return { type: 'refused', refusals: [{ rule: 'shape', message: shape }] };
  const { first, gapUs, second } = shape;
  const settings: StimSettings = {
    ...IDLE_STIM_SETTINGS,
    ...around,
    stimEnabled: true,
    shape: gapUs === 0 ? 'Biphasic' : 'BiphasicWithInterphaseDelay',
    polarity: first.currentUa < 0 ? 'NegativeFirst' : 'PositiveFirst',
    firstPhaseDurationUs: first.durationUs,
    secondPhaseDurationUs: second.durationUs,
    interphaseDelayUs: gapUs === 0 ? IDLE_STIM_SETTINGS.interphaseDelayUs : gapUs,
    firstPhaseAmplitudeUa: Math.abs(first.currentUa),
    secondPhaseAmplitudeUa: Math.abs(second.currentUa),
    postTriggerDelayUs: around.enableAmpSettle ? around.preStimAmpSettleUs : 0,
  };
  const refusals = checkStimSettings(settings, steps);
  return refusals.length > 0 ? { type: 'refused', refusals } : { type: 'settings', settings };
}

/** Holds settings of an enabled output against all that RHX does not check; empty where nothing speaks against them. */
export function checkStimSettings(settings: StimSettings, steps: StimSteps): readonly RhxStimRefusal[] {
  const refusals: RhxStimRefusal[] = [];
  const refuse = (rule: RhxStimRule, message: string | undefined): void => {
    if (message !== undefined) refusals.push({ rule, message });
  };
  refuse('amplitude', checkAmplitudes(settings, steps));
  refuse('duration', checkDurations(settings, steps));
  refuse('charge', checkCharge(settings, steps));
  refuse('train', settings.pulseOrTrain === 'SinglePulse' ? undefined : 'a train of pulses, not a single one');
  checkOrder(settings, refuse);
  refuse('too-long', checkLength(settings, steps));
  return refusals;
}

/** Time from the first phase to the end of the last, in us. */
function measurePulseUs(settings: StimSettings): number {
  const { firstPhaseDurationUs, secondPhaseDurationUs, interphaseDelayUs } = settings;
  switch (settings.shape) {
    case 'Biphasic':
      return firstPhaseDurationUs + secondPhaseDurationUs;
    case 'BiphasicWithInterphaseDelay':
      return firstPhaseDurationUs + interphaseDelayUs + secondPhaseDurationUs;
    case 'Triphasic':
      return 2 * firstPhaseDurationUs + secondPhaseDurationUs;
  }
}

interface Biphasic {
  readonly first: { readonly currentUa: number; readonly durationUs: number };
  readonly gapUs: number;
  readonly second: { readonly currentUa: number; readonly durationUs: number };
}

function readShape({ electrode, phases }: Pulse): Biphasic | string {
  const lasting = phases.filter(({ durationUs }) => durationUs !== 0);
  while (lasting.at(-1)?.currentUa === 0) lasting.pop();
  const [first, ...rest] = lasting;
  const second = rest.at(-1);
  const where = `electrode ${electrode}`;
  if (first === undefined || second === undefined) return `${where}: ${lasting.length} phases, wanted two`;
  const between = rest.slice(0, -1);
  if (first.currentUa === 0) return `${where}: the pulse begins with a gap`;
  if (between.some(({ currentUa }) => currentUa !== 0)) return `${where}: more than two phases with a current`;
  if (first.currentUa * second.currentUa > 0) return `${where}: two phases of one sign`;
  return { first, gapUs: between.reduce((sum, { durationUs }) => sum + durationUs, 0), second };
}

function checkAmplitudes(settings: StimSettings, steps: StimSteps): string | undefined {
  const step = stepOf('ua', steps);
  for (const valueUa of [settings.firstPhaseAmplitudeUa, settings.secondPhaseAmplitudeUa]) {
    const count = countStimSteps(valueUa, step);
    if (!isWhole(valueUa, count * step)) return `${valueUa} uA is no whole number of steps of ${step} uA`;
    if (!(count >= 1 && count <= MAX_STEPS)) return `${valueUa} uA is ${count} steps, wanted 1 to ${MAX_STEPS}`;
  }
  return undefined;
}

function checkDurations(settings: StimSettings, steps: StimSteps): string | undefined {
  const { shape, firstPhaseDurationUs, secondPhaseDurationUs, interphaseDelayUs } = settings;
  const gaps = shape === 'BiphasicWithInterphaseDelay' ? [interphaseDelayUs] : [];
  const step = stepOf('us', steps);
  for (const valueUs of [firstPhaseDurationUs, secondPhaseDurationUs, ...gaps]) {
    const count = countStimSteps(valueUs, step);
    if (!isWhole(valueUs, count * step)) return `${valueUs} us is no whole number of samples of ${step} us`;
    if (!(count >= 1 && valueUs <= MAX_PHASE_US)) return `${valueUs} us, wanted one sample to ${MAX_PHASE_US} us`;
  }
  return undefined;
}

function checkCharge(settings: StimSettings, steps: StimSteps): string | undefined {
  const ua = stepOf('ua', steps);
  const us = stepOf('us', steps);
  const times = settings.shape === 'Triphasic' ? 2 : 1;
  const first =
    times * countStimSteps(settings.firstPhaseDurationUs, us) * countStimSteps(settings.firstPhaseAmplitudeUa, ua);
  const second =
    countStimSteps(settings.secondPhaseDurationUs, us) * countStimSteps(settings.secondPhaseAmplitudeUa, ua);
  if (first === second) return undefined;
  const leftPc = Math.abs(first - second) * ua * us;
  return `the phases leave ${Number(leftPc.toPrecision(6))} pC behind: RHX does not balance them`;
}

function checkOrder(settings: StimSettings, refuse: (rule: RhxStimRule, message: string | undefined) => void): void {
  const { enableAmpSettle, enableChargeRecovery, refractoryPeriodUs, postTriggerDelayUs } = settings;
  const { preStimAmpSettleUs, postStimAmpSettleUs, postStimChargeRecovOnUs, postStimChargeRecovOffUs } = settings;
  if (enableAmpSettle) {
    refuse('settle-before', least('PostTriggerDelay', postTriggerDelayUs, ['PreStimAmpSettle', preStimAmpSettleUs]));
    refuse('refractory-settle', least('Refractory', refractoryPeriodUs, ['PostStimAmpSettle', postStimAmpSettleUs]));
  }
  if (enableChargeRecovery) {
    const off = ['PostStimChargeRecovOff', postStimChargeRecovOffUs] as const;
    refuse('recovery-order', least(...off, ['PostStimChargeRecovOn', postStimChargeRecovOnUs]));
    refuse('refractory-recovery', least('Refractory', refractoryPeriodUs, off));
  }
  if (settings.pulseOrTrain === 'PulseTrain') {
    const pulse = ['the pulse', measurePulseUs(settings)] as const;
    refuse('train-period', least('PulseTrainPeriod', settings.pulseTrainPeriodUs, pulse));
  }
}

function least(name: string, valueUs: number, bound: readonly [name: string, valueUs: number]): string | undefined {
  if (valueUs >= bound[1]) return undefined;
  return `${name} of ${valueUs} us is less than ${bound[0]} of ${bound[1]} us`;
}

function checkLength(settings: StimSettings, steps: StimSteps): string | undefined {
  const afterUs = Math.max(
    settings.refractoryPeriodUs,
    settings.enableAmpSettle ? settings.postStimAmpSettleUs : 0,
    settings.enableChargeRecovery ? settings.postStimChargeRecovOffUs : 0,
  );
  const pulses = settings.pulseOrTrain === 'PulseTrain' ? settings.numberOfStimPulses : 1;
  const pulseUs = measurePulseUs(settings) + Math.max(0, pulses - 1) * settings.pulseTrainPeriodUs;
  const samples = countStimSteps(settings.postTriggerDelayUs + pulseUs + afterUs, stepOf('us', steps));
  if (samples < NEVER) return undefined;
  return `the last event comes ${samples} samples after the trigger, wanted less than ${NEVER}`;
}

function isWhole(value: number, rounded: number): boolean {
  return Math.abs(value - rounded) <= TOLERANCE * Math.max(value, rounded);
}
