import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../random.js';
import { CrcWindow } from './crc32c-window.js';
import { advanceRegister, crc32c, updateCrc32c } from './crc32c.js';

/** CRC-32C bit by bit, as RFC 3720 defines it. */
function bitwiseCrc32c(bytes: Uint8Array): number {
  let r = 0xffffffff;
  for (const byte of bytes) {
    r ^= byte;
    for (let bit = 0; bit < 8; bit++) r = (r & 1) === 0 ? r >>> 1 : (r >>> 1) ^ 0x82f63b78;
  }
  return ~r >>> 0;
}

function randomBytes(length: number, purpose: string): Uint8Array {
  const random = openRandomStream(20, purpose);
  return Uint8Array.from({ length }, () => random.integer(256));
}

describe('CRC-32C', () => {
  it.each([
    ['the check of the catalogue', new TextEncoder().encode('123456789'), 0xe3069283],
    // The next four are the examples of RFC 3720, B.4.
    ['32 bytes of 0', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 rising bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['32 falling bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['nothing', new Uint8Array(0), 0],
  ])('has the published value for %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('equals the definition bit by bit at every length and alignment up to 64', () => {
    const bytes = randomBytes(80, 'crc');
    for (let length = 0; length <= 64; length++) {
      const part = bytes.subarray(length % 13, (length % 13) + length);
      expect(crc32c(part)).toBe(bitwiseCrc32c(part));
    }
  });

  it('equals the definition where many bytes are taken at once', () => {
    const bytes = randomBytes(66_000, 'many');
    const lengths = [
      1023, 1024, 1025, 1039, 1040, 2560, 25_600, 32_767, 32_768, 32_769, 32_771, 32_772, 65_536, 65_601,
    ];
    for (const [k, length] of lengths.entries()) {
      const part = bytes.subarray(k, k + length);
      expect(crc32c(part), `${length} bytes`).toBe(bitwiseCrc32c(part));
    }
  });

  it('leaves the bytes as they are, and nothing of them behind', () => {
    const bytes = randomBytes(5000, 'behind');
    const before = bytes.slice();
    const alone = crc32c(bytes.subarray(0, 2000));
    crc32c(bytes);
    expect(bytes).toEqual(before);
    expect(crc32c(bytes.subarray(0, 2000))).toBe(alone);
  });

  it('goes on from the CRC of what came before, wherever the bytes are cut', () => {
    const bytes = randomBytes(50, 'cut');
    const whole = crc32c(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      expect(updateCrc32c(updateCrc32c(0, bytes.subarray(0, cut)), bytes.subarray(cut))).toBe(whole);
    }
  });

  it('has a register that is linear', () => {
    const bytes = randomBytes(33, 'linear');
    const zeros = new Uint8Array(33);
    expect(advanceRegister(0x12345678, bytes)).toBe(advanceRegister(0x12345678, zeros) ^ advanceRegister(0, bytes));
  });
});

describe('CrcWindow', () => {
  it('gives the CRC of every stretch whose start rises, also after the buffer moved and grew', () => {
    const bytes = randomBytes(3000, 'window');
    const window = new CrcWindow();
    const random = openRandomStream(21, 'stretches');
    let moved = 0;
    let buffer = bytes.slice();
    for (let from = 0, count = 0; from < 2400; from += random.integer(9), count++) {
      const to = from + random.integer(Math.min(600, bytes.length - from));
      expect(window.crc(buffer, from - moved, to - moved)).toBe(crc32c(bytes.subarray(from, to)));
      if (count % 50 === 49) {
        window.move(from - moved);
        moved = from;
        buffer = Uint8Array.from([...bytes.subarray(moved), ...new Uint8Array(count)]);
      }
    }
    expect(moved).toBeGreaterThan(2000);
  });
});
