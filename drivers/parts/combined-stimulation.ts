import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { ArmingCause, DropReason, Refusal, RefusalReason } from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import {
  isCheckedPattern,
  isCheckedStimCommand,
  type CheckedPattern,
  type CheckedStimCommand,
} from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { SampleIndex } from '../../protocols/units.js';
import { toError } from '../mea-link/command-channel.js';
import type { ArmRequest, Scheduled } from '../mea-link/stimulation-control.js';
import { ArtefactWatch } from './artefact-watch.js';
import type { CombinedDeviceOptions } from './combined-options.js';
import type { EventLane } from './event-lane.js';
import { checkGroups, chooseGroups } from './group-programs.js';
import type { DeliveryErrors } from './lead-time.js';
import { MainLoopWatch } from './main-loop-watch.js';
import { PlannedStimuli, type PlannedStimulus } from './planned-stimuli.js';
import { PulseJoin, type JoinedPulses } from './pulse-join.js';
import type { LineChanged } from './recorder.js';
import { StimulationSwitch } from './stimulation-switch.js';
import type { StimulatorEvent } from './stimulator.js';

/** Stimuli that wait at once. */
const MAX_PLANNED = 8;
/** A pulse that is not seen so long after its trigger was given did not leave. */
const UNSEEN_AFTER_MS = 500;
/** So many triggers in a row of which nothing was seen end the arming: something is unplugged, or does as it likes. */
const UNSEEN_IN_A_ROW = 3;
/** A trigger that comes later than this is not given any more. */
const LATE_MS = 20;
/** Pulses of one stimulus begin within so many samples. */
const SKEW_SAMPLES = 2;
/** A stimulus is planned at most so far ahead. */
const MAX_AHEAD_MS = 1000;

/** What the stimulation of a combined device has to know of its acquisition. */
export interface AcquisitionView {
  readonly serialNumber: string;
  /** True while samples come. */
  isRunning(): boolean;
  /** The host time at which a sample is expected; null before anything is known. */
  hostMsAt(sample: number): number | null;
}

/**
 * The stimulating half of a combined device: who may stimulate, what is on its way, and whether what was seen is what was
 * asked for.
 */
export class CombinedStimulation {
  readonly #options: CombinedDeviceOptions;
  readonly #lane: EventLane;
  readonly #host: AcquisitionView;
  readonly #artefacts: ArtefactWatch | undefined;
  readonly #planned: PlannedStimuli;
  readonly #pulses: PulseJoin;
  /** Null for a rig that only records. */
  readonly #switch: StimulationSwitch | null;
  readonly #mainLoop: MainLoopWatch;
  #programs: readonly CheckedPattern[] = [];
  #profileHash: Uint8Array | undefined;
  #isArmed = false;
  /** Times that all was switched off, by which programs may be lost. */
  #offs = 0;
  /** Of this connection. */
  #newestAccepted = 0;
  #unseenInARow = 0;
  #fired = 0;

  constructor(options: CombinedDeviceOptions, lane: EventLane, host: AcquisitionView) {
    const { recorder, stimulator, sight, timers, mainStallMs } = options;
    const { sampleRateHz, gainUvPerBit } = recorder.description;
    this.#options = options;
    this.#lane = lane;
    this.#host = host;
    this.#planned = new PlannedStimuli({ sampleRateHz, unseenAfterMs: UNSEEN_AFTER_MS });
    // An artefact spreads to electrodes that were not pulsed: which is the last one nobody knows.
    const mayHaveMore = (electrodes: readonly number[]): boolean =>
      sight.type === 'artefact' || this.#planned.mayHaveMore(electrodes);
    this.#pulses = new PulseJoin(SKEW_SAMPLES, mayHaveMore);
    if (sight.type === 'artefact') {
      const { aboveUv } = sight;
      this.#artefacts = new ArtefactWatch({ aboveUv, gainUvPerBit, sampleRateHz, skewSamples: SKEW_SAMPLES });
    }
    const onWarning = (message: string): void => {
      lane.warn(message);
    };
    this.#switch = stimulator === null ? null : new StimulationSwitch({ stimulator, onWarning });
    const onStall = (stalledMs: number): void => {
      lane.emit({ type: 'main-stalled', stalledMs });
      this.end('watchdog', 'disarmed');
    };
    this.#mainLoop = new MainLoopWatch({ timers, mainStallMs, onStall });
    stimulator?.events$.subscribe({
      next: (event) => {
        this.#onStimulator(event);
      },
    });
  }

