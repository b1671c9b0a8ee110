import { describe, expect, it } from 'vitest';
import { FRAME_BYTES, FRAME_TYPES, frameTypeOf, MAX_PAYLOAD_BYTES, parseFrame, putFrame } from './frame.js';

/** CRC-32C bit by bit, as its definition has it (reflected, polynomial 0x1edc6f41). */
function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const HEAD = [
  ...[0x4d, 0x45, 0x41, 0x4a], // magic: MEAJ
  ...[0x05, 0x00], // type: ledger
  ...[0x01, 0x00], // version
  ...[0x03, 0x00, 0x00, 0x00], // length of the payload
  ...[0x02, 0x01, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00], // sequence number: 7 * 2^32 + 258
];
const PAYLOAD = [0x7b, 0x20, 0x7d];
const SEQ = 7 * 2 ** 32 + 258;

function golden(): Buffer {
  const bytes = Buffer.from([...HEAD, ...PAYLOAD, 0, 0, 0, 0]);
  bytes.writeUInt32LE(bitwiseCrc32c(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

describe('a frame of the journal', () => {
  it('has these bytes', () => {
    // The check value of the algorithm's catalogue.
    expect(bitwiseCrc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    const out = Buffer.alloc(golden().length + 5, 0xee);
    expect(putFrame(out, 2, { type: 'ledger', seq: SEQ, payload: Uint8Array.from(PAYLOAD) })).toBe(out.length - 3);
    expect(out).toEqual(Buffer.concat([Buffer.alloc(2, 0xee), golden(), Buffer.alloc(3, 0xee)]));
    expect(golden()).toHaveLength(FRAME_BYTES + PAYLOAD.length);
  });

  it('is read as what was written, whatever follows it', () => {
    for (const rest of [Buffer.alloc(0), Buffer.from('MEAJ'), Buffer.alloc(100, 0xff)]) {
      expect(parseFrame(Buffer.concat([golden(), rest]))).toEqual({
        type: 'frame',
        frame: { code: 5, version: 1, seq: SEQ, payload: Buffer.from(PAYLOAD), bytes: FRAME_BYTES + 3 },
      });
    }
  });

  it('may hold nothing', () => {
    const out = Buffer.alloc(FRAME_BYTES);
    expect(putFrame(out, 0, { type: 'spikes', seq: 2 ** 53 - 1, payload: new Uint8Array(0) })).toBe(FRAME_BYTES);
    expect(parseFrame(out)).toMatchObject({ type: 'frame', frame: { code: 7, seq: 2 ** 53 - 1, bytes: FRAME_BYTES } });
  });

  it('is short at every byte before its end', () => {
    for (let length = 0; length < golden().length; length++) {
      expect(parseFrame(golden().subarray(0, length)), `${length} bytes`).toEqual({ type: 'short' });
    }
  });

  it('is none with any of its bits flipped', () => {
    for (let bit = 0; bit < golden().length * 8; bit++) {
      const bytes = golden();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(parseFrame(bytes).type, `bit ${bit}`).not.toBe('frame');
    }
  });

  it('is none when its head promises more than any holds, and short when it promises the most', () => {
    const bytes = golden();
    bytes.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 8);
    expect(parseFrame(bytes)).toEqual({ type: 'bad' });
    bytes.writeUInt32LE(MAX_PAYLOAD_BYTES, 8);
    expect(parseFrame(bytes)).toEqual({ type: 'short' });
  });

  it('has a type whose number stays what it is', () => {
    expect(FRAME_TYPES).toEqual({
      session: 1,
      probe: 2,
      structure: 3,
      'recording-started': 4,
      ledger: 5,
      latency: 6,
      spikes: 7,
      event: 8,
      chunk: 9,
      gap: 10,
      sync: 11,
      model: 12,
      snippets: 13,
      'clean-stop': 14,
      recovered: 15,
    });
    for (const [name, code] of Object.entries(FRAME_TYPES)) expect(frameTypeOf(code)).toBe(name);
    expect([frameTypeOf(0), frameTypeOf(16)]).toEqual([undefined, undefined]);
  });
});
