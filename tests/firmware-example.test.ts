import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { CONFORMANCE_CHECKS } from '../drivers/conformance/all-checks.js';
import { runConformance } from '../drivers/conformance/run-conformance.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { decodeDeviceMessage, encodeDeviceMessage, encodeHostMessage } from '../protocols/mea-link/codec.js';
import { createCobsFraming } from '../protocols/mea-link/framing.js';
import type { Command, DeviceMessage, HostMessage, Lane, ReplyResult } from '../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../protocols/mea-link/safety-profile-hash.js';
import type { SafetyProfile } from '../protocols/stimulation/safety-profile.js';
import type { Pulse } from '../protocols/stimulation/stim-pattern.js';
import { microamps, microseconds, milliseconds, sampleIndex, seconds } from '../protocols/units.js';
import { packageFolder } from '../src/cli/package-info.js';
import { systemTimers } from '../src/timers.js';
import { askPatiently } from './helpers/ask-patiently.js';
import { describeWithDebianTool, runTool, type ToolProbe } from './helpers/debian-tool.js';
import {
  countedBytes,
  exampleDeviceMessages,
  exampleHostMessages,
  exampleProfile,
} from './helpers/mea-link-messages.js';
import { openPtyPair, socat } from './helpers/pty-pair.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { waitUntil } from './helpers/wait-until.js';
import { createWideProfile } from './helpers/wide-profile.js';

const gcc: ToolProbe = { command: 'gcc', args: ['--version'], remedy: 'apt-get install gcc libc6-dev' };
const sources = ['mea_link.c', 'pattern_box.c', 'main_host.c'].map((name) =>
  join(packageFolder(), 'examples/firmware', name),
);
const folder = temporaryFolder('firmware-example');
/** A busy machine lets the program wait, so that it may be late; `strict` has the tolerance of the box. */
const program = join(folder, 'pattern-box');
const strict = join(folder, 'strict-pattern-box');
/** Has a sample counter of 1 kHz: then a busy machine, too, delivers at the sample that was asked for. */
const coarse = join(folder, 'coarse-pattern-box');

const SERIAL_NUMBER = 'HOST-1';
const TOKEN = countedBytes(16, 0xa0);
const HELLO = { type: 'hello', major: 1, minor: 0, client: 'test', clientId: countedBytes(16, 1) } as const;
const DEADLINE_MS = 5000;
/** Samples of its counter of 20 kHz. */
const PER_MS = 20;

/** Electrode 0 may be pulsed, electrode 1 was never measured, electrode 2 is masked, all others are not listed. */
const profile: SafetyProfile = {
  ...exampleProfile,
  electrodes: [
    { electrode: 0, areaUm2: 707, impedanceOhm: 100_000, masked: false },
    { electrode: 1, areaUm2: 707, impedanceOhm: null, masked: false },
    { electrode: 2, areaUm2: 707, impedanceOhm: 100_000, masked: true },
  ],
  maxChargeDensityUcPerCm2: 1000,
};

function biphasic(electrode: number, currentUa = 20): Pulse {
  const durationUs = microseconds(200);
  return {
    electrode,
    phases: [
      { currentUa: microamps(-currentUa), durationUs },
      { currentUa: microamps(currentUa), durationUs },
    ],
  };
}