  get isArmed(): boolean {
    return this.#isArmed;
  }

  /** Stimuli that wait for their time or for being seen. */
  get planned(): number {
    return this.#planned.length;
  }

  /** Triggers that were given. */
  get fired(): number {
    return this.#fired;
  }

  /** How near to their samples stimuli left; undefined before the first. */
  get deliveryErrors(): DeliveryErrors | undefined {
    return this.#planned.lead.errors;
  }

  /**
   * Programs the pulses of every group under limits.
   *
   * @returns (32 bytes) SHA-256 of the profile
   * @throws MeaError `refused` when the gate refuses a group's pulses or when all was switched off meanwhile; of the driver
   */
  async configure(profile: SafetyProfile, signal?: AbortSignal): Promise<Uint8Array> {
    const { recorder, stimulator, phases } = this.#options;
    const disarmed = this.disarm('reconfigured', 'disarmed');
    // Whatever switches off from here on wins, also while this is being waited for.
    const offs = this.#offs;
    await disarmed;
    this.#assertNotOffSince(offs);
    this.#profileHash = undefined;
    const profileHash = hashSafetyProfile(profile);
    if (stimulator !== null) {
      const { groups, stimulation } = stimulator.description;
      const { sampleRateHz } = recorder.description;
      this.#programs = checkGroups(groups, { phases, profile, capabilities: stimulation, sampleRateHz });
      await this.#switch?.program(this.#programs, signal);
    }
    this.#assertNotOffSince(offs);
    this.#profileHash = profileHash;
    return profileHash;
  }

  #assertNotOffSince(offs: number): void {
    if (offs !== this.#offs) throw refused('wrong-state', 'stimulation was switched off meanwhile');
  }

  reportProgress(): void {
    this.#mainLoop.reportProgress();
  }

