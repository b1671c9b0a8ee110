import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds } from '../../protocols/units.js';
import { createRhxFacade, type RhxFacade } from '../../sim-device/facades/intan-rhx/rhx-facade.js';
import { openOpenEphysFacade } from '../../sim-device/facades/open-ephys/open-ephys-facade.js';
import { PulsePalFacade } from '../../sim-device/facades/pulse-pal/pulse-pal-facade.js';
import { serveFacade } from '../../sim-device/facades/serve-facade.js';
import type { SerialFacade } from '../../sim-device/facades/serial-facade.js';
import { StimJimFacade } from '../../sim-device/facades/stimjim/stimjim-facade.js';
import { TtlBoxFacade } from '../../sim-device/facades/ttl-box/ttl-box-facade.js';
import { paceDevice } from '../../sim-device/pace.js';
import type { EmulatedRig } from '../../sim-device/rig/emulated-rig.js';
import { createEmulatedRig, type CulturedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { packageFolder } from '../../src/cli/package-info.js';
import { DEVICE_LIMITS } from './device-limits.js';
import { openPtyPair } from './pty-pair.js';

/** Emulated devices of other makers, wired as in a laboratory, running by the clock. */
export interface Lab {
  /** A bundled rig file, with the places of these devices, a pulse and limits. */
  readonly rig: Record<string, unknown>;
  /** What left at the electrodes, in the recorder's samples of this acquisition. */
  readonly left: readonly { readonly sample: number; readonly electrodes: readonly number[] }[];
  /** What a person clicks before a program connects. */
  readonly click: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const RATE = 30_000;

function createCulture(stimulatedElectrodes?: readonly number[]): CulturedRig {
  const inputs = stimulatedElectrodes?.length;
  return createEmulatedRig({
    culture: {
      parameters: 'mix0',
      plasticity: 'free-energy',
      condition: 'none',
      seed: 5,
      sampleRateHz: hertz(RATE),
      ...(inputs !== undefined && { inputs }),
    },
    ...(stimulatedElectrodes !== undefined && { stimulatedElectrodes }),
  });
}

const part = z.record(z.string(), z.unknown());
const combinedRig = z.looseObject({ combined: z.object({ recorder: part, stimulator: part, sight: part }) });
type Parts = z.infer<typeof combinedRig>['combined'];

/** A bundled rig, filled in by somebody who knows what is connected. */
export function fillIn(name: string, change: (combined: Parts) => void): Record<string, unknown> {
  const rig = combinedRig.parse(parse(readFileSync(join(packageFolder(), 'rigs', `${name}.yaml`), 'utf8')));
  change(rig.combined);
  return { ...rig, pulse: { amplitudeUa: 20, phaseWidthUs: 200, status: 'confirmed' }, safety: DEVICE_LIMITS };
}

/** An Intan controller whose groups are fired by a box of lines, or by a Pulse Pal in its place. */
export async function openRhxLab(name: 'intan-rhx-24' | 'intan-rhx-pulse-pal'): Promise<Lab> {
  const left: { sample: number; electrodes: readonly number[] }[] = [];
  const culture = createCulture();
  const facade = createRhxFacade({
    rig: culture,
    complianceV: 1000,
    onDelivered: ({ timestamp, pulses }) => {
      left.push({ sample: timestamp, electrodes: electrodesOf(pulses) });
    },
  });
  await facade.pressConnect();
  let isListening = true;
  const box =
    name === 'intan-rhx-24'
      ? new TtlBoxFacade({
          onPulse: ({ lines }) => {
            raise(facade, lines);
          },
        })
      : joinedOutputs((outputs) => {
          raise(facade, outputs);
        });
  const served = await serve(box);
  const stop = pace(facade);
  const { command, waveform } = facade.ports;
  return {
    rig: fillIn(name, ({ recorder, stimulator }) => {
      Object.assign(recorder, { commandPort: command, waveformPort: waveform });
      Object.assign(stimulator, {
        acceptNoWatchdog: 'Intan RHX (RHS stimulation/recording controller)',
        triggerBox: { ...part.parse(stimulator.triggerBox), port: served.path },
      });
    }),
    left,
    // Its port for commands listens once for each press.
    click: async () => {
      if (!isListening) await facade.pressConnect();
      isListening = false;
    },
    close: async () => {
      await stop();
      await served.close();
      facade.close();
    },
  };
}

/** Open Ephys beside a stimulator of two outputs. @param share of the asked current that a StimJim gives */
export async function openOpenEphysLab(
  name: 'open-ephys-stimjim' | 'open-ephys-pulse-pal',
  { share = 1 }: { readonly share?: number } = {},
): Promise<Lab> {
  const electrodes = [27, 36];
  const left: { sample: number; electrodes: readonly number[] }[] = [];
  const culture = createCulture(electrodes);
  const facade = await openOpenEphysFacade({ rig: culture, dataPort: 0, httpPort: 0, bufferFrames: 1024 });
  // What begins in one turn begins together.
  let waiting: Pulse[] = [];
  const deliver = (pulse: Pulse): void => {
    if (waiting.length === 0) {
      queueMicrotask(() => {
        const pulses = waiting.sort((a, b) => a.electrode - b.electrode);
        waiting = [];
        left.push({ sample: culture.nextSample, electrodes: electrodesOf(pulses) });
        facade.setLine(1, true);
        facade.deliver(pulses);
        setTimeout(() => {
          facade.setLine(1, false);
        }, 5);
      });
    }
    waiting.push(pulse);
  };
  const device = createOutputs(name, { electrodes, deliver, share });
  const served = await serve(device);
  const stop = pace(facade);
  return {
    rig: fillIn(name, (combined) => {
      const { dataPort, httpPort, heartbeatPort, program } = facade;
      Object.assign(combined.recorder, { dataPort, heartbeatPort, httpPort, stream: program.stream });
      const acceptNoWatchdog = name === 'open-ephys-stimjim' ? 'StimJim (Open Ephys)' : 'Pulse Pal 2 (Sanworks)';
      Object.assign(combined.stimulator, { port: served.path, acceptNoWatchdog });
      combined.sight = { type: 'line', line: 1 };
    }),
    left,
    click: () => Promise.resolve(),
    close: async () => {
      await stop();
      await served.close();
      await facade.close();
    },
  };
}

/** A stimulator of two outputs, an electrode each: 10 uA for a volt of a Pulse Pal, as the bundled rig file has it. */
export function createOutputs(
  name: 'open-ephys-stimjim' | 'open-ephys-pulse-pal',
  {
    electrodes,
    deliver,
    share = 1,
  }: { readonly electrodes: readonly number[]; readonly deliver: (pulse: Pulse) => void; readonly share?: number },
): SerialFacade {
  const give = (output: number, phases: readonly (readonly [currentUa: number, durationUs: number])[]): void => {
    deliver({
      electrode: electrodes[output - 1]!,
      phases: phases.map(([current, us]) => ({ currentUa: microamps(current), durationUs: microseconds(us) })),
    });
  };
  if (name === 'open-ephys-stimjim') {
    return new StimJimFacade({
      deliveredShare: share,
      onPulse: ({ output, stages }) => {
        give(
          output,
          stages.map(({ value, durationUs }) => [value, durationUs]),
        );
      },
    });
  }
  return new PulsePalFacade({
    onPulse: ({ output, phases }) => {
      give(
        output,
        phases.map(({ volts, durationUs }) => [Math.round(volts * 100) / 10, durationUs]),
      );
    },
  });
}

/** Open Ephys alone, with a generator at every electrode; on one of them the gain may be another. */
export async function openSineLab(sine: {
  readonly amplitudeUv: number;
  readonly frequencyHz: number;
  readonly wrongElectrode: number;
  readonly gain: number;
}): Promise<Pick<Lab, 'rig' | 'close'>> {
  const facade = await openOpenEphysFacade({ rig: createSineRig(sine), dataPort: 0, httpPort: 0, bufferFrames: 1024 });
  const stop = pace(facade);
  const { dataPort, httpPort, heartbeatPort, program } = facade;
  return {
    rig: fillIn('open-ephys-stimjim', (combined) => {
      Object.assign(combined.recorder, { dataPort, heartbeatPort, httpPort, stream: program.stream });
      Reflect.deleteProperty(combined, 'stimulator');
      combined.sight = { type: 'line', line: 1 };
    }),
    close: async () => {
      await stop();
      await facade.close();
    },
  };
}

function createSineRig({
  amplitudeUv,
  frequencyHz,
  wrongElectrode,
  gain,
}: Parameters<typeof openSineLab>[0]): EmulatedRig {
  const channels = 64;
  const gainUvPerBit = 0.195;
  let nextSample = 0;
  return {
    channels,
    sampleRateHz: RATE,
    gainUvPerBit,
    stimulatedElectrodes: [],
    get nextSample() {
      return nextSample;
    },
    deliver: () => undefined,
    render(frames) {
      const samples = new Int16Array(frames * channels);
      for (let frame = 0; frame < frames; frame++) {
        const uv = amplitudeUv * Math.sin((2 * Math.PI * frequencyHz * (nextSample + frame)) / RATE);
        for (let channel = 0; channel < channels; channel++) {
          const factor = channel === wrongElectrode ? gain : 1;
          samples[frame * channels + channel] = Math.round((factor * uv) / gainUvPerBit);
        }
      }
      nextSample += frames;
      return samples;
    },
    rest: () => undefined,
    impedance: () => ({ magnitudeOhm: 100_000, phaseDegrees: 0 }),
  };
}

function electrodesOf(pulses: readonly Pulse[]): readonly number[] {
  return pulses.map(({ electrode }) => electrode).sort((a, b) => a - b);
}

/** Line n of a box is wired to digital input n, line 16 + n to analog input n. */
export function raise(facade: RhxFacade, lines: readonly number[]): void {
  facade.raiseLines({
    digital: lines.filter((line) => line <= 16),
    analog: lines.filter((line) => line > 16).map((line) => line - 16),
  });
}

/** A Pulse Pal, its outputs that begin in one cycle told together. */
export function joinedOutputs(onOutputs: (outputs: readonly number[]) => void): PulsePalFacade {
  let waiting: number[] = [];
  return new PulsePalFacade({
    onPulse: ({ output }) => {
      if (waiting.length === 0) {
        queueMicrotask(() => {
          const outputs = waiting;
          waiting = [];
          onOutputs(outputs);
        });
      }
      waiting.push(output);
    },
  });
}

/** Serves a serial facade at one end of a line. @returns the other */
export async function serve(
  facade: SerialFacade,
): Promise<{ readonly path: string; readonly close: () => Promise<void> }> {
  const pair = await openPtyPair();
  const served = await serveFacade(facade, pair.devicePath);
  return {
    path: pair.hostPath,
    close: async () => {
      await served.close();
      await pair.end();
    },
  };
}

/** Lets a facade's time go with the wall's. @returns ends that */
export function pace(facade: { readonly sampleRateHz: number; advance(frames: number): void }): () => Promise<void> {
  const ended = new AbortController();
  const paced = paceDevice(facade, { driftPpm: 30, signal: ended.signal });
  return async () => {
    ended.abort();
    await paced;
  };
}
