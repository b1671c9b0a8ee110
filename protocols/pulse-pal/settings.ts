import { MeaError } from '../errors.js';
import { toCycles, toDacCode, toUs, toVolts } from './values.js';

/** What one output does when it is triggered. Voltages in V, times in us (multiples of 50). */
export interface PulsePalChannel {
  readonly isBiphasic: boolean;
  readonly phase1Volts: number;
  readonly phase2Volts: number;
  readonly restingVolts: number;
  readonly phase1Us: number;
  readonly interPhaseUs: number;
  readonly phase2Us: number;
  readonly interPulseUs: number;
  /** 0 for a train without bursts. */
  readonly burstUs: number;
  readonly interBurstUs: number;
  readonly trainUs: number;
  readonly trainDelayUs: number;
  /** Custom train that it plays, 0 for none. */
  readonly customTrain: 0 | 1 | 2;
  /** What the times of the custom train are the beginnings of. */
  readonly customTarget: 'pulses' | 'bursts';
  readonly loopsCustomTrain: boolean;
}

/** What a trigger input does to the outputs that are linked to it. */
export type PulsePalTriggerMode = 'normal' | 'toggle' | 'pulse-gated';

export interface PulsePalTrigger {
  readonly mode: PulsePalTriggerMode;
  /** Outputs that it triggers, from 1. */
  readonly outputs: readonly number[];
}

/** Everything that operation 73 sets. */
export interface PulsePalSettings {
  readonly channels: readonly [PulsePalChannel, PulsePalChannel, PulsePalChannel, PulsePalChannel];
  readonly triggers: readonly [PulsePalTrigger, PulsePalTrigger];
}

export const SETTINGS_BYTES = 178;
const CHANNELS = [0, 1, 2, 3] as const;
const TRIGGER_MODES = ['normal', 'toggle', 'pulse-gated'] as const;
/** A channel in the settings file. */
const FILE_CHANNEL_BYTES = 42;

/** An output that stays at 0 V whatever triggers it: the one pulse of its train has 0 V and nothing follows it. */
export const HARMLESS_CHANNEL: PulsePalChannel = {
  isBiphasic: false,
  phase1Volts: 0,
  phase2Volts: 0,
  restingVolts: 0,
  phase1Us: 50,
  interPhaseUs: 0,
  phase2Us: 50,
  // longer than any train: a second pulse never begins
  interPulseUs: 3_600_000_000,
  burstUs: 0,
  interBurstUs: 0,
  trainUs: 50,
  trainDelayUs: 0,
  customTrain: 0,
  customTarget: 'pulses',
  loopsCustomTrain: false,
};

/** A trigger input that triggers nothing. */
export const UNLINKED_TRIGGER: PulsePalTrigger = { mode: 'normal', outputs: [] };

/** Settings under which no output leaves 0 V. */
export const HARMLESS_SETTINGS: PulsePalSettings = {
  channels: [HARMLESS_CHANNEL, HARMLESS_CHANNEL, HARMLESS_CHANNEL, HARMLESS_CHANNEL],
  triggers: [UNLINKED_TRIGGER, UNLINKED_TRIGGER],
};

/**
 * (178 bytes) The settings in the order of operation 73: times of each output, voltages of each, single bytes of each,
 * links of each trigger, modes.
 *
 * @throws MeaError `bad-input` for values that the device does not have
 */
export function encodeSettings({ channels, triggers }: PulsePalSettings): Uint8Array {
  const bytes = new Uint8Array(SETTINGS_BYTES);
  const view = new DataView(bytes.buffer);
  for (const i of CHANNELS) {
    timesOf(channels[i], `output ${i + 1}`).forEach((cycles, field) => {
      view.setUint32(32 * i + 4 * field, cycles, true);
    });
    voltagesOf(channels[i], `output ${i + 1}`).forEach((code, field) => {
      view.setUint16(128 + 6 * i + 2 * field, code, true);
    });
    const { isBiphasic, customTrain, customTarget, loopsCustomTrain } = channels[i];
    bytes.set(
      [Number(isBiphasic), customTrain, Number(customTarget === 'bursts'), Number(loopsCustomTrain)],
      152 + 4 * i,
    );
    bytes[168 + i] = Number(triggers[0].outputs.includes(i + 1));
    bytes[172 + i] = Number(triggers[1].outputs.includes(i + 1));
  }
  bytes[176] = TRIGGER_MODES.indexOf(triggers[0].mode);
  bytes[177] = TRIGGER_MODES.indexOf(triggers[1].mode);
  return bytes;
}

/**
 * Reads settings in the order of operation 73, as operation 90 gives them when it has loaded a file.
 *
 * @throws MeaError `bad-format` for another length or a value that the device does not have
 */
