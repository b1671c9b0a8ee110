import { assertNever } from '../../protocols/errors.js';
import type {
  ArmCommand,
  ArmingCause,
  Capabilities,
  Command,
  ConfigureCommand,
  DeviceState,
  DropReason,
  FaultCode,
  HostHeartbeat,
  Impedance,
  ReplyResult,
  TriggerCommand,
} from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import { hertz, type SampleIndex } from '../../protocols/units.js';
import { MAX_RENDER_FRAMES, type EmulatedRig } from '../rig/emulated-rig.js';
import { Acquisition } from './acquisition.js';
import { Arming, equalBytes } from './arming.js';
import type { ControlBody, DataBody } from './device-events.js';
import { describeDevice, type DeviceSettings } from './device-settings.js';
import { refuse, Stimulator } from './stimulator.js';

/** Commands that the firmware carries out; connection and ring belong to the device around it. */
export type FirmwareCommand = Exclude<Command, { readonly type: 'hello' | 'resume' | 'status' }>;

/** Where the firmware's messages go, in order. A block's samples are only good until the call returns. */
export interface FirmwareOutput {
  readonly data: (body: DataBody) => void;
  readonly control: (body: ControlBody) => void;
}

/** What makes one boot of a device differ from the next. */
export interface BootOptions {
  readonly settings: DeviceSettings;
  /** The device's sample counter at boot. */
  readonly startSample: number;
  /** A fault switch: true makes the stimulator refuse the trigger at hand. */
  readonly stimulatorFails: () => boolean;
}

/** Sequence that the next message of the data lane will have; the firmware's heartbeats tell it. */
export type NextDataSequence = () => number;

/** Pulses are held against the compliance voltage at the impedance that electrodes have here. */
const IMPEDANCE_HZ = 1000;

const DROP_OF_CAUSE: Readonly<Record<ArmingCause, DropReason>> = {
  command: 'disarmed',
  watchdog: 'disarmed',
  'armed-time': 'disarmed',
  'link-lost': 'disarmed',
  abort: 'aborted',
  stopped: 'stopped',
  reconfigured: 'disarmed',
  'device-fault': 'device-fault',
};

/**
 * What a device's firmware does, as a state machine: no clock, no sockets, no randomness of its own. Time passes when
 * `advance` says so, in ticks of the sample clock, which run whether or not the device acquires; the sample counter runs
 * only while it does. The same commands between the same ticks give the same messages.
 */
export class Firmware {
  readonly capabilities: Capabilities;
  readonly #rig: EmulatedRig;
  readonly #output: FirmwareOutput;
  readonly #nextDataSequence: NextDataSequence;
  readonly #acquisition: Acquisition;
  readonly #stimulator: Stimulator | undefined;
  readonly #arming: Arming;
  readonly #heartbeatTicks: number;
  #state: DeviceState = 'idle';
  #profileHash: Uint8Array | undefined;
  #tick = 0;
  #nextHeartbeat: number;

