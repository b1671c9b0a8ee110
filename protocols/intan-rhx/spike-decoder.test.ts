import { describe, expect, it } from 'vitest';
import { SpikeDecoder } from './spike-decoder.js';

const RECORD = Uint8Array.of(
  ...[0x0f, 0x71, 0xe2, 0x3a], // magic word, little-endian
  ...[0x42, 0x2d, 0x30, 0x33, 0x31], // B-031
  ...[0xc2, 0x77, 0x00, 0x80], // time stamp
  0x40, // of no unit
);
const SPIKE = { type: 'spike', channel: 'B-031', timestamp: 0x800077c2, id: 64 };

function decode(bytes: Uint8Array, chunk: number): readonly unknown[] {
  const decoder = new SpikeDecoder();
  const items: unknown[] = [];
  for (let at = 0; at < bytes.length; at += chunk) items.push(...decoder.push(bytes.subarray(at, at + chunk)));
  items.push(...decoder.end());
  return items;
}

describe('the spike stream', () => {
  it.each([1, 2, 5, 13, 14, 100])('is read in chunks of %i bytes', (chunk) => {
    expect(decode(Uint8Array.of(...RECORD, ...RECORD), chunk)).toEqual([SPIKE, SPIKE]);
  });

  it('counts what is left of a record that was cut, at every byte', () => {
    for (let end = 1; end < 14; end++) {
      expect(decode(RECORD.subarray(0, end), 3)).toEqual([{ type: 'skipped', atByte: 0, bytes: end }]);
    }
  });

  it('skips what is no record', () => {
    const bytes = Uint8Array.of(...RECORD.subarray(0, 9), ...RECORD, 0x0f, 0x71, ...RECORD);
    expect(decode(bytes, 4)).toEqual([
      { type: 'skipped', atByte: 0, bytes: 9 },
      SPIKE,
      { type: 'skipped', atByte: 23, bytes: 2 },
      SPIKE,
    ]);
  });

  it('takes no flipped bit in the magic word, nor a name that is none', () => {
    for (const place of [0, 1, 2, 3, 4, 5]) {
      const bytes = Uint8Array.of(...RECORD, ...RECORD);
      bytes[place] = bytes[place]! ^ 0x80;
      expect(decode(bytes, 28)).toEqual([{ type: 'skipped', atByte: 0, bytes: 14 }, SPIKE]);
    }
  });
});
