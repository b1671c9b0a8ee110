import { config, firstValueFrom, take, toArray } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import { countCommands, ofType, openBench, PROFILE, typesOf } from '../../tests/helpers/driver-bench.js';
import { SCRIPTED_CAPABILITIES, ScriptedDevice } from '../../tests/helpers/scripted-device.js';
import { createVirtualTimers } from '../../tests/helpers/virtual-timers.js';
import { connectMeaLink } from './connect-mea-link.js';
import type { DeviceEvent } from './device-event.js';

describe('connecting', () => {
  test('says hello once and knows the device', async () => {
    const { device, fake } = await openBench();
    expect(device.capabilities).toEqual(SCRIPTED_CAPABILITIES);
    expect(device.bootId).toBe(7);
    expect(device.isConnected).toBe(true);
    expect(fake.commands).toMatchObject([
      { id: 1, command: { type: 'hello', major: 1, minor: 1, client: 'test 0', clientId: new Uint8Array(16).fill(1) } },
    ]);
  });

  test('fails with the reason when the device refuses us', async () => {
    await expect(
      openBench({}, (fake) => {
        fake.script = () => ({ type: 'refused', reason: 'not-controller', message: 'another one is here' });
      }),
    ).rejects.toThrow('The device refused hello: not-controller: another one is here');
  });

  test('says hello again when the device has given it up and the link does not show it', async () => {
    const { device, fake, events, timers, errorOf } = await openBench();
    let isForgotten = true;
    fake.script = (command) => {
      if (command.type === 'hello') isForgotten = false;
      return isForgotten ? { type: 'refused', reason: 'not-controller', message: 'say hello first' } : undefined;
    };
    // Polled so often that the link is never silent.
    expect(isMeaError(await errorOf(device.start()), 'refused')).toBe(true);
    for (let k = 0; k < 10; k++) {
      device.status().catch(() => undefined);
      await timers.advanceAsync(50);
    }
    expect(typesOf(events).slice(0, 2)).toEqual(['link-lost', 'link-restored']);
    expect(device.isConnected).toBe(true);
    expect(countCommands(fake, 'hello')).toBe(2);
  });

  test('fails within its time when the device is silent', async () => {
    await expect(
      openBench({ connectMs: 500 }, (fake) => {
        fake.isHalfOpen = true;
      }),
    ).rejects.toThrow(/did not answer hello|took longer than 500 ms/);
  });

  test('fails when nobody listens', async () => {
    await expect(
      openBench({}, (fake) => {
        fake.isUnreachable = true;
      }),
    ).rejects.toThrow('Nobody listens');
  });

  test('refuses a device whose heartbeats are rarer than the silence that counts as loss', async () => {
    await expect(
      openBench({}, (fake) => {
        fake.capabilities = { ...fake.capabilities, heartbeatMs: 200 };
      }),
    ).rejects.toThrow('more seldom than silenceMs allows');
  });

  test('fails within its time when no link opens, and closes one that opens too late', async () => {
    const timers = createVirtualTimers();
    const fake = new ScriptedDevice({ timers });
    let open: () => void = () => undefined;
    const isOpened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const transport: Transport = {
      address: 'slow:',
      connect: async (handler) => {
        await isOpened;
        return fake.connect(handler, new AbortController().signal);
      },
    };
    const failure = connectMeaLink({ transport, timers, client: 'test' }, new AbortController().signal).catch(String);
    await timers.advanceAsync(1000);
    expect(await failure).toBe('MeaError: Opening the link took longer than 1000 ms (slow:)');
    open();
    await timers.advanceAsync(1);
    expect(fake.connects).toBe(1);
    expect(fake.closedLinks).toBe(1);
    expect(fake.commands).toEqual([]);
  });

  test('ends when its signal is aborted', async () => {
    const timers = createVirtualTimers();
    const fake = new ScriptedDevice({ timers });
    fake.isHalfOpen = true;
    const controller = new AbortController();
    const connecting = connectMeaLink({ transport: fake, timers, client: 'test', options: {} }, controller.signal);
    const failure = connecting.catch((error: unknown) => error);
    await timers.advanceAsync(50);
    controller.abort(new Error('enough'));
    await timers.advanceAsync(50);
    expect(await failure).toEqual(new Error('enough'));
    expect(fake.isLinked).toBe(false);
  });

  test('refuses options that make no sense', async () => {
    await expect(openBench({ armedForMs: 1001 })).rejects.toThrow('Bad driver option armedForMs');
    await expect(openBench({ silenceMs: 0 })).rejects.toThrow('Bad driver option silenceMs');
  });
});

