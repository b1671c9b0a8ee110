import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type { ClockRelation } from '../../protocols/clock-relation.js';
import { createClockRelation } from '../../protocols/clock-relation.js';
import type {
  ArmingCause,
  Capabilities,
  DeviceState,
  DropReason,
  Impedance,
  Refusal,
  RefusalReason,
  StatusResult,
} from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import {
  isCheckedPattern,
  isCheckedStimCommand,
  type CheckedPattern,
  type CheckedStimCommand,
} from '../../protocols/stimulation/gate.js';
import type { CancelTimer } from '../../protocols/timers.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import { AcquisitionEnd, type AcquisitionEndResult } from '../mea-link/acquisition-end.js';
import { toError } from '../mea-link/command-channel.js';
import type { DriverCounters } from '../mea-link/device-connection.js';
import type { DeviceEvent } from '../mea-link/device-event.js';
import { EventOutlet } from '../mea-link/event-outlet.js';
import type { ArmRequest, Scheduled } from '../mea-link/stimulation-control.js';
import { StreamTally } from '../mea-link/stream-tally.js';
import type { Configured, DeviceConfiguration, RigDevice } from '../rig-device.js';
import { ArtefactWatch } from './artefact-watch.js';
import { assertSight, describeCombined, LOOK_MS, type CombinedDeviceOptions } from './combined-options.js';
import { checkGroups, chooseGroups } from './group-programs.js';
import type { LineChanged, PulsesSeen, RecorderEvent } from './recorder.js';
import { PlannedStimuli, type PlannedStimulus } from './planned-stimuli.js';
import type { StimulatorEvent } from './stimulator.js';

/** Stimuli that wait at once. */
const MAX_PLANNED = 8;
/** A pulse that is not seen so long after its trigger was given did not leave. */
const UNSEEN_AFTER_MS = 500;
/** A pulse is seen at most so long before the newest sample that was at hand when it was fired. */
const SEEN_BEFORE_MS = 5;
/** A trigger that comes later than this is not given any more. */
const LATE_MS = 20;
/** Pulses of one stimulus begin within so many samples. */
const SKEW_SAMPLES = 2;
/** A stimulus is planned at most so far ahead. */
const MAX_AHEAD_MS = 1000;

/**
 * One device of a recorder and a stimulator: stimuli are fired at the host time at which their sample is expected, and count
 * as delivered where and when the recorder saw them. It has no clock in common with the stimulator, so a stimulus may leave a
 * few samples beside the one that it was due at: it is told at the one where it was seen. Pulses that nobody asked for end
 * the arming.
 */
export class CombinedDevice implements RigDevice {
  readonly capabilities: Capabilities;
  readonly newestStimulusId = 0;
  readonly #options: CombinedDeviceOptions;
  readonly #outlet = new EventOutlet();
  readonly #end = new AcquisitionEnd();
  readonly #tally = new StreamTally();
  /** Of this acquisition: a recorder may count anew with each, or stand still between two. */
  #relation: ClockRelation;
  readonly #artefacts: ArtefactWatch | undefined;
  readonly #planned: PlannedStimuli;
  #programs: readonly CheckedPattern[] = [];
  #profileHash: Uint8Array | undefined;
  /** Pulses that were seen, as long as others may belong to them. */
  #partial: PulsesSeen | undefined;
  #sequence = 0;
  #nextSample = 0;
  #state: DeviceState = 'idle';
  #isArmed = false;
  #progressAtMs = 0;
  #cancelLook: CancelTimer = () => undefined;
  /** Samples that are still to be left out, and where that began: a rest. */
  #rest: { readonly fromSample: number; readonly toSample: number } | undefined;
  #restWaiter: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  /** Of this acquisition. */
  #acquired = { blocks: 0, frames: 0 };
  #blocks = 0;
  #frames = 0;
  #gaps = 0;
  #lostMessages = 0;
  #sampleJumps = 0;
  #linksLost = 0;
  #fired = 0;
  #closed: Promise<void> | undefined;

