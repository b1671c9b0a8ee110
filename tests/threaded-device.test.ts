import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import { openRandomStream } from '../protocols/random.js';
import type { TrialResponse, TrialSource } from '../protocols/trial.js';
import { microamps, microseconds, milliseconds, sampleIndex, seconds } from '../protocols/units.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { startThreadedDevice, type ThreadedDevice } from '../sim-device/thread/threaded-device.js';
import { packageFolder } from '../src/cli/package-info.js';
import { openSignalSource } from '../src/closed-loop/signals/signal-source.js';
import { openVirtualRig, type SteppedDevice } from '../src/closed-loop/signals/virtual-rig.js';
import { createWideProfile } from './helpers/wide-profile.js';

// The thread's program is the built one: threads cannot begin from TypeScript.
const PROGRAM = join(packageFolder(), 'dist/sim-device/thread/device-thread.js');
const RATE = 20_000;
const ELECTRODES = Array.from({ length: 8 }, (_, k) => 2 * k);
const SETTINGS = {
  culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 9, electrodes: 16, inputs: 8 },
  stimulatedElectrodes: ELECTRODES,
} as const;

function createInThisThread(): SteppedDevice {
  const device = new EmulatedDevice({
    rig: createEmulatedRig(SETTINGS),
    settings: DEFAULT_DEVICE_SETTINGS,
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: RATE }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  return {
    transport: createMemoryTransport(hub),
    sampleRateHz: RATE,
    advance: (ticks) => {
      device.advance(ticks);
    },
  };
}

function startInThread(): Promise<ThreadedDevice> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is not there: build first, as npm test does`);
  return startThreadedDevice({ ...SETTINGS, sampleRateHz: RATE, program: pathToFileURL(PROGRAM) });
}

/** Two sessions of three trials with a rest between, on blocks of a length that fits neither steps nor trials. */
async function runSessions(device: SteppedDevice, blockFrames: number, spacing = RATE): Promise<TrialResponse[]> {
  const rig = await openVirtualRig(device, { detector: { deadMs: 0.8 } });
  const source = await openSignalSource(rig, {
    stimulatedElectrodes: ELECTRODES,
    pulse: { amplitudeUa: microamps(20), phaseWidthUs: microseconds(200) },
    responseWindowMs: [milliseconds(10), milliseconds(30)],
    trialPeriodMs: milliseconds(1000),
    safetyProfile: createWideProfile(ELECTRODES),
    blockFrames,
    settleMs: milliseconds(3000),
  });
  const responses = await runSession(source, 0, spacing);
  await source.rest(seconds(100));
  responses.push(...(await runSession(source, 1, spacing)));
  await source.close();
  return responses;
}

async function runSession(source: TrialSource, session: number, spacing: number): Promise<TrialResponse[]> {
  const random = openRandomStream(3, `patterns of session ${session}`);
  const first = source.nextSample();
  const requests = Array.from({ length: 3 }, (_, trial) => ({
    session,
    trial,
    inputs: Uint8Array.from({ length: 8 }, () => random.integer(2)),
    atSample: sampleIndex(first + trial * spacing),
  }));
  const responses: TrialResponse[] = [];
  for await (const response of source.run(requests, new AbortController().signal)) responses.push(response);
  return responses;
}

describe('ThreadedDevice', () => {
  it.each([200, 130])('gives the responses of a device in this thread, blocks of %i frames', async (blockFrames) => {
    const device = await startInThread();
    const threaded = await runSessions(device, blockFrames);
    await device.close();
    expect(threaded).toEqual(await runSessions(createInThisThread(), blockFrames));
    expect(threaded.map(({ delivery }) => delivery)).toEqual(Array.from({ length: 6 }, () => 'delivered'));
  });

  it('hears of stimuli in time that come closer than the period of trials', async () => {
    const device = await startInThread();
    const spacing = 0.2 * RATE;
    const threaded = await runSessions(device, 200, spacing);
    await device.close();
    expect(threaded).toEqual(await runSessions(createInThisThread(), 200, spacing));
    expect(threaded.map(({ delivery }) => delivery)).toEqual(Array.from({ length: 6 }, () => 'delivered'));
  });

  it('can be closed while it is ahead', async () => {
    const device = await startInThread();
    device.advance(200, 4000);
    await device.close();
    await device.close();
  });

  it('refuses settings that cannot be, and can be closed twice and unused', async () => {
    const bad = { ...SETTINGS, stimulatedElectrodes: [3, 2], sampleRateHz: RATE };
    await expect(startThreadedDevice(bad)).rejects.toMatchObject({ tag: 'bad-input' });
    const device = await startInThread();
    await device.close();
    await device.close();
  });

  it('says what its thread failed with, again when it is asked again, and can be closed at once', async () => {
    const fifo = pathToFileURL(join(packageFolder(), 'dist/sim-device/thread/shared-fifo.js')).href;
    const messages = pathToFileURL(join(packageFolder(), 'dist/sim-device/thread/thread-messages.js')).href;
    const program = `import { parentPort, workerData } from 'node:worker_threads';
      import { SharedFifo } from ${JSON.stringify(fifo)};
      import { FROM_DEVICE } from ${JSON.stringify(messages)};
      const fromDevice = new SharedFifo(workerData.fromDevice);
      fromDevice.write(FROM_DEVICE.failed, 0, new TextEncoder().encode('out of paint'));
      fromDevice.flush();
      parentPort.postMessage('ready');
      setInterval(() => undefined, 1000);`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const device = await startThreadedDevice({ ...SETTINGS, sampleRateHz: RATE, program: url });
    const advance = (): void => {
      device.advance(200);
    };
    expect(advance).toThrow('out of paint');
    expect(advance).toThrow('out of paint');
    await device.close();
  });

  it('works ahead only as far as it was told', async () => {
    const device = await startInThread();
    const rig = await openVirtualRig(device, {});
    const { profileHash } = await rig.configure({ blockFrames: 200, safetyProfile: createWideProfile(ELECTRODES) });
    await rig.start();
    await rig.arm({ serialNumber: rig.capabilities.serialNumber, profileHash });
    const ends: number[] = [];
    rig.events$.subscribe((event) => {
      if (event.type === 'block') ends.push(event.firstSample + event.frames);
    });
    const until = sampleIndex(10_000);
    const reached = new Promise<void>((resolve) => {
      rig.events$.subscribe((event) => {
        if (event.type === 'block' && event.firstSample + event.frames >= until) resolve();
      });
    });
    await rig.passTime(reached, { aheadUntil: until });
    // One that was ahead would hear of the rest at a later sample.
    const rested = new Promise<number>((resolve) => {
      rig.events$.subscribe((event) => {
        if (event.type === 'rested') resolve(event.fromSample);
      });
    });
    await rig.rest(1000);
    expect(await rig.passTime(rested)).toBeLessThanOrEqual(ends[ends.length - 1]!);
    expect(ends.filter((end) => end > until).length).toBeLessThanOrEqual(2);
    await rig.close();
    await device.close();
  });
});
