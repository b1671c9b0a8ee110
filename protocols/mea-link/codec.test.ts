import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countedBytes,
  exampleCapabilities,
  exampleDeviceMessages,
  exampleHostMessages,
  exampleProfile,
} from '../../tests/helpers/mea-link-messages.js';
import { MeaError } from '../errors.js';
import { microamps, microseconds, sampleIndex } from '../units.js';
import { encodeBlock } from './codec-block.js';
import {
  decodeDeviceMessage,
  decodeHostMessage,
  encodeDeviceMessage,
  encodeHostMessage,
  takeDeviceMessage,
} from './codec.js';
import { mealink } from './generated/mea_link.js';
import { copyMessage } from './message-copy.js';
import {
  MAX_MESSAGE_BYTES,
  type BlockMessage,
  type Command,
  type DeviceMessage,
  type HostMessage,
} from './messages.js';

const wire = mealink.v1;

function describeHost(message: HostMessage): string {
  return message.type === 'command' ? message.command.type : message.type;
}

function describeDevice(message: DeviceMessage): string {
  return message.type === 'reply' ? `reply ${message.result.type}` : message.type;
}

function hostOf(command: Command): HostMessage {
  return { type: 'command', sequence: 0, commandId: 1, command };
}

/** The host's message with raw fields of the .proto in place of a checked one. */
function rawHost(properties: mealink.v1.HostMessage.$Properties): Uint8Array {
  return Uint8Array.from(wire.HostMessage.encode(properties).finish());
}

function rawDevice(properties: mealink.v1.DeviceMessage.$Properties): Uint8Array {
  return Uint8Array.from(wire.DeviceMessage.encode(properties).finish());
}

const block: BlockMessage = {
  type: 'block',
  sequence: 9,
  firstSample: sampleIndex(300),
  channels: 2,
  frames: 3,
  samples: Int16Array.of(1, -2, 3, -4, 5, -6),
};

