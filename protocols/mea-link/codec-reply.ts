import { assertNever } from '../errors.js';
import { hertz } from '../units.js';
import { deliveries, deviceStates, refusalReasons, safetyRules, schedulings } from './codec-names.js';
import {
  HASH_BYTES,
  MAX_ELECTRODE,
  checkInteger,
  checkNumber,
  checkPresent,
  checkRisingElectrodes,
  checkSample,
  copyBytes,
} from './codec-values.js';
import type { mealink } from './generated/mea_link.js';
import type { Capabilities, Impedance, ReplyResult, StimulationCapabilities } from './messages.js';

type WireReply = mealink.v1.Reply.$Properties;
type WireCapabilities = mealink.v1.Capabilities.$Properties;
type WireStimulation = mealink.v1.StimulationCapabilities.$Properties;
type Named<Type extends ReplyResult['type']> = Extract<ReplyResult, { readonly type: Type }>;

/**
 * The result of a reply as the generated classes take it.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function toWireResult(result: ReplyResult): WireReply {
  switch (result.type) {
    case 'done':
      return { done: {} };
    case 'hello': {
      const { capabilities, ...rest } = result;
      return { hello: { ...checkSequences(rest), capabilities: toWireCapabilities(capabilities) } };
    }
    case 'scheduled':
      return { scheduled: { sample: checkSample(result.sample, 'scheduled sample') } };
    case 'configured':
      return { configured: checkConfigured(result) };
    case 'impedances':
      return { impedances: checkImpedances(result) };
    case 'resumed':
      return { resumed: checkResumed(result) };
    case 'status':
      return { status: { ...checkStatus(result), state: deviceStates.toValue(result.state) } };
    case 'refused':
      return {
        refused: {
          reason: refusalReasons.toValue(result.reason),
          ...(result.rule === undefined ? {} : { rule: safetyRules.toValue(result.rule) }),
          message: result.message,
        },
      };
    default:
      return assertNever(result);
  }
}

/**
 * The result of a decoded reply, or undefined when it is one that this version does not know.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function fromWireResult(raw: WireReply): ReplyResult | undefined {
  if (raw.done) return { type: 'done' };
  if (raw.hello) {
    const capabilities = fromWireCapabilities(checkPresent(raw.hello.capabilities, 'capabilities'));
    return { type: 'hello', ...checkSequences(raw.hello), capabilities };
  }
  if (raw.scheduled) return { type: 'scheduled', sample: checkSample(raw.scheduled.sample, 'scheduled sample') };
  if (raw.configured) return { type: 'configured', ...checkConfigured(raw.configured) };
  if (raw.impedances) return { type: 'impedances', ...checkImpedances(raw.impedances) };
  if (raw.resumed) return { type: 'resumed', ...checkResumed(raw.resumed) };
  if (raw.status) {
    return { type: 'status', ...checkStatus(raw.status), state: deviceStates.toName(raw.status.state) };
  }
  return raw.refused ? fromWireRefusal(raw.refused) : undefined;
}

function fromWireRefusal({ reason, rule, message }: mealink.v1.Refused.$Properties): Named<'refused'> {
  const refusal = { type: 'refused', reason: refusalReasons.toName(reason), message: message ?? '' } as const;
  return (rule ?? 0) === 0 ? refusal : { ...refusal, rule: safetyRules.toName(rule) };
}

function checkSequences(
  raw: mealink.v1.HelloResult.$Properties,
): Pick<Named<'hello'>, 'bootId' | 'nextDataSequence' | 'oldestDataSequence' | 'newestStimulusId'> {
  return {
    bootId: checkInteger(raw.bootId, { field: 'boot id' }),
    nextDataSequence: checkInteger(raw.nextDataSequence, { field: 'next data sequence' }),
    oldestDataSequence: checkInteger(raw.oldestDataSequence, { field: 'oldest data sequence' }),
    newestStimulusId: checkInteger(raw.newestStimulusId ?? 0, { field: 'newest stimulus id' }),
  };
}

function checkConfigured(raw: mealink.v1.Configured.$Properties): Omit<Named<'configured'>, 'type'> {
  return {
    profileHash: copyBytes(raw.profileHash, 'profile hash', HASH_BYTES),
    blockFrames: checkInteger(raw.blockFrames, { field: 'frames in a block', min: 1 }),
  };
}

function checkImpedances(raw: {
  readonly frequencyHz?: number | null;
  readonly values?: readonly mealink.v1.Impedance.$Properties[] | null;
}): Omit<Named<'impedances'>, 'type' | 'values'> & { values: Impedance[] } {
  return {
    frequencyHz: hertz(checkNumber(raw.frequencyHz, { field: 'frequency in Hz', min: 0 })),
    values: (raw.values ?? []).map(({ electrode, magnitudeOhm, phaseDegrees }) => ({
      electrode: checkInteger(electrode, { field: 'electrode', max: MAX_ELECTRODE }),
      magnitudeOhm: checkNumber(magnitudeOhm, { field: 'impedance in ohm', min: 0 }),
      phaseDegrees: checkNumber(phaseDegrees, { field: 'phase in degrees' }),
    })),
  };
}

function checkResumed(raw: mealink.v1.Resumed.$Properties): Omit<Named<'resumed'>, 'type'> {
  return {
    fromSequence: checkInteger(raw.fromSequence, { field: 'resumed sequence' }),
    nextSequence: checkInteger(raw.nextSequence, { field: 'next sequence' }),
  };
}

function checkStatus(raw: Omit<mealink.v1.StatusResult.$Properties, 'state'>): Omit<Named<'status'>, 'type' | 'state'> {
  return {
    armed: raw.armed ?? false,
    nextSample: checkSample(raw.nextSample, 'next sample'),
    scheduledStimuli: checkInteger(raw.scheduledStimuli, { field: 'scheduled stimuli' }),
    nextDataSequence: checkInteger(raw.nextDataSequence, { field: 'next data sequence' }),
  };
}

function toWireCapabilities(capabilities: Capabilities): WireCapabilities {
  const { stimulation, ...rest } = capabilities;
  return { ...checkDevice(rest), ...(stimulation === null ? {} : { stimulation: toWireStimulation(stimulation) }) };
}

function fromWireCapabilities(raw: WireCapabilities): Capabilities {
  return { ...checkDevice(raw), stimulation: raw.stimulation ? fromWireStimulation(raw.stimulation) : null };
}

function checkDevice(raw: Omit<WireCapabilities, 'stimulation'>): Omit<Capabilities, 'stimulation'> {
  return {
    device: raw.device ?? '',
    serialNumber: raw.serialNumber ?? '',
    firmware: raw.firmware ?? '',
    major: checkInteger(raw.major, { field: 'major version' }),
    minor: checkInteger(raw.minor, { field: 'minor version' }),
    emulated: raw.emulated ?? false,
    channels: checkInteger(raw.channels, { field: 'channels', max: MAX_ELECTRODE + 1 }),
    sampleRateHz: hertz(checkNumber(raw.sampleRateHz, { field: 'sample rate in Hz', min: 0 })),
    gainUvPerBit: checkNumber(raw.gainUvPerBit, { field: 'gain in uV per bit', min: 0 }),
    maxBlockFrames: checkInteger(raw.maxBlockFrames, { field: 'largest number of frames' }),
    watchdogMs: checkInteger(raw.watchdogMs, { field: 'watchdog in ms' }),
    heartbeatMs: checkInteger(raw.heartbeatMs, { field: 'heartbeat in ms' }),
    ringMs: checkInteger(raw.ringMs, { field: 'ring in ms' }),
    canMeasureImpedance: raw.canMeasureImpedance ?? false,
  };
}

function toWireStimulation(stimulation: StimulationCapabilities): WireStimulation {
  const { electrodes, scheduling, delivery, ...rest } = stimulation;
  return {
    ...checkStimulator(rest),
    electrodes: [...checkRisingElectrodes(electrodes, 'stimulation electrode')],
    scheduling: schedulings.toValue(scheduling),
    delivery: deliveries.toValue(delivery),
  };
}

function fromWireStimulation(raw: WireStimulation): StimulationCapabilities {
  return {
    ...checkStimulator(raw),
    electrodes: checkRisingElectrodes(raw.electrodes, 'stimulation electrode'),
    scheduling: schedulings.toName(raw.scheduling),
    delivery: deliveries.toName(raw.delivery),
  };
}

function checkStimulator(
  raw: Omit<WireStimulation, 'electrodes' | 'scheduling' | 'delivery'>,
): Omit<StimulationCapabilities, 'electrodes' | 'scheduling' | 'delivery'> {
  return {
    currentStepUa: checkNumber(raw.currentStepUa, { field: 'current step in uA', min: 0 }),
    maxCurrentUa: checkNumber(raw.maxCurrentUa, { field: 'largest current in uA', min: 0 }),
    timeStepUs: checkNumber(raw.timeStepUs, { field: 'time step in us', min: 0 }),
    maxPhases: checkInteger(raw.maxPhases, { field: 'largest number of phases' }),
    slots: checkInteger(raw.slots, { field: 'slots' }),
    queueLength: checkInteger(raw.queueLength, { field: 'queue length' }),
    maxAheadMs: checkInteger(raw.maxAheadMs, { field: 'schedule ahead in ms' }),
  };
}
