import { describe, expect, it } from 'vitest';
import { countCommands, openBench, PROFILE, type Bench } from '../../../tests/helpers/driver-bench.js';
import { microamps, milliseconds, sampleIndex } from '../../../protocols/units.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import { createBalancedPulse } from '../../../tests/helpers/wide-profile.js';
import type { RigEvent } from '../events/rig-event.js';
import { RigLoop } from './rig-loop.js';
import type { RigLoopSettings } from './rig-settings.js';

const WISH = {
  pattern: { slot: 0, pulses: [createBalancedPulse(0)] },
  at: { type: 'now' },
  origin: { type: 'request' },
} as const;

interface Opened extends Omit<Bench, 'events'> {
  readonly loop: RigLoop;
  readonly events: readonly RigEvent[];
  readonly arm: () => Promise<void>;
}

async function openLoop(
  limits: Partial<SafetyProfile> = {},
  onFailure: (error: unknown) => void = (error) => {
    throw error;
  },
  settings: RigLoopSettings = {},
): Promise<Opened> {
  const bench = await openBench({ mainStallMs: 1e6 });
  const { device, timers, settle, fake } = bench;
  const events: RigEvent[] = [];
  const loop = new RigLoop({
    device,
    timers,
    settings,
    onEvent: (event) => events.push(event),
    onFailure,
  });
  const { profileHash } = await settle(loop.configure({ blockFrames: 2, safetyProfile: { ...PROFILE, ...limits } }));
  await settle(loop.start());
  const arm = (): Promise<void> => settle(loop.arm({ serialNumber: fake.capabilities.serialNumber, profileHash }));
  await arm();
  return { ...bench, loop, events, arm };
}

describe('a stimulus whose arming ends while its command is under way', () => {
  it.each(['abort', 'disarm'] as const)('stays in the account after %s: it may have left', async (end) => {
    const { device, fake, loop, settle, arm } = await openLoop({ maxStimuliPerSession: 1 });
    fake.script = ({ type }) => (type === 'trigger' ? 'silent' : undefined);
    const asked = loop.schedule(WISH);
    await settle(device[end]());
    expect(await settle(asked)).toMatchObject({
      type: 'stimulus-refused',
      by: 'driver',
      reason: 'not-armed',
      stimulusId: 1,
    });
    fake.script = () => undefined;
    await arm();
    const again = await settle(loop.schedule(WISH));
    expect(again).toMatchObject({ type: 'stimulus-refused', by: 'gate' });
    expect(again.type === 'stimulus-refused' && again.message).toContain('session-stimuli');
    await settle(loop.close());
  });

  it('leaves the account when the device says that it dropped it', async () => {
    const { device, fake, loop, settle, arm } = await openLoop({ maxStimuliPerSession: 1 });
    fake.script = ({ type }) => (type === 'trigger' ? 'silent' : undefined);
    const asked = loop.schedule(WISH);
    await settle(device.abort());
    await settle(asked);
    fake.emit({ type: 'stimulus-dropped', stimulusId: 1, atSample: sampleIndex(0), reason: 'aborted', message: '' });
    fake.script = () => undefined;
    await arm();
    expect(await settle(loop.schedule(WISH))).toMatchObject({ type: 'stimulus-scheduled', stimulusId: 2 });
    await settle(loop.close());
  });

  it('leaves the account when the device, still armed, refuses it', async () => {
    const { fake, loop, settle } = await openLoop({ maxStimuliPerSession: 1 });
    fake.script = ({ type }) =>
      type === 'trigger' ? { type: 'refused', reason: 'not-armed', message: 'not armed' } : undefined;
    expect(await settle(loop.schedule(WISH))).toMatchObject({ by: 'device', reason: 'not-armed' });
    fake.script = () => undefined;
    expect(await settle(loop.schedule(WISH))).toMatchObject({ type: 'stimulus-scheduled' });
    await settle(loop.close());
  });
});

