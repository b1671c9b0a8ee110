import { describe, expect, it } from 'vitest';

import { decodeZmqMessage } from './decode-zmq.js';
import { encodeZmqMessage, type ZmqParts } from './encode-zmq.js';
import { encodeText } from './json-fields.js';
import type { DataMessage, LineMessage, SpikeMessage } from './zmq-messages.js';

const HEADER = [
  '{',
  '  "message_num": 7,',
  '  "type": "data",',
  '  "content": {',
  '    "stream": "Rhythm Data",',
  '    "channel_num": 2,',
  '    "channel_name": "CH3",',
  '    "num_samples": 2,',
  '    "sample_num": 4096,',
  '    "sample_rate": 30000.0',
  '  },',
  '  "data_size": 8,',
  '  "timestamp": 1711222333',
  '}',
].join('\r\n');
const DATA: Omit<DataMessage, 'isCut'> = {
  type: 'data',
  messageNum: 7,
  stream: 'Rhythm Data',
  channelNum: 2,
  channelName: 'CH3',
  numSamples: 2,
  sampleNum: 4096,
  sampleRateHz: 30_000,
  // 1 and -0.5, float32 little-endian
  samples: Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf),
};
const LINE: Omit<LineMessage, 'isCut'> = {
  type: 'line',
  messageNum: 8,
  stream: 'Rhythm Data',
  sourceNode: 100,
  sampleNum: 4100,
  line: 3,
  isHigh: true,
  word: 0x8000_0000_0000_0004n,
};
const SPIKE: Omit<SpikeMessage, 'isCut'> = {
  type: 'spike',
  messageNum: 9,
  stream: 'Rhythm Data',
  sourceNode: 102,
  electrode: 'Stereotrode 1',
  sampleNum: 4110,
  numChannels: 2,
  numSamples: 1,
  sortedId: 4,
  thresholds: [-50, -60.5],
  samples: Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf),
};

function goldenData(header: string | Uint8Array = HEADER): readonly Uint8Array[] {
  // 'DATA' and its NUL
  const envelope = Uint8Array.of(0x44, 0x41, 0x54, 0x41, 0);
  return [envelope, typeof header === 'string' ? encodeText(header) : header, DATA.samples];
}

function goldenLine(payload: Uint8Array): readonly Uint8Array[] {
  const content = '"content": {"stream": "Rhythm Data", "source_node": 100, "type": 3, "sample_num": 4100}';
  const header = `{"message_num": 8, "type": "event", ${content}, "data_size": 10, "timestamp": 5}`;
  return [Uint8Array.of(0x45, 0x56, 0x45, 0x4e, 0x54, 0), encodeText(header), payload];
}

function renamed(parts: ZmqParts, part: 0 | 1 | 2, bytes: Uint8Array): readonly Uint8Array[] {
  return parts.map((old, k) => (k === part ? bytes : old));
}

