import { describe, expect, it } from 'vitest';
import { exampleDeviceMessages, exampleHostMessages } from '../../tests/helpers/mea-link-messages.js';
import { MeaError } from '../errors.js';
import { openRandomStream } from '../random.js';
import { encodeDeviceMessage, encodeHostMessage } from './codec.js';
import { crc32c } from './crc32c.js';
import { createCobsFraming, createLengthFraming, decodeZmqFrame, encodeZmqFrame, type Framing } from './framing.js';
import type { BadFrame } from './link.js';
import { MAX_MESSAGE_BYTES, type Lane } from './messages.js';

const CHUNKS = [1, 2, 7, 13, 100_000];
const MAX_FRAME = { COBS: 65_800, length: 65_549 } as const;

const messages: readonly (readonly [Lane, Uint8Array])[] = [
  ...exampleHostMessages.map((message) => ['control', encodeHostMessage(message)] as const),
  ...exampleDeviceMessages.map(
    (message, i) => [i % 2 === 0 ? 'data' : 'control', encodeDeviceMessage(message)] as const,
  ),
  ['data', new Uint8Array(0)],
  ['control', new Uint8Array(300)],
  ['data', new Uint8Array(MAX_MESSAGE_BYTES).fill(0x4d)],
];

interface Heard {
  readonly messages: (readonly [Lane, Uint8Array])[];
  readonly bad: BadFrame[];
  buffered: number;
}

/** Pushes the bytes in chunks, each of which is overwritten afterwards: a decoder may keep none. */
function listen(framing: Framing, bytes: Uint8Array, chunkBytes = 65_536): Heard {
  const heard: Heard = { messages: [], bad: [], buffered: 0 };
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = bytes.slice(at, at + chunkBytes);
    framing.decoder.push(chunk, {
      onMessage: (lane, message) => heard.messages.push([lane, message]),
      onBadFrame: (bad) => heard.bad.push(bad),
    });
    chunk.fill(0xee);
    heard.buffered = Math.max(heard.buffered, framing.decoder.bufferedBytes);
  }
  return heard;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function randomBytes(length: number, purpose: string): Uint8Array {
  const random = openRandomStream(23, purpose);
  return Uint8Array.from({ length }, () => random.integer(256));
}

/** Matches a sentence with this in it. */
function sentenceWith(part: string): unknown {
  return expect.stringContaining(part);
}

const thrownAway = (bad: readonly BadFrame[]): number => bad.reduce((sum, { bytes }) => sum + bytes, 0);

