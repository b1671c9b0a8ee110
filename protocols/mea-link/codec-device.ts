import { assertNever } from '../errors.js';
import { fromWireBlock, type SampleOwnership } from './codec-block.js';
import { armingCauses, deviceStates, dropReasons, faultCodes, logLevels } from './codec-names.js';
import { fromWireResult, toWireResult } from './codec-reply.js';
import { MAX_SAMPLE, badField, checkInteger, checkRisingElectrodes, checkSample } from './codec-values.js';
import type { mealink } from './generated/mea_link.js';
import type { BlockMessage, DeviceMessage } from './messages.js';

type WireDevice = mealink.v1.DeviceMessage.$Properties;
type Named<Type extends DeviceMessage['type']> = Extract<DeviceMessage, { readonly type: Type }>;
type Body<Type extends DeviceMessage['type']> = Omit<Named<Type>, 'type' | 'sequence'>;

/**
 * The body of a message as the generated classes take it; blocks have `encodeBlock`.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function toWireDevice(message: Exclude<DeviceMessage, BlockMessage>): WireDevice {
  switch (message.type) {
    case 'reply':
      return { reply: { ...toWireResult(message.result), ...checkCommandId(message) } };
    case 'device-heartbeat':
      return { heartbeat: { ...checkHeartbeat(message), state: deviceStates.toValue(message.state) } };
    case 'rested':
      return { rested: checkRested(message) };
    case 'stimulus-delivered': {
      const { electrodes, limitedElectrodes = [], ...delivered } = checkDelivered(message);
      const limited = limitedElectrodes.length > 0 && { limitedElectrodes: [...limitedElectrodes] };
      return { stimulusDelivered: { ...delivered, electrodes: [...electrodes], ...limited } };
    }
    case 'stimulus-dropped':
      return { stimulusDropped: { ...checkDropped(message), reason: dropReasons.toValue(message.reason) } };
    case 'armed-changed':
      return { armedChanged: { ...checkArmed(message), cause: armingCauses.toValue(message.cause) } };
    case 'fault':
      return { fault: { ...checkFault(message), code: faultCodes.toValue(message.code) } };
    case 'log':
      return { log: { level: logLevels.toValue(message.level), message: message.message } };
    case 'stream-started':
      return { streamStarted: checkStarted(message) };
    case 'stream-ended':
      return { streamEnded: checkEnded(message) };
    default:
      return assertNever(message);
  }
}

/**
 * The message of decoded fields, or undefined when it is one that this version does not know.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract
 */
export function fromWireDevice(raw: WireDevice, samples: SampleOwnership): DeviceMessage | undefined {
  const sequence = checkInteger(raw.sequence, { field: 'sequence' });
  if (raw.block) return { type: 'block', sequence, ...fromWireBlock(raw.block, samples) };
  if (raw.reply) return fromWireReply(raw.reply, sequence);
  if (raw.heartbeat) {
    const { state } = raw.heartbeat;
    return { type: 'device-heartbeat', sequence, ...checkHeartbeat(raw.heartbeat), state: deviceStates.toName(state) };
  }
  if (raw.rested) return { type: 'rested', sequence, ...checkRested(raw.rested) };
  if (raw.stimulusDelivered) return { type: 'stimulus-delivered', sequence, ...checkDelivered(raw.stimulusDelivered) };
  if (raw.stimulusDropped) {
    const reason = dropReasons.toName(raw.stimulusDropped.reason);
    return { type: 'stimulus-dropped', sequence, ...checkDropped(raw.stimulusDropped), reason };
  }
  if (raw.armedChanged) {
    const cause = armingCauses.toName(raw.armedChanged.cause);
    return { type: 'armed-changed', sequence, ...checkArmed(raw.armedChanged), cause };
  }
  if (raw.fault) {
    return { type: 'fault', sequence, ...checkFault(raw.fault), code: faultCodes.toName(raw.fault.code) };
  }
  if (raw.log) return { type: 'log', sequence, level: logLevels.toName(raw.log.level), message: raw.log.message ?? '' };
  if (raw.streamStarted) return { type: 'stream-started', sequence, ...checkStarted(raw.streamStarted) };
  if (raw.streamEnded) return { type: 'stream-ended', sequence, ...checkEnded(raw.streamEnded) };
  return undefined;
}

