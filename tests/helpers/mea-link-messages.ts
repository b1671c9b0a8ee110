import {
  ARMING_CAUSES,
  DROP_REASONS,
  FAULT_CODES,
  REFUSAL_REASONS,
  type Capabilities,
  type Command,
  type DataMessage,
  type DeviceMessage,
  type HostMessage,
  type ReplyResult,
} from '../../protocols/mea-link/messages.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { SAFETY_RULES } from '../../protocols/stimulation/safety-rule.js';
import { hertz, microamps, microseconds, milliseconds, sampleIndex, seconds } from '../../protocols/units.js';

/** `length` bytes that differ from each other and between two values of `first`. */
export function countedBytes(length: number, first: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i) % 256);
}

/** A profile with two electrodes, rising, of which one was never measured. */
export const exampleProfile: SafetyProfile = {
  name: 'Rat cortex, 64 electrodes',
  source: 'data sheet of the array, rev. B, 30 µm',
  electrodes: [
    { electrode: 0, areaUm2: 707, impedanceOhm: 250_000.5, masked: false },
    { electrode: 63, areaUm2: 707, impedanceOhm: null, masked: true },
  ],
  impedanceAgeS: seconds(12.25),
  maxImpedanceAgeS: seconds(86_400),
  maxCurrentUa: microamps(30),
  minPhaseUs: microseconds(33.333),
  maxPhaseUs: microseconds(500),
  maxPhases: 3,
  maxChargePerPhaseNc: 4,
  maxChargeDensityUcPerCm2: 100,
  maxImbalance: 0.005,
  netChargeBudgetNc: 20,
  leadingPolarity: 'negative',
  minInterphaseGapUs: microseconds(0),
  complianceV: 7,
  minIntervalMs: milliseconds(5),
  maxRateHz: hertz(50),
  maxDuty: 0.02,
  maxChargePerSecondNc: 200,
  maxSimultaneous: 8,
  maxSummedCurrentUa: microamps(240),
  maxStimuliPerSession: 100_000,
  maxChargePerSessionNc: 1e6,
};

/** A device that records from 64 electrodes and stimulates two. */
export const exampleCapabilities: Capabilities = {
  device: 'pattern box',
  serialNumber: 'PB-0007',
  firmware: '1.0.0',
  major: 1,
  minor: 0,
  emulated: true,
  channels: 64,
  sampleRateHz: hertz(20_000),
  gainUvPerBit: 0.195,
  maxBlockFrames: 200,
  stimulation: {
    electrodes: [0, 63],
    currentStepUa: 0.01,
    maxCurrentUa: 2550,
    timeStepUs: 1e6 / 30_000,
    maxPhases: 6,
    slots: 256,
    queueLength: 32,
    scheduling: 'at-sample',
    delivery: 'observed',
    maxAheadMs: 2000,
  },
  watchdogMs: 100,
  heartbeatMs: 50,
  ringMs: 500,
  canMeasureImpedance: true,
};

const TOKEN = countedBytes(16, 0xa0);
const HASH = countedBytes(32, 0x10);

/** Every command, those with a choice in each of its forms. */
const exampleCommands: readonly Command[] = [
  { type: 'hello', major: 1, minor: 0, client: 'meactl 0.1.0', clientId: countedBytes(16, 1) },
  { type: 'configure', blockFrames: 20, safetyProfile: exampleProfile },
  { type: 'start' },
  { type: 'stop' },
  { type: 'rest', durationSamples: 2 ** 40 },
  { type: 'upload-pattern', pattern: { slot: 0, pulses: [] } },
  {
    type: 'upload-pattern',
    pattern: {
      slot: 255,
      pulses: [
        {
          electrode: 12,
          phases: [
            { currentUa: microamps(-20.01), durationUs: microseconds(199.998) },
            { currentUa: microamps(0), durationUs: microseconds(33.333) },
            { currentUa: microamps(20.01), durationUs: microseconds(199.998) },
          ],
        },
        { electrode: 3, phases: [{ currentUa: microamps(0.01), durationUs: microseconds(100) }] },
      ],
    },
  },
  { type: 'trigger', stimulusId: 1, slot: 3, at: { type: 'now' }, token: TOKEN },
  { type: 'trigger', stimulusId: 2 ** 32 - 1, slot: 0, at: { type: 'sample', sample: sampleIndex(0) }, token: TOKEN },
  { type: 'trigger', stimulusId: 7, slot: 0, at: { type: 'sample', sample: sampleIndex(2 ** 53) }, token: TOKEN },
  { type: 'cancel', stimulusId: 7 },
  { type: 'abort' },
  { type: 'arm', token: TOKEN, serialNumber: 'PB-0007', profileHash: HASH },
  { type: 'disarm' },
  { type: 'measure-impedance', electrodes: [5, 0, 65_535], frequencyHz: hertz(1000) },
  { type: 'resume', bootId: 0xdeadbeef, fromSequence: 2 ** 32 - 1 },
  { type: 'status' },
];