describe.each([
  { name: 'COBS', create: createCobsFraming },
  { name: 'length', create: createLengthFraming },
] as const)('$name framing', ({ name, create }) => {
  const { encoder } = create();
  const frames = messages.map(([lane, message]) => encoder.encode(lane, message));
  const hello = encoder.encode('control', messages[0]![1]);

  it.each(CHUNKS)('gives back every message, in chunks of %d bytes', (chunkBytes) => {
    const heard = listen(create(), join(frames), chunkBytes);
    expect(heard.messages).toEqual(messages);
    expect(heard.bad).toEqual([]);
  });

  it('hands out messages that no later byte changes', () => {
    const framing = create();
    const [first] = listen(framing, frames[0]!).messages;
    const kept = Uint8Array.from(first![1]);
    listen(framing, join(frames));
    expect(first![1]).toEqual(kept);
  });

  it('gives nothing for a frame cut short at any byte, and the frame after the rest has come', () => {
    for (const frame of [hello, frames[20]!, encoder.encode('data', new Uint8Array(700).fill(3))]) {
      for (let length = 0; length < frame.length; length++) {
        const framing = create();
        const before = listen(framing, frame.subarray(0, length));
        expect(before.messages).toEqual([]);
        expect(before.bad).toEqual([]);
        expect(framing.decoder.bufferedBytes).toBe(length);
        expect(listen(framing, frame.subarray(length)).messages).toHaveLength(1);
      }
    }
  });

  it('takes no frame that was cut short for a message when others follow', () => {
    for (let length = 1; length < hello.length; length++) {
      const heard = listen(create(), join([hello.subarray(0, length), hello, hello, hello]), 11);
      expect(heard.messages.length).toBeGreaterThanOrEqual(2);
      expect(
        heard.messages.every(([lane, message]) => lane === 'control' && message.length === messages[0]![1].length),
      ).toBe(true);
    }
  });

  it('detects each single flipped bit', () => {
    let flips = 0;
    for (const frame of [hello, frames[25]!]) {
      for (let bit = 0; bit < 8 * frame.length; bit++, flips++) {
        const damaged = Uint8Array.from(frame);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const heard = listen(create(), join([damaged, hello, hello]));
        // The damaged frame never arrives. The one after it may fall with it: a damaged delimiter joins the two.
        expect(heard.messages.length, `bit ${bit}`).toBeGreaterThanOrEqual(1);
        expect(heard.messages.length, `bit ${bit}`).toBeLessThanOrEqual(2);
        for (const [, message] of heard.messages) expect(message).toEqual(messages[0]![1]);
        expect(heard.bad.length, `bit ${bit}`).toBeGreaterThanOrEqual(1);
      }
    }
    expect(flips).toBeGreaterThan(500);
  });

  it('accounts for every byte: those of messages and those thrown away', () => {
    const garbage = randomBytes(5000, 'garbage').filter((byte) => byte !== 0);
    const end = name === 'COBS' ? Uint8Array.of(0) : new Uint8Array(0);
    for (const chunkBytes of CHUNKS) {
      const framing = create();
      const heard = listen(framing, join([hello, garbage, end, hello]), chunkBytes);
      expect(heard.messages).toHaveLength(2);
      expect(thrownAway(heard.bad)).toBe(garbage.length);
      expect(framing.decoder.bufferedBytes).toBe(0);
    }
  });

  it('loses at most one good frame after garbage', () => {
    for (let seed = 0; seed < 50; seed++) {
      const garbage = randomBytes(1 + ((seed * 97) % 3000), `garbage ${seed}`);
      const heard = listen(create(), join([garbage, hello, hello, hello]), 1 + seed);
      expect(heard.messages.length, `seed ${seed}`).toBeGreaterThanOrEqual(2);
    }
  });

  it('says where a frame was bad, what was read and what was expected', () => {
    const damaged = Uint8Array.from(hello);
    const at = name === 'COBS' ? damaged.length - 6 : damaged.length - 5;
    damaged[at]! ^= 0x20;
    const { bad } = listen(create(), join([hello, damaged, hello]));
    expect(bad).toHaveLength(1);
    expect(bad[0]!.message).toMatch(
      new RegExp(
        `^Bad frame at byte ${hello.length}: CRC 0x[0-9a-f]{8}, expected 0x[0-9a-f]{8}; the link may be losing bytes$`,
      ),
    );
    expect(bad[0]!.lane).toBe('control');
  });

  it('keeps no more than the longest frame, whatever comes', () => {
    const hostile = name === 'COBS' ? new Uint8Array(300_000).fill(7) : hostileHeaders(300_000, 65_537);
    for (const chunkBytes of [1, 1000, 300_000]) {
      const heard = listen(create(), hostile, chunkBytes);
      expect(heard.buffered).toBeLessThanOrEqual(MAX_FRAME[name]);
      expect(heard.messages).toEqual([]);
      expect(thrownAway(heard.bad)).toBeGreaterThan(150_000);
    }
  });

  it('forgets an incomplete frame and its place in the stream when it is reset', () => {
    const framing = create();
    listen(framing, join([hello, hello.subarray(0, 9)]));
    framing.decoder.reset();
    expect(framing.decoder.bufferedBytes).toBe(0);
    const heard = listen(framing, join([damage(hello), hello]));
    expect(heard.bad[0]!.message).toContain('at byte 0:');
    expect(heard.messages).toHaveLength(1);
  });

  it('refuses to encode a message that is too long', () => {
    expect(() => encoder.encode('data', new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(MeaError);
  });

  it(
    'reads 1 MiB of bytes made to mislead it without reading them again and again',
    () => {
      const hostile =
        name === 'COBS'
          ? [
              new Uint8Array(2 ** 20).fill(0xff),
              new Uint8Array(2 ** 20),
              Uint8Array.from({ length: 2 ** 20 }, (_, i) => i % 2),
            ]
          : [hostileHeaders(2 ** 20, 65_537), hostileHeaders(2 ** 20, 40_000), new Uint8Array(2 ** 20).fill(0x4d)];
      for (const bytes of hostile) {
        for (const chunkBytes of [509, 2 ** 20]) expect(listen(create(), bytes, chunkBytes).messages).toEqual([]);
      }
    },
    // To read every stretch that claims to be a frame would be 13 GB of CRC here: half a minute.
    15_000,
  );
});

describe('COBS framing', () => {
  const { encoder } = createCobsFraming();
  const hello = encoder.encode('control', Uint8Array.of(1, 2, 3));

  it('passes over further zeros between frames', () => {
    const heard = listen(createCobsFraming(), join([new Uint8Array(5), hello, new Uint8Array(3), hello]));
    expect(heard.messages).toHaveLength(2);
    expect(heard.bad).toEqual([]);
  });

  it('loses nothing after garbage when the sender writes a zero first', () => {
    const garbage = randomBytes(500, 'garbage').filter((byte) => byte !== 0);
    expect(listen(createCobsFraming(), join([garbage, Uint8Array.of(0), hello])).messages).toHaveLength(1);
  });

  it('refuses a frame without an end as soon as it is longer than any frame, and then what is left of it', () => {
    const framing = createCobsFraming();
    const heard = listen(framing, new Uint8Array(70_000).fill(9));
    expect(heard.bad).toEqual([
      {
        lane: 'control',
        bytes: 65_800,
        message: 'Bad frame at byte 0: no delimiter within 65800 bytes; the link may be losing bytes',
      },
    ]);
    const rest = listen(framing, join([Uint8Array.of(0), hello]));
    expect(rest.bad).toMatchObject([{ bytes: 4200, message: sentenceWith('at byte 65800: the rest of a frame') }]);
    expect(rest.messages).toHaveLength(1);
  });

  it.each([
    ['a code that points past the end', [9, 1, 2, 0], 'a COBS code points past its end'],
    ['fewer bytes than lane and CRC', [5, 1, 2, 3, 4, 0], '4 bytes, expected at least 5'],
  ])('refuses %s', (_, bytes, what) => {
    const { bad } = listen(createCobsFraming(), Uint8Array.from(bytes));
    expect(bad).toMatchObject([{ bytes: bytes.length - 1, message: sentenceWith(what) }]);
  });

  it('refuses a lane that there is not, although its CRC is right', () => {
    // Lane 7, message 0x01: bytes without a zero need one code byte, 1 + 6.
    const payload = Uint8Array.of(7, 1);
    const frame = Uint8Array.from([7, ...payload, ...littleEndian(crc32c(payload)), 0]);
    expect(frame.subarray(0, 7).includes(0)).toBe(false);
    expect(listen(createCobsFraming(), frame).bad[0]!.message).toContain('lane 7, expected 0 (control) or 1 (data)');
  });
});

describe('length framing', () => {
  const { encoder } = createLengthFraming();
  const hello = encoder.encode('control', Uint8Array.of(1, 2, 3));

  it('refuses a frame that claims more than the maximum at once, by its header', () => {
    const claim = header(65_538);
    const heard = listen(createLengthFraming(), claim);
    expect(heard.bad).toMatchObject([
      { bytes: 8, message: sentenceWith('a payload of 65538 bytes, expected 1 to 65537') },
    ]);
  });

  it('refuses a payload without a lane', () => {
    expect(listen(createLengthFraming(), join([header(0), hello])).bad[0]!.message).toContain('a payload of 0 bytes');
  });

  it('sees by the check of the length that a header is none, without waiting for its end', () => {
    const wrong = header(1000);
    wrong[2]! ^= 1;
    const heard = listen(createLengthFraming(), join([wrong, hello]));
    expect(heard.bad).toMatchObject([{ bytes: 8, message: sentenceWith('length check 0x') }]);
    expect(heard.messages).toHaveLength(1);
  });

  it('finds the good frames inside a stretch that claimed to be one long frame, and loses none', () => {
    const inside = Array.from({ length: 40 }, (_, i) => encoder.encode('data', Uint8Array.of(i)));
    for (const chunkBytes of CHUNKS) {
      const bytes = join([header(500), ...inside, new Uint8Array(600)]);
      const heard = listen(createLengthFraming(), bytes, chunkBytes);
      expect(heard.messages.map(([, message]) => message[0])).toEqual(inside.map((_, i) => i));
    }
  });

  it('finds good frames among headers that mislead, each of which claims to hold them', () => {
    const parts = Array.from({ length: 400 }, (_, i) => [
      header(3000 + i),
      encoder.encode('data', Uint8Array.of(i, i >> 8)),
    ]);
    const heard = listen(createLengthFraming(), join([...parts.flat(), new Uint8Array(5000)]), 777);
    expect(heard.messages.map(([, message]) => message[0]! + 256 * message[1]!)).toEqual(parts.map((_, i) => i));
  });

  it('refuses a lane that there is not, although its CRC is right, and passes over the whole frame', () => {
    const payload = Uint8Array.of(7, 1);
    const frame = join([header(2), payload, littleEndian(crc32c(payload))]);
    const heard = listen(createLengthFraming(), join([frame, hello]));
    expect(heard.bad).toMatchObject([{ bytes: 14, message: sentenceWith('lane 7, expected 0 (control) or 1 (data)') }]);
    expect(heard.messages).toHaveLength(1);
  });
});

describe('ZeroMQ frames', () => {
  it('give back every message', () => {
    for (const [, message] of messages) {
      expect(decodeZmqFrame(encodeZmqFrame(message))).toEqual({ type: 'message', message });
    }
  });

  it('are refused when cut short at any byte or with any bit flipped', () => {
    const frame = encodeZmqFrame(messages[0]![1]);
    for (let length = 0; length < frame.length; length++)
      expect(decodeZmqFrame(frame.subarray(0, length)).type).toBe('bad');
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Uint8Array.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeZmqFrame(damaged)).toMatchObject({ type: 'bad', reason: sentenceWith('expected 0x') });
    }
  });

  it('are refused when they are too long or too short, and too long ones are not made', () => {
    expect(decodeZmqFrame(new Uint8Array(MAX_MESSAGE_BYTES + 5))).toEqual({
      type: 'bad',
      reason: 'Bad frame: 65541 bytes, expected 4 to 65540',
    });
    expect(decodeZmqFrame(new Uint8Array(3)).type).toBe('bad');
    expect(() => encodeZmqFrame(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toThrow(MeaError);
  });

  it('give messages that are the receiver’s own', () => {
    const frame = encodeZmqFrame(Uint8Array.of(1, 2, 3));
    const decoded = decodeZmqFrame(frame);
    frame.fill(0);
    expect(decoded).toEqual({ type: 'message', message: Uint8Array.of(1, 2, 3) });
  });
});

function littleEndian(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** A valid header of the length framing. */
function header(length: number): Uint8Array {
  const check = crc32c(littleEndian(length));
  return Uint8Array.from([0x4d, 0x4c, check & 255, (check >>> 8) & 255, ...littleEndian(length)]);
}

/** Valid headers one after the other, each of which claims that what follows is a frame. */
function hostileHeaders(bytes: number, claim: number): Uint8Array {
  const one = header(claim);
  return Uint8Array.from({ length: bytes }, (_, i) => one[i % one.length]!);
}

function damage(frame: Uint8Array): Uint8Array {
  const damaged = Uint8Array.from(frame);
  damaged[damaged.length - 3]! ^= 0x10;
  return damaged;
}
