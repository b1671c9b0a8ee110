import { assertNever } from '../errors.js';
import { encodeBlock, type SampleOwnership } from './codec-block.js';
import { fromWireDevice, toWireDevice } from './codec-device.js';
import { fromWireCommand, fromWireHeartbeat, toWireCommand, toWireHeartbeat } from './codec-host.js';
import { createWireReader } from './codec-reader.js';
import { badField, checkInteger, finishMessage, resultOf, type DecodeResult } from './codec-values.js';
import { mealink } from './generated/mea_link.js';
import type { DeviceMessage, HostMessage, RefusalReason } from './messages.js';

const wire = mealink.v1;

/**
 * Encodes a message of the host; the bytes belong to the caller.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract, or the message is too long
 */
export function encodeHostMessage(message: HostMessage): Uint8Array {
  const sequence = checkInteger(message.sequence, { field: 'sequence' });
  return finishMessage(wire.HostMessage.encode({ sequence, ...hostBody(message) }).finish());
}

/**
 * Decodes a message of a host. Never throws: bytes that are no message give a sentence, and the command that a device
 * can refuse where its id could be read.
 *
 * @param bytes are not kept
 */
export function decodeHostMessage(bytes: Uint8Array): DecodeResult<HostMessage> {
  let commandId: number | undefined;
  let reason: RefusalReason = 'bad-argument';
  const result = resultOf(bytes, (): HostMessage => {
    const raw = wire.HostMessage.decode(createWireReader(bytes));
    const sequence = checkInteger(raw.sequence, { field: 'sequence' });
    if (raw.heartbeat) return { type: 'heartbeat', sequence, ...fromWireHeartbeat(raw.heartbeat) };
    if (!raw.command) throw unknownMessage('command or heartbeat');
    commandId = checkInteger(raw.command.commandId, { field: 'command id' });
    const command = fromWireCommand(raw.command);
    if (command !== undefined) return { type: 'command', sequence, commandId, command };
    reason = 'unknown-command';
    throw unknownMessage('command of this version');
  });
  return result.type === 'bad' && commandId !== undefined ? { ...result, command: { commandId, reason } } : result;
}

/**
 * Encodes a message of the device, of either lane; the bytes belong to the caller.
 *
 * @throws MeaError `bad-input` when a field does not meet its contract, or the message is too long
 */
export function encodeDeviceMessage(message: DeviceMessage): Uint8Array {
  if (message.type === 'block') return encodeBlock(message);
  const sequence = checkInteger(message.sequence, { field: 'sequence' });
  return finishMessage(wire.DeviceMessage.encode({ sequence, ...toWireDevice(message) }).finish());
}

/**
 * Decodes a message of a device, of either lane. Never throws: bytes that are no message give a sentence.
 *
 * @param bytes are not kept: the samples of a block are copied once
 */
export function decodeDeviceMessage(bytes: Uint8Array): DecodeResult<DeviceMessage> {
  return decodeDevice(bytes, 'copied');
}

/**
 * As `decodeDeviceMessage`, of bytes that the caller gives away: the samples of a block stay where they are, unless they
 * lie at an odd byte.
 */
export function takeDeviceMessage(bytes: Uint8Array): DecodeResult<DeviceMessage> {
  return decodeDevice(bytes, 'taken');
}

function decodeDevice(bytes: Uint8Array, samples: SampleOwnership): DecodeResult<DeviceMessage> {
  return resultOf(bytes, (): DeviceMessage => {
    const message = fromWireDevice(wire.DeviceMessage.decode(createWireReader(bytes)), samples);
    if (message === undefined) throw unknownMessage('message or reply of this version');
    return message;
  });
}

function hostBody(message: HostMessage): mealink.v1.HostMessage.$Properties {
  switch (message.type) {
    case 'command': {
      const commandId = checkInteger(message.commandId, { field: 'command id' });
      return { command: { ...toWireCommand(message.command), commandId } };
    }
    case 'heartbeat':
      return { heartbeat: toWireHeartbeat(message) };
    default:
      return assertNever(message);
  }
}

function unknownMessage(wanted: string): Error {
  return badField('unknown message', 'no known field', `a ${wanted}`);
}
