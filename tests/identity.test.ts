import { afterEach, describe, expect, it } from 'vitest';

import { connectMeaLink } from '../drivers/mea-link/connect-mea-link.js';
import type { RigDevice } from '../drivers/rig-device.js';
import { createMemoryTransport } from '../drivers/transports/memory.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { isMeaError } from '../protocols/errors.js';
import { decodeDeviceMessage, encodeHostMessage } from '../protocols/mea-link/codec.js';
import type { Link, Transport } from '../protocols/mea-link/link.js';
import { MemoryHub } from '../protocols/mea-link/memory-link.js';
import { MEA_LINK_VERSION, type Command, type Reply, type ReplyResult } from '../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../protocols/mea-link/safety-profile-hash.js';
import { DeviceFaults } from '../sim-device/faults/device-faults.js';
import { parseFaults } from '../sim-device/faults/fault-settings.js';
import { DEFAULT_DEVICE_SETTINGS } from '../sim-device/firmware/device-settings.js';
import { EmulatedDevice } from '../sim-device/firmware/emulated-device.js';
import { systemTimers } from '../src/timers.js';
import { disarmingAfter, startsAfter, untilTicks } from './helpers/dead-man-measure.js';
import { createRampRig } from './helpers/ramp-rig.js';
import { serveDevice } from './helpers/served-device.js';
import { openStimulusPlan } from './helpers/stimulus-plan.js';
import { waitUntil } from './helpers/wait-until.js';
import { createWideProfile } from './helpers/wide-profile.js';

const ELECTRODES = [0, 1, 2];
const PROFILE = createWideProfile(ELECTRODES);
const TOKEN = new Uint8Array(16).fill(9);
const timers = systemTimers();

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A controller that may say anything: it sends what it is told to, checked by no driver. */
interface RawController {
  ask(command: Command): Promise<ReplyResult>;
  beat(token: Uint8Array): void;
}

async function openRaw(transport: Transport, clientId: number): Promise<RawController> {
  const replies: Reply[] = [];
  const link: Link = await transport.connect(
    {
      onMessage: (_lane, bytes) => {
        const decoded = decodeDeviceMessage(bytes);
        if (decoded.type === 'message' && decoded.message.type === 'reply') replies.push(decoded.message);
      },
      onBadFrame: () => undefined,
      onDrain: () => undefined,
      onClosed: () => undefined,
    },
    AbortSignal.timeout(10_000),
  );
  opened.push(() => link.close());
  let sequence = 0;
  let commandId = 0;
  const raw: RawController = {
    ask: async (command) => {
      commandId += 1;
      const id = commandId;
      expect(
        link.send('control', encodeHostMessage({ type: 'command', sequence: sequence++, commandId: id, command })),
      ).toBe(true);
      await waitUntil(
        () => replies.some((reply) => reply.commandId === id),
        () => `no answer to ${command.type}`,
      );
      return replies.find((reply) => reply.commandId === id)!.result;
    },
    beat: (token) => {
      link.send(
        'control',
        encodeHostMessage({ type: 'heartbeat', sequence: sequence++, token, progress: 0, armedForMs: 500 }),
      );
    },
  };
  await raw.ask({
    type: 'hello',
    ...MEA_LINK_VERSION,
    client: `raw ${clientId}`,
    clientId: new Uint8Array(16).fill(clientId),
  });
  return raw;
}

/** A device in this process whose time is in the test's hands. */
function openStillDevice(serialNumber: string, faults: readonly string[] = []): [EmulatedDevice, Transport] {
  const rig = createRampRig({ stimulated: ELECTRODES });
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, serialNumber },
    faults: new DeviceFaults(parseFaults(faults), { seed: 1, sampleRateHz: rig.sampleRateHz }),
    bootId: 1,
  });
  const hub = new MemoryHub();
  hub.listen(device.accept);
  return [device, createMemoryTransport(hub)];
}

const PREPARE: readonly Command[] = [
  { type: 'configure', blockFrames: 20, safetyProfile: PROFILE },
  { type: 'start' },
  { type: 'upload-pattern', pattern: { slot: 0, pulses: [] } },
];

function toArm(serialNumber: string, token = TOKEN): Command {
  return { type: 'arm', token, serialNumber, profileHash: hashSafetyProfile(PROFILE) };
}

function toTrigger(stimulusId: number, token: Uint8Array): Command {
  return { type: 'trigger', stimulusId, slot: 0, at: { type: 'now' }, token };
}

async function prepare(raw: RawController): Promise<void> {
  for (const command of PREPARE) expect((await raw.ask(command)).type).not.toBe('refused');
}

