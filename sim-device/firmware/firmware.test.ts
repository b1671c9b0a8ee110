import { describe, expect, it } from 'vitest';

import type { ReplyResult, TriggerCommand } from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, sampleIndex, seconds } from '../../protocols/units.js';
import { createRampRig, rampValue } from '../../tests/helpers/ramp-rig.js';
import { createBalancedPulse, createWideProfile } from '../../tests/helpers/wide-profile.js';
import type { ControlBody, DataBody } from './device-events.js';
import { DEFAULT_DEVICE_SETTINGS } from './device-settings.js';
import { Firmware } from './firmware.js';

const TOKEN = new Uint8Array(16).fill(7);
const PROFILE = createWideProfile([0, 1, 2]);

interface Options {
  readonly startSample?: number;
  readonly blockFrames?: number;
  readonly fails?: () => boolean;
  readonly onDeliver?: (pulses: readonly Pulse[]) => void;
}

function createFirmware(options: Options = {}) {
  const rig = createRampRig(options.onDeliver === undefined ? {} : { onDeliver: options.onDeliver });
  const data: DataBody[] = [];
  const control: ControlBody[] = [];
  const firmware = new Firmware(
    rig,
    {
      settings: { ...DEFAULT_DEVICE_SETTINGS, blockFrames: options.blockFrames ?? 20 },
      startSample: options.startSample ?? 0,
      stimulatorFails: options.fails ?? (() => false),
    },
    {
      output: {
        data: (body) => data.push(body.type === 'block' ? { ...body, samples: body.samples.slice() } : body),
        control: (body) => control.push(body),
      },
      nextDataSequence: () => data.length,
    },
  );
  return { rig, data, control, firmware };
}

/** Brings the device to where it may stimulate. */
function armed(options: Options & { readonly profile?: SafetyProfile } = {}) {
  const device = createFirmware(options);
  const { firmware } = device;
  const safetyProfile = options.profile ?? PROFILE;
  done(firmware.execute({ type: 'configure', blockFrames: options.blockFrames ?? 20, safetyProfile }));
  done(firmware.execute({ type: 'start' }));
  done(firmware.execute({ type: 'upload-pattern', pattern: { slot: 3, pulses: [createBalancedPulse(1)] } }));
  done(firmware.execute({ type: 'upload-pattern', pattern: { slot: 4, pulses: [] } }));
  done(
    firmware.execute({
      type: 'arm',
      token: TOKEN,
      serialNumber: firmware.capabilities.serialNumber,
      profileHash: hashSafetyProfile(safetyProfile),
    }),
  );
  return device;
}

function done(result: ReplyResult): void {
  expect(['done', 'configured'], JSON.stringify(result)).toContain(result.type);
}

function trigger(stimulusId: number, sample: number | 'now', changes: Partial<TriggerCommand> = {}): TriggerCommand {
  const at = sample === 'now' ? ({ type: 'now' } as const) : ({ type: 'sample', sample: sampleIndex(sample) } as const);
  return { type: 'trigger', stimulusId, slot: 3, at, token: TOKEN, ...changes };
}

function reasonOf(result: ReplyResult): string {
  return result.type === 'refused' ? result.reason : result.type;
}

function beat(firmware: Firmware, token = TOKEN, armedForMs = 1000): void {
  firmware.hear({ type: 'heartbeat', sequence: 0, token, progress: 0, armedForMs });
}

/** Lets milliseconds pass with a good heartbeat every 20. */
function advanceAlive(firmware: Firmware, durationMs: number): void {
  for (let ms = 0; ms < durationMs; ms += 20) {
    beat(firmware);
    firmware.advance(20 * Math.min(20, durationMs - ms));
  }
}