describe('a pattern that is uploaded ahead', () => {
  const pattern = { slot: 1, pulses: [createBalancedPulse(0)] };

  it('is there when its stimulus comes, and is sent once', async () => {
    const { fake, loop, settle } = await openLoop();
    const uploads = (): number => countCommands(fake, 'upload-pattern');
    const before = uploads();
    await settle(loop.upload(pattern));
    await settle(loop.upload(pattern));
    expect(uploads()).toBe(before + 1);
    expect(await settle(loop.schedule({ ...WISH, pattern }))).toMatchObject({ type: 'stimulus-scheduled', slot: 1 });
    expect(uploads()).toBe(before + 1);
    await settle(loop.close());
  });

  it('goes through the gate', async () => {
    const { fake, loop, settle } = await openLoop({ maxCurrentUa: microamps(1) });
    const before = countCommands(fake, 'upload-pattern');
    await expect(settle(loop.upload(pattern))).rejects.toThrow(/safety gate refuses a pattern.*current: /);
    expect(countCommands(fake, 'upload-pattern')).toBe(before);
    await settle(loop.close());
  });

  it('does not go into the slot of a rule', async () => {
    const refractoryMs = milliseconds(10);
    const when = { electrodes: [0], withinMs: milliseconds(5), refractoryMs, maxPerSecond: 1, maxTriggers: 1 };
    const rule = { name: 'echo', when, pattern, leadMs: milliseconds(5) };
    const { loop, settle } = await openLoop({}, undefined, { rules: [rule] });
    await expect(settle(loop.upload(pattern))).rejects.toThrow('slot 1, of rule echo');
    await settle(loop.upload({ ...pattern, slot: 0 }));
    await settle(loop.close());
  });
});

describe('a loop whose streams fail', () => {
  it('disarms, hands on what the device says of it, and then tells the failure', async () => {
    const failures: unknown[] = [];
    const { fake, loop, settle, timers, events, device } = await openLoop({}, (error) => failures.push(error));
    fake.acquire(20);
    await timers.advanceAsync(5);
    // Its artefact has been taken for spikes.
    fake.emit({ type: 'stimulus-delivered', stimulusId: 1, sample: sampleIndex(3), slot: 0, electrodes: [0] });
    await timers.advanceAsync(1);
    const seen = events.length;
    await timers.advanceAsync(2000);
    expect(device.isArmed).toBe(false);
    expect(failures.map(String)).toEqual([expect.stringContaining('told after the block')]);
    const later = events.slice(seen - 1).map(({ type }) => type);
    expect(later).toContain('armed-changed');
    fake.acquire(20);
    fake.emit({ type: 'log', level: 'warn', message: 'still here' });
    await timers.advanceAsync(5);
    expect(events.slice(seen - 1).map(({ type }) => type)).toEqual(later);
    expect(await settle(loop.schedule(WISH).catch((error: unknown) => String(error)))).toContain('The loop has failed');
    await settle(loop.close());
  });
});

describe('the summary of a loop', () => {
  it('counts the samples, gaps and rests of all its acquisitions', async () => {
    const { fake, loop, settle, timers } = await openLoop();
    expect(loop.summary.signal).toEqual({ samples: 0, gaps: 0, gapSamples: 0, rests: 0 });
    fake.acquire(10);
    await timers.advanceAsync(5);
    const once = loop.summary.signal;
    expect(once).toMatchObject({ samples: 20, gaps: 0 });
    await settle(loop.stop());
    await settle(loop.start());
    fake.acquire(5);
    await timers.advanceAsync(5);
    expect(loop.summary.signal).toEqual({ ...once, samples: 30 });
    await settle(loop.close());
  });
});

describe('the end of a loop', () => {
  it('closes the trial windows that are open, also where the device does not answer any more', async () => {
    const { fake, loop, settle, timers, events } = await openLoop();
    fake.acquire(10);
    fake.emit({ type: 'stimulus-delivered', stimulusId: 1, sample: sampleIndex(30), slot: 0, electrodes: [0] });
    fake.acquire(20);
    await timers.advanceAsync(5);
    fake.isHalfOpen = true;
    await settle(loop.close());
    expect(events.filter(({ type }) => type === 'stream-ended')).toEqual([]);
    const responses = events.filter((event) => event.type === 'windowed-response');
    expect(responses).toMatchObject([{ stimulusId: 1, delivery: 'delivered', pulsedElectrodes: [0] }]);
    expect([...responses[0]!.blindFraction!]).toEqual([1, 1]);
    expect(loop.summary.trials).toMatchObject({ results: 1, open: 0 });
  });
});
