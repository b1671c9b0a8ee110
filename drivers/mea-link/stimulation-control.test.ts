import { describe, expect, test } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import {
  checkedStimulus,
  countCommands,
  ofType,
  openArmedBench,
  openBench,
  PROFILE,
} from '../../tests/helpers/driver-bench.js';

describe('arming', () => {
  test('sends a fresh token each time, and heartbeats with it every 20 ms', async () => {
    const { device, fake, timers, settle } = await openArmedBench();
    expect(device.isArmed).toBe(true);
    expect(fake.armedWith).toEqual(new Uint8Array(16).fill(2));
    fake.heartbeats.length = 0;
    await timers.advanceAsync(200);
    expect(fake.heartbeats).toHaveLength(10);
    expect(fake.heartbeats.every(({ token, armedForMs }) => token[0] === 2 && armedForMs === 500)).toBe(true);
    await settle(device.disarm());
    expect(device.isArmed).toBe(false);
    const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    await settle(device.arm({ serialNumber: 'S-1', profileHash }));
    expect(fake.armedWith).toEqual(new Uint8Array(16).fill(3));
  });

  test('carries the progress of the main loop, and ends when that stands still', async () => {
    const { device, fake, events, timers } = await openArmedBench({ mainStallMs: 250 });
    for (let turn = 0; turn < 50; turn++) {
      device.reportProgress();
      await timers.advanceAsync(240);
    }
    expect(device.isArmed).toBe(true);
    expect(fake.heartbeats.at(-1)?.progress).toBe(50);
    await timers.advanceAsync(60);
    expect(device.isArmed).toBe(false);
    expect(ofType(events, 'main-stalled')).toHaveLength(1);
    expect(ofType(events, 'main-stalled')[0]?.stalledMs).toBeGreaterThanOrEqual(250);
    const lastWithToken = fake.heartbeats.findLast(({ token }) => token.length > 0);
    expect(lastWithToken?.atMs).toBeLessThanOrEqual(timers.nowMs() - 20);
    // What was dropped stays dropped, whatever the main loop does now.
    device.reportProgress();
    fake.heartbeats.length = 0;
    await timers.advanceAsync(500);
    expect(fake.heartbeats.every(({ token }) => token.length === 0)).toBe(true);
  });

  test('is never repeated by itself after the link was lost', async () => {
    const { device, fake, events, timers } = await openArmedBench();
    fake.cut();
    expect(device.isArmed).toBe(false);
    await timers.advanceAsync(2000);
    expect(ofType(events, 'link-restored')).toHaveLength(1);
    expect(device.isArmed).toBe(false);
    expect(fake.armedWith).toBeUndefined();
    expect(countCommands(fake, 'arm')).toBe(1);
    const after = fake.heartbeats.filter(({ atMs }) => atMs > 100);
    expect(after.length).toBeGreaterThan(10);
    expect(after.every(({ token }) => token.length === 0)).toBe(true);
    expect(await device.stimulate(checkedStimulus(1))).toMatchObject({ type: 'refused', reason: 'not-armed' });
    expect(countCommands(fake, 'trigger')).toBe(0);
  });

  test('is not sent later when there is no link now', async () => {
    const { device, fake, timers, errorOf } = await openBench();
    fake.isUnreachable = true;
    fake.cut();
    expect(
      isMeaError(await errorOf(device.arm({ serialNumber: 'S-1', profileHash: new Uint8Array(32) })), 'link'),
    ).toBe(true);
    fake.isUnreachable = false;
    await timers.advanceAsync(1000);
    expect(device.isConnected).toBe(true);
    expect(countCommands(fake, 'arm')).toBe(0);
  });

  test('whose answer is lost with the link does not come back', async () => {
    const { device, fake, timers, errorOf, settle } = await openBench();
    const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    fake.script = ({ type }) => (type === 'arm' ? 'silent' : undefined);
    const failure = errorOf(device.arm({ serialNumber: 'S-1', profileHash }));
    await timers.advanceAsync(30);
    fake.cut();
    expect(isMeaError(await failure, 'link')).toBe(true);
    fake.script = () => undefined;
    await timers.advanceAsync(1000);
    expect(countCommands(fake, 'arm')).toBe(1);
    expect(fake.armedWith).toBeUndefined();
  });

  test('that the device ends is heard, on the data lane or by its heartbeats', async () => {
    const first = await openArmedBench();
    first.fake.disarm('watchdog');
    await first.timers.advanceAsync(3);
    expect(first.device.isArmed).toBe(false);

    const second = await openArmedBench();
    second.fake.copies = () => 0;
    second.fake.disarm('watchdog');
    await second.timers.advanceAsync(45);
    expect(second.device.isArmed).toBe(false);
  });

  test('is not ended by late news of the arming before it', async () => {
    const { device, fake, events, timers, settle } = await openBench({ mainStallMs: 1e6 });
    const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    const arm = (): Promise<void> => settle(device.arm({ serialNumber: 'S-1', profileHash }));
    fake.copies = ({ type }) => (type === 'armed-changed' ? 0 : 1);
    await arm();
    fake.cut();
    await timers.advanceAsync(10);
    await arm();
    fake.copies = () => 1;
    await timers.advanceAsync(1000);
    expect(ofType(events, 'armed-changed').map(({ armed }) => armed)).toEqual([true, false, true]);
    expect(device.isArmed).toBe(true);
  });

  test('that is refused is an error by name, and no token is kept', async () => {
    const { device, fake, timers, errorOf } = await openBench();
    fake.script = ({ type }) =>
      type === 'arm' ? { type: 'refused', reason: 'wrong-profile', message: 'another hash' } : undefined;
    const error = await errorOf(device.arm({ serialNumber: 'S-1', profileHash: new Uint8Array(32) }));
    expect(String(error)).toContain('The device refused arm: wrong-profile: another hash');
    fake.heartbeats.length = 0;
    await timers.advanceAsync(200);
    expect(fake.heartbeats.every(({ token }) => token.length === 0)).toBe(true);
  });

  test('twice is refused before anything is sent', async () => {
    const { device, fake, errorOf } = await openArmedBench();
    const error = await errorOf(device.arm({ serialNumber: 'S-1', profileHash: new Uint8Array(32) }));
    expect(String(error)).toContain('armed already');
    expect(countCommands(fake, 'arm')).toBe(1);
  });
});

