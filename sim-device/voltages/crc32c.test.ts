import { describe, expect, it } from 'vitest';
import { openCrc32c } from './crc32c.js';

const update = openCrc32c();
const bytes = (length: number, at: (i: number) => number): Uint8Array => Uint8Array.from({ length }, (_, i) => at(i));

describe('CRC-32C', () => {
  it('gives the known answers of RFC 3720, appendix B.4, and of the check string', () => {
    expect(update(0, new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(update(0, new Uint8Array(32))).toBe(0x8a9136aa);
    expect(update(0, new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(
      update(
        0,
        bytes(32, (i) => i),
      ),
    ).toBe(0x46dd794e);
    expect(
      update(
        0,
        bytes(32, (i) => 31 - i),
      ),
    ).toBe(0x113fdb5c);
    expect(update(0, new Uint8Array(0))).toBe(0);
  });

  it('is the same however the bytes are cut, also beyond the space that the kernels have', () => {
    const all = bytes(150_001, (i) => (i * i + 7 * i) >> 3);
    const whole = update(0, all);
    expect(whole).toBe(bitwise(all));
    for (const step of [1, 2, 7, 13, 16, 70_000]) {
      let sum = 0;
      for (let at = 0; at < all.length; at += step) sum = update(sum, all.subarray(at, at + step));
      expect(sum, `steps of ${step}`).toBe(whole);
    }
  });
});

/** The definition: one bit at a time. */
function bitwise(values: Uint8Array): number {
  let word = 0xffffffff;
  for (const value of values) {
    word ^= value;
    for (let bit = 0; bit < 8; bit++) word = (word >>> 1) ^ ((word & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~word >>> 0;
}
