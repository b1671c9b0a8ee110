import { MeaError, assertNever } from '../errors.js';
import { encodeSettings, SETTINGS_BYTES, type PulsePalSettings } from './settings.js';
import { assertChannel, MAX_CUSTOM_PULSES, toCycles, toDacCode } from './values.js';

/** Every message begins with it; the device skips bytes until one comes. */
const START = 213;
/** On the display, what follows it stands in the second line. */
const SECOND_LINE = 254;
const OUTPUTS = 4;
const TRIGGERS = 2;

/** Parameters that operation 74 sets one at a time, with their codes and what their values are. */
export const PULSE_PAL_PARAMETERS = {
  isBiphasic: { code: 1, kind: 'flag' },
  phase1Volts: { code: 2, kind: 'volts' },
  phase2Volts: { code: 3, kind: 'volts' },
  phase1Us: { code: 4, kind: 'time' },
  interPhaseUs: { code: 5, kind: 'time-or-0' },
  phase2Us: { code: 6, kind: 'time' },
  interPulseUs: { code: 7, kind: 'time' },
  burstUs: { code: 8, kind: 'time-or-0' },
  interBurstUs: { code: 9, kind: 'time-or-0' },
  trainUs: { code: 10, kind: 'time' },
  trainDelayUs: { code: 11, kind: 'time-or-0' },
  isLinkedToTrigger1: { code: 12, kind: 'flag' },
  isLinkedToTrigger2: { code: 13, kind: 'flag' },
  /** Codes 14 to 17 leave burst and custom mode as it was: operation 73 leaves it reliably. */
  customTrain: { code: 14, kind: 'choice' },
  customTarget: { code: 15, kind: 'flag' },
  loopsCustomTrain: { code: 16, kind: 'flag' },
  restingVolts: { code: 17, kind: 'volts' },
  /** Of a trigger input, 1 or 2: 0 normal, 1 toggle, 2 pulse-gated. */
  triggerMode: { code: 128, kind: 'choice' },
} as const;

export type PulsePalParameter = keyof typeof PULSE_PAL_PARAMETERS;

/** A pulse of a custom train: when it begins after the trigger, and its voltage; its second phase mirrors it about 0 V. */
export interface CustomPulse {
  readonly atUs: number;
  readonly volts: number;
}

/** All that a Pulse Pal 2 can be told. Outputs are numbered from 1. */
export type PulsePalCommand =
  | { readonly type: 'handshake' }
  /** Six letters that its display shows. */
  | { readonly type: 'client-name'; readonly name: string }
  | { readonly type: 'program'; readonly settings: PulsePalSettings }
  /** V, us, or the number of a choice; 0 and 1 for no and yes. */
  | {
      readonly type: 'parameter';
      readonly channel: number;
      readonly parameter: PulsePalParameter;
      readonly value: number;
    }
  /** While it is uploaded the device's timing stands still. */
  | { readonly type: 'custom-train'; readonly train: 1 | 2; readonly pulses: readonly CustomPulse[] }
  | { readonly type: 'trigger'; readonly outputs: readonly number[] }
  | { readonly type: 'display'; readonly lines: readonly [string] | readonly [string, string] }
  | { readonly type: 'fixed-voltage'; readonly channel: number; readonly volts: number }
  | { readonly type: 'abort' }
  | { readonly type: 'disconnect' }
  /** On begins playing at once and has no end. */
  | { readonly type: 'loop'; readonly channel: number; readonly isOn: boolean }
  | { readonly type: 'read-settings-file' }
  | { readonly type: 'settings-file'; readonly operation: 'save' | 'load' | 'delete'; readonly name: string }
  /** For its makers: sets a pin of its processor. */
  | { readonly type: 'write-pin'; readonly pin: number; readonly isHigh: boolean }
  | { readonly type: 'read-pin'; readonly pin: number };

/** Bytes with which the device answers; it never says that something went wrong. */
export function replyBytes(command: PulsePalCommand): number {
  switch (command.type) {
    case 'handshake':
      return 5;
    case 'program':
    case 'parameter':
    case 'custom-train':
    case 'fixed-voltage':
    case 'loop':
    case 'read-pin':
      return 1;
    case 'read-settings-file':
      return SETTINGS_BYTES;
    case 'settings-file':
      return command.operation === 'load' ? SETTINGS_BYTES : 0;
    case 'client-name':
    case 'trigger':
    case 'display':
    case 'abort':
    case 'disconnect':
    case 'write-pin':
      return 0;
    default:
      return assertNever(command);
  }
}

/**
 * One message, to be given to the line in one write: the device gives up on one that stands still for half a second.
 *
 * @throws MeaError `bad-input` for what the device does not have; it checks nothing itself
 */
