import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import type { DeviceEvent } from '../drivers/mea-link/device-event.js';
import { DEFAULT_DRIVER_OPTIONS } from '../drivers/mea-link/driver-options.js';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import { DEFAULT_BUFFER_BYTES } from '../protocols/mea-link/link-options.js';
import { MAX_MESSAGE_BYTES, type DataMessage } from '../protocols/mea-link/messages.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { packageFolder } from '../src/cli/package-info.js';
import { createBusyTimers } from './helpers/busy-timers.js';
import { ofType } from './helpers/driver-bench.js';
import { createRampRig, rampValue } from './helpers/ramp-rig.js';
import { serveDevice } from './helpers/served-device.js';
import { openStimulusPlan } from './helpers/stimulus-plan.js';
import { createWideProfile } from './helpers/wide-profile.js';

/** A block is a millisecond of the device's time, and keeps the subscriber busy for five. */
const BLOCK_FRAMES = 20;
const HOLD_MS = 5;
/** Five blocks: the subscriber is busy for 25 ms with what the link brings at once, and heartbeats leave in between. */
const SMALL_BUFFER = 1024;
const CHANNELS = 4;
const ELECTRODES = [0, 1, 2];

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface SlowRun {
  /** Messages that the device made, and what the driver handed on. */
  readonly made: readonly DataMessage['type'][];
  readonly events: readonly DeviceEvent[];
  readonly blocksWhileSlow: number;
  readonly mostPendingBytes: number;
  readonly mostHeld: number;
  /** What became of the stimuli that were asked for while it was slow, and how long the answers took. */
  readonly answers: readonly string[];
  readonly answersMs: readonly number[];
  readonly deliveredWhileSlow: number;
  readonly verdict: string;
}

/** In virtual time: a subscriber that is slow for two seconds, and commands meanwhile; then it catches up. */
async function runSlowly(ringMs: number): Promise<SlowRun> {
  const rig = createRampRig({ channels: CHANNELS, stimulated: ELECTRODES });
  const made: DataMessage['type'][] = [];
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ringMs },
    faults: new DeviceFaults([], { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
    observer: { onData: ({ type }) => made.push(type) },
  });
  let pendingBytes = (): number => 0;
  let mostPendingBytes = 0;
  const timers = createBusyTimers(() => {
    device.advance(rig.sampleRateHz / 1000);
    mostPendingBytes = Math.max(mostPendingBytes, pendingBytes());
  });
  const hub = new MemoryHub({ bufferBytes: SMALL_BUFFER, defer: (callback) => timers.after(1, callback) });
  hub.listen((link) => {
    pendingBytes = () => link.pendingBytes;
    return device.accept(link);
  });
  const profile = createWideProfile(ELECTRODES);
  const driver = await timers.settle(
    connectMeaLink({ transport: createMemoryTransport(hub), timers, client: 'slow' }, new AbortController().signal),
  );
  const events: DeviceEvent[] = [];
  let isSlow = false;
  let blocksWhileSlow = 0;
  let mostHeld = 0;
  driver.events$.subscribe((event) => {
    events.push(event);
    if (event.type !== 'block' || !isSlow) return;
    blocksWhileSlow += 1;
    mostHeld = Math.max(mostHeld, driver.counters.held);
    timers.compute(HOLD_MS);
  });
  const reportProgress = (): void => {
    driver.reportProgress();
    timers.after(10, reportProgress);
  };
  reportProgress();
  const { profileHash } = await timers.settle(driver.configure({ blockFrames: BLOCK_FRAMES, safetyProfile: profile }));
  await timers.settle(driver.start());
  await timers.settle(driver.arm({ serialNumber: driver.capabilities.serialNumber, profileHash }));
  const plan = openStimulusPlan(driver, profile);
  await timers.pass(100);
  isSlow = true;
  const slowUntilMs = timers.nowMs() + 2000;
  const answers: string[] = [];
  const answersMs: number[] = [];
  const actsBefore = rig.acts.length;
  while (timers.nowMs() < slowUntilMs) {
    const askedMs = timers.nowMs();
    const now = device.firmware.nextSample;
    if (!driver.isArmed) break;
    const command = plan.next({ electrode: answers.length % ELECTRODES.length, sample: now + 10_000 }, now);
    const answered = driver.stimulate(command).then(
      ({ type }) => type,
      (error: unknown) => String(error),
    );
    answers.push(await timers.settle(answered));
    answersMs.push(timers.nowMs() - askedMs);
    await timers.pass(40);
  }
  await timers.pass(slowUntilMs - timers.nowMs());
  const deliveredWhileSlow = rig.acts.length - actsBefore;
  isSlow = false;
  const { ended } = await timers.settle(driver.stop()).then((end) => {
    if (end.type !== 'ended') throw new Error('the end of the acquisition was lost');
    return end;
  });
  await timers.settle(driver.close());
  return {
    made,
    events,
    blocksWhileSlow,
    mostPendingBytes,
    mostHeld,
    answers,
    answersMs,
    deliveredWhileSlow,
    verdict: ended.check.verdict,
  };
}