describe('a stimulus', () => {
  test('is scheduled, after its pattern was uploaded once', async () => {
    const { device, fake, settle } = await openArmedBench();
    expect(await settle(device.stimulate(checkedStimulus(1)))).toEqual({ type: 'scheduled', sample: 100 });
    expect(await settle(device.stimulate(checkedStimulus(2)))).toMatchObject({ type: 'scheduled' });
    expect(await settle(device.stimulate(checkedStimulus(3, { currentUa: 20 })))).toMatchObject({ type: 'scheduled' });
    expect(await settle(device.stimulate(checkedStimulus(4, { slot: 1 })))).toMatchObject({ type: 'scheduled' });
    expect(fake.commandTypes().slice(4)).toEqual([
      'upload-pattern',
      'trigger',
      'trigger',
      'upload-pattern',
      'trigger',
      'upload-pattern',
      'trigger',
    ]);
    const trigger = fake.commands.find(({ command }) => command.type === 'trigger');
    expect(trigger?.command).toEqual({
      type: 'trigger',
      stimulusId: 1,
      slot: 0,
      at: { type: 'now' },
      token: new Uint8Array(16).fill(2),
    });
  });

  test('never meets the pattern of another in its slot', async () => {
    const { device, fake, settle } = await openArmedBench();
    const both = [
      device.stimulate(checkedStimulus(1, { currentUa: 10 })),
      device.stimulate(checkedStimulus(2, { currentUa: 20 })),
    ];
    await settle(Promise.all(both));
    expect(fake.commandTypes().slice(4)).toEqual(['upload-pattern', 'trigger', 'upload-pattern', 'trigger']);
  });

  test('that did not pass the gate is refused at run time, and nothing is sent', async () => {
    const { device, fake, errorOf } = await openArmedBench();
    const sent = fake.commands.length;
    const { stimulusId, pattern, at } = checkedStimulus(1);
    const forged = { stimulusId, pattern, at };
    // What a plain JavaScript caller could do.
    const stimulate: unknown = Reflect.get(device, 'stimulate');
    if (typeof stimulate !== 'function') throw new Error('no method');
    const call = (value: unknown): Promise<unknown> => Promise.resolve(Reflect.apply(stimulate, device, [value]));
    for (const value of [forged, null, 'now', { stimulusId: 1 }]) {
      const error = await errorOf(call(value));
      expect(isMeaError(error, 'refused')).toBe(true);
      expect(String(error)).toContain('did not pass the safety gate');
    }
    expect(fake.commands).toHaveLength(sent);
  });

  test('that the device refuses is a result with reason and rule', async () => {
    const { device, fake, settle } = await openArmedBench();
    fake.script = ({ type }) =>
      type === 'trigger' ? { type: 'refused', reason: 'safety', rule: 'interval', message: 'too soon' } : undefined;
    expect(await settle(device.stimulate(checkedStimulus(1)))).toEqual({
      type: 'refused',
      reason: 'safety',
      rule: 'interval',
      message: 'too soon',
    });
  });

  test('finds its slot filled again when the device had emptied it', async () => {
    const { device, fake, settle } = await openArmedBench();
    await settle(device.stimulate(checkedStimulus(1)));
    fake.slots.clear();
    expect(await settle(device.stimulate(checkedStimulus(2)))).toMatchObject({ type: 'scheduled' });
    expect(countCommands(fake, 'upload-pattern')).toBe(2);
  });

  test('has its pattern uploaded again after the link was lost: another controller may have filled the slot', async () => {
    const { device, fake, timers, settle } = await openBench({ mainStallMs: 1e6 });
    const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    const arm = (): Promise<void> => settle(device.arm({ serialNumber: 'S-1', profileHash }));
    await arm();
    await settle(device.stimulate(checkedStimulus(1)));
    fake.cut();
    await timers.advanceAsync(100);
    await arm();
    await settle(device.stimulate(checkedStimulus(2)));
    expect(countCommands(fake, 'upload-pattern')).toBe(2);
  });

  test('is not triggered when nothing is armed', async () => {
    const { device, fake } = await openBench();
    expect(await device.stimulate(checkedStimulus(1))).toMatchObject({ type: 'refused', reason: 'not-armed' });
    expect(fake.commandTypes()).toEqual(['hello']);
  });

  test('can be taken back', async () => {
    const { device, settle } = await openArmedBench();
    expect(await settle(device.cancel(5))).toEqual({ type: 'done' });
  });

  test('that is not answered says that it may leave all the same', async () => {
    const { device, fake, errorOf } = await openArmedBench();
    fake.script = ({ type }) => (type === 'trigger' ? 'silent' : undefined);
    const error = await errorOf(device.stimulate(checkedStimulus(1)));
    expect(isMeaError(error, 'deadline')).toBe(true);
    expect(String(error)).toContain('the stimulus may leave all the same: cancel or abort');
  });

  test('more than may wait are refused', async () => {
    const { device, settle, errorOf } = await openArmedBench({ maxQueued: 3 });
    const waiting = [1, 2, 3].map((id) => device.stimulate(checkedStimulus(id)));
    expect(isMeaError(await errorOf(device.stimulate(checkedStimulus(4))), 'refused')).toBe(true);
    expect(await settle(Promise.all(waiting))).toMatchObject([
      { type: 'scheduled' },
      { type: 'scheduled' },
      { type: 'scheduled' },
    ]);
  });
});