export function encodePulsePal(command: PulsePalCommand): Uint8Array {
  switch (command.type) {
    case 'handshake':
      return message(72);
    case 'client-name':
      return message(89, asciiOf(command.name, { least: 6, most: 6 }));
    case 'program':
      return message(73, encodeSettings(command.settings));
    case 'parameter':
      return message(74, encodeParameter(command));
    case 'custom-train':
      return message(command.train === 1 ? 75 : 76, encodeCustomTrain(command.pulses));
    case 'trigger':
      return message(77, [maskOf(command.outputs)]);
    case 'display':
      return message(78, encodeDisplay(command.lines));
    case 'fixed-voltage':
      assertChannel(command.channel, OUTPUTS);
      return message(79, [command.channel, ...uint16(toDacCode(command.volts, `output ${command.channel}`))]);
    case 'abort':
      return message(80);
    case 'disconnect':
      return message(81);
    case 'loop':
      assertChannel(command.channel, OUTPUTS);
      return message(82, [command.channel, Number(command.isOn)]);
    case 'read-settings-file':
      return message(85);
    case 'settings-file':
      return message(90, encodeFileOperation(command.operation, command.name));
    case 'write-pin':
      return message(86, [byteOf(command.pin, 'pin'), Number(command.isHigh)]);
    case 'read-pin':
      return message(87, [byteOf(command.pin, 'pin')]);
    default:
      return assertNever(command);
  }
}

function message(operation: number, rest: ArrayLike<number> = []): Uint8Array {
  const bytes = new Uint8Array(2 + rest.length);
  bytes[0] = START;
  bytes[1] = operation;
  bytes.set(rest, 2);
  return bytes;
}

function encodeParameter(command: Extract<PulsePalCommand, { type: 'parameter' }>): readonly number[] {
  const { channel, parameter, value } = command;
  const { code, kind } = PULSE_PAL_PARAMETERS[parameter];
  assertChannel(channel, parameter === 'triggerMode' ? TRIGGERS : OUTPUTS);
  const where = `${parameter} of ${channel}`;
  const begin = [code, channel];
  switch (kind) {
    case 'volts':
      return [...begin, ...uint16(toDacCode(value, where))];
    case 'time':
      return [...begin, ...uint32(toCycles(value, where, { least: 1 }))];
    case 'time-or-0':
      return [...begin, ...uint32(toCycles(value, where, { least: 0 }))];
    case 'flag':
      return [...begin, choiceOf(value, 1, where)];
    case 'choice':
      return [...begin, choiceOf(value, 2, where)];
    default:
      return assertNever(kind);
  }
}

function choiceOf(value: number, most: number, where: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw refuse('The Pulse Pal has no such choice', { got: String(value), wanted: `0 to ${most}`, where });
}

function encodeCustomTrain(pulses: readonly CustomPulse[]): Uint8Array {
  if (pulses.length === 0 || pulses.length > MAX_CUSTOM_PULSES) {
    const got = `${pulses.length} pulses`;
    throw refuse('The Pulse Pal does not hold such a custom train', {
      got,
      wanted: `1 to ${MAX_CUSTOM_PULSES} pulses`,
    });
  }
  const bytes = new Uint8Array(4 + 6 * pulses.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, pulses.length, true);
  let lastCycles = -1;
  pulses.forEach(({ atUs, volts }, i) => {
    const where = `pulse ${i + 1} of a custom train`;
    const cycles = toCycles(atUs, where, { least: 0 });
    if (cycles <= lastCycles) throw refuse('Pulses must follow one another', { got: `${atUs} us after it`, where });
    lastCycles = cycles;
    view.setUint32(4 + 4 * i, cycles, true);
    view.setUint16(4 + 4 * pulses.length + 2 * i, toDacCode(volts, where), true);
  });
  return bytes;
}

function maskOf(outputs: readonly number[]): number {
  for (const output of outputs) assertChannel(output, OUTPUTS);
  if (outputs.length > 0) return outputs.reduce((mask, output) => mask | (1 << (output - 1)), 0);
  throw refuse('Nothing to trigger', { got: 'no output', wanted: 'at least one of 1 to 4' });
}

function encodeDisplay([first, second]: readonly [string] | readonly [string, string]): readonly number[] {
  const limits = { least: 0, most: 16 };
  const text = [...asciiOf(first, limits), ...(second === undefined ? [] : [SECOND_LINE, ...asciiOf(second, limits)])];
  return [text.length, ...text];
}

function encodeFileOperation(operation: 'save' | 'load' | 'delete', name: string): readonly number[] {
  const letters = asciiOf(name, { least: 1, most: 100 });
  return [{ save: 1, load: 2, delete: 3 }[operation], letters.length, ...letters];
}

function asciiOf(text: string, { least, most }: { readonly least: number; readonly most: number }): readonly number[] {
  const bytes = Array.from(text, (letter) => letter.codePointAt(0) ?? 0);
  if (bytes.length >= least && bytes.length <= most && bytes.every((byte) => byte >= 32 && byte < 127)) return bytes;
  throw refuse('The Pulse Pal does not take this text', {
    got: JSON.stringify(text),
    wanted: `${least} to ${most} characters of ASCII`,
  });
}

function byteOf(value: number, where: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 255) return value;
  throw refuse('No such number', { got: String(value), wanted: '0 to 255', where });
}

function uint16(value: number): readonly number[] {
  return [value & 255, value >> 8];
}

function uint32(value: number): readonly number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

function refuse(
  what: string,
  details: { readonly got: string; readonly wanted?: string; readonly where?: string },
): MeaError {
  return new MeaError('bad-input', { what, ...details });
}
