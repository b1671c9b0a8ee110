import { describe, expect, it } from 'vitest';
import { encodePulsePal, replyBytes, type PulsePalCommand, type PulsePalParameter } from './commands.js';
import { HARMLESS_SETTINGS } from './settings.js';

/** Written out by hand from the table of messages; the comment says what the bytes are. */
const GOLDEN: readonly (readonly [PulsePalCommand, readonly number[], number])[] = [
  [{ type: 'handshake' }, [0xd5, 72], 5],
  [{ type: 'client-name', name: 'MEACTL' }, [0xd5, 89, 77, 69, 65, 67, 84, 76], 0],
  [
    {
      type: 'custom-train',
      train: 1,
      pulses: [
        { atUs: 0, volts: 5 },
        { atUs: 1000, volts: -5 },
      ],
    },
    // 2 pulses, 0 cycles, 20 cycles, 49152, 16384
    [0xd5, 75, 2, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0x00, 0xc0, 0x00, 0x40],
    1,
  ],
  [
    { type: 'custom-train', train: 2, pulses: [{ atUs: 13_107_250, volts: 10 }] },
    // 262145 cycles = 0x40001
    [0xd5, 76, 1, 0, 0, 0, 0x01, 0x00, 0x04, 0x00, 0xff, 0xff],
    1,
  ],
  [{ type: 'trigger', outputs: [1] }, [0xd5, 77, 1], 0],
  [{ type: 'trigger', outputs: [4, 2] }, [0xd5, 77, 10], 0],
  [{ type: 'display', lines: ['ready'] }, [0xd5, 78, 5, 114, 101, 97, 100, 121], 0],
  [{ type: 'display', lines: ['a', 'b'] }, [0xd5, 78, 3, 97, 254, 98], 0],
  [{ type: 'fixed-voltage', channel: 3, volts: 0 }, [0xd5, 79, 3, 0x00, 0x80], 1],
  [{ type: 'abort' }, [0xd5, 80], 0],
  [{ type: 'disconnect' }, [0xd5, 81], 0],
  [{ type: 'loop', channel: 2, isOn: false }, [0xd5, 82, 2, 0], 1],
  [{ type: 'loop', channel: 4, isOn: true }, [0xd5, 82, 4, 1], 1],
  [{ type: 'read-settings-file' }, [0xd5, 85], 178],
  [{ type: 'write-pin', pin: 13, isHigh: true }, [0xd5, 86, 13, 1], 0],
  [{ type: 'read-pin', pin: 13 }, [0xd5, 87, 13], 1],
  [{ type: 'settings-file', operation: 'save', name: 'a.pps' }, [0xd5, 90, 1, 5, 97, 46, 112, 112, 115], 0],
  [{ type: 'settings-file', operation: 'load', name: 'a' }, [0xd5, 90, 2, 1, 97], 178],
  [{ type: 'settings-file', operation: 'delete', name: 'a' }, [0xd5, 90, 3, 1, 97], 0],
];

it.each(GOLDEN)('%j', (command, bytes, reply) => {
  expect(Array.from(encodePulsePal(command))).toEqual(bytes);
  expect(replyBytes(command)).toBe(reply);
});

const PARAMETERS: readonly (readonly [PulsePalParameter, number, readonly number[]])[] = [
  ['isBiphasic', 1, [1, 2, 1]],
  ['phase1Volts', 5, [2, 2, 0x00, 0xc0]],
  ['phase2Volts', -5, [3, 2, 0x00, 0x40]],
  ['phase1Us', 200, [4, 2, 4, 0, 0, 0]],
  ['interPhaseUs', 0, [5, 2, 0, 0, 0, 0]],
  ['phase2Us', 50, [6, 2, 1, 0, 0, 0]],
  ['interPulseUs', 3_600_000_000, [7, 2, 0x00, 0xa2, 0x4a, 0x04]],
  ['burstUs', 0, [8, 2, 0, 0, 0, 0]],
  ['interBurstUs', 12_800, [9, 2, 0x00, 0x01, 0, 0]],
  ['trainUs', 1_000_000, [10, 2, 0x20, 0x4e, 0, 0]],
  ['trainDelayUs', 0, [11, 2, 0, 0, 0, 0]],
  ['isLinkedToTrigger1', 1, [12, 2, 1]],
  ['isLinkedToTrigger2', 0, [13, 2, 0]],
  ['customTrain', 2, [14, 2, 2]],
  ['customTarget', 1, [15, 2, 1]],
  ['loopsCustomTrain', 1, [16, 2, 1]],
  ['restingVolts', 0, [17, 2, 0x00, 0x80]],
  ['triggerMode', 2, [128, 2, 2]],
];

it.each(PARAMETERS)('one parameter: %s %d', (parameter, value, bytes) => {
  const command = { type: 'parameter', channel: 2, parameter, value } as const;
  expect(Array.from(encodePulsePal(command))).toEqual([0xd5, 74, ...bytes]);
  expect(replyBytes(command)).toBe(1);
});

it('has a message of 180 bytes for all settings', () => {
  const command = { type: 'program', settings: HARMLESS_SETTINGS } as const;
  expect(encodePulsePal(command).length).toBe(180);
  expect(Array.from(encodePulsePal(command).subarray(0, 2))).toEqual([0xd5, 73]);
  expect(replyBytes(command)).toBe(1);
});

describe('what the device would not check', () => {
  const ascending = Array.from({ length: 5000 }, (_, i) => ({ atUs: 50 * i, volts: 1 }));
  it('takes a custom train of 5000 pulses', () => {
    expect(encodePulsePal({ type: 'custom-train', train: 1, pulses: ascending }).length).toBe(2 + 4 + 6 * 5000);
  });
  it.each<[string, PulsePalCommand]>([
    ['5001 pulses', { type: 'custom-train', train: 1, pulses: [...ascending, { atUs: 250_000, volts: 1 }] }],
    ['no pulse', { type: 'custom-train', train: 1, pulses: [] }],
    [
      'two pulses at once',
      {
        type: 'custom-train',
        train: 1,
        pulses: [
          { atUs: 50, volts: 1 },
          { atUs: 50, volts: 1 },
        ],
      },
    ],
    ['a pulse between two cycles', { type: 'custom-train', train: 1, pulses: [{ atUs: 75, volts: 1 }] }],
    ['a pulse of 11 V', { type: 'custom-train', train: 1, pulses: [{ atUs: 0, volts: 11 }] }],
    ['output 5', { type: 'fixed-voltage', channel: 5, volts: 0 }],
    ['output 0', { type: 'loop', channel: 0, isOn: false }],
    ['no output', { type: 'trigger', outputs: [] }],
    ['output 1.5', { type: 'trigger', outputs: [1.5] }],
    ['trigger 3', { type: 'parameter', channel: 3, parameter: 'triggerMode', value: 0 }],
    ['a phase of 0 us', { type: 'parameter', channel: 1, parameter: 'phase1Us', value: 0 }],
    ['a flag of 2', { type: 'parameter', channel: 1, parameter: 'isBiphasic', value: 2 }],
    ['a name of 7 letters', { type: 'client-name', name: 'MEACTL1' }],
    ['a name that is not ASCII', { type: 'client-name', name: 'MÉACTL' }],
    ['17 letters in a line', { type: 'display', lines: ['a'.repeat(17)] }],
    ['a file without a name', { type: 'settings-file', operation: 'load', name: '' }],
    ['pin 256', { type: 'read-pin', pin: 256 }],
  ])('refuses %s', (_, command) => {
    expect(() => encodePulsePal(command)).toThrow(expect.objectContaining({ tag: 'bad-input' }));
  });
});
