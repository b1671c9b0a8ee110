import type { Observable } from 'rxjs';
import { createClockRelation, type ClockRelation } from '../../protocols/clock-relation.js';
import { MeaError } from '../../protocols/errors.js';
import type { Capabilities, DeviceState, Impedance, Refusal, StatusResult } from '../../protocols/mea-link/messages.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import type { CheckedPattern, CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import { AcquisitionEnd, type AcquisitionEndResult } from '../mea-link/acquisition-end.js';
import { waitWithin } from '../mea-link/bounded-wait.js';
import { toError } from '../mea-link/command-channel.js';
import type { DriverCounters } from '../mea-link/device-connection.js';
import type { DeviceEvent, StreamEndedEvent } from '../mea-link/device-event.js';
import type { ArmRequest, Scheduled } from '../mea-link/stimulation-control.js';
import { StreamTally } from '../mea-link/stream-tally.js';
import type { Configured, DeviceConfiguration, RigDevice } from '../rig-device.js';
import { assertSight, describeCombined, type CombinedDeviceOptions } from './combined-options.js';
import { CombinedStimulation } from './combined-stimulation.js';
import { EventLane } from './event-lane.js';
import type { PulsesSeen, RecorderEvent, SamplesLost } from './recorder.js';
import { RestWindow, type RestedStretch } from './rest-window.js';