describe('abort', () => {
  test('overtakes all that waits, and what would stimulate never leaves', async () => {
    const { device, fake, settle } = await openArmedBench();
    fake.script = ({ type }) => (type === 'status' ? 'silent' : undefined);
    const status = device.status().catch(() => undefined);
    const stimuli = [1, 2, 3].map((id) => device.stimulate(checkedStimulus(id)));
    const aborted = device.abort();
    await settle(aborted);
    expect(fake.commandTypes().slice(4)).toEqual(['status', 'abort']);
    expect(await settle(Promise.all(stimuli))).toMatchObject([
      { reason: 'not-armed' },
      { reason: 'not-armed' },
      { reason: 'not-armed' },
    ]);
    await settle(status);
    expect(countCommands(fake, 'trigger')).toBe(0);
    expect(fake.armedWith).toBeUndefined();
  });

  test('is sent again until it is acknowledged', async () => {
    const { device, fake, settle, timers } = await openArmedBench();
    fake.script = ({ type }) => (type === 'abort' ? 'silent' : undefined);
    const aborted = device.abort();
    await timers.advanceAsync(100);
    expect(countCommands(fake, 'abort')).toBe(5);
    fake.script = () => undefined;
    await settle(aborted);
    expect(fake.armedWith).toBeUndefined();
  });

  test('takes back an arming that is under way', async () => {
    const { device, fake, settle, errorOf, timers } = await openBench();
    const { profileHash } = await settle(device.configure({ blockFrames: 2, safetyProfile: PROFILE }));
    fake.script = ({ type }) => (type === 'arm' ? 'silent' : undefined);
    const arming = errorOf(device.arm({ serialNumber: 'S-1', profileHash }));
    const aborted = device.abort();
    await settle(aborted);
    expect(isMeaError(await arming, 'refused')).toBe(true);
    fake.script = () => undefined;
    await timers.advanceAsync(1000);
    expect(countCommands(fake, 'arm')).toBe(1);
    expect(device.isArmed).toBe(false);
  });

  test('goes over the next link, before the greeting, when there is none now', async () => {
    const { device, fake, settle } = await openArmedBench();
    fake.cut();
    await settle(device.abort());
    const types = fake.commandTypes();
    expect(types.indexOf('abort')).toBeGreaterThan(0);
    expect(types.indexOf('abort')).toBeLessThan(types.lastIndexOf('hello'));
  });

  test('works in any state', async () => {
    const { device, fake, settle } = await openBench();
    await settle(device.abort());
    expect(fake.commandTypes()).toEqual(['hello', 'abort']);
  });
});