describe('a subscriber that is five times too slow for two seconds', () => {
  it('gets everything after it has caught up, where the ring holds it, and commands go through meanwhile', async () => {
    const run = await runSlowly(5000);
    // It was slow: most of what was made had to wait.
    expect(run.blocksWhileSlow).toBeGreaterThan(300);
    expect(run.blocksWhileSlow).toBeLessThan(450);
    expectBounded(run);
    expectAccounted(run);
    expect([ofType(run.events, 'gap'), run.verdict]).toEqual([[], 'complete']);
    expect(run.answers.length).toBeGreaterThan(10);
    expect(new Set(run.answers)).toEqual(new Set(['scheduled']));
    expect(Math.max(...run.answersMs)).toBeLessThan(DEFAULT_DRIVER_OPTIONS.deadlineMs);
    expect(run.deliveredWhileSlow).toBeGreaterThan(10);
  });

  it('is told exactly what it missed, where the ring does not hold it', async () => {
    const run = await runSlowly(200);
    expect(run.blocksWhileSlow).toBeGreaterThan(300);
    expectBounded(run);
    expectAccounted(run);
    const gaps = ofType(run.events, 'gap');
    expect(new Set(gaps.map(({ cause }) => cause))).toEqual(new Set(['ring-overrun']));
    expect(run.verdict).toBe('gaps-reported');
    // The device says so itself, but not with each message that is lost: that would be a load of its own.
    const faults = run.made.filter((type) => type === 'fault').length;
    expect(faults).toBeGreaterThan(0);
    expect(faults).toBeLessThan(10);
  });
});

/** No queue grew beyond its bound: neither the link's nor the driver's. */
function expectBounded({ mostPendingBytes, mostHeld }: SlowRun): void {
  expect(mostPendingBytes).toBeGreaterThan(SMALL_BUFFER / 2);
  expect(mostPendingBytes).toBeLessThanOrEqual(SMALL_BUFFER);
  expect(mostHeld).toBeLessThanOrEqual(DEFAULT_DRIVER_OPTIONS.recovery.reorder.maxMessages);
}

/** Every message that the device made was handed on once, in order, or lies in a gap; every sample is what it should be. */
function expectAccounted({ made, events }: SlowRun): void {
  let next: number | undefined;
  let delivered = 0;
  let missing = 0;
  for (const event of events) {
    if (event.type === 'gap') {
      expect(event.firstSequence).toBe(next);
      expect(event.messages).toBe(event.lastSequence! - event.firstSequence + 1);
      missing += event.messages!;
      next = event.atSequence;
    } else if ('sequence' in event) {
      expect(event.sequence).toBe(next ?? event.sequence);
      expect(event.type).toBe(made[event.sequence]);
      delivered += 1;
      next = event.sequence + 1;
    }
    if (event.type === 'block') {
      expect(event.samples[1]).toBe(rampValue(event.firstSample, 1));
      expect(event.samples.at(-1)).toBe(rampValue(event.firstSample + event.frames - 1, CHANNELS - 1));
    }
  }
  const end = made.lastIndexOf('stream-ended') + 1;
  expect(delivered + missing).toBeGreaterThanOrEqual(end);
  expect(delivered + missing).toBeLessThanOrEqual(made.length);
}

