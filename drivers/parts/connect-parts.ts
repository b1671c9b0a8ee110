import { merge } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import type { CombinedAddress } from '../device-address.js';
import { boxLineOf } from '../intan-rhx/box-lines.js';
import { connectIntanRhx } from '../intan-rhx/connect-intan-rhx.js';
import type { IntanRhxOptions, RhxGroupOptions } from '../intan-rhx/options.js';
import { connectOpenEphys } from '../open-ephys/connect-open-ephys.js';
import { connectPulsePalBox } from '../pulse-pal/connect-pulse-pal-box.js';
import { connectPulsePal } from '../pulse-pal/connect-pulse-pal.js';
import { connectStimJim } from '../stimjim/connect-stimjim.js';
import { connectTtlBox } from '../ttl-box/connect-ttl-box.js';
import type { OpenPort } from './device-port.js';
import type { Recorder } from './recorder.js';
import type { RecorderPart, StimulatorPart, TriggerBoxPart } from './rig-parts.js';
import type { Stimulator, StimulusGroup, TriggerBox } from './stimulator.js';

/** The parts of a combined device, connected. */
export interface ConnectedParts {
  readonly recorder: Recorder;
  /** Null for a rig that only records. Closing it closes its trigger box. */
  readonly stimulator: Stimulator | null;
}

/** What parts are connected with. */
export interface ConnectPartsOptions {
  readonly timers: Timers;
  /** How serial ports are opened; a test gives one that leads to a facade. */
  readonly openPort?: OpenPort;
}

type RhxRecorderPart = Extract<RecorderPart, { readonly type: 'intan-rhx' }>;
type RhxStimulatorPart = Extract<StimulatorPart, { readonly type: 'intan-rhx' }>;

/**
 * Connects to the parts of a combined device; what is connected already is closed when the rest cannot be. The stimulator
 * is connected first: whatever its last user left switched on is off before anything else is asked.
 *
 * @throws MeaError of the drivers; the signal's reason
 */
export async function connectParts(
  address: CombinedAddress,
  options: ConnectPartsOptions,
  signal: AbortSignal,
): Promise<ConnectedParts> {
  const { recorder, stimulator } = address;
  if (recorder.type === 'intan-rhx' && (stimulator === null || stimulator.type === 'intan-rhx')) {
    return connectRhx({ recorder, stimulator, address }, options, signal);
  }
  const connected = stimulator === null ? null : await connectStimulator(stimulator, options, signal);
  try {
    return { recorder: await connectRecorder(address, options, signal), stimulator: connected };
  } catch (error) {
    await connected?.close();
    throw error;
  }
}

async function connectRecorder(
  address: CombinedAddress,
  options: ConnectPartsOptions,
  signal: AbortSignal,
): Promise<Recorder> {
  const { recorder, sampleRateHz } = address;
  const { timers } = options;
  if (recorder.type === 'open-ephys') return connectOpenEphys({ ...recorder, sampleRateHz, timers }, signal);
  return (await connectRhx({ recorder, stimulator: null, address }, options, signal)).recorder;
}

/** One that is no part of its recorder. */
function connectStimulator(
  stimulator: StimulatorPart,
  options: ConnectPartsOptions,
  signal: AbortSignal,
): Promise<Stimulator> {
  switch (stimulator.type) {
    case 'pulse-pal':
      return connectPulsePal({ ...stimulator, ...options }, signal);
    case 'stimjim':
      return connectStimJim({ ...stimulator, ...options }, signal);
    case 'intan-rhx':
      throw new MeaError('bad-input', {
        what: 'The stimulators of an Intan controller need it as the recorder',
        got: 'another recorder',
        remedy: 'name intan-rhx as the recorder, or another stimulator',
      });
  }
}

async function connectRhx(
  {
    recorder,
    stimulator,
    address,
  }: {
    readonly recorder: RhxRecorderPart;
    readonly stimulator: RhxStimulatorPart | null;
    readonly address: CombinedAddress;
  },
  options: ConnectPartsOptions,
  signal: AbortSignal,
): Promise<ConnectedParts> {
  const box =
    stimulator?.triggerBox === undefined ? undefined : await connectBox(stimulator.triggerBox, options, signal);
  const { host, commandPort, waveformPort, channels } = recorder;
  const { sight, sampleRateHz } = address;
  const rhxOptions: IntanRhxOptions = {
    host,
    ports: { command: commandPort, waveform: waveformPort },
    channels,
    groups: (stimulator?.groups ?? []).map(toRhxGroup),
    ...(box !== undefined && { triggerBox: box }),
    ...(sight.type === 'line' && { lines: [sight.line] }),
    expected: { sampleRateHz },
    timers: options.timers,
  };
  try {
    const rhx = await connectIntanRhx(rhxOptions, signal);
    return { recorder: rhx.recorder, stimulator: rhx.stimulator === null ? null : withBox(rhx.stimulator, box) };
  } catch (error) {
    await box?.close();
    throw error;
  }
}

function toRhxGroup(group: StimulusGroup): RhxGroupOptions {
  const boxLine = boxLineOf(group.trigger);
  return boxLine === undefined ? group : { ...group, boxLine };
}

function connectBox(box: TriggerBoxPart, options: ConnectPartsOptions, signal: AbortSignal): Promise<TriggerBox> {
  return box.type === 'ttl-box'
    ? connectTtlBox({ ...box, ...options }, signal)
    : connectPulsePalBox({ ...box, ...options }, signal);
}

/** A stimulator and the box that fires it, as one: the box's lines go low with it, and what it says is said. */
function withBox(stimulator: Stimulator, box: TriggerBox | undefined): Stimulator {
  if (box === undefined) return stimulator;
  return {
    description: stimulator.description,
    events$: merge(stimulator.events$, box.events$),
    ...(stimulator.measured$ !== undefined && { measured$: stimulator.measured$ }),
    program: (patterns, signal) => stimulator.program(patterns, signal),
    fire: (groups) => stimulator.fire(groups),
    tryTrigger: (group) => stimulator.tryTrigger(group),
    // Switches the lines of the box off, too.
    allOff: (options) => stimulator.allOff(options),
    close: async () => {
      await stimulator.close();
      await box.close();
    },
  };
}