/** Talks to the program as a controller does over a serial line. */
class Conversation {
  readonly heard: { readonly lane: Lane; readonly message: DeviceMessage; readonly atMs: number }[] = [];
  readonly bad: string[] = [];
  readonly outputs: string[] = [];
  readonly child: ChildProcessWithoutNullStreams;
  readonly #framing = createCobsFraming();
  readonly #wake = new Set<() => void>();
  #sequence = 0;
  #commandId = 0;
  #heartbeats: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.child = spawn(path);
    this.child.stdin.write(Uint8Array.of(0));
    this.child.stderr.on('data', (text: Buffer) => this.outputs.push(...text.toString().trim().split('\n')));
    this.child.stdout.on('data', (bytes: Buffer) => {
      this.#framing.decoder.push(bytes, {
        onMessage: (lane, encoded) => {
          const decoded = decodeDeviceMessage(encoded);
          if (decoded.type === 'bad') this.bad.push(decoded.message);
          else this.heard.push({ lane, message: decoded.message, atMs: performance.now() });
        },
        onBadFrame: ({ message }) => this.bad.push(message),
      });
      for (const wake of this.#wake) wake();
    });
  }

  send(message: HostMessage): void {
    this.child.stdin.write(this.#framing.encoder.encode('control', encodeHostMessage(message)));
  }

  /** Sends a command, under a new id unless one is given, and gives its answer. */
  async ask(command: Command, commandId = ++this.#commandId): Promise<ReplyResult> {
    const seen = this.heard.length;
    this.send({ type: 'command', sequence: this.#sequence++, commandId, command });
    const { message } = await this.waitFor(
      ({ message: reply }, i) => i >= seen && reply.type === 'reply' && reply.commandId === commandId,
    );
    if (message.type !== 'reply') throw new Error('not a reply');
    return message.result;
  }

  startHeartbeats(token = TOKEN, armedForMs = 60_000): void {
    this.stopHeartbeats();
    let progress = 0;
    this.#heartbeats = setInterval(() => {
      this.send({ type: 'heartbeat', sequence: this.#sequence++, token, progress: progress++, armedForMs });
    }, 20);
  }

  stopHeartbeats(): void {
    clearInterval(this.#heartbeats);
  }

  async waitFor(
    wanted: (entry: Conversation['heard'][number], index: number) => boolean,
  ): Promise<Conversation['heard'][number]> {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const found = this.heard.find(wanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        const wake = (): void => {
          this.#wake.delete(wake);
          resolve();
        };
        this.#wake.add(wake);
        deadline.addEventListener('abort', () => {
          reject(new Error(`nothing came; heard ${JSON.stringify(this.heard.slice(-5))} ${this.bad.join()}`));
        });
      });
    }
  }

  dataMessages(): DeviceMessage[] {
    return this.heard.filter(({ lane }) => lane === 'data').map(({ message }) => message);
  }

  /** Hello, configure, start. */
  async run(safetyProfile = profile): Promise<void> {
    expect(await this.ask(HELLO)).toMatchObject({ type: 'hello' });
    expect(await this.ask({ type: 'configure', blockFrames: 1, safetyProfile })).toEqual({
      type: 'configured',
      blockFrames: 1,
      profileHash: hashSafetyProfile(safetyProfile),
    });
    expect(await this.ask({ type: 'start' })).toEqual({ type: 'done' });
  }

  arm(serialNumber = SERIAL_NUMBER, safetyProfile = profile): Promise<ReplyResult> {
    return this.ask({ type: 'arm', token: TOKEN, serialNumber, profileHash: hashSafetyProfile(safetyProfile) });
  }

  /** Running and armed, with a pulse on electrode 0 in slot 0 and an empty pattern in slot 1. */
  async runArmed(safetyProfile = profile): Promise<void> {
    await this.run(safetyProfile);
    await this.prepare(safetyProfile);
  }

  async prepare(safetyProfile: SafetyProfile): Promise<void> {
    await this.upload(0, biphasic(0));
    await this.upload(1);
    expect(await this.arm(SERIAL_NUMBER, safetyProfile)).toEqual({ type: 'done' });
    this.startHeartbeats();
  }

  async upload(slot: number, ...pulses: Pulse[]): Promise<void> {
    expect(await this.ask({ type: 'upload-pattern', pattern: { slot, pulses } })).toEqual({ type: 'done' });
  }

  async nextSample(): Promise<number> {
    const status = await this.ask({ type: 'status' });
    if (status.type !== 'status') throw new Error('no status');
    return status.nextSample;
  }

  trigger(stimulusId: number, slot: number, sample?: number): Promise<ReplyResult> {
    const at =
      sample === undefined ? ({ type: 'now' } as const) : ({ type: 'sample', sample: sampleIndex(sample) } as const);
    return this.ask({ type: 'trigger', stimulusId, slot, at, token: TOKEN });
  }

  /** How a stimulus ended. */
  async ended(stimulusId: number): Promise<DeviceMessage> {
    const { message } = await this.waitFor(
      (entry) =>
        (entry.message.type === 'stimulus-delivered' || entry.message.type === 'stimulus-dropped') &&
        entry.message.stimulusId === stimulusId,
    );
    return message;
  }
}

const conversations: Conversation[] = [];

function open(path = program): Conversation {
  const conversation = new Conversation(path);
  conversations.push(conversation);
  return conversation;
}

afterEach(() => {
  for (const conversation of conversations.splice(0)) {
    conversation.stopHeartbeats();
    conversation.child.kill();
    expect(conversation.bad).toEqual([]);
  }
});

describeWithDebianTool('the example firmware', gcc, () => {
  beforeAll(() => {
    const flags = ['-Wall', '-Wextra', '-Werror', '-pedantic', '-std=c99', '-O2'];
    runTool(gcc, [...flags, '-DBOX_LATE_US=50000', '-o', program, ...sources]);
    runTool(gcc, [...flags, '-o', strict, ...sources]);
    runTool(gcc, [...flags, '-DBOX_US_PER_SAMPLE=1000u', '-o', coarse, ...sources]);
  });

  it('has the framing of the controller: it reads every frame, and what it writes is the same but for the lane', () => {
    const { encoder, decoder } = createCobsFraming();
    const messages = [
      ...exampleHostMessages.map(encodeHostMessage),
      ...exampleDeviceMessages.map(encodeDeviceMessage),
      new Uint8Array(0),
      ...[252, 253, 254, 255, 507, 508, 509, 8192].map((length) => new Uint8Array(length).fill(0x55)),
      new Uint8Array(600),
    ];
    const garbage = Uint8Array.of(9, 9, 9, 0, 1, 0, 200, 1, 0);
    const frames = messages.map((message, i) => encoder.encode(i % 2 === 0 ? 'control' : 'data', message));
    const { stdout, status } = spawnSync(program, ['echo'], { input: Buffer.concat([garbage, ...frames]) });
    expect(status).toBe(0);
    const expected = messages.map((message, i) => encoder.encode(i % 2 === 0 ? 'data' : 'control', message));
    expect(Buffer.concat(expected).equals(stdout)).toBe(true);
    const heard: Uint8Array[] = [];
    decoder.push(stdout, {
      onMessage: (_, message) => heard.push(message),
      onBadFrame: ({ message }) => expect.unreachable(message),
    });
    expect(heard).toEqual(messages);
  });

  it('answers hello with its capabilities, and refuses everything before it', async () => {
    const box = open();
    expect(await box.ask({ type: 'start' })).toMatchObject({ type: 'refused', reason: 'not-controller' });
    expect(await box.ask({ ...HELLO, major: 2 })).toMatchObject({ type: 'refused', reason: 'version' });
    expect(await box.ask(HELLO)).toMatchObject({
      type: 'hello',
      nextDataSequence: 0,
      capabilities: {
        serialNumber: SERIAL_NUMBER,
        emulated: true,
        channels: 0,
        sampleRateHz: 1000 * PER_MS,
        watchdogMs: 100,
        stimulation: { electrodes: [0, 1, 2, 3, 4, 5, 6, 7], scheduling: 'at-sample', delivery: 'acknowledged' },
      },
    });
  });

  it('delivers a stimulus that was armed, uploaded and triggered, and sets its output', async () => {
    const box = open();
    await box.run();
    expect(await box.ask({ type: 'upload-pattern', pattern: { slot: 3, pulses: [biphasic(0)] } })).toEqual({
      type: 'done',
    });
    expect(await box.arm()).toEqual({ type: 'done' });
    box.startHeartbeats();
    const now = await box.ask({ type: 'status' });
    if (now.type !== 'status') throw new Error('no status');
    expect(now).toMatchObject({ state: 'running', armed: true });
    const sample = sampleIndex(now.nextSample + 300 * PER_MS);
    const scheduled = await box.ask({
      type: 'trigger',
      stimulusId: 7,
      slot: 3,
      at: { type: 'sample', sample },
      token: TOKEN,
    });
    expect(scheduled).toEqual({ type: 'scheduled', sample });
    const { message } = await box.waitFor((entry) => entry.message.type === 'stimulus-delivered');
    expect(message).toMatchObject({ stimulusId: 7, slot: 3, electrodes: [0] });
    if (message.type === 'stimulus-delivered') expect(message.sample).toBeGreaterThanOrEqual(sample);
    expect(await box.ask({ type: 'stop' })).toEqual({ type: 'done' });
    await waitUntil(
      () => box.outputs.length >= 3,
      () => `outputs ${box.outputs.join()}`,
    );
    expect(box.outputs.map((line) => line.split(' ')[1])).toEqual(['0x00', '0x01', '0x00']);
    expect(box.dataMessages().map(({ type, sequence }) => [type, sequence])).toEqual([
      ['stream-started', 0],
      ['armed-changed', 1],
      ['stimulus-delivered', 2],
      ['armed-changed', 3],
      ['stream-ended', 4],
    ]);
  });

  it('disarms 100 ms after the last heartbeat, drops what waits, and is not armed again by heartbeats', async () => {
    const box = open();
    await box.run();
    await box.ask({ type: 'upload-pattern', pattern: { slot: 0, pulses: [biphasic(0)] } });
    await box.arm();
    const before = await box.ask({ type: 'status' });
    if (before.type !== 'status') throw new Error('no status');
    const far = { type: 'sample', sample: sampleIndex(before.nextSample + 1900 * PER_MS) } as const;
    expect(await box.ask({ type: 'trigger', stimulusId: 1, slot: 0, at: far, token: TOKEN })).toMatchObject({
      type: 'scheduled',
    });
    // A heartbeat with another token keeps nothing armed.
    box.startHeartbeats(countedBytes(16, 0));
    const disarmed = await box.waitFor(({ message }) => message.type === 'armed-changed' && !message.armed);
    box.stopHeartbeats();
    const armed = box.dataMessages().find((message) => message.type === 'armed-changed');
    if (armed?.type !== 'armed-changed' || disarmed.message.type !== 'armed-changed') throw new Error('not armed');
    expect(disarmed.message.cause).toBe('watchdog');
    const heldMs = (disarmed.message.atSample - armed.atSample) / PER_MS;
    expect(heldMs).toBeGreaterThanOrEqual(99);
    // The box looks once a millisecond; a busy machine may let it wait.
    expect(heldMs).toBeLessThan(500);
    expect(box.dataMessages().at(-2)).toMatchObject({ type: 'stimulus-dropped', stimulusId: 1, reason: 'disarmed' });
    box.startHeartbeats();
    await box.waitFor(({ message }, i) => message.type === 'device-heartbeat' && i > box.heard.indexOf(disarmed) + 3);
    expect(await box.ask({ type: 'status' })).toMatchObject({ armed: false, scheduledStimuli: 0 });
    expect(await box.ask({ type: 'trigger', stimulusId: 2, slot: 0, at: { type: 'now' }, token: TOKEN })).toMatchObject(
      {
        reason: 'not-armed',
      },
    );
  });

  it('stays armed while heartbeats come, and disarms when the time that they give is over', async () => {
    const box = open();
    await box.run();
    await box.arm();
    box.startHeartbeats();
    const seen = box.heard.length;
    // Seven heartbeats of the box, 50 ms apart, are more than three times its watchdog.
    await box.waitFor(({ message }, i) => i > seen && message.type === 'device-heartbeat' && beats(box, seen) >= 7);
    expect(await box.ask({ type: 'status' })).toMatchObject({ armed: true });
    box.stopHeartbeats();
    box.send({ type: 'heartbeat', sequence: 0, token: TOKEN, progress: 0, armedForMs: 1 });
    const { message } = await box.waitFor((entry) => entry.message.type === 'armed-changed' && !entry.message.armed);
    expect(message).toMatchObject({ cause: 'armed-time' });
  });

  it('answers a repeated id with the same reply and does not carry it out twice', async () => {
    const box = open();
    await box.run();
    await box.ask({ type: 'upload-pattern', pattern: { slot: 0, pulses: [] } });
    await box.arm();
    box.startHeartbeats();
    const trigger = { type: 'trigger', stimulusId: 1, slot: 0, at: { type: 'now' }, token: TOKEN } as const;
    const first = await box.ask(trigger, 100);
    expect(first).toMatchObject({ type: 'scheduled' });
    expect(await box.ask(trigger, 100)).toEqual(first);
    expect(await box.ask({ type: 'stop' }, 99)).toMatchObject({ reason: 'stale-id' });
    expect(await box.ask({ type: 'stop' }, 0)).toMatchObject({ reason: 'stale-id' });
    expect(await box.ask({ type: 'abort' }, 101)).toEqual({ type: 'done' });
    expect(box.dataMessages().filter(({ type }) => type === 'stimulus-delivered')).toHaveLength(1);
  });

  it('refuses by name, and holds patterns against the profile', async () => {
    const box = open();
    // Long enough that a busy machine asks for the second stimulus within it.
    const seldom = { ...profile, minIntervalMs: milliseconds(3000) };
    await box.run(seldom);
    const upload = (pulse: Pulse): Promise<ReplyResult> =>
      box.ask({ type: 'upload-pattern', pattern: { slot: 0, pulses: [pulse] } });
    const reversed = { ...biphasic(0), phases: biphasic(0).phases.toReversed() };
    const unbalanced = { ...biphasic(0), phases: biphasic(0).phases.slice(0, 1) };
    for (const [pulse, rule] of [
      [biphasic(1), 'impedance'],
      [biphasic(2), 'electrode'],
      [biphasic(3), 'electrode'],
      [biphasic(0, 31), 'current'],
      [biphasic(0, 20.2), 'charge'],
      [unbalanced, 'balance'],
      [reversed, 'polarity'],
    ] as const) {
      expect(await upload(pulse)).toMatchObject({ type: 'refused', reason: 'safety', rule });
    }
    expect(await box.arm('PB-0002')).toMatchObject({ reason: 'wrong-device' });
    const token = TOKEN;
    const profileHash = countedBytes(32, 1);
    expect(await box.ask({ type: 'arm', token, serialNumber: SERIAL_NUMBER, profileHash })).toMatchObject({
      reason: 'wrong-profile',
    });
    const trigger = { type: 'trigger', stimulusId: 1, slot: 0, at: { type: 'now' }, token } as const;
    expect(await box.ask(trigger)).toMatchObject({ reason: 'not-armed' });
    expect(await box.arm(SERIAL_NUMBER, seldom)).toEqual({ type: 'done' });
    box.startHeartbeats();
    expect(await box.arm(SERIAL_NUMBER, seldom)).toMatchObject({ reason: 'wrong-state' });
    expect(await box.ask({ ...trigger, token: countedBytes(16, 9) })).toMatchObject({ reason: 'bad-token' });
    expect(await box.ask(trigger)).toMatchObject({ reason: 'empty-slot' });
    expect(await upload(biphasic(0))).toEqual({ type: 'done' });
    const late = { type: 'sample', sample: sampleIndex(1) } as const;
    expect(await box.ask({ ...trigger, at: late })).toMatchObject({ reason: 'late' });
    const far = { type: 'sample', sample: sampleIndex(2 ** 53) } as const;
    expect(await box.ask({ ...trigger, at: far })).toMatchObject({ reason: 'too-far-ahead' });
    expect(await box.ask(trigger)).toMatchObject({ type: 'scheduled' });
    expect(await box.ask({ ...trigger, stimulusId: 2 })).toMatchObject({ reason: 'safety', rule: 'interval' });
    expect(await box.ask({ type: 'configure', blockFrames: 1, safetyProfile: profile })).toMatchObject({
      reason: 'wrong-state',
    });
  });

  it('holds the largest charge between two moments against the limits, not the largest phase', async () => {
    const box = open();
    await box.run({ ...profile, maxPhases: 6 });
    const phases = (currents: number[]): Pulse => ({
      electrode: 0,
      phases: currents.map((currentUa) => ({ currentUa: microamps(currentUa), durationUs: microseconds(100) })),
    });
    const upload = (pulse: Pulse): Promise<ReplyResult> =>
      box.ask({ type: 'upload-pattern', pattern: { slot: 0, pulses: [pulse] } });
    // Three phases of 2 nC in a row are 6 nC, over the limit of 4.
    expect(await upload(phases([-20, -20, -20, 20, 20, 20]))).toMatchObject({ rule: 'charge' });
    // -2 nC and then up to +2 nC: 4 nC lie between.
    expect(await upload(phases([-20, 20, 20, -20]))).toEqual({ type: 'done' });
    expect(await upload(phases([-20, 20, 20, 1, -20, -1]))).toMatchObject({ rule: 'charge' });
    expect(await upload(phases([-20, ...Array.from({ length: 30 }, () => 0), 20]))).toEqual({ type: 'done' });
    expect(await upload(phases([-20, ...Array.from({ length: 31 }, () => 0), 20]))).toMatchObject({ rule: 'schema' });
    const [first, second] = biphasic(0).phases;
    const gap = { currentUa: microamps(0), durationUs: microseconds(999_601) };
    expect(await upload({ electrode: 0, phases: [first!, gap, second!] })).toMatchObject({ rule: 'phase-width' });
  });

  it('drops what it could not deliver in time', { retry: 3 }, async () => {
    const box = open(strict);
    await box.runArmed();
    const due = (await box.nextSample()) + 20 * PER_MS;
    expect(await box.trigger(1, 0, due)).toMatchObject({ type: 'scheduled' });
    // Too late for the stimulus, too early for the watchdog.
    box.child.kill('SIGSTOP');
    await sleep(50);
    box.child.kill('SIGCONT');
    expect(await box.ended(1)).toMatchObject({ type: 'stimulus-dropped', reason: 'device-fault', atSample: due });
    expect(box.outputs.map((line) => line.split(' ')[1])).toEqual(['0x00']);
  });

  it('goes on with its windows and sums when it is configured anew', async () => {
    const box = open();
    const strictProfile = { ...profile, minIntervalMs: milliseconds(3000), maxStimuliPerSession: 2 };
    await box.runArmed(strictProfile);
    expect(await box.trigger(1, 0)).toMatchObject({ type: 'scheduled' });
    expect(await box.ended(1)).toMatchObject({ type: 'stimulus-delivered' });
    await box.ask({ type: 'stop' });
    const configured = await box.ask({ type: 'configure', blockFrames: 1, safetyProfile: strictProfile });
    expect(configured).toMatchObject({ type: 'configured' });
    await box.ask({ type: 'start' });
    await box.prepare(strictProfile);
    expect(await box.trigger(2, 0)).toMatchObject({ reason: 'safety', rule: 'interval' });
    expect(await box.trigger(2, 1)).toMatchObject({ type: 'scheduled' });
    expect(await box.ended(2)).toMatchObject({ type: 'stimulus-delivered' });
    expect(await box.trigger(3, 1)).toMatchObject({ reason: 'safety', rule: 'session-stimuli' });
  });

  it('lets the impedances age whether it runs or not, and then takes no pattern', async () => {
    const box = open();
    await box.run({ ...profile, maxImpedanceAgeS: seconds(profile.impedanceAgeS + 0.2) });
    const uploaded = { type: 'upload-pattern', pattern: { slot: 0, pulses: [biphasic(0)] } } as const;
    await box.ask({ type: 'stop' });
    await sleep(250);
    expect(await box.ask(uploaded)).toMatchObject({ reason: 'safety', rule: 'impedance' });
    await box.upload(0);
  });

  it('rests: the sample counter jumps, a session begins, and no window passes', async () => {
    const box = open();
    const rest = (durationSamples: number): Promise<ReplyResult> => box.ask({ type: 'rest', durationSamples });
    const limits = { ...profile, minIntervalMs: milliseconds(3000), maxStimuliPerSession: 1 };
    await box.runArmed(limits);
    expect(await rest(0)).toMatchObject({ reason: 'bad-argument' });
    expect(await box.trigger(1, 0, (await box.nextSample()) + 100 * PER_MS)).toMatchObject({ type: 'scheduled' });
    expect(await rest(5000 * PER_MS)).toMatchObject({ reason: 'wrong-state' });
    expect(await box.ended(1)).toMatchObject({ type: 'stimulus-delivered' });
    expect(await box.trigger(2, 1)).toMatchObject({ rule: 'session-stimuli' });
    expect(await rest(5000 * PER_MS)).toEqual({ type: 'done' });
    const { message } = await box.waitFor((entry) => entry.message.type === 'rested');
    if (message.type !== 'rested') throw new Error('no rest');
    expect(message.toSample - message.fromSample).toBe(5000 * PER_MS);
    expect(await box.nextSample()).toBeGreaterThanOrEqual(message.toSample);
    expect(await box.trigger(2, 0)).toMatchObject({ rule: 'interval' });
    expect(await box.trigger(2, 1)).toMatchObject({ type: 'scheduled' });
    expect(await box.ended(2)).toMatchObject({ type: 'stimulus-delivered' });
    await box.ask({ type: 'stop' });
    expect(await rest(1)).toMatchObject({ reason: 'wrong-state' });
  });

  it('takes stimuli in any order of their samples, and holds the limits on both sides of each', async () => {
    const box = open();
    await box.runArmed();
    const base = (await box.nextSample()) + 300 * PER_MS;
    expect(await box.trigger(1, 0, base + 100 * PER_MS)).toMatchObject({ type: 'scheduled' });
    expect(await box.trigger(2, 0, base)).toMatchObject({ type: 'scheduled' });
    expect(await box.trigger(3, 1, base)).toMatchObject({ reason: 'bad-argument' });
    expect(await box.trigger(3, 0, base + 99 * PER_MS)).toMatchObject({ rule: 'interval' });
    expect(await box.trigger(3, 1, base + 50 * PER_MS)).toMatchObject({ type: 'scheduled' });
    await box.ended(1);
    const delivered = box.dataMessages().flatMap((m) => (m.type === 'stimulus-delivered' ? [m.stimulusId] : []));
    expect(delivered).toEqual([2, 3, 1]);
  });

  it('lets its sample counter stand while it does not run, and refuses blocks that are too long', async () => {
    const box = open();
    await box.run();
    await box.ask({ type: 'stop' });
    const stopped = await box.nextSample();
    await sleep(30);
    expect(await box.nextSample()).toBe(stopped);
    await box.ask({ type: 'start' });
    const started = box.dataMessages().findLast(({ type }) => type === 'stream-started');
    expect(started).toMatchObject({ firstSample: stopped });
    await box.ask({ type: 'stop' });
    expect(await box.ask({ type: 'configure', blockFrames: 65_536, safetyProfile: profile })).toMatchObject({
      reason: 'bad-argument',
    });
  });

  it('goes on with the data lane after another hello on the same line', async () => {
    const box = open();
    await box.run();
    expect(await box.ask(HELLO)).toMatchObject({ type: 'hello', nextDataSequence: 1 });
    await box.ask({ type: 'stop' });
    await box.waitFor(({ message }) => message.type === 'stream-ended');
    expect(box.dataMessages().map(({ sequence }) => sequence)).toEqual([0, 1]);
  });

  it('forgets a controller that is silent for a second, and sends it nothing more before it asks', async () => {
    const box = open();
    await box.run();
    await sleep(1100);
    expect(await box.ask({ type: 'stop' })).toMatchObject({ reason: 'not-controller' });
    const hello = await box.ask(HELLO);
    if (hello.type !== 'hello') throw new Error('no hello');
    expect(hello).toMatchObject({ nextDataSequence: 1, oldestDataSequence: 0, capabilities: { ringMs: 100 } });
    await box.ask({ type: 'stop' });
    expect(box.dataMessages()).toHaveLength(1);
    const { bootId } = hello;
    expect(await box.ask({ type: 'resume', bootId, fromSequence: 0 })).toEqual({
      type: 'resumed',
      fromSequence: 0,
      nextSequence: 2,
    });
    await box.waitFor(({ message }) => message.type === 'stream-ended');
    expect(box.dataMessages().map(({ sequence }) => sequence)).toEqual([0, 0, 1]);
    expect(await box.ask({ type: 'resume', bootId, fromSequence: 3 })).toMatchObject({ reason: 'bad-argument' });
  });

  it('is taken over by another client at once, which finds empty slots', async () => {
    const box = open();
    await box.runArmed();
    expect(await box.ask({ ...HELLO, clientId: countedBytes(16, 2) })).toMatchObject({ type: 'hello' });
    expect(await box.ask({ type: 'status' })).toMatchObject({ state: 'running', armed: false });
    expect(await box.arm()).toEqual({ type: 'done' });
    expect(await box.trigger(1, 0)).toMatchObject({ reason: 'empty-slot' });
  });

  it('goes on after garbage on the line', async () => {
    const box = open();
    await box.run();
    box.child.stdin.write(Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 251));
    box.child.stdin.write(Uint8Array.of(0));
    expect(await box.ask({ type: 'status' })).toMatchObject({ state: 'running' });
  });
});

