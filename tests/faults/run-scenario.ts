import { connectMeaLink } from '../../drivers/mea-link/connect-mea-link.js';
import type { RigDevice } from '../../drivers/rig-device.js';
import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import type { DriverCounters } from '../../drivers/mea-link/device-connection.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import type { DataMessage } from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import { DeviceFaults } from '../../sim-device/faults/device-faults.js';
import { parseFaults, type FaultName } from '../../sim-device/faults/fault-settings.js';
import { DEFAULT_DEVICE_SETTINGS } from '../../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../../sim-device/firmware/emulated-device.js';
import { createRampRig } from '../helpers/ramp-rig.js';
import { createVirtualTimers, type VirtualTimers } from '../helpers/virtual-timers.js';
import { createWideProfile } from '../helpers/wide-profile.js';
import { StimulatingPerson } from './stimulating-person.js';
import { StimulusBook } from './stimulus-book.js';
import { createFaultyTransport, type FramingName } from './faulty-transport.js';

/** One run of device, link and driver in virtual time. */
export interface Scenario {
  readonly name: string;
  readonly seed: number;
  /** As on the command line: `drop=0.01`. */
  readonly faults: readonly string[];
  readonly framing: FramingName;
  /** Length of the acquisition in device time. */
  readonly durationMs: number;
  readonly ringMs?: number;
  readonly blockFrames?: number;
}

/** A message that the device made, by boot and place in it. */
interface MadeMessage {
  readonly boot: number;
  readonly index: number;
  readonly type: DataMessage['type'];
  readonly frames: number;
}

/** What became of a scenario. */
export interface ScenarioOutcome {
  readonly made: readonly MadeMessage[];
  readonly events: readonly DeviceEvent[];
  readonly counters: DriverCounters;
  readonly applied: ReadonlyMap<FaultName, number>;
  /** Stimuli that the device accepted. */
  readonly stimuli: number;
  /** What the account of the run lacks: empty when the device's ledger is delivered + gaps, exactly. */
  readonly unaccounted: readonly string[];
}

/** Rate of the device's ticks in scenarios: low, so that a thousand of them take minutes and not hours. */
const RATE_HZ = 2000;
const STEP_MS = 1;
const FIRST_BOOT = 1000;
/** Virtual time that everything may take to come to rest after the end of the acquisition. */
const SETTLE_MS = 20_000;

/** Runs a scenario to its end. Nothing in it depends on real time. */
export async function runScenario(scenario: Scenario): Promise<ScenarioOutcome> {
  const timers = createVirtualTimers();
  const hub = new MemoryHub({
    defer: (callback) => {
      timers.after(0.1, callback);
    },
  });
  const rig = createRampRig({ sampleRateHz: RATE_HZ, channels: 2, stimulated: [0, 1] });
  const faults = new DeviceFaults(parseFaults(scenario.faults), { seed: scenario.seed, sampleRateHz: RATE_HZ });
  const wrap = faults.takeConstant('counter-wrap');
  const start = wrap === undefined ? 0 : 2 ** 32 - wrap;
  const made: MadeMessage[] = [];
  const stimuli = new StimulusBook();
  let joinedAt = 0;
  const device: EmulatedDevice = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ringMs: scenario.ringMs ?? 2000 },
    faults,
    bootId: FIRST_BOOT,
    startSequence: start,
    startSample: start,
    observer: {
      onCommand: (command, result) => {
        stimuli.command(device.bootId, command, result);
      },
      onData: (message, index) => {
        stimuli.data(device.bootId, message);
        made.push({
          boot: device.bootId,
          index,
          type: message.type,
          frames: message.type === 'block' ? message.frames : 0,
        });
      },
    },
  });
  hub.listen(device.accept);
  const stopPace = pace(device, timers);
  const transport = createFaultyTransport(hub, faults, {
    framing: scenario.framing,
    onData: () => {
      arrivals += 1;
    },
  });
  let arrivals = 0;
  const events: DeviceEvent[] = [];
  const persist = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let left = 40; ; left--) {
      try {
        return await attempt();
      } catch (error) {
        if (left === 0) throw error;
      }
      await new Promise<void>((resolve) => timers.after(50, resolve));
    }
  };
  const connect = (): Promise<RigDevice> =>
    connectMeaLink({ transport, timers, client: 'scenario' }, new AbortController().signal);
  // Whatever fails because of a fault is tried again, as a person would.
  const driver = await within(timers, persist(connect));
  joinedAt = made.length;
  const firstBoot = driver.bootId;
  driver.events$.subscribe((event) => events.push(event));
  const safetyProfile = createWideProfile([0, 1]);
  const blockFrames = scenario.blockFrames ?? 4;
  const begin = async (): Promise<void> => {
    // An answer that got lost may have left it running.
    if ((await driver.status()).state === 'running') return;
    await driver.configure({ blockFrames, safetyProfile });
    await driver.start();
  };
  await within(timers, persist(begin));
  const person = new StimulatingPerson(driver, {
    profile: safetyProfile,
    profileHash: hashSafetyProfile(safetyProfile),
  });
  for (let ms = 0; ms < scenario.durationMs; ms += 50) {
    // Not waited for: a person who is not answered presses again.
    if (ms % 100 === 0) void person.act();
    else driver.reportProgress();
    await timers.advanceAsync(50);
  }
  await within(
    timers,
    driver.stop().catch(() => undefined),
  );
  // What is made from here on may still be under way when the driver closes.
  const endedAt = made.length;
  await timers.advanceAsync(3000);
  const { counters } = driver;
  const arrived = arrivals;
  await within(timers, driver.close());
  stopPace();
  return {
    made,
    events,
    counters,
    applied: faults.applied,
    stimuli: stimuli.accepted,
    unaccounted: [
      ...account(made, events, { start, firstBoot, joinedAt, endedAt }),
      ...stimuli.problems(device.bootId, rig.acts.filter(({ type }) => type === 'deliver').length),
      ...accountArrivals(arrived, counters),
    ],
  };
}

