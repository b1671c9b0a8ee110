import { expect, it } from 'vitest';
import { encodeTtlBox, readTtlBoxReply, toLines, toMask, type TtlBoxReply } from './lines.js';

it('writes the lines of the specification', () => {
  expect(encodeTtlBox({ type: 'greet' })).toBe('?\n');
  expect(encodeTtlBox({ type: 'pulse', lines: [2, 4], widthUs: 200 })).toBe('P a 200\n');
  expect(encodeTtlBox({ type: 'pulse', lines: [32, 1], widthUs: 10 })).toBe('P 80000001 10\n');
  expect(encodeTtlBox({ type: 'all-low' })).toBe('Z\n');
});

const REPLIES: readonly (readonly [string, TtlBoxReply])[] = [
  [
    'meactl-ttl-box 1 lines=24 serial=A7 firmware=1.2',
    { type: 'greeting', version: 1, lines: 24, serialNumber: 'A7', firmware: '1.2' },
  ],
  ['P a ok', { type: 'raised', mask: 10 }],
  ['P 80000001 ok', { type: 'raised', mask: 0x80000001 }],
  ['P a error busy', { type: 'refused', mask: 10, reason: 'busy' }],
  ['P ffffffff error no-line', { type: 'refused', mask: 0xffffffff, reason: 'no-line' }],
  ['P 1 error too-long', { type: 'refused', mask: 1, reason: 'too-long' }],
  ['P 1 error too-short', { type: 'refused', mask: 1, reason: 'too-short' }],
  ['P 1 error watchdog', { type: 'refused', mask: 1, reason: 'watchdog' }],
  ['P 0 error syntax', { type: 'refused', mask: 0, reason: 'syntax' }],
  ['Z ok', { type: 'all-low' }],
  ['! watchdog', { type: 'watchdog' }],
  ['error unknown', { type: 'not-understood' }],
  ['error length', { type: 'not-understood' }],
];

it.each(REPLIES)('reads %s', (line, reply) => {
  expect(readTtlBoxReply(line)).toEqual(reply);
});

it('reads no line that is cut short or has a flipped bit as the same', () => {
  for (const [line, reply] of REPLIES) {
    // the last character of a free text may be lost unseen: nothing marks its end but the end of the line
    const whole = line.startsWith('meactl') ? line.indexOf('firmware=') + 9 : line.length - 1;
    for (let length = 0; length <= whole; length++) {
      expect(readTtlBoxReply(line.slice(0, length))).toMatchObject({ type: 'other' });
    }
    for (let bit = 0; bit < 7 * line.length; bit++) {
      const at = Math.floor(bit / 7);
      const flipped = String.fromCharCode(line.charCodeAt(at) ^ (1 << (bit % 7)));
      expect(readTtlBoxReply(line.slice(0, at) + flipped + line.slice(at + 1))).not.toEqual(reply);
    }
  }
});

it('turns lines into a mask and back', () => {
  expect(toMask([1])).toBe(1);
  expect(toMask([24, 3])).toBe(0x800004);
  expect(toLines(toMask([32, 5, 1]))).toEqual([1, 5, 32]);
});

it.each([[[]], [[0]], [[33]], [[1, 1]], [[1.5]]])('has no mask for %j', (lines) => {
  expect(() => toMask(lines)).toThrow(/No such lines to raise/);
});

it.each([9, 10_001, 100.5, Number.NaN])('makes no pulse of %d us', (widthUs) => {
  expect(() => encodeTtlBox({ type: 'pulse', lines: [1], widthUs })).toThrow(/no such pulse: got .* from 10 to 10000/);
});
