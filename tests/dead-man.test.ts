import { afterEach, describe, expect, it } from 'vitest';

import { openRandomStream } from '../protocols/random.js';
import { startController, type ControllerProcess } from './helpers/controller-process.js';
import { describeWithDebianTool } from './helpers/debian-tool.js';
import {
  AFTERWARDS_TICKS,
  disarmingAfter,
  killController,
  startsAfter,
  untilStimulating,
  untilTicks,
} from './helpers/dead-man-measure.js';
import { socat } from './helpers/pty-pair.js';
import { serveDevice, type LinkName, type ServedDevice } from './helpers/served-device.js';

// The controller is a process of its own, the device is in this one, and all is measured at the device. The strict
// figures are the benchmark's (`npm run bench -- dead-man`): the bounds here leave room for a loaded machine. Where more
// than two processes have to keep time with the watchdog, or it must not strike before something else, the device's clock
// is slow, and its 100 ms are as much longer.

const KILLS = 5;
const SEED = 20_261;
/**
 * Safety limits with room: a link whose end is seen, for most of the kills; the watchdog of 100 ms; a main loop that may
 * stand for 250 ms, and then a watchdog that is four times as slow.
 */
const LINK_BOUND_MS = 150;
const WATCHDOG_BOUND_MS = 300;
const STALL_BOUND_MS = 1100;

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function open(link: LinkName, slowBy = 1): Promise<{ served: ServedDevice; controller: ControllerProcess }> {
  const served = await serveDevice(link, { driftPpm: (1 / slowBy - 1) * 1e6 });
  opened.push(() => served.close());
  const controller = startController(served.address);
  opened.push(() => controller.end());
  await controller.untilTold(/arm-done|arm-failed/);
  await untilStimulating({ served, controller }, 0);
  return { served, controller };
}

function describeKills(link: LinkName, slowBy = 1): void {
  it(`a controller that is killed leaves nothing armed and nothing scheduled, over ${link}`, async () => {
    const random = openRandomStream(SEED, `kills over ${link}`);
    const offMs: number[] = [];
    const causes: string[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const { served, controller } = await open(link, slowBy);
      const outcome = await killController({ served, controller }, { delayMs: 40 * random.uniform() });
      await untilTicks(served, AFTERWARDS_TICKS);
      // The mutant of this test is a device that goes on: the queue was not empty, and nothing of it started.
      expect(outcome.dropped).toBeGreaterThan(0);
      expect(served.device.firmware.scheduledStimuli).toBe(0);
      expect(served.device.firmware.armed).toBe(false);
      expect(startsAfter(served, outcome.act)).toEqual([]);
      offMs.push(outcome.offMs);
      causes.push(outcome.cause);
      for (const close of opened.splice(0).reverse()) await close();
    }
    const figures = offMs.map((ms) => ms.toFixed(1)).join(', ');
    process.stdout.write(`kill -9 over ${link}: off after ${figures} ms (${causes.join(', ')})\n`);
    expect(Math.max(...offMs)).toBeLessThan(slowBy * WATCHDOG_BOUND_MS);
    // A line has no end that could be seen; a connection has, and to wait for the watchdog would be to miss it.
    if (link === 'serial') expect(new Set(causes)).toEqual(new Set(['watchdog']));
    else {
      expect(causes).toContain('link-lost');
      expect(offMs.toSorted((a, b) => a - b)[Math.floor(KILLS / 2)]).toBeLessThan(LINK_BOUND_MS);
    }
  });
}

describe('the dead-man switch', () => {
  describeKills('tcp');
  describeKills('zmq');

  it.each([
    ['briefly', 'tcp', 3000],
    ['briefly', 'zmq', 3000],
    ['for longer than the device waits for it', 'tcp', 24_000],
  ] as const)(
    'a controller that is stopped %s stimulates no more until it is armed by hand, over %s',
    async (_how, link, stopTicks) => {
      const { served, controller } = await open(link);
      const told = controller.told.length;
      const from = served.acts.length;
      const stoppedMs = performance.now();
      controller.signal('SIGSTOP');
      const off = await disarmingAfter(served, from);
      expect(off.cause).toBe('watchdog');
      expect(off.atMs - stoppedMs).toBeLessThan(WATCHDOG_BOUND_MS);
      await untilTicks(served, stopTicks);
      controller.signal('SIGCONT');
      // It has understood that it is not armed, and has had the time to do something about it.
      await controller.untilTold(/not-armed/, told);
      await untilTicks(served, AFTERWARDS_TICKS);
      expect(served.device.firmware.armed).toBe(false);
      expect(startsAfter(served, off.act)).toEqual([]);
      const again = served.acts.length;
      controller.obey('arm');
      await controller.untilTold(/arm-done/, told);
      await untilStimulating({ served, controller }, again);
    },
  );

  it.each([
    ['computes for 600 ms and hears nothing', 'busy 600', { slowBy: 2, boundMs: 2 * WATCHDOG_BOUND_MS }],
    ['makes no more progress while its timers still run', 'hang', { slowBy: 4, boundMs: STALL_BOUND_MS }],
  ])('a controller whose main loop %s is disarmed, and told why', async (_how, command, { slowBy, boundMs }) => {
    const { served, controller } = await open('tcp', slowBy);
    const told = controller.told.length;
    const from = served.acts.length;
    const stalledMs = performance.now();
    controller.obey(command);
    const off = await disarmingAfter(served, from);
    expect(off.cause).toBe('watchdog');
    expect(off.atMs - stalledMs).toBeLessThan(boundMs);
    await controller.untilTold(/main-stalled/, told);
    await controller.untilTold(/not-armed/, told);
    await untilTicks(served, AFTERWARDS_TICKS);
    expect(served.device.firmware.armed).toBe(false);
    expect(startsAfter(served, off.act)).toEqual([]);
    const again = served.acts.length;
    controller.obey('arm');
    await controller.untilTold(/arm-done/, told);
    await untilStimulating({ served, controller }, again);
  });
});

describeWithDebianTool('the dead-man switch over a serial line', socat, () => {
  describeKills('serial', 4);
});