function fromWireReply(raw: mealink.v1.Reply.$Properties, sequence: number): Named<'reply'> | undefined {
  const result = fromWireResult(raw);
  return result === undefined ? undefined : { type: 'reply', sequence, ...checkCommandId(raw), result };
}

function checkCommandId(raw: { readonly commandId?: number | null }): { commandId: number } {
  return { commandId: checkInteger(raw.commandId, { field: 'command id' }) };
}

function checkHeartbeat(
  raw: Omit<mealink.v1.DeviceHeartbeat.$Properties, 'state'>,
): Omit<Body<'device-heartbeat'>, 'state'> {
  return {
    nextDataSequence: checkInteger(raw.nextDataSequence, { field: 'next data sequence' }),
    nextSample: checkSample(raw.nextSample, 'next sample'),
    armed: raw.armed ?? false,
  };
}

function checkRested(raw: mealink.v1.Rested.$Properties): Body<'rested'> {
  const fromSample = checkSample(raw.fromSample, 'first sample of the rest');
  checkInteger(raw.toSample, { field: 'sample after the rest', min: fromSample, max: MAX_SAMPLE });
  return { fromSample, toSample: checkSample(raw.toSample, 'sample after the rest') };
}

function checkDelivered(
  raw: Omit<mealink.v1.StimulusDelivered.$Properties, 'electrodes' | 'limitedElectrodes'> & {
    readonly electrodes?: readonly number[] | null;
    readonly limitedElectrodes?: readonly number[] | null;
  },
): Body<'stimulus-delivered'> {
  const electrodes = checkRisingElectrodes(raw.electrodes, 'pulsed electrode');
  const limitedElectrodes = checkRisingElectrodes(raw.limitedElectrodes, 'limited electrode');
  const other = limitedElectrodes.find((electrode) => !electrodes.includes(electrode));
  if (other !== undefined) throw badField('limited electrode', String(other), 'one that was pulsed');
  return {
    ...checkStimulusId(raw),
    sample: checkSample(raw.sample, 'sample of the stimulus'),
    slot: checkInteger(raw.slot, { field: 'slot' }),
    electrodes,
    ...(limitedElectrodes.length > 0 && { limitedElectrodes }),
  };
}

function checkDropped(
  raw: Omit<mealink.v1.StimulusDropped.$Properties, 'reason'>,
): Omit<Body<'stimulus-dropped'>, 'reason'> {
  return {
    ...checkStimulusId(raw),
    atSample: checkSample(raw.atSample, 'sample of the drop'),
    message: raw.message ?? '',
  };
}

function checkStimulusId(raw: { readonly stimulusId?: number | null }): { stimulusId: number } {
  return { stimulusId: checkInteger(raw.stimulusId, { field: 'stimulus id', min: 1 }) };
}

function checkArmed(raw: Omit<mealink.v1.ArmedChanged.$Properties, 'cause'>): Omit<Body<'armed-changed'>, 'cause'> {
  return { atSample: checkSample(raw.atSample, 'sample of the arming'), armed: raw.armed ?? false };
}

function checkFault(raw: Omit<mealink.v1.Fault.$Properties, 'code'>): Omit<Body<'fault'>, 'code'> {
  return { atSample: checkSample(raw.atSample, 'sample of the fault'), message: raw.message ?? '' };
}

function checkStarted(raw: mealink.v1.StreamStarted.$Properties): Body<'stream-started'> {
  return { firstSample: checkSample(raw.firstSample, 'first sample') };
}

function checkEnded(raw: mealink.v1.StreamEnded.$Properties): Body<'stream-ended'> {
  return {
    endSample: checkSample(raw.endSample, 'end sample'),
    blocks: checkInteger(raw.blocks, { field: 'blocks', max: MAX_SAMPLE }),
    frames: checkInteger(raw.frames, { field: 'frames', max: MAX_SAMPLE }),
    samplesCrc32c: checkInteger(raw.samplesCrc32c, { field: 'CRC of the samples' }),
  };
}