/** Lets the device's time follow the virtual one. */
function pace(device: EmulatedDevice, timers: VirtualTimers): () => void {
  const ticks = Math.round((STEP_MS * device.sampleRateHz) / 1000);
  let cancel = timers.after(STEP_MS, function step() {
    device.advance(ticks);
    cancel = timers.after(STEP_MS, step);
  });
  return () => {
    cancel();
  };
}

/** Lets virtual time pass until a promise is settled. */
async function within<T>(timers: VirtualTimers, promise: Promise<T>): Promise<T> {
  const outcome: { settled: boolean } = { settled: false };
  const watched = promise.finally(() => {
    outcome.settled = true;
  });
  // It may fail long before it is awaited.
  watched.catch(() => undefined);
  const endMs = timers.nowMs() + SETTLE_MS;
  while (!isSettled(outcome) && timers.nowMs() < endMs) await timers.advanceAsync(1);
  if (!isSettled(outcome)) throw new Error(`nothing came within ${SETTLE_MS} ms of virtual time`);
  return watched;
}

function isSettled({ settled }: { readonly settled: boolean }): boolean {
  return settled;
}

interface AccountOptions {
  /** Sequence number of the first boot's first message. */
  readonly start: number;
  /** Boot that the driver connected to. */
  readonly firstBoot: number;
  /** Messages made when it had connected, and when its acquisition had ended: those between are to be accounted for. */
  readonly joinedAt: number;
  readonly endedAt: number;
}

/** Every message that came through was handed on, or is counted as why it was not. */
function accountArrivals(arrivals: number, counters: DriverCounters): readonly string[] {
  const { delivered, duplicates, overflowed, implausible, early, held } = counters;
  const known = delivered + duplicates + overflowed + implausible + early + held;
  return known === arrivals ? [] : [`${arrivals} messages arrived, ${known} are accounted for`];
}

/** Holds the device's ledger against what the driver handed on: every message made is delivered once or in a gap. */
function account(
  made: readonly MadeMessage[],
  events: readonly DeviceEvent[],
  { start, firstBoot, joinedAt, endedAt }: AccountOptions,
): readonly string[] {
  const problems: string[] = [];
  const fate = new Map<string, string>();
  const note = (boot: number, index: number, what: string): void => {
    const key = `${boot}/${index}`;
    if (fate.has(key)) problems.push(`message ${key}: ${what} after ${fate.get(key)!}`);
    fate.set(key, what);
  };
  let boot = firstBoot;
  let expected: number | undefined;
  for (const event of events) {
    const offset = boot === FIRST_BOOT ? start : 0;
    if (event.type === 'device-restarted') {
      // Boots that began and ended while no link stood were never seen; the restart stands for them.
      for (const message of made) {
        if (message.boot > boot && message.boot < event.bootId) note(message.boot, message.index, 'gap');
      }
      boot = event.bootId;
      expected = 0;
    } else if (event.type === 'gap') {
      const first = event.firstSequence - offset;
      const last = event.lastSequence === null ? lastOf(made, boot) : event.lastSequence - offset;
      for (let index = first; index <= last; index++) note(boot, index, 'gap');
      expected = last + 1;
    } else if ('sequence' in event) {
      const index = expected ?? (event.sequence - offset + 2 ** 32) % 2 ** 32;
      if ((offset + index) % 2 ** 32 !== event.sequence) {
        problems.push(
          `boot ${boot}: sequence ${(offset + index) % 2 ** 32} expected, ${event.type} has ${event.sequence}`,
        );
      }
      note(boot, index, 'delivered');
      expected = index + 1;
    }
  }
  const known = new Set(made.map((message) => `${message.boot}/${message.index}`));
  for (const [key, what] of fate) if (!known.has(key)) problems.push(`message ${key}: ${what} and never made`);
  for (const [k, message] of made.entries()) {
    if (k < joinedAt || k >= endedAt || message.boot > boot || fate.has(`${message.boot}/${message.index}`)) continue;
    problems.push(`message ${message.boot}/${message.index} (${message.type}): neither delivered nor in a gap`);
  }
  return problems;
}

function lastOf(made: readonly MadeMessage[], boot: number): number {
  return made.reduce((last, message) => (message.boot === boot ? Math.max(last, message.index) : last), -1);
}