describe('the firmware', () => {
  it('acquires only after configure and start, and says where the counter is', () => {
    const { firmware, data } = createFirmware();
    firmware.advance(100);
    expect(reasonOf(firmware.execute({ type: 'start' }))).toBe('not-configured');
    expect(data).toEqual([]);
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE }));
    firmware.advance(100);
    expect(data).toEqual([]);
    done(firmware.execute({ type: 'start' }));
    firmware.advance(40);
    expect(data.map(({ type }) => type)).toEqual(['stream-started', 'block', 'block']);
  });

  it.each([1, 2, 7, 13, 500])('gives the same samples however time is cut: steps of %i ticks', (step) => {
    const { firmware, data } = createFirmware();
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE }));
    done(firmware.execute({ type: 'start' }));
    for (let left = 500; left > 0; left -= step) firmware.advance(Math.min(step, left));
    done(firmware.execute({ type: 'stop' }));
    const blocks = data.filter((body) => body.type === 'block');
    expect(blocks.map(({ frames }) => frames)).toEqual(new Array(25).fill(20));
    const samples = blocks.flatMap((block) => [...block.samples]);
    expect(samples).toEqual(
      Array.from({ length: 500 }, (_, n) => [0, 1, 2, 3].map((channel) => rampValue(n, channel))).flat(),
    );
    expect(data.at(-1)).toMatchObject({ type: 'stream-ended', endSample: 500, blocks: 25, frames: 500 });
  });

  it('sends a short last block before a stop and before a rest', () => {
    const { firmware, data } = createFirmware();
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE }));
    done(firmware.execute({ type: 'start' }));
    firmware.advance(27);
    done(firmware.execute({ type: 'rest', durationSamples: 1000 }));
    firmware.advance(5);
    done(firmware.execute({ type: 'stop' }));
    expect(data.slice(1).map((body) => (body.type === 'block' ? [body.firstSample, body.frames] : body.type))).toEqual([
      [0, 20],
      [20, 7],
      'rested',
      [1027, 5],
      'stream-ended',
    ]);
    expect(data[3]).toMatchObject({ fromSample: 27, toSample: 1027 });
  });

  it('delivers a scheduled stimulus at exactly its sample, and says so before the block that holds it', () => {
    const { firmware, data, rig } = armed();
    expect(firmware.execute(trigger(1, 133))).toEqual({ type: 'scheduled', sample: 133 });
    advanceAlive(firmware, 10);
    expect(rig.acts).toEqual([{ type: 'deliver', sample: 133, electrodes: [1] }]);
    const at = data.findIndex(({ type }) => type === 'stimulus-delivered');
    expect(data[at]).toEqual({ type: 'stimulus-delivered', stimulusId: 1, sample: 133, slot: 3, electrodes: [1] });
    expect(data[at + 1]).toMatchObject({ type: 'block', firstSample: 120 });
  });

  it('delivers an immediate stimulus at the next sample, and an empty pattern as nothing', () => {
    const { firmware, data, rig } = armed();
    firmware.advance(33);
    expect(firmware.execute(trigger(1, 'now'))).toEqual({ type: 'scheduled', sample: 33 });
    expect(firmware.execute(trigger(2, 200, { slot: 4 }))).toEqual({ type: 'scheduled', sample: 200 });
    advanceAlive(firmware, 20);
    expect(rig.acts).toEqual([
      { type: 'deliver', sample: 33, electrodes: [1] },
      { type: 'deliver', sample: 200, electrodes: [] },
    ]);
    expect(data.filter(({ type }) => type === 'stimulus-delivered')).toHaveLength(2);
  });

  it('delivers what the converter can make, in whole steps', () => {
    const delivered: Pulse[] = [];
    const { firmware } = armed({ onDeliver: (pulses) => delivered.push(...pulses) });
    const phases = [-20.04, 20.04].map((ua) => ({ currentUa: microamps(ua), durationUs: microseconds(203) }));
    done(firmware.execute({ type: 'upload-pattern', pattern: { slot: 0, pulses: [{ electrode: 0, phases }] } }));
    expect(firmware.execute(trigger(1, 'now', { slot: 0 })).type).toBe('scheduled');
    firmware.advance(1);
    const made = delivered.map(({ electrode, phases: [first, second] }) => [electrode, first, second]);
    expect(made).toEqual([
      [0, { currentUa: microamps(-200 * 0.1), durationUs: 200 }, { currentUa: microamps(200 * 0.1), durationUs: 200 }],
    ]);
  });

  it.each([
    ['late', trigger(1, 10)],
    ['too-far-ahead', trigger(1, 33 + 20_001)],
    ['empty-slot', trigger(1, 100, { slot: 9 })],
    ['bad-token', trigger(1, 100, { token: new Uint8Array(16).fill(8) })],
  ])('refuses a trigger by name: %s', (reason, command) => {
    const { firmware, rig } = armed();
    firmware.advance(33);
    expect(reasonOf(firmware.execute(command))).toBe(reason);
    advanceAlive(firmware, 1200);
    expect(rig.acts).toEqual([]);
  });

  it('refuses an id that does not rise, a sample that is taken, and more than the queue holds', () => {
    const { firmware } = armed();
    expect(reasonOf(firmware.execute(trigger(5, 1000)))).toBe('scheduled');
    expect(reasonOf(firmware.execute(trigger(5, 2000)))).toBe('stale-id');
    expect(reasonOf(firmware.execute(trigger(6, 1000, { slot: 4 })))).toBe('bad-argument');
    for (let id = 6; id < 5 + DEFAULT_DEVICE_SETTINGS.queueLength; id++) {
      expect(reasonOf(firmware.execute(trigger(id, 1000 + 200 * (id - 5))))).toBe('scheduled');
    }
    expect(reasonOf(firmware.execute(trigger(99, 19_000)))).toBe('queue-full');
  });

  it('holds every trigger against its own safety check', () => {
    const { firmware } = armed({ profile: createWideProfile([0, 1, 2], { maxRateHz: hertz(2) }) });
    expect(reasonOf(firmware.execute(trigger(1, 1000)))).toBe('scheduled');
    expect(reasonOf(firmware.execute(trigger(2, 2000)))).toBe('scheduled');
    expect(firmware.execute(trigger(3, 3000))).toMatchObject({ type: 'refused', reason: 'safety', rule: 'rate' });
  });

  it('counts what left before it was configured anew, stopped or rested', () => {
    const profile = createWideProfile([0, 1, 2], { maxRateHz: hertz(1), maxStimuliPerSession: 2 });
    const { firmware } = armed({ profile });
    const armAgain = (): void => {
      done(firmware.execute({ type: 'start' }));
      done(firmware.execute({ type: 'upload-pattern', pattern: { slot: 3, pulses: [createBalancedPulse(1)] } }));
      done(firmware.execute({ type: 'upload-pattern', pattern: { slot: 4, pulses: [] } }));
      const { serialNumber } = firmware.capabilities;
      done(firmware.execute({ type: 'arm', token: TOKEN, serialNumber, profileHash: hashSafetyProfile(profile) }));
    };
    expect(reasonOf(firmware.execute(trigger(1, 'now')))).toBe('scheduled');
    advanceAlive(firmware, 40);
    done(firmware.execute({ type: 'stop' }));
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: profile }));
    armAgain();
    expect(firmware.execute(trigger(2, 'now'))).toMatchObject({ reason: 'safety', rule: 'rate' });
    expect(reasonOf(firmware.execute(trigger(2, 'now', { slot: 4 })))).toBe('scheduled');
    advanceAlive(firmware, 20);
    expect(firmware.execute(trigger(3, 'now', { slot: 4 }))).toMatchObject({ rule: 'session-stimuli' });
    // A rest begins a session; the second of the rate does not pass by the jump of the counter.
    expect(reasonOf(firmware.execute({ type: 'rest', durationSamples: 0 }))).toBe('bad-argument');
    done(firmware.execute({ type: 'rest', durationSamples: 10 * 20_000 }));
    expect(firmware.execute(trigger(3, 'now'))).toMatchObject({ reason: 'safety', rule: 'rate' });
    advanceAlive(firmware, 1000);
    expect(reasonOf(firmware.execute(trigger(3, 'now')))).toBe('scheduled');
  });

  it('lets impedances age while it does not acquire', () => {
    const profile = createWideProfile([0, 1, 2], { maxImpedanceAgeS: seconds(1) });
    const { firmware } = armed({ profile });
    done(firmware.execute({ type: 'stop' }));
    firmware.advance(2 * 20_000);
    done(firmware.execute({ type: 'start' }));
    const { serialNumber } = firmware.capabilities;
    done(firmware.execute({ type: 'arm', token: TOKEN, serialNumber, profileHash: hashSafetyProfile(profile) }));
    expect(firmware.execute(trigger(1, 'now'))).toMatchObject({ reason: 'safety', rule: 'impedance' });
  });

  it('takes back a stimulus that is waiting, and its place in the rate with it', () => {
    const { firmware, data, rig } = armed({ profile: createWideProfile([0, 1, 2], { maxRateHz: hertz(1) }) });
    expect(reasonOf(firmware.execute(trigger(1, 1000)))).toBe('scheduled');
    done(firmware.execute({ type: 'cancel', stimulusId: 1 }));
    expect(reasonOf(firmware.execute({ type: 'cancel', stimulusId: 1 }))).toBe('bad-argument');
    expect(reasonOf(firmware.execute(trigger(2, 1500)))).toBe('scheduled');
    advanceAlive(firmware, 100);
    expect(data.filter(({ type }) => type === 'stimulus-dropped')).toEqual([
      expect.objectContaining({ stimulusId: 1, reason: 'cancelled', atSample: 1000 }),
    ]);
    expect(rig.acts).toEqual([{ type: 'deliver', sample: 1500, electrodes: [1] }]);
  });

  it('disarms 100 ms after the last heartbeat, to the tick, and purges the queue', () => {
    const { firmware, data, rig } = armed();
    beat(firmware);
    firmware.advance(400);
    beat(firmware);
    const lastBeat = 400;
    expect(reasonOf(firmware.execute(trigger(1, lastBeat + 1999)))).toBe('scheduled');
    expect(reasonOf(firmware.execute(trigger(2, lastBeat + 2000 + 200)))).toBe('scheduled');
    firmware.advance(10_000);
    expect(rig.acts).toEqual([{ type: 'deliver', sample: lastBeat + 1999, electrodes: [1] }]);
    expect(data.filter(({ type }) => type === 'armed-changed').at(-1)).toEqual({
      type: 'armed-changed',
      atSample: lastBeat + 2000,
      armed: false,
      cause: 'watchdog',
    });
    expect(data.find(({ type }) => type === 'stimulus-dropped')).toMatchObject({ stimulusId: 2, reason: 'disarmed' });
    expect(reasonOf(firmware.execute(trigger(3, 'now')))).toBe('not-armed');
  });

  it('is not kept armed by heartbeats with another token, nor beyond the armed time', () => {
    const other = armed();
    for (let k = 0; k < 10; k++) {
      beat(other.firmware, new Uint8Array(16).fill(9));
      other.firmware.advance(400);
    }
    expect(other.firmware.armed).toBe(false);
    const timed = armed();
    beat(timed.firmware, TOKEN, 30);
    timed.firmware.advance(599);
    expect(timed.firmware.armed).toBe(true);
    timed.firmware.advance(1);
    expect(timed.firmware.armed).toBe(false);
    expect(timed.data.at(-1)).toMatchObject({ armed: false, cause: 'armed-time', atSample: 600 });
  });

  it.each([
    ['disarm', 'command', 'disarmed'],
    ['abort', 'abort', 'aborted'],
    ['stop', 'stopped', 'stopped'],
  ] as const)('ends stimulation on %s', (type, cause, reason) => {
    const { firmware, data, rig } = armed();
    expect(reasonOf(firmware.execute(trigger(1, 1000)))).toBe('scheduled');
    done(firmware.execute({ type }));
    firmware.advance(5000);
    expect(rig.acts).toEqual([]);
    expect(data).toContainEqual(expect.objectContaining({ type: 'armed-changed', armed: false, cause }));
    expect(data).toContainEqual(expect.objectContaining({ type: 'stimulus-dropped', stimulusId: 1, reason }));
  });

  it('never arms itself: after the link was lost only a new arming does', () => {
    const { firmware, data } = armed();
    firmware.loseController('test');
    expect(data.at(-1)).toMatchObject({ type: 'armed-changed', armed: false, cause: 'link-lost' });
    advanceAlive(firmware, 500);
    expect(firmware.armed).toBe(false);
  });

  it('arms for the right device and the right profile only', () => {
    const { firmware } = createFirmware();
    const arm = {
      type: 'arm',
      token: TOKEN,
      serialNumber: 'mea-sim-0',
      profileHash: hashSafetyProfile(PROFILE),
    } as const;
    expect(reasonOf(firmware.execute(arm))).toBe('not-configured');
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE }));
    expect(reasonOf(firmware.execute({ ...arm, serialNumber: 'other' }))).toBe('wrong-device');
    expect(reasonOf(firmware.execute({ ...arm, profileHash: new Uint8Array(32) }))).toBe('wrong-profile');
    expect(reasonOf(firmware.execute({ ...arm, token: new Uint8Array(16) }))).toBe('bad-argument');
    done(firmware.execute(arm));
    expect(reasonOf(firmware.execute(arm))).toBe('wrong-state');
    expect(reasonOf(firmware.execute(trigger(1, 'now')))).toBe('wrong-state');
  });

  it('counts from where its counter began, across 2^32', () => {
    const { firmware, data, rig } = armed({ startSample: 2 ** 32 - 50 });
    expect(firmware.execute(trigger(1, 2 ** 32 + 7)).type).toBe('scheduled');
    advanceAlive(firmware, 10);
    expect(rig.acts).toEqual([{ type: 'deliver', sample: 57, electrodes: [1] }]);
    const blocks = data.filter((body) => body.type === 'block');
    expect(blocks.slice(0, 4).map(({ firstSample }) => firstSample)).toEqual(
      [0, 20, 40, 60].map((n) => 2 ** 32 - 50 + n),
    );
    expect(data).toContainEqual(expect.objectContaining({ type: 'stimulus-delivered', sample: 2 ** 32 + 7 }));
  });

  it('says that a stimulator failed when it did', () => {
    const { firmware } = armed({ fails: () => true });
    expect(reasonOf(firmware.execute(trigger(1, 1000)))).toBe('device-fault');
  });

  it('beats every 50 ms, running or not, and tells how far the data lane is', () => {
    const { firmware, control, data } = armed();
    firmware.advance(3000);
    const beats = control.filter((body) => body.type === 'device-heartbeat');
    expect(beats.map(({ nextSample }) => nextSample)).toEqual([1000, 2000, 3000]);
    expect(beats[0]!.nextDataSequence).toBe(data.filter((_, k) => k < 2 + 50).length);
    const idle = createFirmware();
    idle.firmware.advance(2000);
    expect(idle.control).toHaveLength(2);
  });

  it('measures impedances only while it does not acquire', () => {
    const { firmware } = createFirmware();
    const command = { type: 'measure-impedance', electrodes: [2, 0], frequencyHz: hertz(1000) } as const;
    expect(firmware.execute(command)).toMatchObject({
      type: 'impedances',
      values: [
        { electrode: 2, magnitudeOhm: 102_000 },
        { electrode: 0, magnitudeOhm: 100_000 },
      ],
    });
    expect(reasonOf(firmware.execute({ ...command, electrodes: [4] }))).toBe('bad-argument');
    done(firmware.execute({ type: 'configure', blockFrames: 20, safetyProfile: PROFILE }));
    done(firmware.execute({ type: 'start' }));
    expect(reasonOf(firmware.execute(command))).toBe('wrong-state');
  });
});
