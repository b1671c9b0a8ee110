import { describe, expect, test } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { hertz } from '../../protocols/units.js';
import {
  countCommands,
  ofType,
  openArmedBench,
  openBench,
  PROFILE,
  typesOf,
} from '../../tests/helpers/driver-bench.js';

describe('acquisition', () => {
  test('is configured, started and stopped, and everything came', async () => {
    const { device, fake, events, settle } = await openBench();
    const configured = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    expect(configured.blockFrames).toBe(2);
    expect(configured.profileHash).toHaveLength(32);
    await settle(device.start());
    fake.acquire(10);
    await settle(device.rest(1000));
    fake.acquire(10);
    const end = await settle(device.stop());
    expect(end).toMatchObject({ type: 'ended', ended: { blocks: 20, check: { verdict: 'complete', frames: 40 } } });
    expect(typesOf(events)).toEqual([
      'stream-started',
      ...new Array<string>(10).fill('block'),
      'rested',
      ...new Array<string>(10).fill('block'),
      'stream-ended',
    ]);
    expect(device.counters).toMatchObject({ blocks: 20, frames: 40, duplicates: 0, gaps: 0, badFrames: 0, resumes: 0 });
  });

  test('stop waits for a tail that has to be asked for again', async () => {
    const { device, fake, events, settle } = await openBench();
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(5);
    let lost = 0;
    fake.copies = ({ type }) => {
      if (type === 'stream-ended' && lost === 0) {
        lost += 1;
        return 0;
      }
      return 1;
    };
    const end = await settle(device.stop());
    expect(lost).toBe(1);
    expect(end).toMatchObject({ type: 'ended', ended: { check: { verdict: 'complete' } } });
    expect(ofType(events, 'gap')).toEqual([]);
    expect(countCommands(fake, 'resume')).toBe(1);
  });

  test('stop resolves with a gap when the end is lost for good', async () => {
    const { device, fake, events, settle } = await openBench();
    await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.start());
    fake.acquire(5);
    await settle(device.status());
    fake.copies = () => 0;
    const end = await settle(device.stop());
    expect(end).toEqual({ type: 'gapped' });
    expect(ofType(events, 'gap')).toMatchObject([{ cause: 'lost', messages: 1 }]);
  });

  test('a stop that is refused is an error by name', async () => {
    const { device, errorOf } = await openBench();
    const error = await errorOf(device.stop());
    expect(isMeaError(error, 'refused')).toBe(true);
    expect(String(error)).toContain('wrong-state');
  });

  test('a device that holds other limits than it was sent is not accepted', async () => {
    const { device, fake, errorOf } = await openBench();
    fake.script = ({ type }) =>
      type === 'configure' ? { type: 'configured', blockFrames: 2, profileHash: new Uint8Array(32) } : undefined;
    const error = await errorOf(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    expect(String(error)).toContain('The device holds another safety profile than it was sent');
  });

  test('status and impedances are what the device says', async () => {
    const { device, fake, settle } = await openBench();
    fake.script = (command) =>
      command.type === 'measure-impedance'
        ? {
            type: 'impedances',
            frequencyHz: command.frequencyHz,
            values: command.electrodes.map((electrode) => ({ electrode, magnitudeOhm: 1000, phaseDegrees: -60 })),
          }
        : undefined;
    expect(await settle(device.status())).toMatchObject({ state: 'idle', armed: false });
    expect(await settle(device.measureImpedance({ electrodes: [1], frequencyHz: hertz(1000) }))).toEqual([
      { electrode: 1, magnitudeOhm: 1000, phaseDegrees: -60 },
    ]);
  });
});

describe('closing', () => {
  test('ends stimulation, then the acquisition, then the link', async () => {
    const { device, fake, events, settle } = await openArmedBench();
    fake.acquire(3);
    await settle(device.close());
    expect(fake.commandTypes().slice(4)).toEqual(['abort', 'stop']);
    expect(fake.isLinked).toBe(false);
    expect(ofType(events, 'stream-ended')).toMatchObject([{ check: { verdict: 'complete' } }]);
    expect(ofType(events, 'armed-changed').at(-1)).toMatchObject({ armed: false, cause: 'abort' });
  });

  test('twice is one closing', async () => {
    const { device, fake, settle } = await openArmedBench();
    const first = device.close();
    expect(device.close()).toBe(first);
    await settle(first);
    expect(fake.closedLinks).toBe(1);
  });

  test('a dead device ends within its bound, and says what did not work', async () => {
    const { device, fake, events, settle, timers } = await openArmedBench({ closeMs: 1000, silenceMs: 10_000 });
    fake.isHalfOpen = true;
    const startMs = timers.nowMs();
    await settle(device.close());
    expect(timers.nowMs() - startMs).toBeLessThanOrEqual(1000);
    expect(ofType(events, 'driver-warning')).toHaveLength(2);
    expect(timers.pending).toBeLessThanOrEqual(2);
  });

  test('without a link ends at once, and no link is made any more', async () => {
    const { device, fake, settle, timers } = await openArmedBench();
    fake.isUnreachable = true;
    fake.cut();
    await timers.advanceAsync(50);
    const startMs = timers.nowMs();
    await settle(device.close());
    expect(timers.nowMs() - startMs).toBeLessThanOrEqual(300);
    const { connects } = fake;
    fake.isUnreachable = false;
    await timers.advanceAsync(5000);
    expect(fake.connects).toBe(connects);
  });

  test('fails the commands that wait, and takes no more', async () => {
    const { device, fake, settle, errorOf } = await openBench();
    fake.script = ({ type }) => (type === 'status' ? 'silent' : undefined);
    const waiting = errorOf(device.status());
    const closed = device.close();
    expect(isMeaError(await waiting, 'link')).toBe(true);
    await settle(closed);
    expect(isMeaError(await errorOf(device.status()), 'link')).toBe(true);
  });
});
