import { describe, expect, it } from 'vitest';

import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import type { RigDevice } from '../drivers/rig-device.js';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { updateCrc32c } from '../protocols/mea-link/crc32c.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import type { DataMessage } from '../protocols/mea-link/messages.js';
import { toLedgerEntry } from '../sim-device/device-ledger.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { createEmulatedRig, type CulturedRig } from '../sim-device/rig/create-emulated-rig.js';
import type { TruthRecord } from '../sim-device/rig/spike-event.js';
import { systemTimers } from '../src/timers.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import { socat } from './helpers/pty-pair.js';
import { serveDevice, type LinkName } from './helpers/served-device.js';
import { openStimulusPlan } from './helpers/stimulus-plan.js';
import { createVirtualTimers } from './helpers/virtual-timers.js';
import { waitUntil } from './helpers/wait-until.js';
import { createWideProfile } from './helpers/wide-profile.js';

/** Samples that are compared: 1.2 s of the device's time. */
const SAMPLES = 24_000;
const SEED = 77;
const CHANNELS = 16;
const INPUTS = 8;
/** Far enough ahead of the start that a loaded machine can schedule them, and no two alike within a block. */
const STIMULUS_SAMPLES = [13_000, 14_401, 16_003, 17_777, 19_999];
/** Half as fast as the wall clock, so that a loaded machine has twice the time for everything. */
const DRIFT_PPM = -500_000;
const SETTINGS = {
  // Nothing here is about the watchdog or a silent link, and a loaded machine must not make it so.
  watchdogMs: 2000,
};

/** Everything about a run that must not depend on how it was carried. */
interface Outcome {
  /** CRC-32C over the samples that the driver handed on. */
  readonly samplesCrc32c: number;
  readonly truth: readonly TruthRecord[];
  readonly ledger: readonly unknown[];
}

/** A culture under observation: its truth, and the ledger of the device that is built on it. */
interface Observed {
  readonly rig: CulturedRig;
  readonly onData: (message: DataMessage) => void;
  readonly truth: TruthRecord[];
  readonly ledger: unknown[];
}

function observe(seed: number): Observed {
  const truth: TruthRecord[] = [];
  const ledger: unknown[] = [];
  const rig = createEmulatedRig({
    culture: {
      parameters: 'ctrl',
      plasticity: 'free-energy',
      condition: 'none',
      seed,
      electrodes: CHANNELS,
      inputs: INPUTS,
    },
    onTruth: (record) => {
      if (endOf(record) < SAMPLES) truth.push(record);
    },
  });
  const onData = (message: DataMessage): void => {
    const entry = toLedgerEntry(message);
    // When an acquisition ends is the controller's choice, and made in its own time.
    if (entry !== undefined && message.type !== 'stream-ended') ledger.push(entry);
  };
  return { rig, onData, truth, ledger };
}

function endOf(record: TruthRecord): number {
  if (record.type === 'rest') return record.to;
  return record.type === 'saturated' ? record.end : record.sample;
}

/** Takes the first samples that a driver hands on. */
class SampleTake {
  frames = 0;
  crc = 0;

  add(firstSample: number, samples: Int16Array): void {
    if (firstSample !== this.frames && this.frames < SAMPLES) {
      throw new Error(`sample ${firstSample} came, expected ${this.frames}`);
    }
    const wanted = Math.min(samples.length / CHANNELS, SAMPLES - this.frames);
    if (wanted <= 0) return;
    this.crc = updateCrc32c(this.crc, new Uint8Array(samples.buffer, samples.byteOffset, 2 * wanted * CHANNELS));
    this.frames += wanted;
  }

  get isWhole(): boolean {
    return this.frames === SAMPLES;
  }
}

/** What a controller does; `pass` lets time pass until a promise is settled. */
async function drive(
  driver: RigDevice,
  options: { readonly blockFrames: number; readonly pass: <T>(promise: Promise<T>) => Promise<T> },
): Promise<SampleTake> {
  const { blockFrames, pass } = options;
  const electrodes = driver.capabilities.stimulation!.electrodes;
  const profile = createWideProfile(electrodes);
  const take = new SampleTake();
  driver.events$.subscribe((event) => {
    if (event.type !== 'block') return;
    driver.reportProgress();
    take.add(event.firstSample, event.samples);
  });
  const { profileHash } = await pass(driver.configure({ blockFrames, safetyProfile: profile }));
  await pass(driver.arm({ serialNumber: driver.capabilities.serialNumber, profileHash }));
  await pass(driver.start());
  const plan = openStimulusPlan(driver, profile);
  for (const [k, sample] of STIMULUS_SAMPLES.entries()) {
    const electrode = electrodes[(3 * k) % electrodes.length]!;
    expect(await pass(driver.stimulate(plan.next({ electrode, sample })))).toEqual({ type: 'scheduled', sample });
  }
  return take;
}

