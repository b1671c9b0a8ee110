import { describe, expect, it } from 'vitest';

import { decodeDeviceMessage, encodeHostMessage } from '../../protocols/mea-link/codec.js';
import type { Link } from '../../protocols/mea-link/link.js';
import { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import type {
  Command,
  DataMessage,
  DeviceMessage,
  HelloResult,
  ReplyResult,
} from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import { createRampRig } from '../../tests/helpers/ramp-rig.js';
import { createBalancedPulse, createWideProfile } from '../../tests/helpers/wide-profile.js';
import { DeviceFaults } from '../faults/device-faults.js';
import { parseFaults } from '../faults/fault-settings.js';
import { DEFAULT_DEVICE_SETTINGS, type DeviceSettings } from './device-settings.js';
import { EmulatedDevice } from './emulated-device.js';

const PROFILE = createWideProfile([0, 1, 2]);
const TOKEN = new Uint8Array(16).fill(5);
const signal = new AbortController().signal;

interface DeviceOptions {
  readonly faults?: readonly string[];
  readonly settings?: Partial<DeviceSettings>;
  readonly startSequence?: number;
}

function createDevice(options: DeviceOptions = {}) {
  const hub = new MemoryHub();
  const rig = createRampRig();
  const faults = new DeviceFaults(parseFaults(options.faults ?? []), { seed: 3, sampleRateHz: rig.sampleRateHz });
  const made: DataMessage[] = [];
  const device = new EmulatedDevice({
    rig,
    settings: { ...DEFAULT_DEVICE_SETTINGS, ...options.settings },
    faults,
    bootId: 77,
    startSequence: options.startSequence ?? 0,
    observer: { onData: (message) => made.push(message) },
  });
  hub.listen(device.accept);
  return { hub, rig, faults, device, made };
}

/** A controller that says exactly what it is told to. */
class TestClient {
  readonly received: DeviceMessage[] = [];
  closed: string | undefined;
  #link: Link | undefined;
  #sequence = 0;
  #commandId = 0;

  static async connect(hub: MemoryHub): Promise<TestClient> {
    const client = new TestClient();
    client.#link = await hub.connect(
      {
        onMessage: (_lane, bytes) => {
          const decoded = decodeDeviceMessage(bytes);
          if (decoded.type === 'bad') throw new Error(decoded.message);
          client.received.push(decoded.message);
        },
        onBadFrame: () => undefined,
        onDrain: () => undefined,
        onClosed: (reason) => (client.closed = reason),
      },
      signal,
    );
    await settle();
    return client;
  }

  get data(): readonly DataMessage[] {
    return this.received.flatMap((message) =>
      message.type === 'reply' || message.type === 'device-heartbeat' ? [] : [message],
    );
  }

  /** Sends a command and gives its reply, if one came at once. */
  async ask(command: Command, commandId = (this.#commandId += 1)): Promise<ReplyResult | undefined> {
    const before = this.received.length;
    const sequence = this.#sequence++;
    this.#link!.send('control', encodeHostMessage({ type: 'command', sequence, commandId, command }));
    await settle();
    for (const message of this.received.slice(before)) {
      if (message.type === 'reply' && message.commandId === commandId) return message.result;
    }
    return undefined;
  }

  async hello(clientId = 1): Promise<HelloResult> {
    const result = await this.ask({
      type: 'hello',
      major: 1,
      minor: 0,
      client: 'test',
      clientId: new Uint8Array(16).fill(clientId),
    });
    if (result?.type !== 'hello') throw new Error(`no hello: ${JSON.stringify(result)}`);
    return result;
  }

  async start(): Promise<void> {
    await this.hello();
    await this.ask({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE });
    await this.ask({ type: 'start' });
  }

  sendRaw(bytes: Uint8Array): void {
    this.#link!.send('control', bytes);
  }

  close(): Promise<void> {
    return this.#link!.close();
  }
}

/** Lets the microtasks of the memory link run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe('the emulated device on its links', () => {
  it('answers nobody who has not said hello, and lets anybody abort', async () => {
    const { hub } = createDevice();
    const client = await TestClient.connect(hub);
    expect(await client.ask({ type: 'start' })).toMatchObject({ type: 'refused', reason: 'not-controller' });
    expect(await client.ask({ type: 'abort' })).toEqual({ type: 'done' });
    expect(await client.hello()).toMatchObject({ bootId: 77, nextDataSequence: 0, oldestDataSequence: 0 });
  });

  it('has one controller: another is refused until the first is gone', async () => {
    const { hub } = createDevice();
    const first = await TestClient.connect(hub);
    await first.hello(1);
    const second = await TestClient.connect(hub);
    await expect(second.hello(2)).rejects.toThrow('not-controller');
    await first.close();
    await settle();
    expect(await second.hello(2)).toMatchObject({ type: 'hello' });
  });

  it('sends every message of the data lane once, in sequence', async () => {
    const { hub, device, made } = createDevice();
    const client = await TestClient.connect(hub);
    await client.start();
    for (let k = 0; k < 50; k++) {
      device.advance(20);
      await settle();
    }
    await client.ask({ type: 'stop' });
    expect(client.data.map(({ sequence }) => sequence)).toEqual(made.map((_, k) => k));
    expect(client.data.map(({ type }) => type)).toEqual(made.map(({ type }) => type));
    expect(client.data.filter(({ type }) => type === 'block')).toHaveLength(50);
  });

  it('answers a repeated command with the same reply and does not carry it out twice', async () => {
    const { hub, device, made } = createDevice();
    const client = await TestClient.connect(hub);
    await client.start();
    device.advance(100);
    const rest: Command = { type: 'rest', durationSamples: 500 };
    expect(await client.ask(rest, 100)).toEqual({ type: 'done' });
    expect(await client.ask(rest, 100)).toEqual({ type: 'done' });
    expect(made.filter(({ type }) => type === 'rested')).toHaveLength(1);
  });

  it('refuses a command that it does not know, by its id, and passes over garbage', async () => {
    const { hub } = createDevice();
    const client = await TestClient.connect(hub);
    await client.hello();
    client.sendRaw(Uint8Array.of(0xff, 0xff, 0xff));
    // Field 2 (command) with id 9 and field 99, which no version has.
    client.sendRaw(Uint8Array.of(0x0d, 1, 0, 0, 0, 0x12, 5, 0x08, 9, 0x9a, 0x06, 0));
    await settle();
    expect(client.received.at(-1)).toMatchObject({
      type: 'reply',
      commandId: 9,
      result: { type: 'refused', reason: 'unknown-command' },
    });
    expect(await client.ask({ type: 'status' })).toMatchObject({ type: 'status', state: 'idle' });
  });

  it.each([0, 2 ** 32 - 10])('sends again from where the controller was, numbers from %i', async (startSequence) => {
    const { hub, device, made } = createDevice({ startSequence });
    const client = await TestClient.connect(hub);
    await client.start();
    device.advance(20 * 20);
    await settle();
    const seen = client.data.length;
    hub.cut();
    await settle();
    device.advance(20 * 20);
    const again = await TestClient.connect(hub);
    const hello = await again.hello();
    expect(hello.nextDataSequence).toBe((startSequence + made.length) % 2 ** 32);
    device.advance(20);
    await settle();
    expect(again.data).toEqual([]);
    const resumed = await again.ask({ type: 'resume', bootId: 77, fromSequence: (startSequence + seen) % 2 ** 32 }, 50);
    expect(resumed).toMatchObject({ type: 'resumed', fromSequence: (startSequence + seen) % 2 ** 32 });
    device.advance(20);
    await settle();
    const all = [...client.data, ...again.data];
    expect(all.map(({ sequence }) => sequence)).toEqual(made.map((_, k) => (startSequence + k) % 2 ** 32));
    expect(all.filter((message) => message.type === 'block').map(({ firstSample }) => firstSample)).toEqual(
      Array.from({ length: 42 }, (_, k) => 20 * k),
    );
  });

  it('says from where it can go on when the ring no longer holds what is wanted', async () => {
    const { hub, device } = createDevice({ settings: { ringMs: 20 } });
    const client = await TestClient.connect(hub);
    await client.start();
    hub.cut();
    await settle();
    device.advance(20 * 200);
    const again = await TestClient.connect(hub);
    const hello = await again.hello();
    expect(hello.nextDataSequence - hello.oldestDataSequence).toBeLessThan(25);
    expect(await again.ask({ type: 'resume', bootId: 77, fromSequence: 1 }, 50)).toMatchObject({
      type: 'resumed',
      fromSequence: hello.oldestDataSequence,
    });
    expect(await again.ask({ type: 'resume', bootId: 78, fromSequence: 1 }, 51)).toMatchObject({
      type: 'refused',
      reason: 'bad-argument',
    });
  });

  it('ends stimulation at once when the link of the controller is gone', async () => {
    const { hub, device, rig, made } = createDevice();
    const client = await TestClient.connect(hub);
    await client.start();
    await client.ask({ type: 'upload-pattern', pattern: { slot: 0, pulses: [createBalancedPulse(1)] } });
    const profileHash = hashSafetyProfile(PROFILE);
    expect(await client.ask({ type: 'arm', token: TOKEN, serialNumber: 'mea-sim-0', profileHash })).toEqual({
      type: 'done',
    });
    device.advance(10);
    const at = { type: 'sample', sample: device.firmware.nextSample } as const;
    expect(await client.ask({ type: 'trigger', stimulusId: 1, slot: 0, at, token: TOKEN })).toMatchObject({
      type: 'scheduled',
    });
    await client.close();
    await settle();
    expect(device.firmware.armed).toBe(false);
    device.advance(1000);
    expect(rig.acts).toEqual([]);
    expect(made).toContainEqual(expect.objectContaining({ type: 'armed-changed', armed: false, cause: 'link-lost' }));
    expect(made).toContainEqual(expect.objectContaining({ type: 'stimulus-dropped', stimulusId: 1 }));
  });

  it('boots anew after a brown-out: another boot, sequence 0, nothing configured', async () => {
    const { hub, device, faults } = createDevice({ faults: ['brown-out=200:50'] });
    const client = await TestClient.connect(hub);
    await client.start();
    while (faults.applied.get('brown-out') === 0) device.advance(20);
    await settle();
    expect(client.closed).toBeDefined();
    expect(device.off).toBe(true);
    while (device.off) device.advance(20);
    const again = await TestClient.connect(hub);
    expect(await again.hello()).toMatchObject({ bootId: 78, oldestDataSequence: 0 });
    expect(await again.ask({ type: 'start' })).toMatchObject({ type: 'refused', reason: 'not-configured' });
  });

  it('holds replies back when it is slow, and gives them all', async () => {
    const { hub, device, faults } = createDevice({ faults: ['slow-ack=1:30'] });
    const client = await TestClient.connect(hub);
    expect(await client.ask({ type: 'status' })).toBeUndefined();
    device.advance(20 * 29);
    await settle();
    expect(client.received).toEqual([]);
    device.advance(20 * 2);
    await settle();
    expect(client.received).toHaveLength(1);
    expect(faults.applied.get('slow-ack')).toBe(1);
  });
});
