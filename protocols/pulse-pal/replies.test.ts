import { expect, it } from 'vitest';
import { assertConfirmed, readHandshake } from './replies.js';

it.each([20, 21])('takes firmware %d', (firmware) => {
  expect(readHandshake(Uint8Array.of(0x4b, firmware, 0, 0, 0), '/dev/x')).toBe(firmware);
});

it('refuses the first model by its version', () => {
  expect(() => readHandshake(Uint8Array.of(0x4b, 19, 0, 0, 0), '/dev/x')).toThrow(
    /first model .* got firmware 19, expected 20 to 21 \(\/dev\/x\); use a Pulse Pal 2/,
  );
});

it('refuses firmware that it does not know', () => {
  expect(() => readHandshake(Uint8Array.of(0x4b, 0, 1, 0, 0), '/dev/x')).toThrow(/got firmware 256/);
});

it('knows another device by its answer', () => {
  const answer = Uint8Array.of(0x3f, 21, 0, 0, 0);
  expect(() => readHandshake(answer, '/dev/x')).toThrow(expect.objectContaining({ tag: 'link' }));
  expect(() => readHandshake(answer, '/dev/x')).toThrow(/no Pulse Pal: got 3f 15 00 00 00/);
  for (let length = 0; length < 5; length++) {
    expect(() => readHandshake(Uint8Array.of(0x4b, 21, 0, 0, 0).subarray(0, length), '/dev/x')).toThrow(/no Pulse Pal/);
  }
});

it('takes 1 alone for a confirmation', () => {
  assertConfirmed(Uint8Array.of(1), 'all settings', '/dev/x');
  for (const bytes of [[], [0], [2], [1, 1]]) {
    expect(() => {
      assertConfirmed(Uint8Array.from(bytes), 'all settings', '/dev/x');
    }).toThrow(expect.objectContaining({ tag: 'refused' }));
  }
});
