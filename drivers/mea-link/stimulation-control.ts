import { MeaError, isMeaError } from '../../protocols/errors.js';
import type { ArmedChanged, DeviceHeartbeat, Refusal, ReplyResult } from '../../protocols/mea-link/messages.js';
import {
  isCheckedPattern,
  isCheckedStimCommand,
  type CheckedPattern,
  type CheckedStimCommand,
} from '../../protocols/stimulation/gate.js';
import type { SampleIndex } from '../../protocols/units.js';
import type { DeviceConnection } from './device-connection.js';
import type { DeviceEvent } from './device-event.js';
import type { DriverOptions } from './driver-options.js';
import { expectReply, expectReplyOrRefusal } from './reply-checks.js';

/** What an arming is meant for; any other device, or one with other limits, refuses. */
export interface ArmRequest {
  readonly serialNumber: string;
  /** (32 bytes) as `configure` returned it. */
  readonly profileHash: Uint8Array;
}

/** A stimulus was accepted for this sample. */
export interface Scheduled {
  readonly type: 'scheduled';
  readonly sample: SampleIndex;
}

interface Arming {
  readonly token: Uint8Array;
  /** `asked`: the device has not answered yet. */
  state: 'asked' | 'armed';
  /** The data lane has told of it, so that a later word of being disarmed is about this arming. */
  isConfirmed: boolean;
  /** Heartbeats of the device in a row that call it disarmed. */
  contradictions: number;
}

/** One heartbeat that says otherwise may have been overtaken by the answer to `arm`. */
const MAX_CONTRADICTIONS = 2;

/** Commands that must not reach the device after stimulation was ended. */
const STIMULATING = ['arm', 'trigger', 'upload-pattern'] as const;

/**
 * Everything that stimulates, and everything that ends it. There is one arming at a time, made by a call of `arm` and by
 * nothing else; what was asked for under one arming is never carried out under another.
 */
export class StimulationControl {
  readonly #connection: DeviceConnection;
  readonly #driver: DriverOptions;
  /** What each slot of the device holds, as text. */
  readonly #slots = new Map<number, string>();
  /** Rises whenever nobody knows any more what the slots hold: an answer from before says nothing about after. */
  #slotsEpoch = 0;
  #arming: Arming | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #turnsWaiting = 0;

  constructor(connection: DeviceConnection, driver: DriverOptions) {
    this.#connection = connection;
    this.#driver = driver;
  }

  get isArmed(): boolean {
    return this.#arming?.state === 'armed';
  }

