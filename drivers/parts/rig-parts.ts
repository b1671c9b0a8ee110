import type { StimulusGroup } from './stimulator.js';

/** A recorder as a rig file names it; plain data, because it crosses into the thread of the rig. */
export type RecorderPart =
  | {
      readonly type: 'intan-rhx';
      readonly host: string;
      readonly commandPort: number;
      readonly waveformPort: number;
      /** (electrode) native channel name, e.g. `A-010`. */
      readonly channels: readonly string[];
    }
  | {
      readonly type: 'open-ephys';
      readonly host: string;
      readonly dataPort: number;
      readonly heartbeatPort?: number;
      readonly httpPort: number;
      /** Name of the data stream. */
      readonly stream: string;
      /** Number of the processor whose lines count; those of all where absent. */
      readonly lineSource?: number;
      /** (electrode) name of its channel, or its number in the stream. */
      readonly channels: readonly (string | number)[];
      readonly gainUvPerBit: number;
    };

/** A box that fires groups by lines. */
export type TriggerBoxPart =
  { readonly type: 'ttl-box'; readonly port: string } | { readonly type: 'pulse-pal'; readonly port: string };

/** A stimulator as a rig file names it. */
export type StimulatorPart =
  | {
      readonly type: 'intan-rhx';
      readonly groups: readonly StimulusGroup[];
      /** Fires groups of digital and analog inputs; absent with keys alone. */
      readonly triggerBox?: TriggerBoxPart;
    }
  | {
      readonly type: 'pulse-pal';
      readonly port: string;
      readonly groups: readonly StimulusGroup[];
      readonly isolator: { readonly name: string; readonly uaPerVolt: number };
      readonly recorderInput: { readonly maxVolts: number; readonly protection: string };
    }
  | { readonly type: 'stimjim'; readonly port: string; readonly groups: readonly StimulusGroup[] };