describe('a message of the ZMQ Interface', () => {
  it('is read from hand-made bytes: data', () => {
    expect(decodeZmqMessage(goldenData())).toEqual({ ...DATA, isCut: false });
  });

  it('is read from hand-made bytes: the change of a line', () => {
    // line 3 counts from 0 on the wire; high; lines 3 and 64 are high
    const payload = Uint8Array.of(2, 1, 4, 0, 0, 0, 0, 0, 0, 0x80);
    expect(decodeZmqMessage(goldenLine(payload))).toEqual({ ...LINE, isCut: false });
  });

  it.each([DATA, LINE, SPIKE])('is read as it was written: $type', (message) => {
    expect(decodeZmqMessage(encodeZmqMessage(message, 12))).toEqual({ ...message, isCut: false });
  });

  it('is written with the NUL, CR LF, and the fields in the order of the program', () => {
    const [envelope, header, payload] = encodeZmqMessage(DATA, 1_711_222_333);
    expect(new TextDecoder().decode(envelope)).toBe('DATA\0');
    expect(new TextDecoder().decode(header)).toBe(HEADER.replace('30000.0', '30000'));
    expect(payload).toEqual(DATA.samples);
    expect(new TextDecoder().decode(encodeZmqMessage(SPIKE, 1)[0])).toBe('EVENT\0');
  });

  it('counts although it is an event of another kind, with or without payload', () => {
    const parts = goldenLine(new Uint8Array(0));
    const text = new TextDecoder().decode(parts[1]).replace('"type": 3', '"type": 5');
    const expected = { type: 'other', messageNum: 8, isCut: false };
    expect(decodeZmqMessage([parts[0]!, encodeText(text)])).toEqual(expected);
    expect(decodeZmqMessage([parts[0]!, encodeText(text), Uint8Array.of(1)])).toEqual(expected);
  });

  it('may have samples that do not lie on a multiple of four', () => {
    const moved = new Uint8Array(9);
    moved.set(DATA.samples, 1);
    const message = decodeZmqMessage([...goldenData().slice(0, 2), moved.subarray(1)]);
    expect(message).toMatchObject({ type: 'data', samples: DATA.samples });
  });

  it('is read although letters outside ASCII have cost its header the end', () => {
    const named = { ...DATA, channelName: 'CH3 µ', stream: 'Gerät ü' };
    const parts = encodeZmqMessage(named, 1234);
    expect(new TextDecoder().decode(parts[1]).endsWith('}')).toBe(false);
    expect(decodeZmqMessage(parts)).toEqual({ ...named, isCut: true });
  });

  it('cut short anywhere in its header is read without its tail, or bad with its number', () => {
    const whole = encodeText(HEADER);
    const contentEnd = HEADER.indexOf('},') + 1;
    const numberEnd = HEADER.indexOf(',') + 1;
    for (let length = 0; length < whole.length; length++) {
      const message = decodeZmqMessage(goldenData(whole.subarray(0, length)));
      if (length >= contentEnd) expect(message).toEqual({ ...DATA, isCut: true });
      else expect(message).toMatchObject({ type: 'bad', messageNum: length >= numberEnd ? 7 : null });
    }
  });

  it('cut short anywhere in its payload or envelope is bad, with its number', () => {
    for (const message of [DATA, LINE, SPIKE]) {
      const parts = encodeZmqMessage(message, 1);
      for (const part of [0, 2] as const) {
        for (let length = 0; length < parts[part].length; length++) {
          const cut = renamed(parts, part, parts[part].subarray(0, length));
          expect(decodeZmqMessage(cut)).toMatchObject({ type: 'bad', messageNum: message.messageNum });
        }
      }
    }
  });

  it('never throws for a flipped bit, and never takes another payload for granted', () => {
    for (const message of [DATA, LINE, SPIKE]) {
      const parts = encodeZmqMessage(message, 1);
      for (const part of [0, 1] as const) {
        for (let bit = 0; bit < 8 * parts[part].length; bit++) {
          const flipped = Uint8Array.from(parts[part]);
          flipped[bit >> 3]! ^= 1 << (bit & 7);
          const read = decodeZmqMessage(renamed(parts, part, flipped));
          if (part === 0) expect(read.type).toBe('bad');
          if (read.type === 'data') expect(read.samples.length).toBe(4 * read.numSamples);
        }
      }
    }
  });

  it.each([
    ['one part', [new Uint8Array(3)], null],
    ['four parts', [...goldenData(), new Uint8Array(1)], null],
    ['no parts', [], null],
    ['data under EVENT', [encodeText('EVENT\0'), encodeText(HEADER), DATA.samples], 7],
    ['no NUL', [encodeText('DATA'), encodeText(HEADER), DATA.samples], 7],
    ['message number 0', goldenData(HEADER.replace('7', '0')), 0],
    ['a sample number that is not exact', goldenData(HEADER.replace('4096', '1e300')), 7],
    ['a negative sample number', goldenData(HEADER.replace('4096', '-1')), 7],
    ['more samples than a buffer has', goldenData(HEADER.replace('"num_samples": 2', '"num_samples": 70000')), 7],
    ['no rate', goldenData(HEADER.replace('30000.0', '0')), 7],
    ['a list', goldenData('[1, 2]'), null],
  ])('is bad with %s', (_, parts, messageNum) => {
    expect(decodeZmqMessage(parts)).toMatchObject({ type: 'bad', messageNum });
  });
});
