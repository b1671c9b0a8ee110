import { expect, it } from 'vitest';
import {
  decodeSettings,
  decodeSettingsFile,
  encodeSettings,
  HARMLESS_CHANNEL,
  HARMLESS_SETTINGS,
  type PulsePalSettings,
} from './settings.js';

const SETTINGS: PulsePalSettings = {
  channels: [
    {
      isBiphasic: true,
      phase1Volts: -5,
      phase2Volts: 5,
      restingVolts: -10,
      phase1Us: 200,
      interPhaseUs: 50,
      phase2Us: 250,
      interPulseUs: 12_800,
      burstUs: 100,
      interBurstUs: 150,
      trainUs: 3_276_800,
      trainDelayUs: 300,
      customTrain: 2,
      customTarget: 'bursts',
      loopsCustomTrain: true,
    },
    HARMLESS_CHANNEL,
    HARMLESS_CHANNEL,
    HARMLESS_CHANNEL,
  ],
  triggers: [
    { mode: 'toggle', outputs: [1, 4] },
    { mode: 'pulse-gated', outputs: [2] },
  ],
};

/** Output 1 by hand; cycles of 50 us, little-endian. */
const TIMES_1 = [
  [4, 0, 0, 0], // phase 1: 200 us
  [1, 0, 0, 0], // between the phases: 50 us
  [5, 0, 0, 0], // phase 2: 250 us
  [0, 1, 0, 0], // between pulses: 12.8 ms = 256 cycles
  [2, 0, 0, 0], // burst: 100 us
  [3, 0, 0, 0], // between bursts: 150 us
  [0, 0, 1, 0], // train: 65536 cycles
  [6, 0, 0, 0], // delay: 300 us
].flat();
/** An output that stays at 0 V: everything one cycle, pulses 72000000 cycles = 0x044aa200 apart. */
const TIMES_HARMLESS = [
  1,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  0,
  0,
  0,
  0x00,
  0xa2,
  0x4a,
  0x04,
  ...zeros(8),
  1,
  0,
  0,
  0,
  ...zeros(4),
];
/** -5 V = 16384, 5 V = 49152, -10 V = 0. */
const VOLTS_1 = [0x00, 0x40, 0x00, 0xc0, 0x00, 0x00];
const VOLTS_HARMLESS = [0x00, 0x80, 0x00, 0x80, 0x00, 0x80];

const GOLDEN = [
  ...TIMES_1,
  ...repeat(TIMES_HARMLESS, 3),
  ...VOLTS_1,
  ...repeat(VOLTS_HARMLESS, 3),
  // biphasic, custom train 2, bursts, loop
  ...[1, 2, 1, 1],
  ...zeros(12),
  ...[1, 0, 0, 1],
  ...[0, 1, 0, 0],
  ...[1, 2],
];

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}
function repeat(bytes: readonly number[], count: number): number[] {
  return Array.from({ length: count }, () => bytes).flat();
}

it('has the bytes of operation 73 in their order', () => {
  expect(Array.from(encodeSettings(SETTINGS))).toEqual(GOLDEN);
});

/** 0 V lies between two steps; the upper one is 0.15 mV. */
const HARMLESS_AS_MADE = { ...HARMLESS_CHANNEL, phase1Volts: 0.000152, phase2Volts: 0.000152, restingVolts: 0.000152 };
/** As the device makes them: 5 V lies between two steps. */
const AS_MADE: PulsePalSettings = {
  ...SETTINGS,
  channels: [
    { ...SETTINGS.channels[0], phase1Volts: -4.999924, phase2Volts: 5.000228 },
    HARMLESS_AS_MADE,
    HARMLESS_AS_MADE,
    HARMLESS_AS_MADE,
  ],
};

it('reads them again', () => {
  expect(decodeSettings(Uint8Array.from(GOLDEN))).toEqual(AS_MADE);
  expect(Array.from(encodeSettings(decodeSettings(Uint8Array.from(GOLDEN))))).toEqual(GOLDEN);
});

it('reads the order of the settings file', () => {
  const harmless = [...TIMES_HARMLESS, 0, ...VOLTS_HARMLESS, 0, 0, 0];
  const file = [...TIMES_1, 1, ...VOLTS_1, 2, 1, 1, ...repeat(harmless, 3), 1, 1, 0, 0, 1, 2, 0, 1, 0, 0];
  expect(file.length).toBe(178);
  expect(decodeSettingsFile(Uint8Array.from(file))).toEqual(AS_MADE);
});

it('refuses every other length', () => {
  for (let length = 0; length < 178; length++) {
    expect(() => decodeSettings(Uint8Array.from(GOLDEN.slice(0, length)))).toThrow(/expected 178 bytes/);
    expect(() => decodeSettingsFile(Uint8Array.from(GOLDEN.slice(0, length)))).toThrow(/expected 178 bytes/);
  }
});

it('gives other settings or an error for every flipped bit', () => {
  let refused = 0;
  for (let bit = 0; bit < 178 * 8; bit++) {
    const bytes = Uint8Array.from(GOLDEN);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    try {
      expect(decodeSettings(bytes)).not.toEqual(AS_MADE);
    } catch (error) {
      expect(error).toMatchObject({ tag: 'bad-format' });
      refused += 1;
    }
  }
  // of the single bytes 7 bits at least are none of the device's
  expect(refused).toBeGreaterThan(26 * 6);
});

it('stays at 0 V where it is harmless', () => {
  for (const channel of HARMLESS_SETTINGS.channels) {
    expect([channel.phase1Volts, channel.phase2Volts, channel.restingVolts]).toEqual([0, 0, 0]);
  }
  expect(HARMLESS_SETTINGS.triggers.flatMap(({ outputs }) => outputs)).toEqual([]);
});
