import { Subject } from 'rxjs';
import type { Refusal } from '../../protocols/mea-link/messages.js';
import type { Scheduled } from '../../drivers/mea-link/stimulation-control.js';
import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import { CombinedDevice } from '../../drivers/parts/combined-device.js';
import type { CombinedDeviceOptions, DeliverySight } from '../../drivers/parts/combined-options.js';
import type { Recorder, RecorderEvent } from '../../drivers/parts/recorder.js';
import type { OffOptions, Stimulator, StimulatorEvent } from '../../drivers/parts/stimulator.js';
import { MeaError } from '../../protocols/errors.js';
import { createStimHistory } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus, type CheckedPattern, type CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import type { Pulse, PulsePhase } from '../../protocols/stimulation/stim-pattern.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { hertz, microamps, microseconds, sampleIndex, type SampleIndex } from '../../protocols/units.js';
import { createVirtualTimers, type VirtualTimers } from '../../protocols/virtual-timers.js';
import { createWideProfile } from './wide-profile.js';

export const RATE_HZ = 20_000;
export const BLOCK = 128;
/** From a sample being taken to its block being at hand. */
export const LATENCY_MS = 30;
export const CHANNELS = 8;
export const PHASES: readonly PulsePhase[] = [
  { currentUa: microamps(-10), durationUs: microseconds(200) },
  { currentUa: microamps(10), durationUs: microseconds(200) },
];
const GROUPS = [
  { trigger: 'digital-in 1', electrodes: [0, 1, 2] },
  { trigger: 'digital-in 2', electrodes: [3, 4] },
];

export interface CombinedBenchOptions {
  readonly maxTogether?: number;
  /** By so much what is planned for later is called back too late. */
  readonly stallMs?: number;
  readonly isDead?: boolean;
  readonly acceptsNoWatchdog?: string | undefined;
  readonly phases?: readonly PulsePhase[];
  /** How deliveries are seen; default by the recorder's record of pulses. */
  readonly sight?: DeliverySight;
}

export interface CombinedBench {
  readonly device: CombinedDevice;
  readonly profile: SafetyProfile;
  /** All that the device has told since it was connected. */
  readonly events: readonly DeviceEvent[];
  readonly recorder$: Subject<RecorderEvent>;
  readonly stimulator$: Subject<StimulatorEvent>;
  readonly world: FakeLab;
  readonly timers: VirtualTimers;
  /** Groups of each trigger that was given. */
  readonly fired: readonly (readonly number[])[];
  /** Times that the stimulator was switched off. */
  offs(): number;
  isClosed(): Readonly<Record<string, boolean>>;
  /** The next sample that has not come yet. */
  now(): number;
  /** The sample that is being taken. */
  sampleNow(): SampleIndex;
  of<T extends DeviceEvent['type']>(type: T): readonly Extract<DeviceEvent, { readonly type: T }>[];
  /** Lets time pass; an alive main loop reports its progress. */
  runFor(ms: number, options?: { readonly alive?: boolean }): Promise<void>;
  stimulate(electrodes: readonly number[], atSample: number): Promise<Scheduled | Refusal>;
  /** The last command once more, as a retransmission. */
  stimulateAgain(): Promise<Scheduled | Refusal>;
}

/** A combined device on a recorder and a stimulator of the test's, in virtual time; armed. */
export async function openCombinedBench(options: CombinedBenchOptions = {}): Promise<CombinedBench> {
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
    allOff: (how) => world.allOff(how),
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
    sight: options.sight ?? { type: 'pulses' },
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
  let lastCommand: CheckedStimCommand | undefined;
  return {
    device,
    profile,
    events,
    recorder$,
    world,
    timers,
    stimulator$,
    fired: world.fired,
    offs: () => world.offs,
    isClosed: () => world.closed,
    now: () => world.nextSample,
    of: <T extends DeviceEvent['type']>(type: T) =>
      events.filter((event): event is Extract<DeviceEvent, { readonly type: T }> => event.type === type),
    async runFor(ms: number, { alive = true } = {}) {
      for (let step = 0; step < ms; step++) {
        if (alive) device.reportProgress();
        await timers.advanceAsync(1);
      }
    },
    sampleNow: () => sampleIndex(Math.ceil((timers.nowMs() * RATE_HZ) / 1000)),
    stimulateAgain: () => device.stimulate(lastCommand!),
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
      lastCommand = verdict.command;
      return device.stimulate(lastCommand);
    },
  };
}

/** Blocks that come late, and pulses that leave at the very moment of their trigger. */
export class FakeLab {
  readonly fired: (readonly number[])[] = [];
  readonly closed: Record<string, boolean> = {};
  offs = 0;
  readonly hows: OffOptions['how'][] = [];
  nextSample = 0;
  /** What a trigger is answered with instead of firing. */
  refuses: Error | undefined;
  /** Triggers are taken, and nothing leaves. */
  isSilent = false;
  /** No more blocks come, and nobody says why. */
  isMute = false;
  /** How often switching off fails from now on. */
  offFailures = 0;
  /** Switching off takes so long. */
  offMs = 0;
  /** Programming takes so long, whatever it is told meanwhile. */
  programMs = 0;
  programmed = 0;
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

  async program(patterns: readonly CheckedPattern[]): Promise<void> {
    this.#programs = patterns;
    await this.#wait(this.programMs);
    this.programmed += 1;
  }

  fire(groups: readonly number[]): Promise<void> {
    const refusal = this.refuses;
    if (refusal !== undefined) return Promise.reject(refusal);
    this.fired.push(groups);
    if (this.#options.isDead || this.isSilent) return Promise.resolve();
    const sample = sampleIndex(Math.ceil((this.#options.timers.nowMs() * RATE_HZ) / 1000));
    const electrodes = groups.flatMap((group) => this.#programs[group]!.pulses.map(({ electrode }) => electrode));
    this.#seen.push({ type: 'pulses-seen', sample, electrodes: electrodes.sort((a, b) => a - b), atCompliance: [] });
    return Promise.resolve();
  }

  async allOff({ how }: OffOptions = { how: 'sure' }): Promise<void> {
    this.offs += 1;
    this.hows.push(how);
    await this.#wait(this.offMs);
    if (this.offFailures === 0) return;
    this.offFailures -= 1;
    throw new MeaError('deadline', { what: 'The stimulator did not answer' });
  }

  #wait(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#options.timers.after(ms, resolve);
    });
  }

  #next(): void {
    const { timers, recorder$ } = this.#options;
    const endMs = ((this.nextSample + BLOCK) * 1000) / RATE_HZ + LATENCY_MS;
    timers.after(endMs - timers.nowMs(), () => {
      if (!this.#isRunning || this.isMute) return;
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