export function decodeSettings(bytes: Uint8Array): PulsePalSettings {
  const view = viewOf(bytes);
  return {
    channels: eachChannel((i) => ({
      ...readTimes(view, 32 * i),
      ...readVoltages(view, 128 + 6 * i),
      isBiphasic: readFlag(view, 152 + 4 * i),
      ...readCustom(view, 153 + 4 * i),
    })),
    triggers: [
      { mode: readMode(view, 176), outputs: readLinks(view, 168) },
      { mode: readMode(view, 177), outputs: readLinks(view, 172) },
    ],
  };
}

/**
 * Reads the settings file as operation 85 gives it: output by output, then trigger by trigger.
 *
 * @throws MeaError `bad-format` for another length or a value that the device does not have
 */
export function decodeSettingsFile(bytes: Uint8Array): PulsePalSettings {
  const view = viewOf(bytes);
  const readTrigger = (at: number): PulsePalTrigger => ({ mode: readMode(view, at), outputs: readLinks(view, at + 1) });
  return {
    channels: eachChannel((i) => {
      const at = FILE_CHANNEL_BYTES * i;
      return {
        ...readTimes(view, at),
        isBiphasic: readFlag(view, at + 32),
        ...readVoltages(view, at + 33),
        ...readCustom(view, at + 39),
      };
    }),
    triggers: [readTrigger(4 * FILE_CHANNEL_BYTES), readTrigger(4 * FILE_CHANNEL_BYTES + 5)],
  };
}

function timesOf(channel: PulsePalChannel, where: string): readonly number[] {
  const cycles = (name: keyof PulsePalChannel & `${string}Us`, least: 0 | 1): number =>
    toCycles(channel[name], `${name} of ${where}`, { least });
  return [
    cycles('phase1Us', 1),
    cycles('interPhaseUs', 0),
    cycles('phase2Us', 1),
    cycles('interPulseUs', 1),
    cycles('burstUs', 0),
    cycles('interBurstUs', 0),
    cycles('trainUs', 1),
    cycles('trainDelayUs', 0),
  ];
}

function voltagesOf(channel: PulsePalChannel, where: string): readonly number[] {
  const { phase1Volts, phase2Volts, restingVolts } = channel;
  return [phase1Volts, phase2Volts, restingVolts].map((volts) => toDacCode(volts, where));
}

function viewOf(bytes: Uint8Array): DataView {
  if (bytes.length !== SETTINGS_BYTES) fail('length', bytes.length, `${SETTINGS_BYTES} bytes`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function eachChannel(read: (i: number) => PulsePalChannel): PulsePalSettings['channels'] {
  return [read(0), read(1), read(2), read(3)];
}

function readTimes(view: DataView, at: number): Pick<PulsePalChannel, keyof PulsePalChannel & `${string}Us`> {
  const time = (field: number): number => toUs(view.getUint32(at + 4 * field, true));
  return {
    phase1Us: time(0),
    interPhaseUs: time(1),
    phase2Us: time(2),
    interPulseUs: time(3),
    burstUs: time(4),
    interBurstUs: time(5),
    trainUs: time(6),
    trainDelayUs: time(7),
  };
}

function readVoltages(view: DataView, at: number): Pick<PulsePalChannel, keyof PulsePalChannel & `${string}Volts`> {
  const voltage = (field: number): number => toVolts(view.getUint16(at + 2 * field, true));
  return { phase1Volts: voltage(0), phase2Volts: voltage(1), restingVolts: voltage(2) };
}

function readCustom(
  view: DataView,
  at: number,
): Pick<PulsePalChannel, 'customTrain' | 'customTarget' | 'loopsCustomTrain'> {
  const train = view.getUint8(at);
  if (train !== 0 && train !== 1 && train !== 2) fail(`byte ${at}`, train, 'a custom train, 0 to 2');
  return {
    customTrain: train,
    customTarget: readFlag(view, at + 1) ? 'bursts' : 'pulses',
    loopsCustomTrain: readFlag(view, at + 2),
  };
}

function readLinks(view: DataView, at: number): readonly number[] {
  return CHANNELS.filter((i) => readFlag(view, at + i)).map((i) => i + 1);
}

function readMode(view: DataView, at: number): PulsePalTriggerMode {
  return TRIGGER_MODES[view.getUint8(at)] ?? fail(`byte ${at}`, view.getUint8(at), 'a trigger mode, 0 to 2');
}

function readFlag(view: DataView, at: number): boolean {
  const value = view.getUint8(at);
  return value === 1 || (value !== 0 && fail(`byte ${at}`, value, '0 or 1'));
}

function fail(where: string, got: number, wanted: string): never {
  throw new MeaError('bad-format', { what: 'No settings of a Pulse Pal', got: String(got), wanted, where });
}