describeWithDebianTool('the example firmware behind a serial line', gcc, () => {
  describeWithDebianTool('that socat makes', socat, () => {
    it('keeps every promise of MEA-Link that a line lets it be asked for', async () => {
      const line = await openPtyPair();
      const box = spawn(coarse, { stdio: [line.deviceFile, line.deviceFile, 'ignore'] });
      try {
        const timers = systemTimers();
        const results = await askPatiently(async (only) => {
          const report = await runConformance({
            transport: openTransport(`serial:${line.hostPath}`, { timers }),
            timers,
            signal: new AbortController().signal,
            profile: createWideProfile([0, 1, 2]),
            stimulate: true,
            only,
          });
          return report.results;
        });
        const failed = results.filter(({ outcome }) => outcome.type === 'failed');
        expect(failed.map((result) => JSON.stringify(result)).join('\n')).toBe('');
        expect(results.length).toBe(CONFORMANCE_CHECKS.length);
        const passed = results.filter(({ outcome }) => outcome.type === 'passed');
        expect(passed.length).toBeGreaterThan(100);
      } finally {
        box.kill();
        await line.end();
      }
    });
  });
});

function beats(box: Conversation, from: number): number {
  return box.heard.slice(from).filter(({ message }) => message.type === 'device-heartbeat').length;
}
