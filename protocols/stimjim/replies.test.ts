import { expect, it } from 'vitest';
import { toAsciiBytes } from '../text-lines.js';
import { createStimJimReader, type StimJimReply } from './replies.js';

/** As the firmware prints it: lines end in `\n`, those that it prints whole in `\r\n`. */
const ECHO = [
  '----------------------------------\r\n',
  'Parameters for PulseTrain[7]\n',
  '  mode[ch0]: 1 (Current output)\n',
  '  mode[ch1]: 3 (No output (grounded))\n',
  '  period:    20000 usec (0.020 sec, 50.000 Hz)\n',
  '  duration:  400 usec (0.000 sec)\n',
  '\n  stage    duration     output0   output1\r\n',
  '    0      200 usec     -100uA        0uA\n',
  '    1      200 usec      100uA        0uA\n',
  '----------------------------------\n\r\n',
].join('');
const TRAIN: StimJimReply = {
  type: 'train',
  train: {
    n: 7,
    modes: ['current', 'grounded'],
    periodUs: 20_000,
    durationUs: 400,
    stages: [
      { amplitudes: [-100, 0], durationUs: 200 },
      { amplitudes: [100, 0], durationUs: 200 },
    ],
  },
};
const REPORT = [
  '\nStarted T train with parameters of PulseTrain 7\r\n',
  'Train complete. Delivered 1 pulses.\nCurrent/Voltage by stage: \r\n',
  '           Ch0                Ch1 \r\n',
  'Stage 0   -99uA,               0mV,          \r\n',
  'Stage 1   101uA,               0mV,          \r\n',
].join('');

function read(text: string, size = text.length): StimJimReply[] {
  const reader = createStimJimReader();
  const bytes = toAsciiBytes(text);
  const replies: StimJimReply[] = [];
  for (let at = 0; at < bytes.length; at += size) replies.push(...reader.push(bytes.subarray(at, at + size)));
  return replies;
}

it.each([1, 2, 7, 13, 10_000])('reads the echo of a train, in pieces of %d bytes', (size) => {
  expect(read(ECHO, size)).toEqual([TRAIN]);
});

it('reads what a train has delivered', () => {
  expect(read(REPORT).filter(({ type }) => type !== 'other')).toEqual([
    { type: 'started', timer: 'T', n: 7 },
    { type: 'complete', pulses: 1 },
    {
      type: 'measured',
      stage: 0,
      outputs: [
        { value: -99, unit: 'uA' },
        { value: 0, unit: 'mV' },
      ],
    },
    {
      type: 'measured',
      stage: 1,
      outputs: [
        { value: 101, unit: 'uA' },
        { value: 0, unit: 'mV' },
      ],
    },
  ]);
});

it.each<[string, StimJimReply]>([
  ['Booting StimJim on Teensy 3.5!', { type: 'booting' }],
  ['Ready to go!', { type: 'ready' }],
  ['Forcing U train to stop', { type: 'stopped', timer: 'U' }],
  ['Invalid PulseTrain index.', { type: 'invalid-train' }],
  ['Invalid PulseTrain array index.', { type: 'invalid-train' }],
  ['Read value: -12', { type: 'adc', value: -12 }],
  ['Stage 2-10000uA,          -14900mV,          ', measured(2, -10_000, -14_900)],
  ['current offsets: 3, -4', { type: 'other', text: 'current offsets: 3, -4' }],
])('reads %s', (line, reply) => {
  expect(read(`${line}\r\n`)).toEqual([reply]);
});

function measured(stage: number, uA: number, mV: number): StimJimReply {
  return {
    type: 'measured',
    stage,
    outputs: [
      { value: uA, unit: 'uA' },
      { value: mV, unit: 'mV' },
    ],
  };
}

it('says nothing of an echo that is cut short at any byte', () => {
  const end = ECHO.lastIndexOf('-\n');
  for (let length = 0; length <= end; length++) {
    expect(read(ECHO.slice(0, length)).filter(({ type }) => type === 'train')).toEqual([]);
  }
});

it('never reads another echo as this one: a flipped bit shows, or lies in words that mean nothing', () => {
  const numbers = /\d/u;
  let seen = 0;
  for (let at = 0; at < ECHO.length; at++) {
    // what is in brackets or a heading is for people
    if (!numbers.test(ECHO[at]!) || /\([^)]*$/u.test(ECHO.slice(ECHO.lastIndexOf('\n', at), at))) continue;
    if (/output$|ch$/u.test(ECHO.slice(0, at))) continue;
    for (let bit = 0; bit < 7; bit++) {
      const flipped = String.fromCharCode(ECHO.charCodeAt(at) ^ (1 << bit));
      expect(read(ECHO.slice(0, at) + flipped + ECHO.slice(at + 1))).not.toEqual([TRAIN]);
      seen += 1;
    }
  }
  expect(seen).toBeGreaterThan(150);
});

it('hears what an interrupt says in the middle of an echo', () => {
  const lines = ECHO.split('\n');
  const mixed = [...lines.slice(0, 4), 'Train complete. Delivered 1 pulses.', ...lines.slice(4)].join('\n');
  expect(read(mixed)).toEqual([{ type: 'complete', pulses: 1 }, TRAIN]);
});

it('leaves out a stage whose row is missing, so that the comparison fails', () => {
  const without = ECHO.replace(/ {4}0 .*\n/u, '');
  expect(read(without)).toMatchObject([{ type: 'train', train: { stages: [] } }]);
});
