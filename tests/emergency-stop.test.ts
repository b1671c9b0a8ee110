import { afterEach, describe, expect, it } from 'vitest';

import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import type { DriverOptions } from '../drivers/mea-link/driver-options.js';
import type { RigDevice } from '../drivers/rig-device.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { isMeaError } from '../protocols/errors.js';
import type { StatusResult } from '../protocols/mea-link/messages.js';
import { systemTimers } from '../src/timers.js';
import { startsAfter, untilTicks } from './helpers/dead-man-measure.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { serveDevice, type ServedDevice } from './helpers/served-device.js';
import { openStimulusPlan, type StimulusPlan } from './helpers/stimulus-plan.js';
import { waitUntil } from './helpers/wait-until.js';
import { createWideProfile } from './helpers/wide-profile.js';

const REPEATS = 100;
/** Full load: 64 channels at 20 kHz, a block a millisecond. */
const CHANNELS = 64;
const BLOCK_FRAMES = 20;
const ELECTRODES = [0, 1, 2];
/** In samples of 20 kHz: how far ahead the first stimulus is, and how far each is from the next. */
const LEAD = 2000;
const DISTANCE = 400;

const timers = systemTimers();
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface Rig {
  readonly served: ServedDevice;
  readonly driver: RigDevice;
  readonly plan: StimulusPlan;
  readonly profileHash: Uint8Array;
}

async function connect(options: Partial<DriverOptions> = {}): Promise<Rig> {
  const profile = createWideProfile(ELECTRODES, { maxStimuliPerSession: 1e6 });
  // Nothing here is about the watchdog, and a loaded machine must not make it so.
  const served = await serveDevice('tcp', {
    rig: createRampRig({ channels: CHANNELS, stimulated: ELECTRODES }),
    settings: { watchdogMs: 2000, maxAheadMs: 5000 },
  });
  opened.push(() => served.close());
  const driver = await connectMeaLink(
    {
      transport: openTransport(served.address, { timers }),
      timers,
      client: 'emergency stop',
      options: { mainStallMs: 60_000, armedForMs: 1000, silenceMs: 5000, ...options },
    },
    AbortSignal.timeout(10_000),
  );
  opened.push(() => driver.close());
  const { profileHash } = await driver.configure({ blockFrames: BLOCK_FRAMES, safetyProfile: profile });
  return { served, driver, plan: openStimulusPlan(driver, profile), profileHash };
}

async function arm({ driver, profileHash }: Rig): Promise<void> {
  await driver.arm({ serialNumber: driver.capabilities.serialNumber, profileHash });
}

/** Schedules so many stimuli, the first of them soon. */
async function schedule({ served, driver, plan }: Rig, count: number): Promise<void> {
  const now = served.device.firmware.nextSample;
  for (let k = 0; k < count; k++) {
    const electrode = ELECTRODES[k % ELECTRODES.length]!;
    const result = await driver.stimulate(plan.next({ electrode, sample: now + LEAD + k * DISTANCE }, now));
    expect(result.type).toBe('scheduled');
  }
}

/** The device is off, and every stimulus that was scheduled was dropped; returns the act that disarmed it. */
function expectOff({ served, driver }: Rig, from: number): number {
  const { firmware } = served.device;
  expect([firmware.armed, firmware.scheduledStimuli, driver.isArmed]).toEqual([false, 0, false]);
  const act = served.acts.findIndex(
    ({ message }, index) => index >= from && message.type === 'armed-changed' && !message.armed,
  );
  expect(served.acts[act]?.message).toMatchObject({ type: 'armed-changed', cause: 'abort' });
  return act;
}

function countDropped({ served }: Rig, from: number): number {
  return served.acts
    .slice(from)
    .filter(({ message }) => message.type === 'stimulus-dropped' && message.reason === 'aborted').length;
}

