import { encodeSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';

/** Number of a field that no version of the protocol has. */
const UNKNOWN_FIELD = 1000;

/** Bytes that are no message in any reading: the field number 0 does not exist. */
export function garbage(): Uint8Array {
  return Uint8Array.from({ length: 24 }, (_, k) => (k === 0 ? 0x07 : 0xff));
}

/** A command that this version does not know: its envelope is right, its body is a field nobody has defined. */
export function encodeUnknownCommand(sequence: number, commandId: number): Uint8Array {
  return encodeEnvelope(sequence, [...encodeVarintField(1, commandId), ...encodeBytesField(UNKNOWN_FIELD, [])]);
}

/** `configure` with a profile that has one limit more than this version knows. */
export function encodeConfigureWithUnknownLimit(message: MessageIds, configure: RawConfigure): Uint8Array {
  const profile = [...encodeSafetyProfile(configure.profile), ...encodeVarintField(UNKNOWN_FIELD, 1)];
  return encodeConfigure(message, configure.blockFrames, profile);
}

/** `configure` with a profile whose last limit, the charge of a session, is not there. */
export function encodeConfigureWithoutLimit(message: MessageIds, configure: RawConfigure): Uint8Array {
  // Field 24 as a double: a tag of two bytes, then eight.
  return encodeConfigure(message, configure.blockFrames, [...encodeSafetyProfile(configure.profile).slice(0, -10)]);
}

/** Numbers of a message that is made by hand. */
export interface MessageIds {
  readonly sequence: number;
  readonly commandId: number;
}

/** What `configure` carries. */
export interface RawConfigure {
  readonly blockFrames: number;
  readonly profile: SafetyProfile;
}

function encodeConfigure(message: MessageIds, blockFrames: number, profile: readonly number[]): Uint8Array {
  const configure = [...encodeVarintField(1, blockFrames), ...encodeBytesField(2, profile)];
  const command = [...encodeVarintField(1, message.commandId), ...encodeBytesField(3, configure)];
  return encodeEnvelope(message.sequence, command);
}

/** `HostMessage { fixed32 sequence = 1; Command command = 2; }`. */
function encodeEnvelope(sequence: number, command: readonly number[]): Uint8Array {
  const fixed = Array.from({ length: 4 }, (_, k) => (sequence >>> (8 * k)) & 0xff);
  return Uint8Array.from([0x0d, ...fixed, ...encodeBytesField(2, command)]);
}

function encodeVarintField(field: number, value: number): number[] {
  return [...encodeVarint(field * 8), ...encodeVarint(value)];
}

function encodeBytesField(field: number, bytes: readonly number[]): number[] {
  return [...encodeVarint(field * 8 + 2), ...encodeVarint(bytes.length), ...bytes];
}

function encodeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}
