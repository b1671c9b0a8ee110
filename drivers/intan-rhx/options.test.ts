import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { createVirtualTimers } from '../../protocols/virtual-timers.js';
import type { TriggerBox } from '../parts/stimulator.js';
import { checkRhxOptions, type IntanRhxOptions } from './options.js';

const box: TriggerBox = {
  description: { device: 'box', serialNumber: '1', firmware: '1' },
  lines: 4,
  events$: NEVER,
  pulse: () => Promise.resolve(),
  allOff: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

function check(changes: Partial<IntanRhxOptions>): ReturnType<typeof checkRhxOptions> {
  return checkRhxOptions({ channels: ['a-000', 'A-001', 'B-127'], timers: createVirtualTimers(), ...changes });
}

describe('options of RHX', () => {
  it('have defaults, and triggers by the names of RHX', () => {
    const options = check({
      triggerBox: box,
      groups: [
        { trigger: 'digital-in 3', electrodes: [2, 0] },
        { trigger: 'analog-in 8', electrodes: [1], boxLine: 4 },
      ],
    });
    expect(options).toMatchObject({
      address: '127.0.0.1:5000',
      ports: { command: 5000, waveform: 5001 },
      channels: ['A-000', 'A-001', 'B-127'],
      groups: [
        { source: 'DigitalIn03', electrodes: [0, 2], key: null, boxLine: 3 },
        { source: 'AnalogIn08', electrodes: [1], key: null, boxLine: 4 },
      ],
      around: { refractoryPeriodUs: 1000, enableAmpSettle: true, enableChargeRecovery: false },
    });
    expect(check({ groups: [{ trigger: 'F8', electrodes: [1] }] }).groups).toEqual([
      { trigger: 'F8', source: 'KeyPressF8', electrodes: [1], key: 'f8', boxLine: null },
    ]);
  });

  it.each<readonly [string, RegExp, Partial<IntanRhxOptions>]>([
    ['no channel', /no channels/, { channels: [] }],
    ['a channel that is none', /electrode 0 at 'A-10'/, { channels: ['A-10'] }],
    ['a channel twice', /A-001 twice/, { channels: ['A-001', 'a-001'] }],
    ['a key that is none', /trigger 'F9'/, { groups: [{ trigger: 'F9', electrodes: [0] }] }],
    ['a key zero', /trigger 'F0'/, { groups: [{ trigger: 'F0', electrodes: [0] }] }],
    ['a line that is none', /trigger 'digital-in 17'/, { groups: [{ trigger: 'digital-in 17', electrodes: [0] }] }],
    ['a group of nothing', /F1 without electrodes/, { groups: [{ trigger: 'F1', electrodes: [] }] }],
    ['an electrode that is none', /electrode 3 at F1/, { groups: [{ trigger: 'F1', electrodes: [3] }] }],
    [
      'an electrode at two triggers',
      /electrode 0 at F1 and F2/,
      {
        groups: [
          { trigger: 'F1', electrodes: [0] },
          { trigger: 'F2', electrodes: [0] },
        ],
      },
    ],
    [
      'a trigger twice',
      /two groups at F1/,
      {
        groups: [
          { trigger: 'F1', electrodes: [0] },
          { trigger: 'F1', electrodes: [1] },
        ],
      },
    ],
    [
      'keys beside lines',
      /keys beside groups at lines/,
      {
        triggerBox: box,
        groups: [
          { trigger: 'F1', electrodes: [0] },
          { trigger: 'digital-in 1', electrodes: [1] },
        ],
      },
    ],
    ['lines without a box', /without a trigger box/, { groups: [{ trigger: 'digital-in 1', electrodes: [0] }] }],
    [
      'a line that the box has not',
      /line 5 of the box/,
      { triggerBox: box, groups: [{ trigger: 'digital-in 5', electrodes: [0] }] },
    ],
    [
      'an analog input without its line',
      /analog-in 1 without its boxLine/,
      { triggerBox: box, groups: [{ trigger: 'analog-in 1', electrodes: [0] }] },
    ],
    [
      'a line of the box twice',
      /line 1 of the box at two triggers/,
      {
        triggerBox: box,
        groups: [
          { trigger: 'digital-in 1', electrodes: [0] },
          { trigger: 'digital-in 2', electrodes: [1], boxLine: 1 },
        ],
      },
    ],
    ['a watched line that is none', /digital input 0/, { lines: [0] }],
  ])('are refused with %s', (_, message, changes) => {
    expect(() => check(changes)).toThrow(message);
  });
});
