import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { CombinedDevice } from '../../drivers/parts/combined-device.js';
import { connectParts } from '../../drivers/parts/connect-parts.js';
import { createMemoryTransport } from '../../drivers/transports/memory.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { Timers } from '../../protocols/timers.js';
import { createVirtualTimers } from '../../protocols/virtual-timers.js';
import { hertz, sampleIndex } from '../../protocols/units.js';
import { FacadePort } from '../../sim-device/facades/facade-port.js';
import { createRhxFacade } from '../../sim-device/facades/intan-rhx/rhx-facade.js';
import { openOpenEphysFacade } from '../../sim-device/facades/open-ephys/open-ephys-facade.js';
import type { SerialFacade } from '../../sim-device/facades/serial-facade.js';
import { TtlBoxFacade } from '../../sim-device/facades/ttl-box/ttl-box-facade.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { MAX_RENDER_FRAMES, type EmulatedRig } from '../../sim-device/rig/emulated-rig.js';
import { createEmulatedRig, type CulturedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { packageFolder } from '../../src/cli/package-info.js';
import { toCombinedAddress } from '../../src/closed-loop/device-address.js';
import { experimentSchema } from '../../src/closed-loop/experiment.js';
import { rigSchema, stimulatedElectrodes, toSafetyProfile, type Rig } from '../../src/closed-loop/rig.js';
import { openSignalSource } from '../../src/closed-loop/signals/signal-source.js';
import { toLoopSettings, toSourceOptions, toTrialPulse } from '../../src/closed-loop/signals/signal-settings.js';
import {
  createVirtualRig,
  openVirtualRig,
  type VirtualRig,
  type VirtualRigOptions,
} from '../../src/closed-loop/signals/virtual-rig.js';
import { DEVICE_LIMITS } from './device-limits.js';
import { createOutputs, fillIn } from './lab.js';

const RATE = 30_000;
const TRIALS_PER_SESSION = 64;
/** Time of devices and drivers goes on in steps of so much: how near to its sample a trigger can be given here. */
const STEP_MS = 1;
const LINE_MS = 5;
/** What a device has sent arrives within this; it may also have stopped just then, and nothing comes. */
const ARRIVAL_MS = 2000;

/** Trials on a device, by the samples of the culture itself. */
export interface TrialRun {
  readonly trials: readonly {
    /** Where it was asked for. */
    readonly plannedSample: number;
    readonly deliveredSample: number;
    readonly delivery: string;
    readonly counts: readonly number[];
  }[];
  /** All spikes that were detected from the first trial to the last: (sample, electrode). */
  readonly spikes: readonly (readonly [sample: number, electrode: number])[];
  /** What left the electrodes. */
  readonly left: readonly { readonly sample: number; readonly electrodes: readonly number[] }[];
}

/** Devices of other makers through which a culture can be reached. */
export type LabName = 'intan-rhx-pulse-pal' | 'open-ephys-stimjim' | 'open-ephys-pulse-pal';

/** Emulated devices, wired; their time goes on when it is told to. */
interface Wiring {
  /** What replaces values of the bundled rig file. */
  readonly recorder: Record<string, unknown>;
  readonly stimulator: Record<string, unknown>;
  readonly sight: Record<string, unknown>;
  /** The box or stimulator on a serial port. */
  readonly serial: SerialFacade;
  /** Frames of what the recorder sends at once. */
  readonly blockFrames: number;
  readonly isRunning: () => boolean;
  readonly advance: (frames: number) => void;
  readonly close: () => Promise<void> | void;
}

interface Bench {
  readonly rig: Rig;
  readonly virtual: VirtualRig;
  /** The culture's sample at which the device's counter began. */
  readonly origin: () => number;
  readonly left: TrialRun['left'];
  readonly close: () => Promise<void>;
}

interface Left {
  readonly sample: number;
  readonly electrodes: readonly number[];
}

/** A bundled rig file with what somebody has to fill in, and limits for a long run. */
function rigOf(name: LabName, wiring?: Pick<Wiring, 'recorder' | 'stimulator' | 'sight'>): Rig {
  const file = fillIn(name, (combined) => {
    if (wiring === undefined) return;
    Object.assign(combined.recorder, wiring.recorder);
    Object.assign(combined.stimulator, wiring.stimulator);
    combined.sight = wiring.sight;
  });
  return rigSchema.parse({
    ...file,
    safety: { ...DEVICE_LIMITS, maxStimuliPerSession: 100_000, maxChargePerSessionNc: 1e7 },
  });
}

function createCulture(name: LabName, left: Left[]): CulturedRig {
  const stimulated = stimulatedElectrodes(rigOf(name));
  return createEmulatedRig({
    culture: {
      parameters: 'mix0',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 5,
      sampleRateHz: hertz(RATE),
      inputs: stimulated.length,
    },
    stimulatedElectrodes: stimulated,
    onTruth: (record) => {
      if (record.type === 'stimulus') left.push({ sample: record.sample, electrodes: record.electrodes });
    },
  });
}

/** An Intan controller, its two groups fired by a box of lines. */
async function wireRhx(culture: CulturedRig): Promise<Wiring> {
  const facade = createRhxFacade({ rig: culture, complianceV: 1000 });
  await facade.pressConnect();
  const { command, waveform } = facade.ports;
  return {
    recorder: { commandPort: command, waveformPort: waveform },
    stimulator: {
      acceptNoWatchdog: 'Intan RHX (RHS stimulation/recording controller)',
      triggerBox: { type: 'ttl-box', port: '/dev/facade' },
    },
    sight: { type: 'pulses' },
    serial: new TtlBoxFacade({
      onPulse: ({ lines }) => {
        facade.raiseLines({ digital: lines });
      },
    }),
    blockFrames: 128,
    isRunning: () => facade.mode !== 'Stop',
    advance: (frames) => {
      facade.advance(frames);
    },
    close: () => {
      facade.close();
    },
  };
}

/** Open Ephys, which samples a line that rises with every pulse, beside a stimulator of its own. */
async function wireOpenEphys(
  name: Exclude<LabName, 'intan-rhx-pulse-pal'>,
  culture: CulturedRig,
  timers: Timers,
): Promise<Wiring> {
  const blockFrames = 1024;
  const facade = await openOpenEphysFacade({ rig: culture, dataPort: 0, httpPort: 0, bufferFrames: blockFrames });
  const serial = createOutputs(name, {
    electrodes: stimulatedElectrodes(rigOf(name)),
    deliver: (pulse) => {
      facade.deliver([pulse]);
      facade.setLine(1, true);
      timers.after(LINE_MS, () => {
        facade.setLine(1, false);
      });
    },
  });
  const { dataPort, heartbeatPort, httpPort, program } = facade;
  return {
    recorder: { dataPort, heartbeatPort, httpPort, stream: program.stream },
    stimulator: {
      port: '/dev/facade',
      acceptNoWatchdog: name === 'open-ephys-stimjim' ? 'StimJim (Open Ephys)' : 'Pulse Pal 2 (Sanworks)',
    },
    sight: { type: 'line', line: 1 },
    serial,
    blockFrames,
    isRunning: () => program.mode !== 'IDLE',
    advance: (frames) => {
      facade.advance(frames);
    },
    close: () => facade.close(),
  };
}

/** Through the protocols of the devices, over TCP, ZeroMQ and a port in this process; time is virtual. */
async function openLab(name: LabName): Promise<Bench> {
  const left: Left[] = [];
  const culture = createCulture(name, left);
  const timers = createVirtualTimers();
  const wiring = name === 'intan-rhx-pulse-pal' ? await wireRhx(culture) : await wireOpenEphys(name, culture, timers);
  const rig = rigOf(name, wiring);
  const state = { isRunning: false, startedAt: 0, received: 0 };
  const step = async (): Promise<void> => {
    const isRunning = wiring.isRunning();
    if (isRunning && !state.isRunning) Object.assign(state, { startedAt: culture.nextSample, received: 0 });
    state.isRunning = isRunning;
    wiring.advance((STEP_MS * RATE) / 1000);
    wiring.serial.advance(STEP_MS * 1000);
    // Its sockets are real ones: what was sent is waited for, so that nothing depends on when it comes.
    if (isRunning) {
      const sent = culture.nextSample - state.startedAt;
      const whole = sent - (sent % wiring.blockFrames);
      const untilMs = performance.now() + ARRIVAL_MS;
      while (state.received < whole && performance.now() < untilMs) await turn();
    } else await sleep(STEP_MS);
    await timers.advanceAsync(STEP_MS);
  };
  const passTime: VirtualRigOptions['passTime'] = async (promise, { onStep } = {}) => {
    const settled = { is: false };
    const settle = (): void => {
      settled.is = true;
    };
    promise.then(settle, settle);
    while (!settled.is) {
      onStep?.();
      await step();
    }
    return promise;
  };
  const address = toCombinedAddress(rig);
  const port = new FacadePort(wiring.serial);
  const options = { timers, openPort: () => Promise.resolve(port) };
  const parts = await passTime(connectParts(address, options, new AbortController().signal));
  parts.recorder.events$.subscribe((event) => {
    if (event.type === 'block') state.received += event.frames;
  });
  const { phases, sight, acceptsNoWatchdog } = address;
  const mainStallMs = 60_000;
  const device = new CombinedDevice({ ...parts, timers, phases, sight, acceptsNoWatchdog, mainStallMs, bootId: 1 });
  const virtual = await createVirtualRig(device, { timers, settings: toLoopSettings(rig), passTime });
  return {
    rig,
    virtual,
    origin: () => state.startedAt,
    left,
    close: async () => {
      await wiring.close();
    },
  };
}

/** A device whose groups are triggered does nothing for an empty pattern; the emulated culture would hear of it. */
function deafToNothing(culture: CulturedRig): EmulatedRig {
  const { channels, sampleRateHz, gainUvPerBit, stimulatedElectrodes: outputs } = culture;
  return {
    channels,
    sampleRateHz,
    gainUvPerBit,
    stimulatedElectrodes: outputs,
    get nextSample() {
      return culture.nextSample;
    },
    deliver: (pulses, sample) => {
      if (pulses.length > 0) culture.deliver(pulses, sample);
    },
    render: (frames) => culture.render(frames),
    rest: (samples) => {
      culture.rest(samples);
    },
    impedance: (electrode, frequencyHz) => culture.impedance(electrode, frequencyHz),
  };
}

/** Through MEA-Link in memory, in virtual time. @param origin the culture's sample at which the acquisition begins */
async function openMeaLink(name: LabName, origin: number): Promise<Bench> {
  const left: Left[] = [];
  const culture = createCulture(name, left);
  for (let to = origin; culture.nextSample < to;) culture.render(Math.min(MAX_RENDER_FRAMES, to - culture.nextSample));
  const emulated = new EmulatedDevice({
    rig: deafToNothing(culture),
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: RATE }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(emulated.accept);
  const rig = rigOf(name);
  const virtual = await openVirtualRig(
    {
      transport: createMemoryTransport(hub),
      sampleRateHz: RATE,
      advance: (ticks) => {
        emulated.advance(ticks);
      },
    },
    toLoopSettings(rig),
  );
  return { rig, virtual, origin: () => origin, left, close: () => emulated.close() };
}

/** Patterns of two sources without mixing. */
function drawTrials(trials: number, width: number): readonly Uint8Array[] {
  const design = { sourceCount: 2, mixing: 0, inputsPerBlock: width / 2 };
  const { inputs } = drawPattern(design, trials, openRandomStream(9, 'pattern'));
  return Array.from({ length: trials }, (_, k) => inputs.slice(k * width, (k + 1) * width));
}

/** One trial a second, or each at a sample of the culture that is given. */
async function runTrials(
  bench: Bench,
  patterns: readonly Uint8Array[],
  samples?: readonly number[],
): Promise<TrialRun> {
  const { rig, virtual, left } = bench;
  const spikes: [number, number][] = [];
  virtual.events$.subscribe((event) => {
    if (event.type !== 'spikes') return;
    const { samples: at, electrodes } = event.batch;
    at.forEach((sample, i) => spikes.push([sample + bench.origin(), electrodes[i]!]));
  });
  const experiment = experimentSchema.parse(
    parse(readFileSync(join(packageFolder(), 'experiments/mix0.yaml'), 'utf8')),
  );
  const source = await openSignalSource(virtual, {
    ...toSourceOptions({ experiment, rig, profile: toSafetyProfile(rig, 0) }),
    pulse: toTrialPulse(rig),
  });
  // One may leave a little before its plan, which the first of all could not through MEA-Link.
  const first = source.nextSample();
  const requests = patterns.map((inputs, k) => ({
    session: Math.floor(k / TRIALS_PER_SESSION),
    trial: k % TRIALS_PER_SESSION,
    inputs,
    atSample: sampleIndex(samples === undefined ? first + (k + 1) * RATE : samples[k]! - bench.origin()),
  }));
  const done: TrialRun['trials'][number][] = [];
  for await (const { deliveredSample, delivery, counts } of source.run(requests, new AbortController().signal)) {
    done.push({
      plannedSample: requests[done.length]!.atSample + bench.origin(),
      deliveredSample: deliveredSample + bench.origin(),
      delivery,
      counts: [...counts],
    });
  }
  await source.close();
  await bench.close();
  const from = done[0]!.deliveredSample;
  const to = done.at(-1)!.deliveredSample;
  return { trials: done, spikes: spikes.filter(([sample]) => sample >= from && sample < to), left };
}

/**
 * The same trials through the protocols of other makers' devices, and through MEA-Link, where each stimulus is asked for at
 * the sample at which it left the first time.
 */
export async function runSameTrials(
  name: LabName,
  trials: number,
): Promise<{ readonly there: TrialRun; readonly meaLink: TrialRun }> {
  const lab = await openLab(name);
  const patterns = drawTrials(trials, stimulatedElectrodes(lab.rig).length);
  const there = await runTrials(lab, patterns);
  const link = await openMeaLink(name, lab.origin());
  const samples = there.trials.map(({ deliveredSample }) => deliveredSample);
  return { there, meaLink: await runTrials(link, patterns, samples) };
}
