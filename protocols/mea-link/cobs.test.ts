import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../random.js';
import { decodeCobs, encodeCobs, maxCobsLength } from './cobs.js';

const rising = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function encoded(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(maxCobsLength(bytes.length));
  return out.subarray(0, encodeCobs(bytes, out));
}

describe('COBS', () => {
  // From Cheshire & Baker, and the table of the Wikipedia article "Consistent Overhead Byte Stuffing".
  it.each<[string, number[], number[]]>([
    ['nothing', [], [1]],
    ['one zero', [0], [1, 1]],
    ['two zeros', [0, 0], [1, 1, 1]],
    ['a zero between', [0x11, 0x22, 0, 0x33], [3, 0x11, 0x22, 2, 0x33]],
    ['no zero', [0x11, 0x22, 0x33, 0x44], [5, 0x11, 0x22, 0x33, 0x44]],
    ['zeros at the end', [0x11, 0, 0, 0], [2, 0x11, 1, 1, 1]],
    ['254 bytes', rising(1, 254), [0xff, ...rising(1, 254)]],
    ['a zero and 254 bytes', [0, ...rising(1, 254)], [1, 0xff, ...rising(1, 254)]],
    ['255 bytes', rising(1, 255), [0xff, ...rising(1, 254), 2, 255]],
    ['254 bytes and a zero', [...rising(2, 255), 0], [0xff, ...rising(2, 255), 1, 1]],
    ['253 bytes, a zero, 1 byte', [...rising(3, 255), 0, 1], [0xfe, ...rising(3, 255), 2, 1]],
  ])('has the published form of %s', (_, plain, stuffed) => {
    expect([...encoded(Uint8Array.from(plain))]).toEqual(stuffed);
    expect([...(decodeCobs(Uint8Array.from(stuffed)) ?? [-1])]).toEqual(plain);
  });

  it('gives back what it was given, without a zero and within its bound', () => {
    const random = openRandomStream(22, 'cobs');
    for (let round = 0; round < 500; round++) {
      const limit = 1 + random.integer(256);
      const bytes = Uint8Array.from({ length: random.integer(1200) }, () => random.integer(limit));
      const stuffed = encoded(bytes);
      expect(stuffed.includes(0)).toBe(false);
      expect(stuffed.length).toBeLessThanOrEqual(maxCobsLength(bytes.length));
      expect(decodeCobs(stuffed)).toEqual(bytes);
    }
  });

  it('refuses a code that points past the end, and a code of 0', () => {
    expect(decodeCobs(Uint8Array.of(5, 1, 2))).toBeUndefined();
    expect(decodeCobs(Uint8Array.of(2, 1, 0, 1))).toBeUndefined();
  });
});
