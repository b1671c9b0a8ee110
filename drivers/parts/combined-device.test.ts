import { Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createStimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedPattern } from '../../protocols/stimulation/gate.js';
import type { Pulse, PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import { hertz, microamps, microseconds, sampleIndex } from '../../protocols/units.js';
import { createVirtualTimers, type VirtualTimers } from '../../protocols/virtual-timers.js';
import { createWideProfile } from '../../tests/helpers/wide-profile.js';
import type { DeviceEvent } from '../mea-link/device-event.js';
import { CombinedDevice } from './combined-device.js';
import type { CombinedDeviceOptions } from './combined-options.js';
import type { Recorder, RecorderEvent } from './recorder.js';
import type { Stimulator, StimulatorEvent } from './stimulator.js';

const RATE_HZ = 20_000;
const BLOCK = 128;
/** From a sample being taken to its block being at hand. */
const LATENCY_MS = 30;
const CHANNELS = 8;
const PHASES: readonly PulsePhase[] = [
  { currentUa: microamps(-10), durationUs: microseconds(200) },
  { currentUa: microamps(10), durationUs: microseconds(200) },
];
const GROUPS = [
  { trigger: 'digital-in 1', electrodes: [0, 1, 2] },
  { trigger: 'digital-in 2', electrodes: [3, 4] },
];

describe('a device combined of a recorder and a stimulator', () => {
  test('tells a stimulus where the recorder saw it, before the block that holds it', async () => {
    const bench = await openBench();
    await bench.runFor(1000);
    const due = bench.now() + RATE_HZ / 5;
    expect(await bench.stimulate([0, 1, 2], due)).toEqual({ type: 'scheduled', sample: due });
    await bench.runFor(500);
    const [delivered] = bench.of('stimulus-delivered');
    expect(delivered).toMatchObject({ electrodes: [0, 1, 2], stimulusId: 1 });
    const place = bench.events.findIndex(({ type }) => type === 'stimulus-delivered');
    const next = bench.events.slice(place).find((event) => event.type === 'block')!;
    expect(delivered!.sample).toBeGreaterThanOrEqual(next.firstSample);
    expect(delivered!.sample).toBeLessThan(next.firstSample + next.frames);
    // The recorder is 30 ms late, which nobody knew.
    expect(delivered!.sample - due).toBeGreaterThan(RATE_HZ * 0.02);
  });

  test('learns how late the recorder is, and then hits the sample but for a block', async () => {
    const bench = await openBench();
    await bench.runFor(1000);
    const errors: number[] = [];
    for (let trial = 0; trial < 5; trial++) {
      const due = bench.now() + RATE_HZ / 5;
      await bench.stimulate([3, 4], due);
      await bench.runFor(700);
      errors.push(bench.of('stimulus-delivered').at(-1)!.sample - due);
    }
    expect(errors).toHaveLength(5);
    for (const error of errors.slice(1)) expect(Math.abs(error)).toBeLessThanOrEqual(BLOCK);
  });

  test('fires both groups for a pattern of both, and refuses one that is no union of whole groups', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
    await bench.runFor(400);
    expect(bench.fired).toEqual([[0, 1]]);
    expect(await bench.stimulate([0, 1], bench.now() + 4000)).toMatchObject({
      type: 'refused',
      reason: 'unsupported',
      message: 'no whole group has electrodes 0, 1 within the pattern',
    });
    expect(bench.fired).toHaveLength(1);
  });

  test('refuses more groups at once than can begin together', async () => {
    const bench = await openBench({ maxTogether: 1 });
    await bench.runFor(500);
    const outcome = await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
    expect(outcome).toMatchObject({ reason: 'unsupported' });
    expect('message' in outcome && outcome.message).toMatch(/at most 1/u);
  });

  test('acknowledges an empty pattern at its own sample, and fires nothing', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    const due = bench.now() + 4321;
    await bench.stimulate([], due);
    await bench.runFor(400);
    expect(bench.of('stimulus-delivered')).toMatchObject([{ electrodes: [], sample: due }]);
    expect(bench.fired).toEqual([]);
  });

  test('tells of a stimulus whose pulse is not seen, and leaves it in the account', async () => {
    const bench = await openBench({ isDead: true });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(1200);
    expect(bench.fired).toEqual([[1]]);
    expect(bench.of('stimulus-delivered')).toEqual([]);
    expect(bench.of('stimulus-dropped')).toEqual([]);
    expect(bench.of('fault').map(({ message }) => message)).toEqual([
      'The trigger of stimulus 1 was given, and no pulse was seen for 500 ms',
    ]);
  });

  test('puts pulses of one stimulus together that begin a sample apart, and no others', async () => {
    const bench = await openBench({ isDead: true });
    await bench.runFor(500);
    for (const apart of [1, 3]) {
      await bench.stimulate([0, 1, 2, 3, 4], bench.now() + 4000);
      await bench.runFor(260);
      const sample = sampleIndex(bench.now() + 3);
      const later = sampleIndex(sample + apart);
      bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [3, 4], atCompliance: [] });
      bench.recorder$.next({ type: 'pulses-seen', sample: later, electrodes: [0, 1, 2], atCompliance: [1] });
      await bench.runFor(20);
      expect(bench.of('stimulus-delivered').at(-1)).toMatchObject(
        apart === 1 ? { sample, electrodes: [0, 1, 2, 3, 4], limitedElectrodes: [1] } : { sample, electrodes: [3, 4] },
      );
    }
    // What came too late belongs to nothing: nobody asked for it.
    expect(bench.of('fault')).toHaveLength(1);
    expect(bench.device.isArmed).toBe(false);
  });

  test('gives no trigger that has become late while the program stood still', async () => {
    const bench = await openBench({ stallMs: 30 });
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + 4000);
    await bench.runFor(600);
    expect(bench.fired).toEqual([]);
    expect(bench.of('stimulus-dropped')).toMatchObject([{ stimulusId: 1, reason: 'device-fault' }]);
  });

  test('switches off on stray pulses even when nothing is armed', async () => {
    const bench = await openBench();
    await bench.device.disarm();
    const before = bench.offs();
    const sample = sampleIndex(bench.now() + 5);
    bench.recorder$.next({ type: 'pulses-seen', sample, electrodes: [7], atCompliance: [] });
    await bench.runFor(10);
    expect(bench.offs()).toBe(before + 1);
  });

  test('is not armed while the recorder does not run', async () => {
    const bench = await openBench();
    const stopped = bench.device.stop();
    await bench.runFor(10);
    await stopped;
    const { profileHash } = await bench.device.configure({ blockFrames: BLOCK, safetyProfile: bench.profile });
    await expect(bench.device.arm({ serialNumber: 'R1+S1', profileHash })).rejects.toThrow(/recorder does not run/u);
  });

  test('is armed again only after it was configured again', async () => {
    const bench = await openBench();
    await bench.device.disarm();
    const profileHash = new Uint8Array(32);
    await expect(bench.device.arm({ serialNumber: 'R1+S1', profileHash })).rejects.toThrow(/not-configured/u);
  });

  test('turns all off on pulses that nobody asked for', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    bench.recorder$.next({
      type: 'pulses-seen',
      sample: sampleIndex(bench.now() + 5),
      electrodes: [7],
      atCompliance: [],
    });
    await bench.runFor(10);
    expect(bench.of('fault')).toMatchObject([{ code: 'stimulator' }]);
    expect(bench.of('fault')[0]!.message).toMatch(/electrodes 7/u);
    expect(bench.device.isArmed).toBe(false);
    expect(bench.offs()).toBeGreaterThan(0);
    expect(await bench.stimulate([3, 4], bench.now() + 4000)).toMatchObject({ reason: 'not-armed' });
  });

  test('turns all off when the main loop stands still, and fires nothing that waited', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    await bench.stimulate([3, 4], bench.now() + (RATE_HZ * 9) / 10);
    await bench.runFor(400, { alive: false });
    expect(bench.of('main-stalled')).toHaveLength(1);
    expect(bench.of('armed-changed').at(-1)).toMatchObject({ armed: false, cause: 'watchdog' });
    expect(bench.of('stimulus-dropped')).toMatchObject([{ reason: 'disarmed' }]);
    await bench.runFor(1500);
    expect(bench.fired).toEqual([]);
    expect(bench.offs()).toBe(1);
  });

  test('turns all off when the recorder is lost: what is not seen is not stimulated', async () => {
    const bench = await openBench();
    await bench.runFor(500);
    bench.recorder$.next({ type: 'link-lost', reason: 'unplugged' });
    await bench.runFor(10);
    expect(bench.device.isArmed).toBe(false);
    expect(bench.offs()).toBe(1);
    expect(bench.of('link-lost')).toHaveLength(1);
  });

  test('arms a stimulator without a watchdog only by its name', async () => {
    await expect(openBench({ acceptsNoWatchdog: undefined })).rejects.toThrow(/acceptNoWatchdog: Test stimulator/u);
    await expect(openBench({ acceptsNoWatchdog: 'another' })).rejects.toThrow(/acceptNoWatchdog for another/u);
    const bench = await openBench();
    expect(bench.of('log')).toMatchObject([{ level: 'warn' }]);
    expect(bench.of('log')[0]!.message).toMatch(/without a watchdog/u);
  });

  test('tells samples that were lost as a gap and a jump', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const fromSample = sampleIndex(bench.now());
    const toSample = sampleIndex(fromSample + 256);
    bench.recorder$.next({ type: 'samples-lost', fromSample, toSample, messages: 2 });
    expect(bench.of('gap')).toMatchObject([{ fromSample, toSample, messages: 2 }]);
    expect(bench.of('sample-jump')).toMatchObject([{ fromSample, toSample, cause: 'gap' }]);
    expect(bench.device.counters).toMatchObject({ gaps: 1, lostMessages: 2, sampleJumps: 1 });
  });

  test('leaves samples out for a rest, whatever the cut into blocks', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const rested = bench.device.rest(300);
    const before = bench.of('block').length;
    await bench.runFor(100);
    await rested;
    const { fromSample, toSample } = bench.of('rested')[0]!;
    expect(toSample - fromSample).toBe(300);
    const after = bench.of('block').slice(before);
    expect(after[0]).toMatchObject({ firstSample: toSample });
    expect(after[0]!.samples).toHaveLength(after[0]!.frames * CHANNELS);
    expect(after[0]!.samples[0]).toBe(toSample % 1000);
  });

  test('ends an acquisition with what came of it', async () => {
    const bench = await openBench();
    await bench.runFor(100);
    const stopped = bench.device.stop();
    await bench.runFor(50);
    const blocks = bench.of('block');
    expect(await stopped).toMatchObject({
      type: 'ended',
      ended: { blocks: blocks.length, check: { verdict: 'complete' } },
    });
    await bench.device.close();
    expect(bench.isClosed()).toEqual({ recorder: true, stimulator: true });
  });

  test('refuses a pulse that the gate refuses, before anything is programmed', async () => {
    const phases = PHASES.map(({ currentUa, durationUs }) => ({ currentUa: microamps(currentUa * 100), durationUs }));
    await expect(openBench({ phases })).rejects.toThrow(/safety gate refuses the pulses of a group/u);
  });
});

