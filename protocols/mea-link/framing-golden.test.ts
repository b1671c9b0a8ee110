import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../units.js';
import { decodeDeviceMessage, decodeHostMessage, encodeDeviceMessage, encodeHostMessage } from './codec.js';
import { createCobsFraming, createLengthFraming, decodeZmqFrame, encodeZmqFrame, type Framing } from './framing.js';
import type { DeviceMessage, HostMessage, Lane } from './messages.js';

/** A message written out by hand. The CRCs were computed by another program (Python, bit by bit). */
interface Golden {
  readonly name: string;
  readonly lane: Lane;
  readonly message: HostMessage | DeviceMessage;
  readonly bytes: readonly number[];
  /** Of the lane byte and the message, and of the message alone; little-endian. */
  readonly crc: readonly number[];
  readonly zmqCrc: readonly number[];
  /** Header of the TCP frame. */
  readonly header: readonly number[];
  /** Lane, message and CRC after COBS, with the delimiter. */
  readonly cobs: readonly number[];
}

const HELLO = [
  ...[0x12, 0x1d], // field 2, command: 29 bytes
  ...[0x08, 0x01], // field 1, command_id: 1
  ...[0x12, 0x19], // field 2, hello: 25 bytes
  ...[0x08, 0x01], // field 1, major: 1; minor 0 is left out
  ...[0x1a, 0x03, 0x61, 0x62, 0x63], // field 3, client: `abc`
  ...[0x22, 0x10], // field 4, client_id: 16 bytes
  ...[0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10],
];

const TRIGGER = [
  ...[0x0d, 0x04, 0x03, 0x02, 0x01], // field 1, sequence: 0x01020304, 4 bytes little-endian
  ...[0x12, 0x1e], // field 2, command: 30 bytes
  ...[0x08, 0xac, 0x02], // field 1, command_id: 300 = 0b10_0101100
  ...[0x42, 0x19], // field 8, trigger: 25 bytes
  ...[0x08, 0x07], // field 1, stimulus_id: 7
  ...[0x10, 0x03], // field 2, slot: 3
  ...[0x20, 0xe8, 0x07, 0x2a, 0x10], // field 4, sample: 1000; field 5, token: 16 bytes
  ...[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf],
];

const BLOCK = [
  ...[0x0d, 0x09, 0x00, 0x00, 0x00], // field 1, sequence: 9
  ...[0x12, 0x11], // field 2, block: 17 bytes
  ...[0x08, 0xac, 0x02], // field 1, first_sample: 300
  ...[0x10, 0x02], // field 2, channels: 2
  ...[0x18, 0x02], // field 3, frames: 2
  ...[0x22, 0x08], // field 4, samples: 8 bytes
  ...[0x01, 0x00, 0xfe, 0xff], // frame 0: 1, -2
  ...[0x03, 0x01, 0x00, 0x80], // frame 1: 259, -32768
];

const REFUSED = [
  ...[0x0d, 0x02, 0x00, 0x00, 0x00], // field 1, sequence: 2
  ...[0x1a, 0x0c], // field 3, reply: 12 bytes
  ...[0x08, 0x07], // field 1, command_id: 7
  ...[0x4a, 0x08], // field 9, refused: 8 bytes
  ...[0x08, 0x0b], // field 1, reason: SAFETY = 11
  ...[0x10, 0x08], // field 2, rule: CHARGE = 8
  ...[0x1a, 0x02, 0x6e, 0x6f], // field 3, message: `no`
];

const HEARTBEAT = [
  ...[0x0d, 0xff, 0xff, 0xff, 0xff], // field 1, sequence: 2^32 - 1
  ...[0x1a, 0x17], // field 3, heartbeat: 23 bytes
  ...[0x0a, 0x10], // field 1, token: 16 bytes
  ...[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf],
  ...[0x10, 0x05], // field 2, progress: 5
  ...[0x18, 0x88, 0x0e], // field 3, armed_for_ms: 1800
];