  constructor(
    rig: EmulatedRig,
    boot: BootOptions,
    ports: { readonly output: FirmwareOutput; readonly nextDataSequence: NextDataSequence },
  ) {
    const { settings } = boot;
    this.#rig = rig;
    this.#output = ports.output;
    this.#nextDataSequence = ports.nextDataSequence;
    this.capabilities = describeDevice(rig, settings);
    const blockFrames = Math.min(settings.blockFrames, this.capabilities.maxBlockFrames);
    const emit = ports.output.data;
    this.#acquisition = new Acquisition(rig, { blockFrames, startSample: boot.startSample }, emit);
    this.#arming = new Arming(this.#toTicks(settings.watchdogMs));
    this.#heartbeatTicks = Math.max(1, this.#toTicks(settings.heartbeatMs));
    this.#nextHeartbeat = this.#heartbeatTicks;
    const magnitudes = new Map<number, number>();
    this.#stimulator =
      this.capabilities.stimulation === null
        ? undefined
        : new Stimulator(this.capabilities, this.capabilities.stimulation, {
            emit,
            deliver: (pulses, sample) => {
              rig.deliver(pulses, this.#acquisition.toRigSample(sample));
            },
            failsNow: boot.stimulatorFails,
            isLimited: ({ electrode, phases }) => {
              const magnitudeOhm = magnitudes.get(electrode) ?? rig.impedance(electrode, IMPEDANCE_HZ).magnitudeOhm;
              magnitudes.set(electrode, magnitudeOhm);
              return phases.some(({ currentUa }) => Math.abs(currentUa) * magnitudeOhm > settings.complianceV * 1e6);
            },
          });
  }

  get state(): DeviceState {
    return this.#state;
  }

  get armed(): boolean {
    return this.#arming.armed;
  }

  get nextSample(): SampleIndex {
    return this.#acquisition.nextSample;
  }

  /** Id of the last stimulus that was accepted since boot, 0 for none. */
  get newestStimulusId(): number {
    return this.#stimulator?.newestId ?? 0;
  }

  /** Ticks of the sample clock since boot. */
  get tick(): number {
    return this.#tick;
  }

  get scheduledStimuli(): number {
    return this.#stimulator?.scheduled ?? 0;
  }

  /** Carries out one command of the controller. */
  execute(command: FirmwareCommand): ReplyResult {
    switch (command.type) {
      case 'configure':
        return this.#configure(command);
      case 'start':
        return this.#start();
      case 'stop':
        return this.#stop();
      case 'rest':
        return this.#rest(command.durationSamples);
      case 'upload-pattern':
        return this.#stimulator?.upload(command.pattern) ?? NO_STIMULATION;
      case 'trigger':
        return this.#trigger(command);
      case 'cancel':
        return this.#stimulator?.cancel(command.stimulusId) ?? NO_STIMULATION;
      case 'abort':
        this.#abort();
        return { type: 'done' };
      case 'arm':
        return this.#arm(command);
      case 'disarm':
        this.#disarm('command', 'disarmed by the controller');
        return { type: 'done' };
      case 'measure-impedance':
        return this.#measureImpedance(command);
      default:
        return assertNever(command);
    }
  }

  /** A heartbeat of the controller. */
  hear({ token, armedForMs }: HostHeartbeat): void {
    this.#arming.hear(token, this.#tick, this.#toTicks(armedForMs));
  }

  /** The controller's link is gone: stimulation ends at once. */
  loseController(message: string): void {
    this.#disarm('link-lost', message);
  }

  /** Another controller is there: what the slots hold is none of its making. */
  changeController(): void {
    this.#disarm('link-lost', 'another controller said hello');
    this.#stimulator?.forgetPatterns();
  }

  /** Lets so many ticks of the sample clock pass. */
  advance(ticks: number): void {
    const end = this.#tick + ticks;
    while (this.#tick < end) {
      this.#expire();
      const step = Math.min(end, this.#nextHeartbeat, this.#arming.expiry?.tick ?? Infinity) - this.#tick;
      this.#run(step);
      this.#expire();
      if (this.#tick >= this.#nextHeartbeat) this.#beat();
    }
  }

  /** The sample counter jumps, samples are not missing: a fault of the clock. */
  stepClock(samples: number): void {
    // Every limit that looks back in time has lost its footing.
    this.#disarm('device-fault', 'the sample clock stepped');
    this.#acquisition.step(samples);
    this.#report('clock', `the sample counter stepped by ${samples}`);
  }

  /** Says that something went wrong. */
  #report(code: FaultCode, message: string): void {
    this.#output.data({ type: 'fault', atSample: this.nextSample, code, message });
  }

  /** Runs up to a moment at which nothing but samples and stimuli can happen on the way. */
  #run(ticks: number): void {
    let left = ticks;
    if (this.#state !== 'running') {
      this.#tick += ticks;
      return;
    }
    while (left > 0) {
      const frames = Math.min(left, this.#acquisition.room, MAX_RENDER_FRAMES);
      this.#stimulator?.deliverDueBefore(this.nextSample + frames);
      this.#acquisition.render(frames);
      this.#tick += frames;
      left -= frames;
    }
  }

  #expire(): void {
    const expiry = this.#arming.expiry;
    if (expiry !== undefined && this.#tick >= expiry.tick) {
      this.#disarm(expiry.cause, expiry.cause === 'watchdog' ? 'no heartbeat in time' : 'the armed time is over');
    }
  }

  #beat(): void {
    this.#nextHeartbeat = this.#tick + this.#heartbeatTicks;
    this.#output.control({
      type: 'device-heartbeat',
      nextDataSequence: this.#nextDataSequence(),
      nextSample: this.nextSample,
      state: this.#state,
      armed: this.armed,
    });
  }

  #configure({ blockFrames, safetyProfile }: ConfigureCommand): ReplyResult {
    if (this.#state === 'running') return refuse('wrong-state', 'stop the acquisition before configuring');
    if (!(blockFrames >= 1 && blockFrames <= this.capabilities.maxBlockFrames)) {
      return refuse('bad-argument', `blockFrames ${blockFrames}: 1 to ${this.capabilities.maxBlockFrames}`);
    }
    this.#disarm('reconfigured', 'configured anew');
    const profileHash = hashSafetyProfile(safetyProfile);
    this.#profileHash = profileHash;
    this.#acquisition.setBlockFrames(blockFrames);
    this.#stimulator?.configure(safetyProfile, this.#tick);
    this.#state = 'ready';
    return { type: 'configured', profileHash, blockFrames };
  }

  #start(): ReplyResult {
    if (this.#state === 'idle') return refuse('not-configured', 'send configure first');
    if (this.#state === 'running') return refuse('wrong-state', 'the device is acquiring already');
    this.#state = 'running';
    this.#acquisition.start();
    return { type: 'done' };
  }

  #stop(): ReplyResult {
    if (this.#state !== 'running') return refuse('wrong-state', 'the device is not acquiring');
    this.#disarm('stopped', 'the acquisition was stopped');
    this.#acquisition.stop();
    this.#state = 'ready';
    return { type: 'done' };
  }

  #rest(samples: number): ReplyResult {
    if (this.#state !== 'running') return refuse('wrong-state', 'the device is not acquiring');
    if (samples < 1) return refuse('bad-argument', 'a rest takes at least one sample');
    if (this.scheduledStimuli > 0) {
      return refuse('wrong-state', `${this.scheduledStimuli} stimuli are waiting: cancel them or wait before a rest`);
    }
    this.#acquisition.rest(samples);
    this.#stimulator?.startSession();
    return { type: 'done' };
  }

  #trigger(command: TriggerCommand): ReplyResult {
    if (this.#stimulator === undefined) return NO_STIMULATION;
    if (this.#state !== 'running') return refuse('wrong-state', 'the device is not acquiring');
    if (!this.armed) return refuse('not-armed', 'arm the device first; it never arms itself');
    if (!this.#arming.holdsToken(command.token)) return refuse('bad-token', 'armed with another token');
    return this.#stimulator.trigger(command, { nextSample: this.nextSample, tick: this.#tick });
  }

  #arm({ token, serialNumber, profileHash }: ArmCommand): ReplyResult {
    if (this.#stimulator === undefined) return NO_STIMULATION;
    if (this.#profileHash === undefined) return refuse('not-configured', 'no safety profile: send configure first');
    if (serialNumber !== this.capabilities.serialNumber) {
      return refuse('wrong-device', `meant for ${serialNumber}, this is ${this.capabilities.serialNumber}`);
    }
    if (!equalBytes(profileHash, this.#profileHash)) {
      return refuse('wrong-profile', 'the hash is not that of the profile that this device holds');
    }
    if (this.armed) return refuse('wrong-state', 'armed already: disarm first');
    if (token.every((byte) => byte === 0)) return refuse('bad-argument', 'a token of zeros is no token');
    this.#arming.arm(token, this.#tick);
    this.#emitArmed(true, 'command');
    return { type: 'done' };
  }

  #abort(): void {
    this.#disarm('abort', 'aborted by the controller');
    this.#stimulator?.purge('aborted', 'aborted by the controller');
  }

  /** The one way out of being armed: queue first, then the word. */
  #disarm(cause: ArmingCause, message: string): void {
    if (!this.armed) return;
    this.#arming.disarm();
    this.#stimulator?.purge(DROP_OF_CAUSE[cause], message);
    this.#emitArmed(false, cause);
  }

  #emitArmed(armed: boolean, cause: ArmingCause): void {
    this.#output.data({ type: 'armed-changed', atSample: this.nextSample, armed, cause });
  }

  #measureImpedance(command: { readonly electrodes: readonly number[]; readonly frequencyHz: number }): ReplyResult {
    if (this.#state === 'running') return refuse('wrong-state', 'stop the acquisition before measuring impedances');
    const bad = command.electrodes.find((electrode) => electrode >= this.#rig.channels);
    if (bad !== undefined) return refuse('bad-argument', `electrode ${bad}: 0 to ${this.#rig.channels - 1}`);
    const values = command.electrodes.map((electrode): Impedance => ({
      electrode,
      ...this.#rig.impedance(electrode, command.frequencyHz),
    }));
    return { type: 'impedances', frequencyHz: hertz(command.frequencyHz), values };
  }

  #toTicks(durationMs: number): number {
    return Math.round((durationMs * this.#rig.sampleRateHz) / 1000);
  }
}

const NO_STIMULATION = refuse('unsupported', 'this device has no stimulation outputs');