  /** See `RigDevice.arm`. */
  async arm({ serialNumber, profileHash }: ArmRequest, signal?: AbortSignal): Promise<void> {
    if (!this.#connection.isUp) throw new MeaError('link', { what: 'The device cannot be armed: there is no link' });
    if (this.#arming !== undefined) {
      throw new MeaError('refused', { what: 'The device is armed already', remedy: 'disarm it first' });
    }
    const token = this.#driver.randomBytes(16);
    const arming: Arming = { token, state: 'asked', isConfirmed: false, contradictions: 0 };
    this.#arming = arming;
    // From now on, not from the answer on: its watchdog runs while the answer is under way.
    this.#connection.heartbeats.arm(token);
    try {
      const result = await this.#connection.request({ type: 'arm', token, serialNumber, profileHash }, { signal });
      expectReply('arm', result, 'done');
      if (this.#arming !== arming) throw disarmedMeanwhile();
      arming.state = 'armed';
    } catch (error) {
      // Whether the device took it is not known: without heartbeats it does not last.
      if (this.#arming === arming) this.forget();
      throw error;
    }
  }

  /** See `RigDevice.disarm`. */
  async disarm(): Promise<void> {
    this.forget();
    const answered = this.#connection.request({ type: 'disarm' }, { urgent: true, survivesLinkLoss: true });
    this.#purge();
    expectReply('disarm', await answered, 'done');
  }

  /** See `RigDevice.abort`. */
  async abort(): Promise<void> {
    this.forget();
    const { abortRetryMs, longDeadlineMs } = this.#driver;
    const answered = this.#connection.request(
      { type: 'abort' },
      { urgent: true, survivesLinkLoss: true, retryMs: abortRetryMs, deadlineMs: longDeadlineMs },
    );
    // After it was sent, so that nothing that becomes free goes first.
    this.#purge();
    expectReply('abort', await answered, 'done');
  }

  /** Forgets the arming, so that no heartbeat renews it and nothing more is triggered. */
  forget(): void {
    this.#arming = undefined;
    this.#connection.heartbeats.disarm();
  }

  /** The device no longer holds the patterns. */
  forgetSlots(): void {
    this.#slotsEpoch += 1;
    this.#slots.clear();
  }

  /** See `RigDevice.upload`. */
  async upload(pattern: CheckedPattern, signal?: AbortSignal): Promise<void> {
    assertChecked(isCheckedPattern(pattern), 'pattern');
    await this.#inTurn(async () => {
      if (this.#slots.get(pattern.slot) === describePulses(pattern)) return;
      expectReply('upload-pattern', await this.#upload(pattern, signal), 'done');
    });
  }

  /** See `RigDevice.stimulate`. */
  async stimulate(command: CheckedStimCommand, signal?: AbortSignal): Promise<Scheduled | Refusal> {
    assertChecked(isCheckedStimCommand(command), 'stimulus');
    const arming = this.#arming;
    if (arming?.state !== 'armed') return NOT_ARMED;
    try {
      return await this.#inTurn(() => this.#stimulate(command, arming, signal));
    } catch (error) {
      if (isMeaError(error, 'refused') && this.#arming !== arming) return { ...NOT_ARMED, message: error.message };
      throw error;
    }
  }

  /** See `RigDevice.cancel`. */
  async cancel(stimulusId: number, signal?: AbortSignal): Promise<{ readonly type: 'done' } | Refusal> {
    const result = await this.#connection.request({ type: 'cancel', stimulusId }, { signal });
    return expectReplyOrRefusal('cancel', result, 'done');
  }

  /** Follows what the device says about being armed. */
  onEvent(event: DeviceEvent): void {
    if (event.type === 'armed-changed') this.#onArmedChanged(event);
    else if (event.type === 'device-restarted') {
      this.forget();
      this.forgetSlots();
    } else if (event.type === 'link-lost' || event.type === 'link-failed') {
      this.forget();
      // Another controller may have filled them meanwhile.
      this.forgetSlots();
    } else if (event.type === 'main-stalled') this.forget();
  }

  onDeviceHeartbeat({ armed }: DeviceHeartbeat): void {
    if (this.#arming?.state !== 'armed') return;
    this.#arming.contradictions = armed ? 0 : this.#arming.contradictions + 1;
    if (this.#arming.contradictions >= MAX_CONTRADICTIONS) this.forget();
  }

  #onArmedChanged({ armed, sequence }: ArmedChanged): void {
    if (this.#arming === undefined || !this.#connection.isLive(sequence)) return;
    if (armed) this.#arming.isConfirmed = true;
    else if (this.#arming.isConfirmed) this.forget();
  }

  #purge(): void {
    this.#connection.failCommands(disarmedMeanwhile(), STIMULATING);
  }

  async #stimulate(
    command: CheckedStimCommand,
    arming: Arming,
    signal: AbortSignal | undefined,
  ): Promise<Scheduled | Refusal> {
    const { pattern } = command;
    const first = await this.#uploadAndTrigger(command, arming, signal);
    if (first.type !== 'refused' || first.reason !== 'empty-slot') return first;
    // The device emptied the slot without our knowing.
    this.#slots.delete(pattern.slot);
    return this.#uploadAndTrigger(command, arming, signal);
  }

  async #uploadAndTrigger(
    { stimulusId, pattern, at }: CheckedStimCommand,
    arming: Arming,
    signal: AbortSignal | undefined,
  ): Promise<Scheduled | Refusal> {
    if (this.#arming !== arming) return NOT_ARMED;
    if (this.#slots.get(pattern.slot) !== describePulses(pattern)) {
      const uploaded = await this.#upload(pattern, signal);
      if (uploaded.type === 'refused') return uploaded;
      expectReply('upload-pattern', uploaded, 'done');
      if (!this.#isStill(arming)) return NOT_ARMED;
    }
    const { slot } = pattern;
    const { token } = arming;
    const result = await this.#connection.request({ type: 'trigger', stimulusId, slot, at, token }, { signal });
    return expectReplyOrRefusal('trigger', result, 'scheduled');
  }

  #isStill(arming: Arming): boolean {
    return this.#arming === arming;
  }

  async #upload(pattern: CheckedPattern, signal: AbortSignal | undefined): Promise<ReplyResult> {
    const { slot, pulses } = pattern;
    // Until the device has answered nobody knows what the slot holds.
    this.#slots.delete(slot);
    const epoch = this.#slotsEpoch;
    const result = await this.#connection.request({ type: 'upload-pattern', pattern: { slot, pulses } }, { signal });
    if (result.type === 'done' && epoch === this.#slotsEpoch) this.#slots.set(slot, describePulses(pattern));
    return result;
  }

  /** One after the other: between the upload of a pattern and its trigger nobody else may fill the slot. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#turnsWaiting >= this.#driver.maxQueued) {
      throw new MeaError('refused', {
        what: 'The driver did not take the stimulus',
        got: `${this.#turnsWaiting} that wait`,
        wanted: `at most ${this.#driver.maxQueued}`,
      });
    }
    // With nobody before, the command is on the link when this returns: a loop must not wait for promises to settle.
    const isFirst = this.#turnsWaiting === 0;
    this.#turnsWaiting += 1;
    const mine = (isFirst ? work() : this.#turn.then(work)).finally(() => {
      this.#turnsWaiting -= 1;
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

const NOT_ARMED: Refusal = {
  type: 'refused',
  reason: 'not-armed',
  message: 'the controller does not hold the device armed: arm it first; it never arms by itself',
};

/** What a pattern is, as text; it is frozen, and a rule delivers the same one again and again. */
function describePulses(pattern: CheckedPattern): string {
  const known = DESCRIPTIONS.get(pattern);
  if (known !== undefined) return known;
  const text = JSON.stringify(pattern.pulses.map(({ electrode, phases }) => [electrode, ...phases.flatMap(toNumbers)]));
  DESCRIPTIONS.set(pattern, text);
  return text;
}

const DESCRIPTIONS = new WeakMap<CheckedPattern, string>();

function toNumbers({ currentUa, durationUs }: CheckedPattern['pulses'][number]['phases'][number]): readonly number[] {
  return [currentUa, durationUs];
}

function assertChecked(isChecked: boolean, what: string): void {
  if (isChecked) return;
  throw new MeaError('refused', {
    what: `The ${what} did not pass the safety gate`,
    got: 'an object that the gate did not make',
    remedy: 'let the gate check it first, and hand on what the gate returns',
  });
}

function disarmedMeanwhile(): MeaError {
  return new MeaError('refused', { what: 'Stimulation was ended before the command was carried out' });
}