function describeTimes(name: string, times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${name} p50 ${sorted[Math.floor(sorted.length / 2)]!.toFixed(2)}, max ${sorted.at(-1)!.toFixed(2)} ms`;
}

describe('an emergency stop', () => {
  it(`is acknowledged every time under full load, and nothing starts after it (${REPEATS} times)`, async () => {
    const rig = await connect();
    const { served, driver } = rig;
    await driver.start();
    let frames = 0;
    driver.events$.subscribe((event) => {
      if (event.type === 'block') frames += event.frames;
    });
    const offMs: number[] = [];
    const acknowledgedMs: number[] = [];
    let dropped = 0;
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      await arm(rig);
      await schedule(rig, 4);
      const from = served.acts.length;
      const startedMs = timers.nowMs();
      await driver.abort();
      acknowledgedMs.push(timers.nowMs() - startedMs);
      const act = expectOff(rig, from);
      offMs.push(served.acts[act]!.atMs - startedMs);
      dropped += countDropped(rig, from);
      // Beyond the last one that was scheduled, now and then: it takes its time.
      if (repeat % 20 === 0) await untilTicks(served, LEAD + 4 * DISTANCE);
      expect(startsAfter(served, act)).toEqual([]);
    }
    // It did have something to stop, and the load was there.
    expect(dropped).toBeGreaterThan(REPEATS);
    expect(frames).toBeGreaterThan(10_000);
    const figures = `${describeTimes('device off', offMs)}; ${describeTimes('acknowledged', acknowledgedMs)}`;
    process.stdout.write(`abort under load, ${REPEATS} times: ${figures}\n`);
  });

  it('is acknowledged when the device is not armed, not running, and running but not armed', async () => {
    const rig = await connect();
    const { served, driver } = rig;
    await driver.abort();
    await arm(rig);
    expect(served.device.firmware.armed).toBe(true);
    const from = served.acts.length;
    await driver.abort();
    expectOff(rig, from);
    await driver.start();
    await driver.abort();
    expect(driver.state).not.toBe('idle');
    expect(served.device.firmware.state).toBe('running');
    // It ends stimulation and nothing else: the device can be armed again, by hand.
    await arm(rig);
    await schedule(rig, 1);
    expect(served.device.firmware.scheduledStimuli).toBe(1);
  });

  it('goes past commands that wait, when the driver takes no more of them', async () => {
    const rig = await connect({ maxQueued: 8 });
    const { served, driver } = rig;
    await driver.start();
    await arm(rig);
    await schedule({ ...rig, plan: spread(rig.plan) }, 8);
    const from = served.acts.length;
    let answered = 0;
    const waiting: Promise<StatusResult>[] = [];
    for (let k = 0; k < 9; k++) {
      const status = driver.status();
      void status.then(() => (answered += 1));
      waiting.push(status);
    }
    await expect(driver.status()).rejects.toThrow(/did not take the command status/);
    const answeredBefore = answered;
    const stopped = driver.abort();
    await stopped;
    const answeredMeanwhile = answered - answeredBefore;
    expectOff(rig, from);
    expect(countDropped(rig, from)).toBe(8);
    // Those that waited before it were answered after it, all of them but the few that were under way.
    expect(answeredMeanwhile).toBeLessThan(8);
    await Promise.all(waiting);
  });

  it('empties a device whose queue is full', async () => {
    const rig = await connect();
    const { served, driver, plan } = rig;
    await driver.start();
    await arm(rig);
    const { queueLength } = driver.capabilities.stimulation!;
    await schedule({ ...rig, plan: spread(plan) }, queueLength);
    const now = served.device.firmware.nextSample;
    const tooMany = await driver.stimulate(plan.next({ electrode: 0, sample: now + 90_000 }, now));
    expect(tooMany).toMatchObject({ type: 'refused', reason: 'queue-full' });
    const from = served.acts.length;
    await driver.abort();
    const act = expectOff(rig, from);
    expect(countDropped(rig, from)).toBe(queueLength);
    expect(startsAfter(served, act)).toEqual([]);
  });

  it('that is asked for while the link is gone is acknowledged over the next one', async () => {
    const rig = await connect();
    const { served, driver } = rig;
    await driver.start();
    await arm(rig);
    await schedule(rig, 4);
    const from = served.acts.length;
    served.cut();
    await waitUntil(
      () => !driver.isConnected,
      () => 'the driver has not noticed',
    );
    let isAcknowledged = false;
    const stopped = driver.abort().then(() => (isAcknowledged = true));
    await untilTicks(served, 2000);
    expect(isAcknowledged).toBe(false);
    // The device did not wait for it.
    const off = served.acts.findIndex(({ message }, k) => k >= from && message.type === 'armed-changed');
    expect(served.acts[off]?.message).toMatchObject({ armed: false, cause: 'link-lost' });
    served.mend();
    await stopped;
    // It went ahead of the greeting; what the new link brings is a device that is off.
    await waitUntil(
      () => driver.isConnected,
      () => 'the driver has not connected again',
    );
    expect([driver.isArmed, served.device.firmware.armed]).toEqual([false, false]);
    await untilTicks(served, LEAD + 4 * DISTANCE);
    expect(startsAfter(served, off)).toEqual([]);
  });

  it('that no device answers fails within its deadline, and leaves the driver disarmed', async () => {
    const rig = await connect({ longDeadlineMs: 300 });
    const { served, driver } = rig;
    await driver.start();
    await arm(rig);
    served.cut();
    const error: unknown = await driver.abort().then(
      () => 'acknowledged by nobody',
      (reason: unknown) => reason,
    );
    expect(isMeaError(error, 'deadline')).toBe(true);
    expect(driver.isArmed).toBe(false);
  });
});

/** The same plan, with all its stimuli a good while later: none leaves while the queue is filled. */
function spread(plan: StimulusPlan): StimulusPlan {
  return {
    next: ({ electrode, sample }, nowSample) => plan.next({ electrode, sample: sample + 40_000 }, nowSample),
  };
}