describe('a message that is encoded and decoded', () => {
  it.each(exampleHostMessages.map((message, i) => [i, describeHost(message), message] as const))(
    'is the same: host message %d, %s',
    (_, __, message) => {
      expect(decodeHostMessage(encodeHostMessage(message))).toEqual({ type: 'message', message });
    },
  );

  it.each(exampleDeviceMessages.map((message, i) => [i, describeDevice(message), message] as const))(
    'is the same: device message %d, %s',
    (_, __, message) => {
      expect(decodeDeviceMessage(encodeDeviceMessage(message))).toEqual({ type: 'message', message });
    },
  );

  it('tells of electrodes at the compliance voltage in field 5, which a device of 1.0 leaves out', () => {
    // 0d sequence 2; 32 delivered: 08 id 9, 10 sample 411, 18 slot 3, 22 electrodes 0 5 12, 2a limited 5
    const old = '0d 02 00 00 00 32 0c 08 09 10 9b 03 18 03 22 03 00 05 0c';
    const golden = '0d 02 00 00 00 32 0f 08 09 10 9b 03 18 03 22 03 00 05 0c 2a 01 05';
    const toBytes = (hex: string): Uint8Array => Uint8Array.from(hex.split(' '), (byte) => parseInt(byte, 16));
    const message: DeviceMessage = {
      ...{ type: 'stimulus-delivered', sequence: 2, stimulusId: 9, sample: sampleIndex(411), slot: 3 },
      electrodes: [0, 5, 12],
    };
    expect(encodeDeviceMessage(message)).toEqual(toBytes(old));
    expect(decodeDeviceMessage(toBytes(old))).toEqual({ type: 'message', message });
    const limited = { ...message, limitedElectrodes: [5] };
    expect(encodeDeviceMessage(limited)).toEqual(toBytes(golden));
    expect(decodeDeviceMessage(toBytes(golden))).toEqual({ type: 'message', message: limited });
    // Another electrode than those that were pulsed.
    expect(() => encodeDeviceMessage({ ...message, limitedElectrodes: [6] })).toThrow('limited electrode: got 6');
    const other = toBytes(golden.replace(/05$/, '06'));
    expect(decodeDeviceMessage(other)).not.toMatchObject({ type: 'message' });
  });

  it('is the same for any pattern on a grid of 1 nA and 1 ns', () => {
    const phase = fc.record({
      currentUa: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }).map((nA) => microamps(nA / 1000)),
      durationUs: fc.nat({ max: 2 ** 32 - 1 }).map((ns) => microseconds(ns / 1000)),
    });
    const pulse = fc.record({ electrode: fc.nat({ max: 65_535 }), phases: fc.array(phase, { maxLength: 5 }) });
    const pulses = fc.uniqueArray(pulse, { selector: ({ electrode }) => electrode, maxLength: 20 });
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 32 - 1 }), pulses, (slot, drawn) => {
        const message = hostOf({ type: 'upload-pattern', pattern: { slot, pulses: drawn } });
        expect(decodeHostMessage(encodeHostMessage(message))).toEqual({ type: 'message', message });
      }),
      { seed: 20_260_701, numRuns: 300 },
    );
  });

  it('is the same for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const message: DeviceMessage = { type: 'log', sequence: 1, level: 'info', message: text };
        expect(decodeDeviceMessage(encodeDeviceMessage(message))).toEqual({ type: 'message', message });
      }),
      { seed: 20_260_702, numRuns: 300 },
    );
  });

  it('is the same when it comes as a Node Buffer at an odd place', () => {
    for (const message of exampleDeviceMessages) {
      const encoded = encodeDeviceMessage(message);
      const shifted = Buffer.alloc(encoded.length + 3).fill(0xee);
      shifted.set(encoded, 3);
      expect(decodeDeviceMessage(shifted.subarray(3))).toEqual({ type: 'message', message });
    }
  });

  it('shares no memory with the bytes it was decoded from', () => {
    const bytes = encodeHostMessage(exampleHostMessages.find((message) => message.type === 'heartbeat')!);
    const decoded = decodeHostMessage(bytes);
    const before = structuredClone(decoded);
    bytes.fill(0);
    expect(decoded).toEqual(before);
    const blockBytes = encodeBlock(block);
    const decodedBlock = decodeDeviceMessage(blockBytes);
    blockBytes.fill(0);
    expect(decodedBlock).toEqual({ type: 'message', message: block });
  });

  it('leaves the samples where they are when it is given the bytes, unless they lie at an odd byte', () => {
    const encoded = encodeBlock(block);
    const even = copyMessage(encoded);
    const odd = new Uint8Array(new ArrayBuffer(encoded.length + 2), 1 + (encoded.length % 2), encoded.length);
    odd.set(encoded);
    for (const [bytes, isView] of [
      [even, true],
      [odd, false],
    ] as const) {
      const decoded = takeDeviceMessage(bytes);
      expect(decoded).toEqual({ type: 'message', message: block });
      const samples = decoded.type === 'message' && decoded.message.type === 'block' ? decoded.message.samples : null;
      expect(samples?.buffer === bytes.buffer).toBe(isView);
    }
  });

  it('writes a block into the bytes that it is given, whatever was in them', () => {
    const place = new Uint8Array(encodeBlock(block).length).fill(0xee);
    const encoded = encodeBlock(block, (length) => place.subarray(0, length));
    expect(encoded.buffer).toBe(place.buffer);
    expect(encoded).toEqual(encodeBlock(block));
  });
});

describe('quantities on the wire', () => {
  it('lose less than 0.5 nA and 0.5 ns', () => {
    const asked = { currentUa: microamps(-12.34567), durationUs: microseconds(1e6 / 30_000) };
    const pattern = { slot: 0, pulses: [{ electrode: 1, phases: [asked] }] };
    const decoded = decodeHostMessage(encodeHostMessage(hostOf({ type: 'upload-pattern', pattern })));
    expect(decoded).toMatchObject({
      message: { command: { pattern: { pulses: [{ phases: [{ currentUa: -12.346, durationUs: 33.333 }] }] } } },
    });
  });

  it('round a part of a millisecond of armed time up, so that it never reads 0', () => {
    const heartbeat = {
      type: 'heartbeat',
      sequence: 0,
      token: countedBytes(16, 1),
      progress: 1,
      armedForMs: 0.25,
    } as const;
    expect(decodeHostMessage(encodeHostMessage(heartbeat))).toMatchObject({ message: { armedForMs: 1 } });
  });
});

