import { describe, expect, it } from 'vitest';
import { assertMayBeSent, encodeStimJim, type StimJimCommand, type StimJimTrain } from './commands.js';

const PULSE: StimJimTrain = {
  n: 7,
  modes: ['current', 'grounded'],
  periodUs: 20_000,
  durationUs: 400,
  stages: [
    { amplitudes: [-100, 0], durationUs: 200 },
    { amplitudes: [100, 0], durationUs: 200 },
  ],
};

it.each<[StimJimCommand, string]>([
  [{ type: 'train', train: PULSE }, 'S7,1,3,20000,400;-100,0,200;100,0,200;\n'],
  [
    {
      type: 'train',
      train: {
        n: 99,
        modes: ['voltage', 'high-z'],
        periodUs: 60_000_000,
        durationUs: 1,
        stages: [{ amplitudes: [-14_900, 0], durationUs: 20 }],
      },
    },
    'S99,0,2,60000000,1;-14900,0,20;\n',
  ],
  [{ type: 'print-train', n: 0 }, 'S0\n'],
  [{ type: 'start', timer: 'T', n: 3 }, 'T3\n'],
  [{ type: 'start', timer: 'U', n: 99 }, 'U99\n'],
  [{ type: 'stop', timer: 'T' }, 'T-1\n'],
  [{ type: 'stop', timer: 'U' }, 'U-1\n'],
  [{ type: 'turn-off', output: 0, mode: 'high-z' }, 'M0,2\n'],
  [{ type: 'turn-off', output: 1, mode: 'grounded' }, 'M1,3\n'],
  [{ type: 'read-adc', output: 1, line: 'current' }, 'E1,1\n'],
  [{ type: 'read-adc', output: 0, line: 'voltage' }, 'E0,0\n'],
  [{ type: 'print-offsets' }, 'D\n'],
])('%j', (command, line) => {
  expect(encodeStimJim(command)).toBe(line);
});

describe('what the firmware would not check', () => {
  const stage = { amplitudes: [1, 0], durationUs: 20 } as const;
  it('takes ten stages', () => {
    const line = encodeStimJim({ type: 'train', train: { ...PULSE, stages: Array.from({ length: 10 }, () => stage) } });
    expect(line.split(';').length).toBe(12);
  });
  it.each<[string, Partial<StimJimTrain>]>([
    ['11 stages', { stages: Array.from({ length: 11 }, () => stage) }],
    ['no stage', { stages: [] }],
    ['train 100', { n: 100 }],
    ['train -1', { n: -1 }],
    ['a stage of 19 us', { stages: [{ amplitudes: [1, 0], durationUs: 19 }] }],
    ['half a microampere', { stages: [{ amplitudes: [0.5, 0], durationUs: 20 }] }],
    ['3331 uA', { stages: [{ amplitudes: [3331, 0], durationUs: 20 }] }],
    ['14901 mV', { modes: ['voltage', 'grounded'], stages: [{ amplitudes: [14_901, 0], durationUs: 20 }] }],
    ['a value for an output that is off', { stages: [{ amplitudes: [1, 1], durationUs: 20 }] }],
    ['stages longer than the period', { periodUs: 300 }],
    ['no duration', { durationUs: 0 }],
    ['a minute and more', { periodUs: 60_000_001 }],
  ])('refuses %s', (_, change) => {
    expect(() => encodeStimJim({ type: 'train', train: { ...PULSE, ...change } })).toThrow(
      expect.objectContaining({ tag: 'bad-input' }),
    );
  });
});

describe('what is never sent', () => {
  it.each(['A0,1000', 'V0,5000', 'C', 'B', 'R0,1', 'R0,-1', 'M0,0', 'M1,1', 'T-2', 'S100', 'T100', 'X', '', 'S0;\nC'])(
    '%s',
    (line) => {
      expect(() => {
        assertMayBeSent(`${line}\n`);
      }).toThrow(expect.objectContaining({ tag: 'refused' }));
    },
  );

  it('has no name in the types, and none at run time', () => {
    const calibrate = { type: 'calibrate' } as const;
    // @ts-expect-error there is no such command
    expect(() => encodeStimJim(calibrate)).toThrow(/No such line is ever sent to a StimJim/);
    const live = { type: 'turn-off', output: 0, mode: 'current' } as const;
    // @ts-expect-error an output can only be turned off
    expect(() => encodeStimJim(live)).toThrow(/No such line/);
  });

  it('is a line too long for its buffer', () => {
    expect(() => {
      assertMayBeSent(`S0,1,1,1,1;${'1,1,1;'.repeat(200)}\n`);
    }).toThrow(/No such line/);
  });
});