describe('events', () => {
  test('are the same for two subscribers', async () => {
    const { device, fake, events, settle } = await openBench();
    const others: DeviceEvent[] = [];
    device.events$.subscribe((event) => others.push(event));
    fake.acquire(5);
    await settle(device.close());
    expect(events).toHaveLength(5);
    expect(others).toEqual(events);
  });

  test('go on when one subscriber throws: its error is reported, the other hears everything', async () => {
    const { device, fake, timers } = await openBench();
    const reported: unknown[] = [];
    config.onUnhandledError = (error) => reported.push(error);
    const heard: DeviceEvent[] = [];
    device.events$.subscribe(() => {
      throw new Error('a plugin');
    });
    device.events$.subscribe((event) => heard.push(event));
    fake.acquire(3);
    await timers.advanceAsync(5);
    // rxjs reports in a task of its own.
    await new Promise((resolve) => setTimeout(resolve, 0));
    config.onUnhandledError = null;
    expect(reported.map(String)).toEqual(['Error: a plugin', 'Error: a plugin', 'Error: a plugin']);
    expect(heard).toHaveLength(3);
  });

  test('an early end of a subscription harms nobody', async () => {
    const { device, fake, events, timers } = await openBench();
    const firstTwo = firstValueFrom(device.events$.pipe(take(2), toArray()));
    fake.acquire(5);
    await timers.advanceAsync(5);
    expect(await firstTwo).toHaveLength(2);
    expect(events).toHaveLength(5);
  });

  test('complete when the device is closed, also for who subscribes later', async () => {
    const { device, settle } = await openBench();
    const done = vi.fn();
    device.events$.subscribe({ complete: done });
    await settle(device.close());
    device.events$.subscribe({ complete: done });
    expect(done).toHaveBeenCalledTimes(2);
  });

  test('tell of bytes that are no message, and of messages on the wrong lane', async () => {
    const { device, fake, events, timers } = await openBench();
    fake.sendRaw('data', Uint8Array.of(1, 2, 3));
    await timers.advanceAsync(5);
    expect(typesOf(events)).toEqual(['bad-frame']);
    expect(device.counters.badFrames).toBe(1);
  });

  test('a message that is lost on a live link is asked for and comes in its turn', async () => {
    const { device, fake, events, timers } = await openBench();
    let dropped = 0;
    fake.copies = () => (dropped++ === 1 ? 0 : 2);
    fake.acquire(6);
    await timers.advanceAsync(50);
    expect(ofType(events, 'block').map(({ firstSample }) => firstSample)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(device.counters).toMatchObject({ gaps: 0, resumes: 1, blocks: 6 });
    expect(device.counters.duplicates).toBeGreaterThan(5);
  });
});

describe('the link', () => {
  test('that is cut for less than the ring holds loses nothing', async () => {
    const { device, fake, events, timers, settle } = await openBench();
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(4);
    await timers.advanceAsync(5);
    fake.cut();
    fake.acquire(6);
    await timers.advanceAsync(40);
    fake.acquire(3);
    const end = await settle(device.stop());
    expect(end).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete', blocks: 13 } } });
    expect(ofType(events, 'gap')).toEqual([]);
    expect(ofType(events, 'link-lost')).toEqual([{ type: 'link-lost', reason: 'cut' }]);
    expect(ofType(events, 'link-restored')).toMatchObject([{ recoveredMessages: 6, lostMessages: 0 }]);
    expect(fake.connects).toBe(2);
    expect(device.isConnected).toBe(true);
  });

  test('that is cut for longer than the ring holds leaves one gap with the right numbers', async () => {
    const { device, fake, events, timers, settle } = await openBench();
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(4);
    await timers.advanceAsync(5);
    const before = fake.next;
    fake.cut();
    fake.acquire(10);
    fake.oldest = before + 7;
    const end = await settle(device.stop());
    expect(ofType(events, 'gap')).toEqual([
      {
        type: 'gap',
        cause: 'ring-overrun',
        firstSequence: before,
        lastSequence: before + 6,
        messages: 7,
        atSequence: before + 7,
        fromSample: 8,
        toSample: null,
      },
    ]);
    expect(ofType(events, 'sample-jump')).toEqual([{ type: 'sample-jump', fromSample: 8, toSample: 22, cause: 'gap' }]);
    expect(ofType(events, 'link-restored')).toMatchObject([{ recoveredMessages: 3, lostMessages: 7 }]);
    expect(end).toMatchObject({ ended: { check: { verdict: 'gaps-reported', missingBlocks: 7, missingFrames: 14 } } });
  });

  test('that is half open is noticed within the silence, 100 of 100 times', async () => {
    for (let at = 0; at < 100; at++) {
      const { fake, events, timers } = await openBench();
      await timers.advanceAsync(100 + at);
      fake.isHalfOpen = true;
      await timers.advanceAsync(150);
      expect(typesOf(events)).toEqual(['link-lost']);
      expect(fake.closedLinks).toBe(1);
    }
  });

  test('that carries nothing but heartbeats is not lost', async () => {
    const { fake, events, timers } = await openBench();
    await timers.advanceAsync(5000);
    expect(events).toEqual([]);
    expect(fake.heartbeats.length).toBeGreaterThanOrEqual(50);
    expect(fake.heartbeats.every(({ token, armedForMs }) => token.length === 0 && armedForMs === 0)).toBe(true);
  });

  test('is tried again with doubling pauses, and given up in the end', async () => {
    const { device, fake, events, timers, errorOf } = await openBench({ giveUpMs: 2000 });
    fake.isUnreachable = true;
    fake.cut();
    await timers.advanceAsync(2700);
    // At once, then after 20, 40, 80, 160, 320, 640 and 1000 ms.
    expect(fake.connects).toBe(1 + 7);
    expect(typesOf(events)).toEqual(['link-lost', 'link-failed']);
    expect(isMeaError(await errorOf(device.status()), 'link')).toBe(true);
  });

  test('to a device that booted anew is told as a restart, and its first messages are not lost', async () => {
    const { device, fake, events, timers, settle } = await openBench();
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(4);
    await timers.advanceAsync(5);
    events.length = 0;
    fake.reboot();
    await timers.advanceAsync(100);
    expect(typesOf(events)).toEqual(['link-lost', 'gap', 'device-restarted', 'fault']);
    expect(ofType(events, 'gap')).toMatchObject([{ cause: 'restart', lastSequence: null, messages: null }]);
    expect(ofType(events, 'device-restarted')).toEqual([{ type: 'device-restarted', previousBootId: 7, bootId: 8 }]);
    expect(device.bootId).toBe(8);
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(4);
    expect(await settle(device.stop())).toMatchObject({ ended: { check: { verdict: 'complete' } } });
  });

  test('to another device is not used', async () => {
    const { fake, events, timers } = await openBench();
    fake.capabilities = { ...fake.capabilities, serialNumber: 'S-2' };
    fake.cut();
    await timers.advanceAsync(100);
    expect(ofType(events, 'link-failed')).toMatchObject([
      { message: 'Another device answers: serial number S-2, expected S-1' },
    ]);
    expect(fake.isLinked).toBe(false);
  });

  test.each([
    ['channels', 'The device came back with another number of channels: 3, expected 2'],
    ['sampleRateHz', 'The device came back with another sample rate: 20001 Hz, expected 20000 Hz'],
  ] as const)('to a device that booted with other %s is not used', async (what, message) => {
    const { fake, events, timers } = await openBench();
    fake.capabilities = { ...fake.capabilities, [what]: fake.capabilities[what] + 1 };
    fake.reboot();
    await timers.advanceAsync(100);
    expect(ofType(events, 'link-failed')).toMatchObject([{ message }]);
    expect(ofType(events, 'device-restarted')).toEqual([]);
    expect(fake.isLinked).toBe(false);
  });

  test('on which the data lane began anew without a word is dropped and greeted again', async () => {
    const { fake, events, timers } = await openBench();
    fake.acquire(10);
    await timers.advanceAsync(50);
    fake.bootId += 1;
    Object.defineProperty(fake, 'next', { get: () => 0 });
    await timers.advanceAsync(150);
    expect(ofType(events, 'link-lost')).toMatchObject([{ reason: 'the device has begun its data lane anew' }]);
    expect(ofType(events, 'device-restarted')).toHaveLength(1);
  });

  test('that is full holds commands back until it drains', async () => {
    const { device, fake, settle, timers } = await openBench();
    fake.isFull = true;
    const status = device.status();
    await timers.advanceAsync(50);
    expect(countCommands(fake, 'status')).toBe(0);
    fake.drain();
    expect(await settle(status)).toMatchObject({ type: 'status' });
    expect(countCommands(fake, 'status')).toBe(1);
  });
});