describe('the token of an arming', () => {
  it('is good for the device that was armed with it, and for no other', async () => {
    const [, first] = openStillDevice('first');
    const [other, second] = openStillDevice('second');
    const [mine, theirs] = [await openRaw(first, 1), await openRaw(second, 2)];
    for (const raw of [mine, theirs]) await prepare(raw);
    // An arming that is meant for the one device is refused by the other.
    expect(await theirs.ask(toArm('first'))).toMatchObject({ type: 'refused', reason: 'wrong-device' });
    expect(other.firmware.armed).toBe(false);
    expect(await mine.ask(toArm('first'))).toEqual({ type: 'done' });
    expect(await theirs.ask(toArm('second', new Uint8Array(16).fill(4)))).toEqual({ type: 'done' });
    expect(await theirs.ask(toTrigger(1, TOKEN))).toMatchObject({ type: 'refused', reason: 'bad-token' });
    expect(other.firmware.scheduledStimuli).toBe(0);
    // Nor do heartbeats with it keep the other device armed.
    for (let beats = 0; beats < 8; beats++) {
      theirs.beat(TOKEN);
      await new Promise((resolve) => setImmediate(resolve));
      other.advance(300);
    }
    expect(other.firmware.armed).toBe(false);
    expect(await mine.ask(toTrigger(1, TOKEN))).toMatchObject({ type: 'scheduled' });
  });

  it('is void after the device has booted anew', async () => {
    const [device, transport] = openStillDevice('S', ['brown-out=2000:50']);
    const before = await openRaw(transport, 1);
    await prepare(before);
    expect(await before.ask(toArm('S'))).toEqual({ type: 'done' });
    expect(await before.ask(toTrigger(1, TOKEN))).toMatchObject({ type: 'scheduled' });
    const { bootId } = device;
    for (let ms = 0; ms < 20_000 && (device.bootId === bootId || device.off); ms++) {
      before.beat(TOKEN);
      await new Promise((resolve) => setImmediate(resolve));
      device.advance(20);
    }
    expect([device.bootId, device.firmware.armed, device.firmware.scheduledStimuli]).toEqual([bootId + 1, false, 0]);
    const after = await openRaw(transport, 1);
    await prepare(after);
    after.beat(TOKEN);
    expect(await after.ask(toTrigger(2, TOKEN))).toMatchObject({ type: 'refused', reason: 'not-armed' });
    expect(await after.ask(toArm('S', new Uint8Array(16).fill(4)))).toEqual({ type: 'done' });
    expect(await after.ask(toTrigger(2, TOKEN))).toMatchObject({ type: 'refused', reason: 'bad-token' });
  });

  it('is not taken for a profile that the device does not hold', async () => {
    const [device, transport] = openStillDevice('S');
    const raw = await openRaw(transport, 1);
    await prepare(raw);
    const profileHash = hashSafetyProfile(createWideProfile(ELECTRODES, { maxPhases: 2 }));
    const answer = await raw.ask({ type: 'arm', token: TOKEN, serialNumber: 'S', profileHash });
    expect(answer).toMatchObject({ type: 'refused', reason: 'wrong-profile' });
    expect(device.firmware.armed).toBe(false);
  });
});

describe.each(['tcp', 'zmq'] as const)('two controllers of one device, over %s', (link) => {
  async function open(): Promise<{
    served: Awaited<ReturnType<typeof serveDevice>>;
    driver: RigDevice;
    tokens: Uint8Array[];
  }> {
    const served = await serveDevice(link, { settings: { watchdogMs: 2000, maxAheadMs: 5000 } });
    opened.push(() => served.close());
    const tokens: Uint8Array[] = [];
    const driver = await connectMeaLink(
      {
        transport: openTransport(served.address, { timers }),
        timers,
        client: 'first',
        options: {
          mainStallMs: 60_000,
          armedForMs: 1000,
          silenceMs: 5000,
          randomBytes: (length) => {
            const bytes = new Uint8Array(length).fill(tokens.length + 1);
            tokens.push(bytes);
            return bytes;
          },
        },
      },
      AbortSignal.timeout(10_000),
    );
    opened.push(() => driver.close());
    const { profileHash } = await driver.configure({ blockFrames: 20, safetyProfile: PROFILE });
    await driver.start();
    await driver.arm({ serialNumber: driver.capabilities.serialNumber, profileHash });
    return { served, driver, tokens };
  }

  it('the second is refused, and the first goes on as if nothing were', async () => {
    const { served, driver, tokens } = await open();
    const error: unknown = await connectMeaLink(
      { transport: openTransport(served.address, { timers }), timers, client: 'second' },
      AbortSignal.timeout(10_000),
    ).then(
      () => 'it was let in',
      (reason: unknown) => reason,
    );
    expect(isMeaError(error, 'refused')).toBe(true);
    expect(String(error)).toMatch(/another controller/);
    // Not even with the token of the first: that would take a controller.
    const stranger = await openRaw(openTransport(served.address, { timers }), 77);
    const token = tokens.at(-1)!;
    for (const command of [toTrigger(5, token), { type: 'disarm' }, { type: 'stop' }, ...PREPARE] as const) {
      expect(await stranger.ask(command)).toMatchObject({ type: 'refused', reason: 'not-controller' });
    }
    expect([driver.isArmed, served.device.firmware.armed]).toEqual([true, true]);
    const now = served.device.firmware.nextSample;
    const command = openStimulusPlan(driver, PROFILE).next({ electrode: 0, sample: now + 2000 }, now);
    expect(await driver.stimulate(command)).toMatchObject({ type: 'scheduled' });
    await waitUntil(
      () => served.acts.some(({ message }) => message.type === 'stimulus-delivered'),
      () => 'the stimulus of the first controller has not left',
    );
  });

  it('either may end stimulation, and the first is told', async () => {
    const { served, driver } = await open();
    const now = served.device.firmware.nextSample;
    const command = openStimulusPlan(driver, PROFILE).next({ electrode: 0, sample: now + 20_000 }, now);
    expect(await driver.stimulate(command)).toMatchObject({ type: 'scheduled' });
    const from = served.acts.length;
    const stranger = await openRaw(openTransport(served.address, { timers }), 77);
    expect(await stranger.ask({ type: 'abort' })).toEqual({ type: 'done' });
    const off = await disarmingAfter(served, from);
    expect(off.cause).toBe('abort');
    await waitUntil(
      () => !driver.isArmed,
      () => 'the driver has not heard of it',
    );
    await untilTicks(served, 22_000);
    expect(startsAfter(served, off.act)).toEqual([]);
  });
});