describe('encodeBlock', () => {
  it.each([
    { ...block },
    { ...block, sequence: 0 },
    { ...block, firstSample: sampleIndex(0) },
    { ...block, firstSample: sampleIndex(2 ** 53) },
    { ...block, channels: 1, frames: 6 },
    { ...block, channels: 64, frames: 20, samples: new Int16Array(1280).fill(-77) },
    { ...block, channels: 1024, frames: 20, samples: new Int16Array(20_480).fill(5) },
  ])('writes the bytes of the general encoder: %#', (message) => {
    const { sequence, firstSample, channels, frames, samples } = message;
    const bytes = new Uint8Array(samples.buffer);
    const general = rawDevice({ sequence, block: { firstSample, channels, frames, samples: bytes } });
    expect(encodeBlock(message)).toEqual(general);
  });

  it('takes a view into a larger array', () => {
    const whole = Int16Array.of(99, 1, -2, 3, -4, 5, -6, 99);
    expect(encodeBlock({ ...block, samples: whole.subarray(1, 7) })).toEqual(encodeBlock(block));
  });

  it.each([
    [{ ...block, frames: 4 }, 'samples of a block: got 12 bytes, expected 16 for 2 channels x 4 frames'],
    [{ ...block, channels: 0, samples: new Int16Array(0) }, 'channels of a block: got 0'],
    [{ ...block, sequence: -1 }, 'sequence: got -1'],
    [{ ...block, firstSample: sampleIndex(0.5) }, 'first sample: got 0.5'],
    [{ ...block, channels: 64, frames: 512, samples: new Int16Array(32_768) }, 'block: got 65557 bytes encoded'],
  ])('refuses what is no block: %#', (message, expected) => {
    expect(() => encodeBlock(message)).toThrow(expected);
  });
});

describe('encoding', () => {
  const token = countedBytes(16, 1);
  it.each<[string, HostMessage]>([
    ['a sequence of 2^32', { ...hostOf({ type: 'stop' }), sequence: 2 ** 32 }],
    ['a sequence that is no number', { ...hostOf({ type: 'stop' }), sequence: Number.NaN }],
    [
      'a short token',
      hostOf({ type: 'trigger', stimulusId: 1, slot: 0, at: { type: 'now' }, token: countedBytes(15, 1) }),
    ],
    ['a part of a slot', hostOf({ type: 'trigger', stimulusId: 1, slot: 0.5, at: { type: 'now' }, token })],
    [
      'a current that is no number',
      hostOf({
        type: 'upload-pattern',
        pattern: {
          slot: 0,
          pulses: [{ electrode: 0, phases: [{ currentUa: microamps(Number.NaN), durationUs: microseconds(1) }] }],
        },
      }),
    ],
    [
      'a duration below 0',
      hostOf({
        type: 'upload-pattern',
        pattern: {
          slot: 0,
          pulses: [{ electrode: 0, phases: [{ currentUa: microamps(1), durationUs: microseconds(-1) }] }],
        },
      }),
    ],
    [
      'a current of 2.2 A',
      hostOf({
        type: 'upload-pattern',
        pattern: {
          slot: 0,
          pulses: [{ electrode: 0, phases: [{ currentUa: microamps(2.2e6), durationUs: microseconds(1) }] }],
        },
      }),
    ],
    [
      'an electrode twice',
      hostOf({
        type: 'upload-pattern',
        pattern: {
          slot: 0,
          pulses: [
            { electrode: 4, phases: [] },
            { electrode: 4, phases: [] },
          ],
        },
      }),
    ],
    ['an endless armed time', { type: 'heartbeat', sequence: 0, token, progress: 0, armedForMs: Infinity }],
    ['no frames in a block', hostOf({ type: 'configure', blockFrames: 0, safetyProfile: exampleProfile })],
  ])('refuses %s', (_, message) => {
    expect(() => encodeHostMessage(message)).toThrow(MeaError);
  });

  it('refuses a message that is longer than a message may be', () => {
    const text = 'x'.repeat(MAX_MESSAGE_BYTES);
    expect(() => encodeDeviceMessage({ type: 'log', sequence: 0, level: 'info', message: text })).toThrow(
      'Message too long: got 65546 bytes, expected at most 65536',
    );
  });

  it('gives bytes of its own, not a part of a pool', () => {
    const bytes = encodeHostMessage(hostOf({ type: 'status' }));
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
  });
});