const DEVICE_HEARTBEAT = [
  // sequence 0 is left out
  ...[0x22, 0x0c], // field 4, heartbeat: 12 bytes
  ...[0x0d, 0x0c, 0x00, 0x00, 0x00], // field 1, next_data_sequence: 12, 4 bytes
  ...[0x10, 0xf0, 0x01], // field 2, next_sample: 240
  ...[0x18, 0x03], // field 3, state: RUNNING = 3
  ...[0x20, 0x01], // field 4, armed: true
];

const token = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
const clientId = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

const GOLDEN: readonly Golden[] = [
  {
    name: 'hello',
    lane: 'control',
    message: {
      type: 'command',
      sequence: 0,
      commandId: 1,
      command: { type: 'hello', major: 1, minor: 0, client: 'abc', clientId },
    },
    bytes: HELLO,
    crc: [0x85, 0xe0, 0xd8, 0xa5],
    zmqCrc: [0x64, 0xaa, 0x9a, 0x31],
    // `ML`, check of the length, length 32
    header: [0x4d, 0x4c, 0x4c, 0x5f, 0x20, 0x00, 0x00, 0x00],
    cobs: [
      0x01, 0x24, 0x12, 0x1d, 0x08, 0x01, 0x12, 0x19, 0x08, 0x01, 0x1a, 0x03, 0x61, 0x62, 0x63, 0x22, 0x10, 0x01, 0x02,
      0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x85, 0xe0, 0xd8, 0xa5, 0x00,
    ],
  },
  {
    name: 'trigger',
    lane: 'control',
    message: {
      type: 'command',
      sequence: 0x01020304,
      commandId: 300,
      command: { type: 'trigger', stimulusId: 7, slot: 3, at: { type: 'sample', sample: sampleIndex(1000) }, token },
    },
    bytes: TRIGGER,
    crc: [0xe3, 0x3e, 0x18, 0xac],
    zmqCrc: [0x98, 0xc3, 0x5e, 0x27],
    // `ML`, check of the length, length 38
    header: [0x4d, 0x4c, 0x3e, 0x4d, 0x26, 0x00, 0x00, 0x00],
    cobs: [
      0x01, 0x2a, 0x0d, 0x04, 0x03, 0x02, 0x01, 0x12, 0x1e, 0x08, 0xac, 0x02, 0x42, 0x19, 0x08, 0x07, 0x10, 0x03, 0x20,
      0xe8, 0x07, 0x2a, 0x10, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae,
      0xaf, 0xe3, 0x3e, 0x18, 0xac, 0x00,
    ],
  },
  {
    name: 'block',
    lane: 'data',
    message: {
      type: 'block',
      sequence: 9,
      firstSample: sampleIndex(300),
      channels: 2,
      frames: 2,
      samples: Int16Array.of(1, -2, 259, -32768),
    },
    bytes: BLOCK,
    crc: [0x0f, 0x8d, 0xbf, 0xe3],
    zmqCrc: [0xfc, 0x15, 0xc1, 0x54],
    // `ML`, check of the length, length 25
    header: [0x4d, 0x4c, 0xa4, 0x33, 0x19, 0x00, 0x00, 0x00],
    cobs: [
      0x04, 0x01, 0x0d, 0x09, 0x01, 0x01, 0x0d, 0x12, 0x11, 0x08, 0xac, 0x02, 0x10, 0x02, 0x18, 0x02, 0x22, 0x08, 0x01,
      0x05, 0xfe, 0xff, 0x03, 0x01, 0x06, 0x80, 0x0f, 0x8d, 0xbf, 0xe3, 0x00,
    ],
  },
  {
    name: 'a refusal',
    lane: 'control',
    message: {
      type: 'reply',
      sequence: 2,
      commandId: 7,
      result: { type: 'refused', reason: 'safety', rule: 'charge', message: 'no' },
    },
    bytes: REFUSED,
    crc: [0xcc, 0xe0, 0x48, 0x1f],
    zmqCrc: [0xaf, 0xd9, 0x1e, 0x16],
    // `ML`, check of the length, length 20
    header: [0x4d, 0x4c, 0x09, 0xcb, 0x14, 0x00, 0x00, 0x00],
    cobs: [
      0x01, 0x03, 0x0d, 0x02, 0x01, 0x01, 0x13, 0x1a, 0x0c, 0x08, 0x07, 0x4a, 0x08, 0x08, 0x0b, 0x10, 0x08, 0x1a, 0x02,
      0x6e, 0x6f, 0xcc, 0xe0, 0x48, 0x1f, 0x00,
    ],
  },
  {
    name: 'heartbeat',
    lane: 'control',
    message: { type: 'heartbeat', sequence: 2 ** 32 - 1, token, progress: 5, armedForMs: 1800 },
    bytes: HEARTBEAT,
    crc: [0x99, 0x03, 0x9f, 0x67],
    zmqCrc: [0x2f, 0xc3, 0x40, 0x91],
    // `ML`, check of the length, length 31
    header: [0x4d, 0x4c, 0xd6, 0x21, 0x1f, 0x00, 0x00, 0x00],
    cobs: [
      0x01, 0x23, 0x0d, 0xff, 0xff, 0xff, 0xff, 0x1a, 0x17, 0x0a, 0x10, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
      0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0x10, 0x05, 0x18, 0x88, 0x0e, 0x99, 0x03, 0x9f, 0x67, 0x00,
    ],
  },
  {
    name: "the device's heartbeat",
    lane: 'control',
    message: {
      type: 'device-heartbeat',
      sequence: 0,
      nextDataSequence: 12,
      nextSample: sampleIndex(240),
      state: 'running',
      armed: true,
    },
    bytes: DEVICE_HEARTBEAT,
    crc: [0xfd, 0xf1, 0xc1, 0x14],
    zmqCrc: [0x1c, 0x12, 0xa4, 0x31],
    // `ML`, check of the length, length 15
    header: [0x4d, 0x4c, 0xeb, 0x90, 0x0f, 0x00, 0x00, 0x00],
    cobs: [
      0x01, 0x05, 0x22, 0x0c, 0x0d, 0x0c, 0x01, 0x01, 0x0c, 0x10, 0xf0, 0x01, 0x18, 0x03, 0x20, 0x01, 0xfd, 0xf1, 0xc1,
      0x14, 0x00,
    ],
  },
];