/** Every message of the host. */
export const exampleHostMessages: readonly HostMessage[] = [
  ...exampleCommands.map((command, i) => ({ type: 'command', sequence: i, commandId: i + 1, command }) as const),
  { type: 'heartbeat', sequence: 2 ** 32 - 1, token: TOKEN, progress: 2 ** 33, armedForMs: 1800 },
  { type: 'heartbeat', sequence: 3, token: new Uint8Array(0), progress: 0, armedForMs: 0 },
];

const exampleResults: readonly ReplyResult[] = [
  { type: 'done' },
  {
    type: 'hello',
    capabilities: exampleCapabilities,
    bootId: 0,
    nextDataSequence: 9,
    oldestDataSequence: 2 ** 32 - 5,
    newestStimulusId: 77,
  },
  {
    type: 'hello',
    capabilities: { ...exampleCapabilities, stimulation: null, emulated: false, canMeasureImpedance: false },
    bootId: 0xcafe,
    nextDataSequence: 0,
    oldestDataSequence: 0,
    newestStimulusId: 0,
  },
  { type: 'scheduled', sample: sampleIndex(123_456_789_012) },
  { type: 'configured', profileHash: HASH, blockFrames: 20 },
  { type: 'impedances', frequencyHz: hertz(1000), values: [{ electrode: 5, magnitudeOhm: 1e6, phaseDegrees: -71.5 }] },
  { type: 'impedances', frequencyHz: hertz(20.5), values: [] },
  { type: 'resumed', fromSequence: 17, nextSequence: 4_000_000_000 },
  ...(['idle', 'ready', 'running'] as const).map(
    (state, i) =>
      ({
        type: 'status',
        state,
        armed: i === 2,
        nextSample: sampleIndex(20 * i),
        scheduledStimuli: i,
        nextDataSequence: 2 ** 32 - 1,
      }) as const,
  ),
  ...REFUSAL_REASONS.map((reason) => ({ type: 'refused', reason, message: `because of ${reason}` }) as const),
  ...SAFETY_RULES.map((rule) => ({ type: 'refused', reason: 'safety', rule, message: `limit of ${rule}` }) as const),
];

const exampleData: readonly DataMessage[] = [
  {
    type: 'block',
    sequence: 0,
    firstSample: sampleIndex(0),
    channels: 3,
    frames: 2,
    samples: Int16Array.of(0, 1, -1, 32_767, -32_768, 258),
  },
  {
    type: 'block',
    sequence: 77,
    firstSample: sampleIndex(2 ** 45 + 1),
    channels: 64,
    frames: 20,
    samples: Int16Array.from({ length: 1280 }, (_, i) => ((i * 7919) % 4001) - 2000),
  },
  { type: 'rested', sequence: 1, fromSample: sampleIndex(400), toSample: sampleIndex(2_000_400) },
  { type: 'stimulus-delivered', sequence: 2, stimulusId: 9, sample: sampleIndex(411), slot: 3, electrodes: [0, 5, 12] },
  { type: 'stimulus-delivered', sequence: 3, stimulusId: 10, sample: sampleIndex(0), slot: 0, electrodes: [] },
  {
    type: 'stimulus-delivered',
    sequence: 4,
    stimulusId: 11,
    sample: sampleIndex(7),
    slot: 1,
    electrodes: [1, 4, 300],
    limitedElectrodes: [4, 300],
  },
  ...DROP_REASONS.map((reason, i) => {
    const message = `dropped: ${reason}`;
    return {
      type: 'stimulus-dropped',
      sequence: i,
      stimulusId: i + 1,
      atSample: sampleIndex(i),
      reason,
      message,
    } as const;
  }),
  ...ARMING_CAUSES.map(
    (cause, i) =>
      ({
        type: 'armed-changed',
        sequence: i,
        atSample: sampleIndex(5 * i),
        armed: cause === 'command',
        cause,
      }) as const,
  ),
  ...FAULT_CODES.map(
    (code, i) => ({ type: 'fault', sequence: i, atSample: sampleIndex(i), code, message: `fault ${code}` }) as const,
  ),
  ...(['debug', 'info', 'warn', 'error'] as const).map(
    (level, i) => ({ type: 'log', sequence: i, level, message: `Größe ${level} \u{1f9e0}` }) as const,
  ),
  { type: 'stream-started', sequence: 4, firstSample: sampleIndex(800) },
  {
    type: 'stream-ended',
    sequence: 5,
    endSample: sampleIndex(2 ** 53),
    blocks: 2 ** 33,
    frames: 2 ** 52,
    samplesCrc32c: 0xe3069283,
  },
];

/** Every message of the device, with every name that a field can have. */
export const exampleDeviceMessages: readonly DeviceMessage[] = [
  ...exampleResults.map((result, i) => ({ type: 'reply', sequence: i, commandId: i, result }) as const),
  {
    type: 'device-heartbeat',
    sequence: 2 ** 32 - 1,
    nextDataSequence: 12,
    nextSample: sampleIndex(240),
    state: 'running',
    armed: true,
  },
  {
    type: 'device-heartbeat',
    sequence: 0,
    nextDataSequence: 0,
    nextSample: sampleIndex(0),
    state: 'idle',
    armed: false,
  },
  ...exampleData,
];
