import {
  MEA_LINK_VERSION,
  type Capabilities,
  type StimulationCapabilities,
} from '../../protocols/mea-link/messages.js';
import { hertz } from '../../protocols/units.js';
import type { EmulatedRig } from '../rig/emulated-rig.js';

/** What can be chosen about the emulated device itself; the culture and the electrodes are the rig's. */
export interface DeviceSettings {
  readonly serialNumber: string;
  /** Frames in a block until the controller configures another number. */
  readonly blockFrames: number;
  readonly watchdogMs: number;
  readonly heartbeatMs: number;
  readonly ringMs: number;
  readonly slots: number;
  readonly queueLength: number;
  readonly maxAheadMs: number;
  readonly currentStepUa: number;
  readonly maxCurrentUa: number;
  readonly timeStepUs: number;
  readonly maxPhases: number;
  /** Where current times impedance would be more, less current flows. */
  readonly complianceV: number;
}

/** The bundled emulator, unless told otherwise. */
export const DEFAULT_DEVICE_SETTINGS: DeviceSettings = {
  serialNumber: 'mea-sim-0',
  blockFrames: 20,
  watchdogMs: 100,
  heartbeatMs: 50,
  ringMs: 5000,
  slots: 64,
  queueLength: 16,
  maxAheadMs: 1000,
  currentStepUa: 0.1,
  maxCurrentUa: 100,
  timeStepUs: 10,
  maxPhases: 3,
  complianceV: 120,
};

/** Bytes that the ring may hold: with many channels it keeps a shorter time than it was asked to. */
export const RING_BYTES = 128 * 1024 * 1024;

/** Name and version of the emulated device's firmware. */
const FIRMWARE_NAME = 'mea-sim 1.0';

/** What the device answers to `hello`. */
export function describeDevice(rig: EmulatedRig, settings: DeviceSettings): Capabilities {
  return {
    device: 'meactl emulated array',
    serialNumber: settings.serialNumber,
    firmware: FIRMWARE_NAME,
    ...MEA_LINK_VERSION,
    emulated: true,
    channels: rig.channels,
    sampleRateHz: hertz(rig.sampleRateHz),
    gainUvPerBit: rig.gainUvPerBit,
    maxBlockFrames: toMaxBlockFrames(rig.channels),
    stimulation: describeStimulator(rig, settings),
    watchdogMs: settings.watchdogMs,
    heartbeatMs: settings.heartbeatMs,
    ringMs: toRingMs(rig, settings),
    canMeasureImpedance: true,
  };
}

function describeStimulator(rig: EmulatedRig, settings: DeviceSettings): StimulationCapabilities | null {
  if (rig.stimulatedElectrodes.length === 0) return null;
  const { currentStepUa, maxCurrentUa, timeStepUs, maxPhases, slots, queueLength, maxAheadMs } = settings;
  return {
    electrodes: rig.stimulatedElectrodes,
    currentStepUa,
    maxCurrentUa,
    timeStepUs,
    maxPhases,
    slots,
    queueLength,
    scheduling: 'at-sample',
    delivery: 'acknowledged',
    maxAheadMs,
  };
}

/** Largest block whose message stays well below the protocol's limit of 64 KiB. */
function toMaxBlockFrames(channels: number): number {
  return Math.max(1, Math.min(1000, Math.floor(65_000 / (2 * channels))));
}

/** How long the ring keeps what was sent: as asked, or as long as its bytes last. Half as much again is for headers. */
export function toRingMs({ channels, sampleRateHz }: EmulatedRig, settings: DeviceSettings): number {
  const bytesPerMs = (2 * channels * sampleRateHz) / 1000;
  return Math.min(settings.ringMs, Math.floor(RING_BYTES / (1.5 * bytesPerMs)));
}