/** The first samples come so long after the recorder was started at most. */
const START_MS = 10_000;
/** The end of an acquisition comes so long after the recorder has stopped at most. */
const END_MS = 5000;
/** A rest takes at most so much longer than its samples do. */
const REST_LATE_MS = 10_000;

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
  readonly #lane = new EventLane();
  readonly #stimulation: CombinedStimulation;
  readonly #end = new AcquisitionEnd();
  readonly #tally = new StreamTally();
  readonly #rest = new RestWindow();
  /** Of this acquisition: a recorder may count anew with each, or stand still between two. */
  #relation: ClockRelation;
  /** A block that waits because pulses with its last samples may have more to them in the next. */
  #heldBlock: SampleBlock | undefined;
  #state: DeviceState = 'idle';
  /** How the last acquisition ended; undefined while one runs. */
  #ended: StreamEndedEvent | undefined;
  #acquired = { blocks: 0, frames: 0 };
  #blocks = 0;
  #frames = 0;
  #gaps = 0;
  #lostMessages = 0;
  #linksLost = 0;
  /** Who waits for the first samples. */
  #startWaiter: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
  #failed: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  /** @throws MeaError `bad-input` where the recorder cannot see deliveries in the way that is asked for */
  constructor(options: CombinedDeviceOptions) {
    const { recorder, stimulator, sight } = options;
    if (stimulator !== null) assertSight(recorder, sight);
    this.#options = options;
    this.capabilities = describeCombined(options);
    this.#relation = createClockRelation({ nominalHz: recorder.description.sampleRateHz });
    this.#stimulation = new CombinedStimulation(options, this.#lane, {
      serialNumber: this.capabilities.serialNumber,
      isRunning: () => this.isConnected && this.#state === 'running',
      hostMsAt: (sample) => this.#relation.hostMsAt(sample),
    });
    recorder.events$.subscribe({
      next: (event) => {
        this.#onRecorder(event);
      },
      error: (error: unknown) => {
        this.#fail(toError(error).message);
      },
    });
  }

  get bootId(): number {
    return this.#options.bootId;
  }

  get events$(): Observable<DeviceEvent> {
    return this.#lane.events$;
  }

  get counters(): DriverCounters {
    return {
      messages: this.#blocks,
      badFrames: 0,
      early: 0,
      linksLost: this.#linksLost,
      commands: { sent: this.#stimulation.fired, retransmitted: 0, lateReplies: 0 },
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
      sampleJumps: this.#gaps,
      reorderHighWater: 0,
    };
  }

  get isConnected(): boolean {
    return this.#options.recorder.isConnected && this.#closed === undefined;
  }

  get isArmed(): boolean {
    return this.#stimulation.isArmed;
  }

  get state(): DeviceState {
    return this.#state;
  }

  async configure({ safetyProfile }: DeviceConfiguration, signal?: AbortSignal): Promise<Configured> {
    const profileHash = await this.#stimulation.configure(safetyProfile, signal);
    if (this.#state !== 'running') this.#state = 'ready';
    return { blockFrames: this.#options.recorder.description.blockFrames, profileHash };
  }

  /** Resolves when the first samples have come: before that nobody knows what sample it is. */
  async start(signal?: AbortSignal): Promise<void> {
    const { recorder, timers } = this.#options;
    const started = new Promise<void>((resolve, reject) => {
      this.#startWaiter = { resolve, reject };
    });
    started.catch(() => undefined);
    await recorder.start(signal);
    const where = recorder.description.device;
    await waitWithin(started, { timers, delayMs: START_MS, what: 'The first samples', where, signal });
  }

  /**
   * Nothing more is triggered; then the recorder is stopped, for some devices are switched off for certain only by that; then all
   * is switched off. The recorder is stopped whatever becomes of the rest, which is thrown after it.
   */
  async stop(signal?: AbortSignal): Promise<AcquisitionEndResult> {
    await this.#stimulation.hold('command', 'disarmed').catch((error: unknown) => {
      this.#lane.warn(toError(error).message);
    });
    try {
      return await this.#stopRecorder(signal);
    } finally {
      await this.disarm();
    }
  }

  async #stopRecorder(signal: AbortSignal | undefined): Promise<AcquisitionEndResult> {
    const { recorder, timers } = this.#options;
    // One that has ended by itself has told so.
    if (this.#state !== 'running' && this.#ended !== undefined) return { type: 'ended', ended: this.#ended };
    // Expected before it is asked for: the end comes before the answer.
    const ended = this.#end.expect();
    ended.catch(() => undefined);
    await recorder.stop(signal);
    const where = recorder.description.device;
    return waitWithin(ended, { timers, delayMs: END_MS, what: 'The end of the acquisition', where, signal });
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
    if (this.#state !== 'running' || this.#rest.isOpen) {
      const got = this.#rest.isOpen ? 'resting' : this.#state;
      throw new MeaError('refused', { what: 'The device cannot rest now', got });
    }
    const { timers, recorder } = this.#options;
    const passed = this.#rest.open(this.#lane.nextSample, durationSamples);
    try {
      await waitWithin(passed, {
        timers,
        delayMs: (durationSamples * 1000) / this.capabilities.sampleRateHz + REST_LATE_MS,
        what: `A rest of ${durationSamples} samples`,
        where: recorder.description.device,
        signal,
      });
    } catch (error) {
      this.#breakOffRest(toError(error));
      throw error;
    }
  }

  reportProgress(): void {
    this.#stimulation.reportProgress();
  }

  arm(request: ArmRequest): Promise<void> {
    return promiseOf(() => {
      this.#stimulation.arm(request);
    });
  }

  disarm(): Promise<void> {
    return this.#stimulation.disarm('command', 'disarmed');
  }

  abort(): Promise<void> {
    return this.#stimulation.disarm('abort', 'aborted', { always: true });
  }

  upload(pattern: CheckedPattern): Promise<void> {
    return promiseOf(() => {
      this.#stimulation.upload(pattern);
    });
  }

  stimulate(command: CheckedStimCommand): Promise<Scheduled | Refusal> {
    return promiseOf(() => this.#stimulation.stimulate(command));
  }

  cancel(stimulusId: number): Promise<{ readonly type: 'done' } | Refusal> {
    return promiseOf(() => this.#stimulation.cancel(stimulusId));
  }

  measureImpedance(): Promise<readonly Impedance[]> {
    return Promise.reject(
      new MeaError('refused', {
        what: 'This rig does not measure impedances',
        remedy: 'give the rig file a table of them',
      }),
    );
  }

  status(): Promise<StatusResult> {
    return Promise.resolve({
      type: 'status',
      state: this.#state,
      armed: this.isArmed,
      nextSample: this.#lane.nextSample,
      scheduledStimuli: this.#stimulation.planned,
      nextDataSequence: this.#lane.nextSequence,
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { recorder, stimulator } = this.#options;
    await this.disarm().catch((error: unknown) => {
      this.#lane.warn(toError(error).message);
    });
    await stimulator?.close();
    await recorder.close();
    await this.#failed;
    this.#giveUpWaiting('The driver was closed');
    this.#reportErrors();
    this.#lane.complete();
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------------

  #onRecorder(event: RecorderEvent): void {
    // Pulses alone may still belong to those in the block that waits; so may an artefact in the next one.
    if (event.type !== 'pulses-seen' && event.type !== 'block') this.#releaseBlock();
    switch (event.type) {
      case 'block':
        this.#onBlock(event);
        break;
      case 'started':
        this.#onStarted(event.firstSample);
        break;
      case 'ended':
        this.#onEnded(event.endSample);
        break;
      case 'samples-lost':
        this.#onLost(event);
        break;
      case 'pulses-seen':
        this.#onPulses(event);
        break;
      case 'line-changed':
        this.#stimulation.onLine(event);
        break;
      case 'warning':
        this.#lane.warn(event.message);
        break;
      case 'link-lost':
        this.#linksLost += 1;
        // What is not seen is not stimulated.
        this.#stimulation.end('link-lost', 'disarmed');
        this.#lane.emit({ type: 'link-lost', reason: event.reason });
        break;
      case 'link-restored': {
        const { outageMs } = event;
        this.#lane.emit({ type: 'link-restored', recoveredMessages: 0, lostMessages: 0, outageMs });
        break;
      }
      case 'failed':
        this.#fail(event.message);
        break;
    }
  }

  #onStarted(firstSample: SampleIndex): void {
    this.#stimulation.start();
    this.#ended = undefined;
    this.#state = 'running';
    this.#lane.nextSample = firstSample;
    this.#acquired = { blocks: 0, frames: 0 };
    this.#relation = createClockRelation({ nominalHz: this.capabilities.sampleRateHz });
    this.#tally.start();
    this.#lane.tell({ type: 'stream-started', firstSample });
    this.#startWaiter?.resolve();
    this.#startWaiter = undefined;
  }

  #onPulses({ sample, electrodes, atCompliance }: PulsesSeen): void {
    this.#stimulation.onPulses({ sample, electrodes, atCompliance });
    const held = this.#heldBlock;
    if (held !== undefined && !this.#stimulation.mayGoOnAt(held.firstSample + held.frames)) this.#releaseBlock();
  }

  #onBlock(block: SampleBlock): void {
    const endSample = block.firstSample + block.frames;
    this.#relation.add(this.#options.timers.nowMs(), endSample);
    this.#stimulation.onBlock(block);
    this.#releaseBlock();
    // A delivery is told before the block that holds it: where its pulses may go on in the next block, this one waits.
    if (this.#stimulation.mayGoOnAt(endSample)) this.#heldBlock = block;
    else this.#pass(block);
  }

  #releaseBlock(): void {
    const block = this.#heldBlock;
    if (block === undefined) return;
    this.#heldBlock = undefined;
    this.#pass(block);
  }

  /** Which pulses there are in a block is known now. */
  #pass(block: SampleBlock): void {
    const endSample = sampleIndex(block.firstSample + block.frames);
    this.#stimulation.settle(endSample);
    const from = this.#rest.skipFrom(block.firstSample);
    this.#lane.nextSample = endSample;
    this.#tellRested(this.#rest.pass(endSample));
    if (from < endSample) this.#handOut(cutFront(block, from));
  }

  #tellRested(rested: RestedStretch | undefined): void {
    if (rested !== undefined) this.#lane.tell({ type: 'rested', ...rested });
  }

  #breakOffRest(error: Error): void {
    this.#tellRested(this.#rest.breakOff(this.#lane.nextSample, error));
  }

  #handOut(block: SampleBlock): void {
    this.#blocks += 1;
    this.#frames += block.frames;
    this.#acquired.blocks += 1;
    this.#acquired.frames += block.frames;
    this.#tally.addBlock(block);
    const { firstSample, frames, channels, samples } = block;
    this.#lane.tell({ type: 'block', firstSample, frames, channels, samples });
  }

  #onLost({ fromSample: lostFrom, toSample, messages }: SamplesLost): void {
    const fromSample = sampleIndex(Math.min(toSample, this.#rest.skipFrom(lostFrom)));
    this.#lane.nextSample = toSample;
    this.#tellRested(this.#rest.pass(toSample));
    if (fromSample > lostFrom) this.#lane.warn(`${fromSample - lostFrom} samples were lost within a rest`);
    if (fromSample === toSample) return;
    this.#gaps += 1;
    this.#lostMessages += messages ?? 0;
    this.#tally.addGap(messages);
    this.#tally.addGapSamples(toSample - fromSample);
    const sequence = this.#lane.nextSequence;
    this.#lane.emit({
      type: 'gap',
      cause: 'lost',
      firstSequence: sequence,
      lastSequence: null,
      messages,
      atSequence: sequence,
      fromSample,
      toSample,
    });
    this.#lane.emit({ type: 'sample-jump', fromSample, toSample, cause: 'gap' });
  }

  #onEnded(endSample: SampleIndex): void {
    this.#state = 'ready';
    this.#stimulation.end('stopped', 'stopped');
    this.#stimulation.giveUpFired('the acquisition ended before its pulse was seen');
    this.#breakOffRest(new MeaError('refused', { what: 'The acquisition ended within the rest' }));
    this.#reportClock();
    // These recorders do not say what they sent: what came, and the gaps that were told, is all there is to hold it against.
    const ended = {
      type: 'stream-ended',
      sequence: this.#lane.takeSequence(),
      endSample,
      ...this.#acquired,
      samplesCrc32c: 0,
    } as const;
    const check = this.#tally.end(ended);
    const verdict = check.gapSamples > 0 ? 'gaps-reported' : 'complete';
    const event = { ...ended, samplesCrc32c: check.samplesCrc32c, check: { ...check, verdict } } as const;
    this.#ended = event;
    this.#lane.emit(event);
    this.#end.resolve({ type: 'ended', ended: event });
  }

  /** The recorder is gone. Told when stimulation is off, or is known not to be: nothing comes after that. */
  #fail(message: string): void {
    if (this.#failed !== undefined) return;
    this.#state = 'idle';
    const off = this.#stimulation.disarm('link-lost', 'disarmed');
    this.#stimulation.giveUpFired('the recorder was lost before its pulse was seen');
    this.#giveUpWaiting(message);
    this.#failed = off
      .catch((error: unknown) => {
        this.#lane.warn(toError(error).message);
      })
      .then(() => {
        this.#lane.emit({ type: 'link-failed', message });
        this.#lane.complete();
      });
  }

  /** Whoever waits for the end of an acquisition or of a rest is told that it does not come. */
  #giveUpWaiting(what: string): void {
    const error = new MeaError('link', { what });
    this.#startWaiter?.reject(error);
    this.#end.fail(error);
    this.#breakOffRest(error);
  }

  /** With the end of each acquisition: how the clock of this program, by which triggers are given, and the recorder's went. */
  #reportClock(): void {
    const report = this.#relation.report();
    if (report === null) return;
    const { offsetMs, driftPpm, residualMs, jitterMs, pairs } = report;
    const residual = residualMs === null ? 'unknown of so few' : `${residualMs.toFixed(3)} ms`;
    const figures = `offset ${offsetMs.toFixed(3)} ms, drift ${driftPpm.toFixed(2)} ppm, residual ${residual}`;
    const message = `the recorder's clock against this program's, by which triggers are given: ${figures}, jitter ${jitterMs.toFixed(3)} ms, of ${pairs} blocks`;
    this.#lane.log('info', message);
  }

  /** Said once, at the end: how near to their samples stimuli left. */
  #reportErrors(): void {
    const errors = this.#stimulation.deliveryErrors;
    if (errors === undefined) return;
    const toMs = (samples: number): string => `${((samples * 1000) / this.capabilities.sampleRateHz).toFixed(2)} ms`;
    const { deliveries, medianSamples, spreadSamples, worstSamples } = errors;
    const message = `${deliveries} stimuli seen; beside the sample that they were due at by ${toMs(medianSamples)} (median), interquartile range ${toMs(spreadSamples)}, at most ${toMs(worstSamples)}`;
    this.#lane.log('info', message);
  }
}

/** What is known at once, as the contract of a device has it: it is done when this returns, and what it throws rejects. */
function promiseOf<T>(answer: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(answer());
  });
}

/** The block from a sample on. */
function cutFront({ firstSample, frames, channels, samples }: SampleBlock, from: number): SampleBlock {
  const cut = from - firstSample;
  return {
    firstSample: sampleIndex(firstSample + cut),
    frames: frames - cut,
    channels,
    samples: samples.subarray(cut * channels),
  };
}