const isHost = (message: HostMessage | DeviceMessage): message is HostMessage =>
  message.type === 'command' || message.type === 'heartbeat';

function received(framing: Framing, frame: Uint8Array): unknown[] {
  const heard: unknown[] = [];
  framing.decoder.push(frame, {
    onMessage: (lane, bytes) => heard.push([lane, [...bytes]]),
    onBadFrame: (bad) => heard.push(bad),
  });
  return heard;
}

describe.each(GOLDEN)('the bytes written by hand of $name', ({ lane, message, bytes, crc, zmqCrc, header, cobs }) => {
  const raw = Uint8Array.from(bytes);

  it('are what the codec writes, and it reads them', () => {
    expect([...(isHost(message) ? encodeHostMessage(message) : encodeDeviceMessage(message))]).toEqual(bytes);
    expect(isHost(message) ? decodeHostMessage(raw) : decodeDeviceMessage(raw)).toEqual({ type: 'message', message });
  });

  it('are framed for TCP as header, lane, message, CRC', () => {
    const frame = [...header, lane === 'control' ? 0 : 1, ...bytes, ...crc];
    expect([...createLengthFraming().encoder.encode(lane, raw)]).toEqual(frame);
    expect(received(createLengthFraming(), Uint8Array.from(frame))).toEqual([[lane, bytes]]);
  });

  it('are framed for a serial line by COBS', () => {
    expect([...createCobsFraming().encoder.encode(lane, raw)]).toEqual(cobs);
    expect(received(createCobsFraming(), Uint8Array.from(cobs))).toEqual([[lane, bytes]]);
  });

  it('are framed for ZeroMQ as message, CRC', () => {
    expect([...encodeZmqFrame(raw)]).toEqual([...bytes, ...zmqCrc]);
    expect(decodeZmqFrame(Uint8Array.from([...bytes, ...zmqCrc]))).toEqual({ type: 'message', message: raw });
  });
});