const CONTROLLER = {
  client: 'same on every mount',
  options: { mainStallMs: 60_000, armedForMs: 1000, silenceMs: 5000, deadlineMs: 5000 },
};

/** Device and driver in virtual time, a link in memory between them. */
async function runVirtually(blockFrames: number, seed = SEED): Promise<Outcome> {
  const timers = createVirtualTimers();
  const { rig, onData, truth, ledger } = observe(seed);
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ...SETTINGS },
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
    observer: { onData },
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  const step = async (): Promise<void> => {
    device.advance(device.sampleRateHz / 1000);
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
  const driver = await pass(connectMeaLink({ transport, timers, ...CONTROLLER }, new AbortController().signal));
  const take = await drive(driver, { blockFrames, pass });
  for (let ms = 0; ms < 3000 && !take.isWhole; ms++) await step();
  const end = await pass(driver.stop());
  await pass(driver.close());
  expect(end).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete' } } });
  return { samplesCrc32c: take.crc, truth, ledger };
}

/** Both in real time, with a link of the system's between them. */
async function runOver(link: LinkName, blockFrames: number): Promise<Outcome> {
  const timers = systemTimers();
  const { rig, onData, truth, ledger } = observe(SEED);
  const served = await serveDevice(link, { rig, onData, settings: SETTINGS, driftPpm: DRIFT_PPM });
  try {
    const driver = await connectMeaLink(
      { transport: openTransport(served.address, { timers }), timers, ...CONTROLLER },
      AbortSignal.timeout(10_000),
    );
    const take = await drive(driver, { blockFrames, pass: (promise) => promise });
    await waitUntil(
      () => take.isWhole,
      () => `${take.frames} frames of ${SAMPLES} have come`,
    );
    const end = await driver.stop();
    await driver.close();
    expect(end).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete' } } });
    return { samplesCrc32c: take.crc, truth, ledger };
  } finally {
    await served.close();
  }
}

/** Made once: what all others are compared with. */
let reference: Promise<Outcome> | undefined;

async function expectSame(made: Promise<Outcome>): Promise<void> {
  const { samplesCrc32c, truth, ledger } = await (reference ??= runVirtually(20));
  const outcome = await made;
  expect(outcome.ledger).toEqual(ledger);
  expect(outcome.truth).toEqual(truth);
  expect(outcome.samplesCrc32c).toBe(samplesCrc32c);
}

describe('one seed gives the same samples, truth and ledger', () => {
  it('which hold the stimuli, where they were asked for, and what came of them', async () => {
    const { truth, ledger } = await (reference ??= runVirtually(20));
    expect(ledger).toMatchObject([
      { type: 'stream-started', firstSample: 0 },
      ...STIMULUS_SAMPLES.map((sample, k) => ({ type: 'stimulus-delivered', stimulusId: k + 1, sample })),
    ]);
    const stimuli = truth.filter(({ type }) => type === 'stimulus');
    expect(stimuli.map(endOf)).toEqual(STIMULUS_SAMPLES);
    const origins = truth.flatMap((record) => (record.type === 'spike' ? [record.origin] : []));
    expect(origins.filter((origin) => origin === 'evoked').length).toBeGreaterThan(10);
    expect(origins.filter((origin) => origin === 'spontaneous').length).toBeGreaterThan(10);
  });

  it('and another seed gives others', async () => {
    const { samplesCrc32c, truth } = await (reference ??= runVirtually(20));
    const other = await runVirtually(20, SEED + 1);
    expect(other.samplesCrc32c).not.toBe(samplesCrc32c);
    expect(other.truth).not.toEqual(truth);
  });

  it.each([1, 7, 200])('in blocks of %i frames', async (blockFrames) => {
    await expectSame(runVirtually(blockFrames));
  });

  it.each([
    ['tcp', 20],
    ['tcp', 7],
    ['zmq', 20],
    ['zmq', 200],
  ] as const)('over %s in real time, in blocks of %i frames', async (link, blockFrames) => {
    await expectSame(runOver(link, blockFrames));
  });
});

describeWithDebianTool('one seed gives the same samples, truth and ledger over a serial line', socat, () => {
  it.each([20, 200])('in real time, in blocks of %i frames', async (blockFrames) => {
    await expectSame(runOver('serial', blockFrames));
  });
});