interface BenchOptions {
  readonly maxTogether?: number;
  /** By so much what is planned for later is called back too late. */
  readonly stallMs?: number;
  readonly isDead?: boolean;
  readonly acceptsNoWatchdog?: string | undefined;
  readonly phases?: readonly PulsePhase[];
}

async function openBench(options: BenchOptions = {}) {
  const timers = createVirtualTimers();
  const recorder$ = new Subject<RecorderEvent>();
  const stimulator$ = new Subject<StimulatorEvent>();
  const world = new FakeLab({ timers, recorder$, isDead: options.isDead ?? false });
  const recorder: Recorder = {
    description: {
      device: 'Test recorder',
      serialNumber: 'R1',
      firmware: '1',
      emulated: true,
      channels: CHANNELS,
      sampleRateHz: hertz(RATE_HZ),
      gainUvPerBit: 0.195,
      blockFrames: BLOCK,
      sees: 'pulses',
    },
    events$: recorder$,
    isConnected: true,
    start: () => world.start(),
    stop: () => world.stop(),
    close: () => world.note('recorder'),
  };
  const stimulator: Stimulator = {
    description: {
      device: 'Test stimulator',
      serialNumber: 'S1',
      firmware: '1',
      groups: GROUPS,
      maxTogether: options.maxTogether ?? 2,
      watchdogMs: null,
      stimulation: {
        electrodes: [0, 1, 2, 3, 4],
        currentStepUa: 0.1,
        maxCurrentUa: 100,
        timeStepUs: 50,
        maxPhases: 2,
        slots: 2,
        queueLength: 8,
        scheduling: 'immediate',
        delivery: 'observed',
        maxAheadMs: 1000,
      },
    },
    events$: stimulator$,
    program: (patterns) => world.program(patterns),
    fire: (groups) => world.fire(groups),
    tryTrigger: () => Promise.resolve(),
    allOff: () => world.allOff(),
    close: () => world.note('stimulator'),
  };
  const acceptsNoWatchdog = 'acceptsNoWatchdog' in options ? options.acceptsNoWatchdog : 'Test stimulator';
  const device = new CombinedDevice({
    recorder,
    stimulator,
    timers: {
      nowMs: () => timers.nowMs(),
      after: (ms, callback) => timers.after(ms > 100 ? ms + (options.stallMs ?? 0) : ms, callback),
    },
    phases: options.phases ?? PHASES,
    sight: { type: 'pulses' },
    acceptsNoWatchdog,
    mainStallMs: 250,
    bootId: 7,
  } satisfies CombinedDeviceOptions);
  const events: DeviceEvent[] = [];
  device.events$.subscribe((event) => events.push(event));
  const profile = createWideProfile(Array.from({ length: CHANNELS }, (_, electrode) => electrode));
  const { profileHash } = await device.configure({ blockFrames: BLOCK, safetyProfile: profile });
  await device.start();
  await device.arm({ serialNumber: 'R1+S1', profileHash });
  let history = createStimHistory();
  let stimulusId = 0;
  return {
    device,
    profile,
    events,
    recorder$,
    fired: world.fired,
    offs: () => world.offs,
    isClosed: () => world.closed,
    /** The next sample that has not come yet. */
    now: () => world.nextSample,
    of: <T extends DeviceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<DeviceEvent, { readonly type: T }> => event.type === type),
    async runFor(ms: number, { alive = true } = {}) {
      for (let step = 0; step < ms; step++) {
        if (alive) device.reportProgress();
        await timers.advanceAsync(1);
      }
    },
    stimulate(electrodes: readonly number[], atSample: number) {
      stimulusId += 1;
      const pulses: readonly Pulse[] = electrodes.map((electrode) => ({ electrode, phases: PHASES }));
      const at = { type: 'sample', sample: sampleIndex(atSample) };
      const verdict = checkStimulus(
        { stimulusId, pattern: { slot: 0, pulses }, at },
        {
          profile,
          capabilities: stimulator.description.stimulation,
          sampleRateHz: RATE_HZ,
          profileAgeS: 0,
          nowSample: world.nextSample,
          arming: { armed: true, untilSample: Infinity },
          history,
        },
      );
      if (verdict.type === 'refused') throw new Error(JSON.stringify(verdict.refusals));
      history = verdict.history;
      return device.stimulate(verdict.command);
    },
  };
}