  constructor(options: CombinedDeviceOptions) {
    const { recorder, stimulator, sight } = options;
    this.#options = options;
    this.capabilities = describeCombined(options);
    this.#relation = createClockRelation({ nominalHz: recorder.description.sampleRateHz });
    this.#planned = new PlannedStimuli({
      unseenAfterSamples: this.#samplesOf(UNSEEN_AFTER_MS),
      seenBeforeSamples: this.#samplesOf(SEEN_BEFORE_MS),
    });
    if (stimulator !== null) assertSight(recorder, sight);
    if (sight.type === 'artefact') {
      this.#artefacts = new ArtefactWatch({ aboveUv: sight.aboveUv, gainUvPerBit: recorder.description.gainUvPerBit });
    }
    recorder.events$.subscribe({
      next: (event) => {
        this.#onRecorder(event);
      },
      error: (error: unknown) => {
        this.#fail(toError(error).message);
      },
    });
    stimulator?.events$.subscribe({
      next: (event) => {
        this.#onStimulator(event);
      },
    });
  }

  get bootId(): number {
    return this.#options.bootId;
  }

  get events$(): Observable<DeviceEvent> {
    return this.#outlet.events$;
  }

  get counters(): DriverCounters {
    return {
      messages: this.#blocks,
      badFrames: 0,
      early: 0,
      linksLost: this.#linksLost,
      commands: { sent: this.#fired, retransmitted: 0, lateReplies: 0 },
      delivered: this.#blocks,
      duplicates: 0,
      overflowed: 0,
      held: 0,
      implausible: 0,
      blocks: this.#blocks,
      frames: this.#frames,
      gaps: this.#gaps,
      lostMessages: this.#lostMessages,
      resumes: 0,
      sampleJumps: this.#sampleJumps,
      reorderHighWater: 0,
    };
  }

  get isConnected(): boolean {
    return this.#options.recorder.isConnected && this.#closed === undefined;
  }

  get isArmed(): boolean {
    return this.#isArmed;
  }

  get state(): DeviceState {
    return this.#state;
  }

  async configure({ safetyProfile }: DeviceConfiguration, signal?: AbortSignal): Promise<Configured> {
    const { recorder, stimulator, phases } = this.#options;
    await this.disarm();
    const { sampleRateHz, blockFrames } = recorder.description;
    const profileHash = hashSafetyProfile(safetyProfile);
    if (stimulator !== null) {
      const { groups, stimulation } = stimulator.description;
      this.#programs = checkGroups(groups, { phases, profile: safetyProfile, capabilities: stimulation, sampleRateHz });
      await stimulator.program(this.#programs, signal);
    }
    this.#profileHash = profileHash;
    this.#state = 'ready';
    return { blockFrames, profileHash };
  }

  async start(signal?: AbortSignal): Promise<void> {
    await this.#options.recorder.start(signal);
    this.#state = 'running';
  }

  async stop(signal?: AbortSignal): Promise<AcquisitionEndResult> {
    await this.disarm();
    const ended = this.#end.expect();
    ended.catch(() => undefined);
    await this.#options.recorder.stop(signal);
    return ended;
  }

  /** A recorder goes on sampling; samples are left out of the stream, so that the rest is one for whoever comes after. */
  async rest(durationSamples: number, signal?: AbortSignal): Promise<void> {
    if (!(Number.isSafeInteger(durationSamples) && durationSamples >= 1)) {
      throw new MeaError('bad-input', {
        what: 'A rest takes samples',
        got: String(durationSamples),
        wanted: '1 or more',
      });
    }
    if (this.#state !== 'running' || this.#rest !== undefined) {
      throw new MeaError('refused', { what: 'The device cannot rest now', got: this.#rest ? 'resting' : this.#state });
    }
    this.#rest = { fromSample: this.#nextSample, toSample: this.#nextSample + durationSamples };
    await new Promise<void>((resolve, reject) => {
      this.#restWaiter = { resolve, reject };
      signal?.addEventListener('abort', () => {
        reject(toError(signal.reason));
      });
    });
  }

  reportProgress(): void {
    this.#look();
    this.#progressAtMs = this.#options.timers.nowMs();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract of a device is asynchronous
  async arm({ serialNumber, profileHash }: ArmRequest): Promise<void> {
    const { stimulator, acceptsNoWatchdog, timers } = this.#options;
    if (stimulator === null) throw new MeaError('refused', { what: 'The rig has no stimulator to arm' });
    const { device, watchdogMs } = stimulator.description;
    if (watchdogMs === null && acceptsNoWatchdog !== device) throw noWatchdog(device, acceptsNoWatchdog);
    if (serialNumber !== this.capabilities.serialNumber) {
      throw refused('wrong-device', `arming is for ${serialNumber}, this is ${this.capabilities.serialNumber}`);
    }
    const held = this.#profileHash;
    if (held === undefined) throw refused('not-configured', 'configure the device first');
    if (!(held.length === profileHash.length && held.every((byte, i) => byte === profileHash[i]))) {
      throw refused('wrong-profile', 'arming is for other limits than the device was configured with');
    }
    if (this.#isArmed) throw refused('wrong-state', 'the device is armed already');
    // What is not seen is not stimulated.
    if (!this.isConnected || this.#state !== 'running') throw refused('wrong-state', 'the recorder does not run');
    this.#isArmed = true;
    this.#progressAtMs = timers.nowMs();
    this.#watch();
    this.#emitArmed('command');
    if (watchdogMs === null) {
      const message = `armed without a watchdog: ${device} does not turn itself off when this program dies; the rig file accepts that`;
      this.#outlet.emit({ type: 'log', sequence: this.#count(), level: 'warn', message });
    }
  }

  disarm(): Promise<void> {
    return this.#disarm('command', 'disarmed');
  }

  abort(): Promise<void> {
    return this.#disarm('abort', 'aborted', { always: true });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract of a device is asynchronous
  async upload(pattern: CheckedPattern): Promise<void> {
    if (!isCheckedPattern(pattern)) throw unchecked('pattern');
    const choice = this.#choose(pattern);
    if (choice.type === 'impossible') throw refused('unsupported', choice.message);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- the contract of a device is asynchronous
  async stimulate(command: CheckedStimCommand): Promise<Scheduled | Refusal> {
    if (!isCheckedStimCommand(command)) throw unchecked('stimulus');
    if (!this.#isArmed) return refusal('not-armed', 'the device is not armed');
    if (this.#planned.length >= MAX_PLANNED) return refusal('queue-full', `${MAX_PLANNED} stimuli wait already`);
    const choice = this.#choose(command.pattern);
    if (choice.type === 'impossible') return refusal('unsupported', choice.message);
    const due = command.at.type === 'now' ? sampleIndex(this.#nextSample) : command.at.sample;
    const inMs = command.at.type === 'now' ? 0 : this.#millisecondsUntil(due);
    if (inMs < 0) return refusal('late', `its trigger was due ${(-inMs).toFixed(1)} ms ago`);
    if (inMs > MAX_AHEAD_MS) return refusal('too-far-ahead', `due in ${inMs.toFixed(0)} ms, at most ${MAX_AHEAD_MS}`);
    const stimulus: PlannedStimulus = {
      stimulusId: command.stimulusId,
      slot: command.pattern.slot,
      electrodes: command.pattern.pulses.map(({ electrode }) => electrode).sort((a, b) => a - b),
      groups: choice.groups,
      dueSample: due,
    };
    const leadSamples = this.#planned.lead.samples;
    this.#planned.add(stimulus, () => {
      if (choice.groups.length === 0) return () => undefined;
      const dueMs = this.#options.timers.nowMs() + inMs;
      return this.#options.timers.after(inMs, () => {
        // After a stall all that was due comes at once: what is late would leave too near to the next.
        if (this.#options.timers.nowMs() - dueMs > LATE_MS) {
          this.#planned.withdraw(stimulus.stimulusId);
          this.#tellDropped(stimulus, 'device-fault', 'this program stood still when its trigger was due');
        } else this.#fire(stimulus, leadSamples);
      });
    });
    return { type: 'scheduled', sample: due };
  }

  cancel(stimulusId: number): Promise<{ readonly type: 'done' } | Refusal> {
    const stimulus = this.#planned.withdraw(stimulusId);
    if (stimulus === undefined) return Promise.resolve(refusal('late', `stimulus ${stimulusId} does not wait`));
    this.#tellDropped(stimulus, 'cancelled', 'taken back');
    return Promise.resolve({ type: 'done' });
  }

  measureImpedance(): Promise<readonly Impedance[]> {
    return Promise.reject(refused('unsupported', 'this rig does not measure impedances; give the rig file a table'));
  }

  status(): Promise<StatusResult> {
    return Promise.resolve({
      type: 'status',
      state: this.#state,
      armed: this.#isArmed,
      nextSample: sampleIndex(this.#nextSample),
      scheduledStimuli: this.#planned.length,
      nextDataSequence: this.#sequence,
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { recorder, stimulator } = this.#options;
    await this.#disarm('command', 'disarmed').catch((error: unknown) => {
      this.#warn(`Ending stimulation: ${toError(error).message}`);
    });
    await stimulator?.close();
    await recorder.close();
    this.#giveUpWaiting('The driver was closed');
    this.#reportErrors();
    this.#outlet.complete();
  }

  // ---- stimuli ---------------------------------------------------------------------------------------------------------

  #choose(pattern: CheckedPattern): ReturnType<typeof chooseGroups> {
    const { stimulator } = this.#options;
    if (stimulator === null) return { type: 'impossible', message: 'the rig has no stimulator' };
    return chooseGroups(pattern, { programs: this.#programs, maxTogether: stimulator.description.maxTogether });
  }

  /** From now until the trigger of a stimulus is to be given. */
  #millisecondsUntil(due: number): number {
    const { timers, recorder } = this.#options;
    const at = this.#relation.hostMsAt(due - this.#planned.lead.samples);
    if (at !== null) return at - timers.nowMs();
    return ((due - this.#planned.lead.samples - this.#nextSample) * 1000) / recorder.description.sampleRateHz;
  }

  #fire(stimulus: PlannedStimulus, leadSamples: number): void {
    const { stimulator } = this.#options;
    if (!this.#isArmed || stimulator === null) return;
    this.#look();
    // The look may have ended the arming.
    if (!this.isArmed) return;
    this.#planned.noteFired(stimulus, { atSample: this.#nextSample, leadSamples });
    this.#fired += 1;
    stimulator.fire(stimulus.groups).catch((error: unknown) => {
      // Whether it left nobody knows: if it did, it is seen; if not, it is dropped when it was not.
      this.#warn(`The trigger of stimulus ${stimulus.stimulusId}: ${toError(error).message}`);
    });
  }

  /**
   * Lines that a box raises together are sampled together, but for those that fall on either side of a sample: pulses of one
   * stimulus are put together again.
   */
  #onPulses(seen: PulsesSeen): void {
    const before = this.#partial;
    const isMore = before !== undefined && seen.sample - before.sample <= SKEW_SAMPLES;
    if (before !== undefined && !isMore) this.#settlePartial();
    const electrodes = [...(isMore ? before.electrodes : []), ...seen.electrodes].sort((a, b) => a - b);
    const atCompliance = [...(isMore ? before.atCompliance : []), ...seen.atCompliance].sort((a, b) => a - b);
    this.#partial = { ...seen, sample: isMore ? before.sample : seen.sample, electrodes, atCompliance };
    if (electrodes.length >= this.#planned.awaitedElectrodes.length) this.#settlePartial();
  }

  #settlePartial(): void {
    const seen = this.#partial;
    this.#partial = undefined;
    if (seen !== undefined) this.#match(seen.sample, seen);
  }

  #onLine({ sample, line, isHigh }: LineChanged): void {
    const { sight } = this.#options;
    if (sight.type !== 'line' || line !== sight.line || !isHigh) return;
    this.#match(sample, undefined);
  }

  #match(sample: SampleIndex, seen: PulsesSeen | undefined): void {
    const stimulus = this.#planned.takeSeen(sample);
    if (stimulus === undefined) this.#onStray(sample, seen?.electrodes);
    else this.#tellDelivered(stimulus, { sample, ...seen });
  }

  /** Pulses that nobody asked for: somebody else's, or a device that does as it likes. */
  #onStray(sample: SampleIndex, electrodes: readonly number[] | undefined): void {
    const which = electrodes === undefined ? '' : ` on electrodes ${electrodes.join(', ')}`;
    const message = `Pulses at sample ${sample}${which} that nobody asked for`;
    this.#outlet.emit({ type: 'fault', sequence: this.#count(), atSample: sample, code: 'stimulator', message });
    this.#endArming('device-fault', 'device-fault', { always: true });
  }

  /** @param seen the electrodes where the recorder tells them; else they are those that were asked for */
  #tellDelivered(
    { stimulusId, slot, electrodes: asked }: PlannedStimulus,
    { sample, electrodes = asked, atCompliance = [] }: Pick<PulsesSeen, 'sample'> & Partial<PulsesSeen>,
  ): void {
    const delivered = { type: 'stimulus-delivered', sequence: this.#count(), stimulusId, sample, slot } as const;
    this.#outlet.emit({
      ...delivered,
      electrodes,
      ...(atCompliance.length > 0 && { limitedElectrodes: atCompliance }),
    });
  }

  #tellDropped({ stimulusId }: PlannedStimulus, reason: DropReason, message: string): void {
    const atSample = sampleIndex(this.#nextSample);
    this.#outlet.emit({ type: 'stimulus-dropped', sequence: this.#count(), stimulusId, atSample, reason, message });
  }

  /** Before a block is handed out: empty patterns within it are due, and what should have been seen long ago was not. */
  #settle(endSample: number): void {
    const { empty, unseen } = this.#planned.settle(endSample);
    for (const stimulus of empty) this.#tellDelivered(stimulus, { sample: stimulus.dueSample });
    for (const { stimulusId } of unseen) {
      // Not dropped: it may have left, and stays in the account of its charge. Its trial is missing, and does not count.
      const message = `The trigger of stimulus ${stimulusId} was given, and no pulse was seen for ${UNSEEN_AFTER_MS} ms`;
      const atSample = sampleIndex(endSample);
      this.#outlet.emit({ type: 'fault', sequence: this.#count(), atSample, code: 'stimulator', message });
    }
  }

  // ---- being armed -----------------------------------------------------------------------------------------------------

  #watch(): void {
    this.#cancelLook();
    this.#cancelLook = this.#options.timers.after(LOOK_MS, () => {
      this.#look();
      if (this.#isArmed) this.#watch();
    });
  }

  #look(): void {
    const { timers, mainStallMs } = this.#options;
    const stalledMs = timers.nowMs() - this.#progressAtMs;
    if (!this.#isArmed || stalledMs < mainStallMs) return;
    this.#outlet.emit({ type: 'main-stalled', stalledMs });
    this.#endArming('watchdog', 'disarmed');
  }

  /** Off, told whatever the stimulator answers. */
  #endArming(cause: ArmingCause, reason: DropReason, { always = false } = {}): void {
    this.#disarm(cause, reason, { always }).catch((error: unknown) => {
      this.#warn(`Ending stimulation: ${toError(error).message}`);
    });
  }

  async #disarm(cause: ArmingCause, reason: DropReason, { always = false } = {}): Promise<void> {
    const wasArmed = this.#isArmed;
    this.#isArmed = false;
    this.#cancelLook();
    if (!wasArmed && !always) return;
    // Sent before anything is told, so that no listener stands before it.
    const off = this.#options.stimulator?.allOff();
    // Programs may be lost by it: to be armed again it has to be configured.
    this.#profileHash = undefined;
    for (const stimulus of this.#planned.withdrawAll()) this.#tellDropped(stimulus, reason, 'stimulation ended');
    if (wasArmed) this.#emitArmed(cause);
    await off;
  }

  #emitArmed(cause: ArmingCause): void {
    const atSample = sampleIndex(this.#nextSample);
    this.#outlet.emit({ type: 'armed-changed', sequence: this.#count(), atSample, armed: this.#isArmed, cause });
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------------

  #onStimulator(event: StimulatorEvent): void {
    if (event.type === 'warning') {
      this.#warn(event.message);
      return;
    }
    const atSample = sampleIndex(this.#nextSample);
    this.#outlet.emit({
      type: 'fault',
      sequence: this.#count(),
      atSample,
      code: 'stimulator',
      message: event.message,
    });
    this.#endArming('device-fault', 'device-fault');
  }

  #onRecorder(event: RecorderEvent): void {
    switch (event.type) {
      case 'block':
        this.#onBlock(event);
        break;
      case 'started':
        this.#nextSample = event.firstSample;
        this.#acquired = { blocks: 0, frames: 0 };
        this.#relation = createClockRelation({ nominalHz: this.capabilities.sampleRateHz });
        this.#tally.start();
        this.#outlet.emit({ type: 'stream-started', sequence: this.#count(), firstSample: event.firstSample });
        break;
      case 'ended':
        this.#onEnded(event.endSample);
        break;
      case 'samples-lost':
        this.#onLost(event);
        break;
      case 'pulses-seen':
        if (this.#options.sight.type === 'pulses') this.#onPulses(event);
        break;
      case 'line-changed':
        this.#onLine(event);
        break;
      case 'warning':
        this.#warn(event.message);
        break;
      case 'link-lost':
        this.#linksLost += 1;
        // What is not seen is not stimulated.
        this.#endArming('link-lost', 'disarmed');
        this.#outlet.emit({ type: 'link-lost', reason: event.reason });
        break;
      case 'link-restored':
        this.#outlet.emit({
          type: 'link-restored',
          recoveredMessages: 0,
          lostMessages: 0,
          outageMs: event.outageMs,
        });
        break;
      case 'failed':
        this.#fail(event.message);
        break;
    }
  }

  #onBlock(block: SampleBlock): void {
    const endSample = block.firstSample + block.frames;
    this.#relation.add(this.#options.timers.nowMs(), endSample);
    if (this.#artefacts !== undefined) this.#lookForArtefact(block, this.#artefacts);
    this.#settlePartial();
    this.#settle(endSample);
    const rest = this.#rest;
    this.#nextSample = endSample;
    if (rest === undefined) this.#handOut(block);
    else if (endSample > rest.toSample) {
      this.#tellRested(rest.fromSample, rest.toSample);
      this.#handOut(cutFront(block, rest.toSample));
    } else if (endSample === rest.toSample) this.#tellRested(rest.fromSample, rest.toSample);
  }

  #tellRested(fromSample: number, toSample: number): void {
    this.#rest = undefined;
    this.#outlet.emit({
      type: 'rested',
      sequence: this.#count(),
      fromSample: sampleIndex(fromSample),
      toSample: sampleIndex(toSample),
    });
    this.#restWaiter?.resolve();
    this.#restWaiter = undefined;
  }

  #handOut(block: SampleBlock): void {
    this.#blocks += 1;
    this.#frames += block.frames;
    this.#acquired.blocks += 1;
    this.#acquired.frames += block.frames;
    this.#tally.addBlock(block);
    const { firstSample, frames, channels, samples } = block;
    this.#outlet.emit({ type: 'block', sequence: this.#count(), firstSample, frames, channels, samples });
  }

  #lookForArtefact(block: SampleBlock, watch: ArtefactWatch): void {
    const sample = watch.look(block, this.#planned.awaitedElectrodes);
    if (sample !== undefined) this.#match(sample, undefined);
  }

  #onLost({ fromSample, toSample, messages }: Extract<RecorderEvent, { readonly type: 'samples-lost' }>): void {
    this.#gaps += 1;
    this.#lostMessages += messages ?? 0;
    this.#sampleJumps += 1;
    this.#tally.addGap(messages);
    this.#tally.addGapSamples(toSample - fromSample);
    const sequence = this.#sequence;
    this.#outlet.emit({
      type: 'gap',
      cause: 'lost',
      firstSequence: sequence,
      lastSequence: null,
      messages,
      atSequence: sequence,
      fromSample,
      toSample,
    });
    this.#outlet.emit({ type: 'sample-jump', fromSample, toSample, cause: 'gap' });
    this.#nextSample = toSample;
  }

  #onEnded(endSample: SampleIndex): void {
    this.#state = 'ready';
    this.#endArming('stopped', 'stopped');
    // These recorders do not say what they sent: what came, and the gaps that were told, is all there is to hold it against.
    const ended = {
      type: 'stream-ended',
      sequence: this.#count(),
      endSample,
      ...this.#acquired,
      samplesCrc32c: 0,
    } as const;
    const check = this.#tally.end(ended);
    const verdict = check.gapSamples > 0 ? 'gaps-reported' : 'complete';
    const event = { ...ended, samplesCrc32c: check.samplesCrc32c, check: { ...check, verdict } } as const;
    this.#outlet.emit(event);
    this.#end.resolve({ type: 'ended', ended: event });
  }

  #fail(message: string): void {
    this.#state = 'idle';
    this.#endArming('link-lost', 'disarmed');
    this.#giveUpWaiting(message);
    this.#outlet.emit({ type: 'link-failed', message });
    this.#outlet.complete();
  }

  /** Whoever waits for the end of an acquisition or of a rest is told that it does not come. */
  #giveUpWaiting(what: string): void {
    const error = new MeaError('link', { what });
    this.#end.fail(error);
    this.#restWaiter?.reject(error);
    this.#restWaiter = undefined;
    this.#rest = undefined;
  }

  #warn(message: string): void {
    this.#outlet.emit({ type: 'driver-warning', message });
  }

  /** Said once, at the end: how near to their samples stimuli left. */
  #reportErrors(): void {
    const { errors } = this.#planned.lead;
    if (errors === undefined) return;
    const toMs = (samples: number): string => `${((samples * 1000) / this.capabilities.sampleRateHz).toFixed(2)} ms`;
    const { deliveries, medianSamples, spreadSamples, worstSamples } = errors;
    const message = `${deliveries} stimuli seen; beside the sample that they were due at by ${toMs(medianSamples)} (median), interquartile range ${toMs(spreadSamples)}, at most ${toMs(worstSamples)}`;
    this.#outlet.emit({ type: 'log', sequence: this.#count(), level: 'info', message });
  }

  #count(): number {
    const sequence = this.#sequence;
    this.#sequence += 1;
    return sequence;
  }

  #samplesOf(ms: number): number {
    return Math.round((ms * this.capabilities.sampleRateHz) / 1000);
  }
}

/** The block from a sample on. */
function cutFront({ firstSample, frames, channels, samples }: SampleBlock, from: number): SampleBlock {
  const cut = Math.max(0, from - firstSample);
  return {
    firstSample: sampleIndex(firstSample + cut),
    frames: frames - cut,
    channels,
    samples: samples.subarray(cut * channels),
  };
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
