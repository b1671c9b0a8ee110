import type { Pulse } from '../../../protocols/stimulation/stim-pattern.js';
import type { EmulatedRig } from '../../rig/emulated-rig.js';

/** Everything about an emulated RHX; only the rig has no default. */
export interface RhxFacadeOptions {
  readonly rig: EmulatedRig;
  readonly host?: string;
  /** 0: any that is free, see `ports`. */
  readonly ports?: { readonly command: number; readonly waveform: number; readonly spike: number };
  /** Channels of a port, A, B and so on: 32 by default. */
  readonly channelsPerPort?: number;
  /** Step of the stimulators, 0.5 uA by default. */
  readonly stepUa?: number;
  /** `ControllerRecordUSB3` is a controller without stimulators. */
  readonly controller?: 'ControllerStimRecord' | 'ControllerRecordUSB2' | 'ControllerRecordUSB3';
  /** Text of the version; by default one that says that it is emulated. */
  readonly version?: string;
  /** Voltage that the stimulators reach, 7 V by default. */
  readonly complianceV?: number;
  /** How often `UploadInProgress` is still true after an upload. */
  readonly uploadReads?: number;
  readonly onDelivered?: (delivered: RhxDelivery) => void;
  readonly onLog?: (text: string) => void;
}

/** Pulses that began together. */
export interface RhxDelivery {
  /** On RHX's own counter, which begins at 0 with each run. */
  readonly timestamp: number;
  /** Of the rig. */
  readonly sample: number;
  readonly pulses: readonly Pulse[];
}

/** Text that no real RHX answers: a driver tells by it that the device is emulated. */
export const RHX_FACADE_VERSION = '3.4.0 (mea-sim)';

/** Native names of a rig's channels, in order: ports of so many channels each. */
export function nameAmplifiers(channels: number, channelsPerPort: number): readonly string[] {
  return Array.from({ length: channels }, (_, channel) => {
    const port = 'ABCDEFGH'[Math.floor(channel / channelsPerPort)]!;
    return `${port}-${String(channel % channelsPerPort).padStart(3, '0')}`;
  });
}