/** Blocks that come late, and pulses that leave at the very moment of their trigger. */
class FakeLab {
  readonly fired: (readonly number[])[] = [];
  readonly closed: Record<string, boolean> = {};
  offs = 0;
  nextSample = 0;
  readonly #options: {
    readonly timers: VirtualTimers;
    readonly recorder$: Subject<RecorderEvent>;
    readonly isDead: boolean;
  };
  #seen: RecorderEvent[] = [];
  #isRunning = false;
  #programs: readonly CheckedPattern[] = [];

  constructor(options: {
    readonly timers: VirtualTimers;
    readonly recorder$: Subject<RecorderEvent>;
    readonly isDead: boolean;
  }) {
    this.#options = options;
  }

  start(): Promise<void> {
    const { recorder$ } = this.#options;
    this.#isRunning = true;
    recorder$.next({ type: 'started', firstSample: sampleIndex(0) });
    this.#next();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isRunning = false;
    this.#options.recorder$.next({ type: 'ended', endSample: sampleIndex(this.nextSample) });
    return Promise.resolve();
  }

  note(what: string): Promise<void> {
    this.closed[what] = true;
    return Promise.resolve();
  }

  program(patterns: readonly CheckedPattern[]): Promise<void> {
    this.#programs = patterns;
    return Promise.resolve();
  }

  fire(groups: readonly number[]): Promise<void> {
    this.fired.push(groups);
    if (this.#options.isDead) return Promise.resolve();
    const sample = sampleIndex(Math.ceil((this.#options.timers.nowMs() * RATE_HZ) / 1000));
    const electrodes = groups.flatMap((group) => this.#programs[group]!.pulses.map(({ electrode }) => electrode));
    this.#seen.push({ type: 'pulses-seen', sample, electrodes: electrodes.sort((a, b) => a - b), atCompliance: [] });
    return Promise.resolve();
  }

  allOff(): Promise<void> {
    this.offs += 1;
    return Promise.resolve();
  }

  #next(): void {
    const { timers, recorder$ } = this.#options;
    const endMs = ((this.nextSample + BLOCK) * 1000) / RATE_HZ + LATENCY_MS;
    timers.after(endMs - timers.nowMs(), () => {
      if (!this.#isRunning) return;
      const end = this.nextSample + BLOCK;
      const due = this.#seen.filter((event) => 'sample' in event && event.sample < end);
      this.#seen = this.#seen.filter((event) => !due.includes(event));
      for (const event of due) recorder$.next(event);
      const samples = new Int16Array(BLOCK * CHANNELS);
      for (let frame = 0; frame < BLOCK; frame++) samples[frame * CHANNELS] = (this.nextSample + frame) % 1000;
      recorder$.next({
        type: 'block',
        firstSample: sampleIndex(this.nextSample),
        frames: BLOCK,
        channels: CHANNELS,
        samples,
      });
      this.nextSample = end;
      this.#next();
    });
  }
}