const SCRIPT = join(packageFolder(), 'dist/tests/programs/slow-subscriber.js');
const REAL_CHANNELS = 128;
const SLOW_MS = 3000;
/** Room for what a program allocates anyway between two collections. */
const MAX_GROWN_BYTES = 128 * 2 ** 20;

const summarySchema = z.object({
  end: z.object({ ended: z.object({ blocks: z.number(), check: z.object({ verdict: z.string() }) }) }),
  gaps: z.array(z.unknown()),
  counters: z.object({ reorderHighWater: z.number(), resumes: z.number(), duplicates: z.number() }),
  slowBlocks: z.number(),
  abortedMs: z.number(),
  abortLatencyMs: z.number(),
  longestAnswerMs: z.number(),
  commands: z.number(),
  grownBytes: z.number(),
});

describe('a program that is five times too slow for three seconds of real time', () => {
  it.each(['tcp', 'zmq'] as const)(
    'holds up nothing but itself, and has everything once it has caught up, over %s',
    async (link) => {
      if (!existsSync(SCRIPT)) throw new Error(`${SCRIPT} is not there: build first, as npm test does`);
      let mostPendingBytes = 0;
      let blocks = 0;
      const served = await serveDevice(link, {
        rig: createRampRig({ channels: REAL_CHANNELS, stimulated: ELECTRODES }),
        settings: { ringMs: 20_000, watchdogMs: 2000 },
        onData: ({ type }) => {
          if (type === 'block') blocks += 1;
          mostPendingBytes = Math.max(mostPendingBytes, served.pendingBytes);
        },
      });
      opened.push(() => served.close());
      const child = spawn(process.execPath, [SCRIPT, served.address, String(SLOW_MS), String(HOLD_MS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'exit');
      opened.push(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      const summary = summarySchema.parse(JSON.parse(await text(child.stdout)));
      const off = served.acts.find(({ message }) => message.type === 'armed-changed' && !message.armed);
      const offMs = performance.timeOrigin + off!.atMs - summary.abortedMs;
      process.stdout.write(
        `slow consumer over ${link}: ${summary.slowBlocks} of ${blocks} blocks while slow; ` +
          `most in the device's link ${mostPendingBytes} bytes, memory +${(summary.grownBytes / 2 ** 20).toFixed(0)} MiB; ` +
          `abort: off after ${offMs.toFixed(1)} ms, acknowledged after ${summary.abortLatencyMs.toFixed(0)} ms; ` +
          `longest answer of ${summary.commands} ${summary.longestAnswerMs.toFixed(0)} ms; ` +
          `${summary.counters.resumes} resumes, ${summary.counters.duplicates} duplicates\n`,
      );
      expect(summary.gaps).toEqual([]);
      expect(summary.end.ended.check.verdict).toBe('complete');
      expect(summary.end.ended.blocks).toBe(blocks);
      // It was slow: the device made far more meanwhile.
      expect(summary.slowBlocks).toBeGreaterThan(100);
      expect(summary.slowBlocks).toBeLessThanOrEqual(SLOW_MS / HOLD_MS + 520);
      expect(blocks).toBeGreaterThan(2 * summary.slowBlocks);
      expect(mostPendingBytes).toBeLessThanOrEqual(DEFAULT_BUFFER_BYTES + MAX_MESSAGE_BYTES);
      expect(summary.counters.reorderHighWater).toBeLessThanOrEqual(
        DEFAULT_DRIVER_OPTIONS.recovery.reorder.maxMessages,
      );
      expect(summary.grownBytes).toBeLessThan(MAX_GROWN_BYTES);
      // Its heartbeats and commands had their turns all the while: it was armed to the end, and could end that at once.
      expect(summary.commands).toBeGreaterThan(8);
      expect(off?.message).toMatchObject({ cause: 'abort' });
      expect(offMs).toBeLessThan(DEFAULT_DRIVER_OPTIONS.deadlineMs);
      // Where both lanes share one connection, an answer comes behind the data that were sent before it.
      if (link === 'zmq') expect(summary.longestAnswerMs).toBeLessThan(DEFAULT_DRIVER_OPTIONS.deadlineMs);
    },
  );
});