  /** @throws MeaError `refused` */
  arm({ serialNumber, profileHash }: ArmRequest): void {
    const { stimulator, acceptsNoWatchdog } = this.#options;
    if (stimulator === null) throw new MeaError('refused', { what: 'The rig has no stimulator to arm' });
    const { device, watchdogMs } = stimulator.description;
    if (watchdogMs === null && acceptsNoWatchdog !== device) throw noWatchdog(device, acceptsNoWatchdog);
    const ownSerialNumber = this.#host.serialNumber;
    if (serialNumber !== ownSerialNumber) {
      throw refused('wrong-device', `arming is for ${serialNumber}, this is ${ownSerialNumber}`);
    }
    const held = this.#profileHash;
    if (held === undefined) throw refused('not-configured', 'configure the device first');
    if (!(held.length === profileHash.length && held.every((byte, i) => byte === profileHash[i]))) {
      throw refused('wrong-profile', 'arming is for other limits than the device was configured with');
    }
    if (this.#isArmed) throw refused('wrong-state', 'the device is armed already');
    // What is not seen is not stimulated.
    if (!this.#host.isRunning()) throw refused('wrong-state', 'the recorder does not run');
    if (this.#switch?.isKnownOff !== true) throw refused('wrong-state', 'stimulation is not known to be off');
    this.#isArmed = true;
    this.#unseenInARow = 0;
    this.#mainLoop.begin();
    this.#emitArmed('command');
    if (watchdogMs === null) {
      const message = `armed without a watchdog: ${device} does not turn itself off when this program dies; the rig file accepts that`;
      this.#lane.log('warn', message);
    }
  }

  /** @throws MeaError `refused` for a pattern that the groups cannot make, or that did not pass the gate */
  upload(pattern: CheckedPattern): void {
    if (!isCheckedPattern(pattern)) throw unchecked('pattern');
    const choice = this.#choose(pattern);
    if (choice.type === 'impossible') throw refused('unsupported', choice.message);
  }

  /** @throws MeaError `refused` for a command that did not pass the gate */
  stimulate(command: CheckedStimCommand): Scheduled | Refusal {
    if (!isCheckedStimCommand(command)) throw unchecked('stimulus');
    if (!this.#isArmed) return refusal('not-armed', 'the device is not armed');
    const { stimulusId, at, pattern } = command;
    if (stimulusId <= this.#newestAccepted) {
      return refusal('stale-id', `stimulus ${stimulusId} after ${this.#newestAccepted}: ids rise`);
    }
    if (this.#planned.length >= MAX_PLANNED) return refusal('queue-full', `${MAX_PLANNED} stimuli wait already`);
    const choice = this.#choose(pattern);
    if (choice.type === 'impossible') return refusal('unsupported', choice.message);
    const isNow = at.type === 'now';
    const dueSample = isNow ? this.#lane.nextSample : at.sample;
    const inMs = isNow ? 0 : this.#millisecondsUntil(dueSample);
    if (inMs < 0) return refusal('late', `its trigger was due ${(-inMs).toFixed(1)} ms ago`);
    if (inMs > MAX_AHEAD_MS) return refusal('too-far-ahead', `due in ${inMs.toFixed(0)} ms, at most ${MAX_AHEAD_MS}`);
    this.#newestAccepted = stimulusId;
    this.#plan(
      {
        stimulusId,
        slot: pattern.slot,
        electrodes: pattern.pulses.map(({ electrode }) => electrode).sort((a, b) => a - b),
        groups: choice.groups,
        dueSample,
        leadSamples: isNow ? 0 : this.#planned.lead.samples,
      },
      inMs,
    );
    return { type: 'scheduled', sample: dueSample };
  }

  cancel(stimulusId: number): { readonly type: 'done' } | Refusal {
    const stimulus = this.#planned.withdraw(stimulusId);
    if (stimulus === undefined) return refusal('late', `stimulus ${stimulusId} does not wait`);
    this.#tellDropped(stimulus, 'cancelled', 'taken back');
    return { type: 'done' };
  }

  #choose(pattern: CheckedPattern): ReturnType<typeof chooseGroups> {
    const { stimulator } = this.#options;
    if (stimulator === null) return { type: 'impossible', message: 'the rig has no stimulator' };
    return chooseGroups(pattern, { programs: this.#programs, maxTogether: stimulator.description.maxTogether });
  }

  /** From now until the trigger of a stimulus is to be given. */
  #millisecondsUntil(due: number): number {
    const sample = due - this.#planned.lead.samples;
    const at = this.#host.hostMsAt(sample);
    if (at !== null) return at - this.#options.timers.nowMs();
    return ((sample - this.#lane.nextSample) * 1000) / this.#options.recorder.description.sampleRateHz;
  }

  /** How long ago the next sample was expected. */
  #blindMs(): number {
    const nowMs = this.#options.timers.nowMs();
    return nowMs - (this.#host.hostMsAt(this.#lane.nextSample) ?? nowMs);
  }

  #plan(stimulus: PlannedStimulus, inMs: number): void {
    const { timers } = this.#options;
    this.#planned.add(stimulus, () => {
      if (stimulus.groups.length === 0) return () => undefined;
      const dueMs = timers.nowMs() + inMs;
      return timers.after(inMs, () => {
        // After a stall all that was due comes at once: what is late would leave too near to the next.
        if (timers.nowMs() - dueMs > LATE_MS) {
          this.#planned.remove(stimulus);
          this.#tellDropped(stimulus, 'device-fault', 'this program stood still when its trigger was due');
        } else this.#fire(stimulus);
      });
    });
  }

  #fire(stimulus: PlannedStimulus): void {
    const { stimulator } = this.#options;
    // The look at the main loop may end the arming.
    this.#mainLoop.check();
    if (!this.#isArmed || stimulator === null) return;
    const blindMs = this.#blindMs();
    if (blindMs > UNSEEN_AFTER_MS) {
      this.#planned.remove(stimulus);
      this.#tellDropped(stimulus, 'device-fault', `no samples came for ${blindMs.toFixed(0)} ms: it would not be seen`);
      this.#countUnseen();
      return;
    }
    this.#planned.noteFired(stimulus, this.#lane.nextSample);
    this.#fired += 1;
    stimulator.fire(stimulus.groups).catch((error: unknown) => {
      const message = `The trigger of stimulus ${stimulus.stimulusId}: ${toError(error).message}`;
      // A refused one has not left. Of any other nobody knows: it is seen, or told as one that was not.
      if (isMeaError(error, 'refused') && this.#planned.remove(stimulus)) {
        this.#tellDropped(stimulus, 'device-fault', message);
      } else this.#lane.warn(message);
    });
  }

  // ---- what is seen ----------------------------------------------------------------------------------------------------

  /** The recorder's own record of its stimulator. */
  onPulses(seen: JoinedPulses): void {
    if (this.#options.sight.type === 'pulses') this.#add(seen);
  }

  #add(seen: JoinedPulses): void {
    for (const pulses of this.#pulses.add(seen)) this.#match(pulses);
  }

  onLine({ sample, line, isHigh }: LineChanged): void {
    const { sight } = this.#options;
    if (sight.type !== 'line' || line !== sight.line || !isHigh) return;
    const stimulus = this.#planned.takeSeen({ sample, electrodes: undefined });
    if (stimulus === undefined) this.#onStray(`A pulse at sample ${sample} that nobody asked for`, sample);
    else this.#tellDelivered(stimulus, { sample });
  }

  /** Pulses, or the steps of an artefact: that spreads, and says nothing of which electrodes were pulsed. */
  #match({ sample, electrodes, atCompliance }: JoinedPulses): void {
    const isArtefact = this.#artefacts !== undefined;
    const stimulus = this.#planned.takeSeen({ sample, electrodes });
    if (stimulus !== undefined) {
      this.#tellDelivered(stimulus, isArtefact ? { sample } : { sample, electrodes, atCompliance });
    }
    const strange = stimulus === undefined ? electrodes : withoutThose(electrodes, stimulus.electrodes);
    if (isArtefact ? stimulus !== undefined || !this.#isArmed : strange.length === 0) return;
    const what = isArtefact ? 'An artefact' : 'Pulses';
    this.#onStray(`${what} at sample ${sample} on electrodes ${strange.join(', ')} that nobody asked for`, sample);
  }

  /** Somebody else's pulses, or a device that does as it likes. */
  #onStray(message: string, atSample: SampleIndex): void {
    this.#lane.fault(message, atSample);
    this.end('device-fault', 'device-fault', { always: true });
  }

  /** @param seen the electrodes where the recorder tells them; else they are those that were asked for */
  #tellDelivered(
    { stimulusId, slot, electrodes: asked }: PlannedStimulus,
    { sample, electrodes = asked, atCompliance = [] }: Pick<JoinedPulses, 'sample'> & Partial<JoinedPulses>,
  ): void {
    if (asked.length > 0) this.#unseenInARow = 0;
    const limited = atCompliance.length > 0 && { limitedElectrodes: atCompliance };
    this.#lane.tell({ type: 'stimulus-delivered', stimulusId, sample, slot, electrodes, ...limited });
  }

  #tellDropped({ stimulusId }: PlannedStimulus, reason: DropReason, message: string): void {
    const atSample = this.#lane.nextSample;
    this.#lane.tell({ type: 'stimulus-dropped', stimulusId, atSample, reason, message });
  }

  /** A block has come; artefacts in it are looked for. */
  onBlock(block: SampleBlock): void {
    for (const { sample, electrodes } of this.#artefacts?.look(block) ?? []) {
      this.#add({ sample, electrodes, atCompliance: [] });
    }
  }

  /** True when pulses that began before `endSample` may have more to them at or after it. */
  mayGoOnAt(endSample: number): boolean {
    return this.#pulses.mayGoOnAt(endSample);
  }

  /** An acquisition begins: samples are counted anew. */
  start(): void {
    this.giveUpFired('a new acquisition began before its pulse was seen');
    this.#artefacts?.start();
  }

  /** Before a block is handed out: empty patterns within it are due, and what should have been seen long ago was not. */
  settle(endSample: number): void {
    const pulses = this.#pulses.takeBefore(endSample);
    if (pulses !== undefined) this.#match(pulses);
    const { empty, unseen } = this.#planned.settle(endSample);
    for (const stimulus of empty) this.#tellDelivered(stimulus, { sample: stimulus.dueSample });
    for (const stimulus of unseen) this.#onUnseen(stimulus, `no pulse was seen for ${UNSEEN_AFTER_MS} ms`);
  }

  /** Not dropped: it may have left, and stays in the account of its charge. Its trial is missing, and does not count. */
  #onUnseen({ stimulusId }: PlannedStimulus, why: string): void {
    this.#lane.fault(`The trigger of stimulus ${stimulusId} was given, and ${why}`);
    this.#countUnseen();
  }