describe('decoding what is no message', () => {
  const hello = { major: 1, minor: 0, client: 'c', clientId: countedBytes(16, 1) };
  const trigger = { stimulusId: 1, slot: 0, token: countedBytes(16, 1) };

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'unknown message: got no known field, expected a command or heartbeat'],
    ['a command of a later version', rawHost({ command: { commandId: 4 } }), 'expected a command of this version'],
    [
      'a client id of 3 bytes',
      rawHost({ command: { hello: { ...hello, clientId: countedBytes(3, 1) } } }),
      'client id: got 3 bytes, expected 16',
    ],
    [
      'a trigger without a time',
      rawHost({ command: { trigger } }),
      'trigger time: got none, expected `now` or a sample',
    ],
    [
      'a trigger whose `now` is false',
      rawHost({ command: { trigger: { ...trigger, now: false } } }),
      'trigger time: got none',
    ],
    [
      'a trigger without a token',
      rawHost({ command: { trigger: { ...trigger, now: true, token: new Uint8Array(0) } } }),
      'trigger token: got 0 bytes, expected 16',
    ],
    [
      'a heartbeat token of 15 bytes',
      rawHost({ heartbeat: { token: countedBytes(15, 1) } }),
      'heartbeat token: got 15 bytes, expected 16',
    ],
    [
      'a profile hash of 31 bytes',
      rawHost({ command: { arm: { token: countedBytes(16, 1), profileHash: countedBytes(31, 1) } } }),
      'profile hash: got 31 bytes, expected 32',
    ],
    [
      'a frequency that is no number',
      rawHost({ command: { measureImpedance: { electrodes: [1], frequencyHz: Number.NaN } } }),
      'frequency in Hz: got NaN, expected a finite number',
    ],
    [
      'an electrode of 65536',
      rawHost({ command: { measureImpedance: { electrodes: [65_536], frequencyHz: 1 } } }),
      'electrode to measure: got 65536',
    ],
    [
      'an electrode twice',
      rawHost({ command: { uploadPattern: { pulses: [{ electrode: 2 }, { electrode: 2 }] } } }),
      'electrode of the pattern: got 2 twice, expected each electrode once',
    ],
    [
      'a block of 0 frames asked for',
      rawHost({ command: { configure: { safetyProfile: new Uint8Array(0) } } }),
      'frames in a block: got 0',
    ],
    ['too many bytes', new Uint8Array(MAX_MESSAGE_BYTES + 1), 'Bad message: got 65537 bytes, expected at most 65536'],
    ['half a field', Uint8Array.of(0x0d, 1, 2), 'index out of range'],
  ])('says what is wrong with %s', (_, bytes, expected) => {
    const result = decodeHostMessage(bytes);
    expect(result.type === 'bad' ? result.message : 'a message').toContain(expected);
  });

  const samples = new Uint8Array(12);
  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'unknown message'],
    ['a reply of a later version', rawDevice({ reply: { commandId: 3 } }), 'unknown message'],
    [
      'a block with a sample too few',
      rawDevice({ block: { channels: 2, frames: 3, samples: samples.subarray(2) } }),
      'samples of a block: got 10 bytes, expected 12 for 2 channels x 3 frames',
    ],
    ['a block without channels', rawDevice({ block: { frames: 3 } }), 'channels of a block: got 0'],
    [
      'a block of 2^32 - 1 x 2^32 - 1',
      rawDevice({ block: { channels: 2 ** 32 - 1, frames: 2 ** 32 - 1, samples } }),
      'channels of a block: got 4294967295',
    ],
    [
      'a refusal without a reason',
      rawDevice({ reply: { refused: { message: 'no' } } }),
      'refusal reason: got 0, expected a value from 1 to 18',
    ],
    ['a refusal by an unknown reason', Uint8Array.of(0x1a, 5, 0x4a, 3, 0x08, 0xc8, 0x01), 'refusal reason: got 200'],
    [
      'a rest that ends before it begins',
      rawDevice({ rested: { fromSample: 10, toSample: 9 } }),
      'sample after the rest: got 9, expected an integer from 10',
    ],
    [
      'electrodes that do not rise',
      rawDevice({ stimulusDelivered: { stimulusId: 1, electrodes: [5, 5] } }),
      'pulsed electrode: got 5 after 5, expected rising numbers',
    ],
    ['a stimulus without an id', rawDevice({ stimulusDelivered: {} }), 'stimulus id: got 0'],
    [
      'a sample of 2^53 + 1',
      Uint8Array.of(0x5a, 9, 0x08, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10),
      'first sample: got 9007199254740994',
    ],
    ['a hello without capabilities', rawDevice({ reply: { hello: { bootId: 1 } } }), 'capabilities: got nothing'],
    [
      'an endless gain',
      rawDevice({
        reply: { hello: { capabilities: { ...exampleCapabilities, stimulation: null, gainUvPerBit: Infinity } } },
      }),
      'gain in uV per bit: got Infinity',
    ],
  ])('says what is wrong with %s from a device', (_, bytes, expected) => {
    const result = decodeDeviceMessage(bytes);
    expect(result.type === 'bad' ? result.message : 'a message').toContain(expected);
  });

  it('names the command, where its id could be read, so that a device can refuse it', () => {
    const unknown = decodeHostMessage(rawHost({ command: { commandId: 4 } }));
    const wrong = decodeHostMessage(rawHost({ command: { commandId: 5, trigger } }));
    const unread = decodeHostMessage(Uint8Array.of(0x12, 9));
    expect(unknown).toMatchObject({ type: 'bad', command: { commandId: 4, reason: 'unknown-command' } });
    expect(wrong).toMatchObject({ type: 'bad', command: { commandId: 5, reason: 'bad-argument' } });
    expect(unread).not.toHaveProperty('command');
  });

  it('passes over fields that it does not know', () => {
    const message = hostOf({ type: 'abort' });
    const encoded = encodeHostMessage(message);
    // Field 1000: a varint; field 1001: 3 bytes; field 1002: 4 bytes.
    const later = [0xc0, 0x3e, 0x7f, 0xca, 0x3e, 3, 1, 2, 3, 0xd5, 0x3e, 1, 2, 3, 4];
    expect(decodeHostMessage(Uint8Array.from([...later, ...encoded, ...later]))).toEqual({ type: 'message', message });
  });

  it('never gives another message for a part of one, and never throws', () => {
    let parts = 0;
    for (const message of exampleDeviceMessages) {
      const encoded = encodeDeviceMessage(message);
      for (let length = 0; length < Math.min(encoded.length, 400); length++, parts++) {
        const result = decodeDeviceMessage(encoded.subarray(0, length));
        // Every message is one field of the envelope: cut short it is none, except where the sequence is all there is.
        expect(result.type).toBe('bad');
      }
    }
    for (const message of exampleHostMessages) {
      const encoded = encodeHostMessage(message);
      for (let length = 0; length < encoded.length; length++, parts++) {
        expect(decodeHostMessage(encoded.subarray(0, length)).type).toBe('bad');
      }
    }
    expect(parts).toBeGreaterThan(3000);
  });

  it('refuses bombs: groups in groups, and 64 KiB of packed zeros', () => {
    const groups = new Uint8Array(60_000).fill(0x0b);
    expect(decodeHostMessage(groups).type).toBe('bad');
    const zeros = rawDevice({ stimulusDelivered: { stimulusId: 1, electrodes: new Array<number>(65_000).fill(0) } });
    expect(decodeDeviceMessage(zeros)).toMatchObject({ type: 'bad' });
  });
});
