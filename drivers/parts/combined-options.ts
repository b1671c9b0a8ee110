import { MeaError } from '../../protocols/errors.js';
import type { Capabilities } from '../../protocols/mea-link/messages.js';
import type { PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import type { Timers } from '../../protocols/timers.js';
import { LOOK_MS } from './main-loop-watch.js';
import type { Recorder } from './recorder.js';
import type { Stimulator, StimulatorDescription } from './stimulator.js';

/** How a delivery is seen. */
export type DeliverySight =
  /** By the recorder's own record of the stimulator: sample and electrodes. */
  | { readonly type: 'pulses' }
  /** By a line that rises with every trigger: the sample; the electrodes are those that were asked for. */
  | { readonly type: 'line'; readonly line: number }
  /** By the artefact on a pulsed electrode: a step of more than so much from one sample to the next. */
  | { readonly type: 'artefact'; readonly aboveUv: number };

/** What a device is combined of. */
export interface CombinedDeviceOptions {
  readonly recorder: Recorder;
  /** Null for a rig that only records. */
  readonly stimulator: Stimulator | null;
  readonly timers: Timers;
  /** The pulse that every group is programmed with, as the rig file has it. */
  readonly phases: readonly PulsePhase[];
  readonly sight: DeliverySight;
  /** The name of a stimulator without a watchdog that somebody has accepted; arming it is refused otherwise. */
  readonly acceptsNoWatchdog?: string | undefined;
  /** The main loop may stand still for so long while armed. */
  readonly mainStallMs: number;
  /** Of this connection: another one is another clock. */
  readonly bootId: number;
}

/** What the whole is and can. Its serial number is that of both, joined by `+`. */
export function describeCombined({ recorder, stimulator }: CombinedDeviceOptions): Capabilities {
  const { device, serialNumber, firmware, emulated, channels, sampleRateHz, gainUvPerBit, blockFrames } =
    recorder.description;
  const other: StimulatorDescription | undefined = stimulator?.description;
  const isOne = other === undefined || (other.device === device && other.serialNumber === serialNumber);
  return {
    device: isOne ? device : `${device} with ${other.device}`,
    serialNumber: isOne ? serialNumber : `${serialNumber}+${other.serialNumber}`,
    firmware: isOne ? firmware : `${firmware}, ${other.firmware}`,
    major: 1,
    minor: 0,
    emulated,
    channels,
    sampleRateHz,
    gainUvPerBit,
    maxBlockFrames: blockFrames,
    stimulation: other?.stimulation ?? null,
    watchdogMs: other?.watchdogMs ?? 0,
    heartbeatMs: LOOK_MS,
    ringMs: 1,
    canMeasureImpedance: false,
  };
}

/** @throws MeaError `bad-input` where the recorder cannot see deliveries in that way */
export function assertSight({ description }: Recorder, sight: DeliverySight): void {
  const isAble =
    sight.type === 'artefact' ||
    (sight.type === 'pulses' && description.sees === 'pulses') ||
    (sight.type === 'line' && description.sees !== 'nothing');
  if (isAble) return;
  throw new MeaError('bad-input', {
    what: 'The recorder cannot see deliveries in the way that the rig file says',
    got: sight.type,
    wanted: description.sees === 'nothing' ? 'artefact' : `${description.sees} or artefact`,
    where: `recorder ${description.device}`,
    remedy: 'change `sight` in the rig file',
  });
}