  #countUnseen(): void {
    this.#unseenInARow += 1;
    if (this.#unseenInARow < UNSEEN_IN_A_ROW || !this.#isArmed) return;
    const message = `${UNSEEN_IN_A_ROW} stimuli in a row of which nothing was seen: stimulation ends`;
    this.#lane.fault(message);
    this.end('device-fault', 'device-fault');
  }

  /** No samples come in which they could be seen. */
  giveUpFired(why: string): void {
    const pulses = this.#pulses.takeBefore(Infinity);
    if (pulses !== undefined) this.#match(pulses);
    for (const stimulus of this.#planned.takeFired()) this.#onUnseen(stimulus, why);
  }

  // ---- being armed -----------------------------------------------------------------------------------------------------

  /** Off, told whatever the stimulator answers. */
  end(cause: ArmingCause, reason: DropReason, { always = false } = {}): void {
    this.disarm(cause, reason, { always }).catch((error: unknown) => {
      this.#lane.warn(toError(error).message);
    });
  }

  /** Resolves when all is known to be off, also by a switching off that was under way. */
  async disarm(cause: ArmingCause, reason: DropReason, { always = false } = {}): Promise<void> {
    if (this.#isArmed || always) await this.#endArming(cause, reason, 'sure');
    else await this.#switch?.ensureOff();
  }

  /** The same, but a device that can be switched off only when it no longer acquires is not off yet: `disarm` is to follow. */
  async hold(cause: ArmingCause, reason: DropReason): Promise<void> {
    if (this.#isArmed) await this.#endArming(cause, reason, 'hold');
  }

  async #endArming(cause: ArmingCause, reason: DropReason, how: 'sure' | 'hold'): Promise<void> {
    const wasArmed = this.#isArmed;
    this.#isArmed = false;
    this.#mainLoop.end();
    // Sent before anything is told, so that no listener stands before it.
    const off = how === 'sure' ? this.#switch?.off() : this.#switch?.hold();
    this.#offs += 1;
    // Programs may be lost by it: to be armed again it has to be configured.
    this.#profileHash = undefined;
    for (const stimulus of this.#planned.withdrawAll()) this.#tellDropped(stimulus, reason, 'stimulation ended');
    if (wasArmed) this.#emitArmed(cause);
    await off;
  }

  #emitArmed(cause: ArmingCause): void {
    const atSample = this.#lane.nextSample;
    this.#lane.tell({ type: 'armed-changed', atSample, armed: this.#isArmed, cause });
  }

  #onStimulator(event: StimulatorEvent): void {
    if (event.type === 'warning') {
      this.#lane.warn(event.message);
      return;
    }
    this.#lane.fault(event.message);
    // In any state: what it does now nobody knows.
    this.end('device-fault', 'device-fault', { always: true });
  }
}

function withoutThose(electrodes: readonly number[], others: readonly number[]): readonly number[] {
  return electrodes.filter((electrode) => !others.includes(electrode));
}

function refusal(reason: RefusalReason, message: string): Refusal {
  return { type: 'refused', reason, message };
}

function refused(reason: RefusalReason, got: string): MeaError {
  return new MeaError('refused', { what: `The device refuses: ${reason}`, got });
}

function unchecked(what: string): MeaError {
  return new MeaError('refused', { what: `The ${what} did not pass the safety gate`, remedy: 'let the gate check it' });
}

function noWatchdog(device: string, accepted: string | undefined): MeaError {
  return new MeaError('refused', {
    what: 'The stimulator does not turn itself off when this program dies or hangs',
    got: accepted === undefined ? 'a rig file that does not accept that' : `acceptNoWatchdog for ${accepted}`,
    wanted: `acceptNoWatchdog: ${device}`,
    where: `stimulator ${device}`,
    remedy: 'write it into the rig file if single pulses that were triggered already may still leave then',
  });
}
