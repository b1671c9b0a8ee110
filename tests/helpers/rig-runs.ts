import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import { createMemoryTransport } from '../../drivers/transports/memory.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import { milliseconds, sampleIndex } from '../../protocols/units.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { createEmulatedRig, type CulturedRig } from '../../sim-device/rig/create-emulated-rig.js';
import type { RigEvent, RigStimulusScheduled } from '../../src/pipeline/events/rig-event.js';
import type { WindowedResponse } from '../../src/pipeline/trials/windowed-response.js';
import { RigLoop } from '../../src/pipeline/worker/rig-loop.js';
import type { StimulusRequest } from '../../src/pipeline/worker/rig-messages.js';
import type { RigLoopSettings } from '../../src/pipeline/worker/rig-settings.js';
import { serveDevice, type ServedDevice } from './served-device.js';
import { createVirtualTimers } from './virtual-timers.js';
import { createBalancedPulse, createWideProfile } from './wide-profile.js';

const SEED = 5;
const CHANNELS = 16;
const BLOCK_FRAMES = 20;
const REQUESTED_SAMPLES = [13_000, 14_401, 16_003, 17_777, 19_500];
/** Nothing here is about a watchdog or a link that is silent, and a loaded machine must not make it so. */
const DRIVER = { mainStallMs: 60_000, armedForMs: 1000, silenceMs: 5000, deadlineMs: 20_000, longDeadlineMs: 20_000 };

function createCulture(): CulturedRig {
  return createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed: SEED,
      electrodes: CHANNELS,
      inputs: 8,
    },
    activity: { spontaneousHz: 4, burstHz: 1, burstSpikesPerUnit: 3, amplitudeMedianUv: 120 },
  });
}

const ELECTRODES = createCulture().stimulatedElectrodes;

/** One run of a rig: what it is to do, and how far it is compared. */
export const RIG_RUN: {
  readonly settings: RigLoopSettings;
  readonly requests: readonly StimulusRequest[];
  readonly endSample: number;
} = {
  settings: {
    detector: { noise: { mode: 'adaptive', settleMs: 700 }, channels: CHANNELS, snippets: { capacity: 200 } },
    driver: DRIVER,
    streams: {
      rates: { intervalMs: milliseconds(50) },
      traces: { samplesPerPoint: 100, pointsPerTrace: 20, channels: [0, 3] },
    },
    rules: [
      {
        name: 'burst',
        when: {
          electrodes: [1, 3, 5, 7, 8, 10, 12, 14],
          withinMs: milliseconds(20),
          minimum: 3,
          refractoryMs: milliseconds(250),
          maxPerSecond: 2,
          maxTriggers: 100,
        },
        pattern: { slot: 0, pulses: [createBalancedPulse(ELECTRODES[0]!)] },
        // So long that a loaded machine is not late.
        leadMs: milliseconds(600),
      },
    ],
  },
  requests: REQUESTED_SAMPLES.map((sample, k) => ({
    pattern: { slot: 1 + (k % 2), pulses: [createBalancedPulse(ELECTRODES[1 + (k % 2)]!)] },
    at: { type: 'sample', sample: sampleIndex(sample) },
    label: `request ${k}`,
  })),
  endSample: 60_000,
};

/** The same culture, served over TCP in real time. */
export function serveCulture(): Promise<ServedDevice> {
  return serveDevice('tcp', { rig: createCulture(), settings: { watchdogMs: 2000 } });
}

/** What must not depend on where a rig runs. */
export interface RigRun {
  /** Of all spikes before the end. */
  readonly spikes: {
    readonly samples: readonly number[];
    readonly electrodes: readonly number[];
    readonly amplitudesUv: readonly number[];
  };
  readonly blind: readonly (readonly number[])[];
  readonly responses: readonly WindowedResponse[];
  readonly scheduled: readonly RigStimulusScheduled[];
  readonly rates: readonly RigEvent[];
  readonly traces: readonly RigEvent[];
  readonly snippets: readonly (readonly number[])[];
}

/** The run as far as it is compared, in the order in which its events came. */
export function describeRigRun(events: readonly RigEvent[]): RigRun {
  const { endSample } = RIG_RUN;
  const spikes: Record<keyof RigRun['spikes'], number[]> = { samples: [], electrodes: [], amplitudesUv: [] };
  const blind: number[][] = [];
  const snippets: number[][] = [];
  for (const event of events) {
    if (event.type === 'spikes') {
      const { batch } = event;
      for (let i = 0; i < batch.samples.length; i++) {
        if (batch.samples[i]! >= endSample) continue;
        spikes.samples.push(batch.samples[i]!);
        spikes.electrodes.push(batch.electrodes[i]!);
        spikes.amplitudesUv.push(batch.amplitudesUv[i]!);
      }
      batch.blind.electrodes.forEach((electrode, k) => {
        if (batch.blind.to[k]! < endSample) blind.push([electrode, batch.blind.from[k]!, batch.blind.to[k]!]);
      });
    } else if (event.type === 'snippets') {
      const { samples, electrodes, waveformsUv, length } = event.batch;
      samples.forEach((sample, k) => {
        const waveform = waveformsUv.subarray(k * length, (k + 1) * length);
        if (sample < endSample) snippets.push([sample, electrodes[k]!, ...waveform]);
      });
    }
  }
  return {
    spikes,
    blind,
    snippets,
    responses: events
      .filter((event) => event.type === 'windowed-response')
      .filter(({ deliveredSample }) => deliveredSample < endSample - 4000),
    scheduled: events.filter((event) => event.type === 'stimulus-scheduled').filter(({ sample }) => sample < endSample),
    rates: events.filter((event) => event.type === 'spike-rates' && event.toSample <= endSample),
    traces: events.filter((event) => event.type === 'trace' && event.firstSample + 2000 <= endSample),
  };
}

/** The run in this thread, with a link in memory, in virtual time. */
export async function runRigInProcess(): Promise<RigRun> {
  const timers = createVirtualTimers();
  const rig = createCulture();
  const emulated = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, watchdogMs: 2000 },
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(emulated.accept);
  const step = async (): Promise<void> => {
    emulated.advance(rig.sampleRateHz / 1000);
    await timers.advanceAsync(1);
  };
  const pass = async <T>(promise: Promise<T>): Promise<T> => {
    const settled = new AbortController();
    const settle = (): void => {
      settled.abort();
    };
    promise.then(settle, settle);
    for (let ms = 0; ms < 5000 && !settled.signal.aborted; ms++) await step();
    return promise;
  };
  const transport = createMemoryTransport(hub);
  const device = await pass(
    connectMeaLink({ transport, timers, client: 'in process', options: DRIVER }, new AbortController().signal),
  );
  const events: RigEvent[] = [];
  const loop = new RigLoop({
    device,
    timers,
    settings: RIG_RUN.settings,
    onEvent: (event) => events.push(event),
    onFailure: (error) => {
      throw error;
    },
  });
  const { profileHash } = await pass(
    loop.configure({ blockFrames: BLOCK_FRAMES, safetyProfile: createWideProfile(ELECTRODES) }),
  );
  await pass(loop.arm({ serialNumber: device.capabilities.serialNumber, profileHash }));
  await pass(loop.start());
  for (const { label, ...wish } of RIG_RUN.requests) {
    await pass(loop.schedule({ ...wish, origin: { type: 'request', ...(label !== undefined && { label }) } }));
  }
  while (rig.nextSample < RIG_RUN.endSample + 8000) await step();
  await pass(loop.stop());
  await pass(loop.close());
  return describeRigRun(events);
}
