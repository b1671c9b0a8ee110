import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import { encodeHostMessage, takeDeviceMessage } from '../../protocols/mea-link/codec.js';
import type { Transport } from '../../protocols/mea-link/link.js';
import {
  MEA_LINK_VERSION,
  type Capabilities,
  type Command,
  type DeviceHeartbeat,
  type DeviceMessage,
  type DeviceState,
  type HelloResult,
  type Lane,
  type Reply,
  type ReplyResult,
} from '../../protocols/mea-link/messages.js';
import { nextSequence } from '../../protocols/mea-link/sequence.js';
import type { CancelTimer, Timers } from '../../protocols/timers.js';
import { CommandChannel, toError, type CommandCounters, type RequestOptions } from './command-channel.js';
import { DataLaneReceiver, type ReceiverCounters, type ReceiverOutput } from './data-lane-receiver.js';
import type { DeviceEvent } from './device-event.js';
import type { DriverOptions } from './driver-options.js';
import { EventOutlet } from './event-outlet.js';
import { HostHeartbeats, type HeartbeatContent } from './host-heartbeats.js';
import { LinkSupervisor, type Greeting } from './link-supervisor.js';
import { describeRefusal } from './reply-checks.js';

/** What happened on the link and on the data lane so far. */
export interface DriverCounters extends ReceiverCounters {
  /** Messages that were received and understood, of both lanes. */
  readonly messages: number;
  readonly badFrames: number;
  /** Data messages that came before the device had said where its lane stands; they come again. */
  readonly early: number;
  /** Links that were lost. */
  readonly linksLost: number;
  readonly commands: CommandCounters;
}

/** Called for what the device and its heartbeats tell, before the subscribers hear it. */
export interface ConnectionListener {
  onEvent(event: DeviceEvent): void;
  onDeviceHeartbeat(heartbeat: DeviceHeartbeat): void;
}

export interface ConnectionOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  readonly client: string;
  readonly driver: DriverOptions;
}

/** A device's heartbeat that lies behind one before can have been overtaken; so many in a row mean that it booted anew. */
const BACKWARD_HEARTBEATS = 3;

/**
 * The connection to one device over any number of links: greets it, puts its data lane in order, carries commands and
 * heartbeats, and tells all of it as events.
 */
export class DeviceConnection {
  readonly heartbeats: HostHeartbeats;
  readonly #options: ConnectionOptions;
  readonly #clientId: Uint8Array;
  readonly #outlet = new EventOutlet();
  readonly #channel: CommandChannel;
  readonly #supervisor: LinkSupervisor;
  readonly #listeners: ConnectionListener[] = [];
  #receiver: DataLaneReceiver | undefined;
  #hello: HelloResult | undefined;
  /** True once the device has said on this link where its lane stands. */
  #isGreeted = false;
  #state: DeviceState | undefined;
  #sequence = 0;
  #lostAtMs: number | undefined;
  #cancelCheck: CancelTimer = () => undefined;
  #backwardHeartbeats = 0;
  #newestHeartbeat = 0;
  #isClosing = false;
  #messages = 0;
  #badFrames = 0;
  #early = 0;
  #linksLost = 0;
  /** Full sequence from which on the data lane tells of now, not of what a lost link held back. */
  #liveFrom = 0;

  constructor(options: ConnectionOptions) {
    const { transport, timers, driver } = options;
    this.#options = options;
    this.#clientId = driver.randomBytes(16);
    this.#channel = new CommandChannel({
      timers,
      address: transport.address,
      maxQueued: driver.maxQueued,
      retryMs: driver.retryMs,
      deadlineMs: driver.deadlineMs,
      send: (commandId, command) => this.#sendCommand(commandId, command),
    });
    this.heartbeats = new HostHeartbeats({
      timers,
      armedHeartbeatMs: driver.armedHeartbeatMs,
      idleHeartbeatMs: driver.idleHeartbeatMs,
      armedForMs: driver.armedForMs,
      mainStallMs: driver.mainStallMs,
      send: (content) => {
        this.#sendHeartbeat(content);
      },
      onStall: (stalledMs) => {
        this.emit({ type: 'main-stalled', stalledMs });
      },
    });
    this.#supervisor = new LinkSupervisor({
      transport,
      timers,
      driver,
      hooks: {
        greet: () => this.#greet(),
        onMessage: (lane, message) => this.#onMessage(lane, message),
        onBadFrame: (frame) => {
          this.#onBadFrame(frame.message);
        },
        onDrain: () => {
          this.#channel.drained();
        },
        onDown: (reason, wasUp) => {
          this.#onDown(reason, wasUp);
        },
        onGaveUp: (message) => {
          this.#onGaveUp(message);
        },
      },
    });
  }

  get events$(): Observable<DeviceEvent> {
    return this.#outlet.events$;
  }

  get capabilities(): Capabilities {
    return this.#greeted().capabilities;
  }

  get bootId(): number {
    return this.#greeted().bootId;
  }

  /** Id of the last stimulus that the device had accepted when it greeted us; ids of new ones must be higher. */
  get newestStimulusId(): number {
    return this.#greeted().newestStimulusId;
  }

  get isUp(): boolean {
    return this.#supervisor.isUp;
  }

  /** What the device was last known to do; undefined when it has not said so yet. */
  get state(): DeviceState | undefined {
    return this.#state;
  }

  /** True while messages are known to have been sent that have not come. */
  get isIncomplete(): boolean {
    return this.#receiver?.incomplete ?? false;
  }

  get counters(): DriverCounters {
    return {
      ...this.#borrowReceiver().counters,
      messages: this.#messages,
      badFrames: this.#badFrames,
      early: this.#early,
      linksLost: this.#linksLost,
      commands: this.#channel.counters,
    };
  }

  listen(listener: ConnectionListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Opens the first link.
   *
   * @throws MeaError `link`, `deadline`, `refused`; the signal's reason
   */
  connect(signal: AbortSignal): Promise<void> {
    return this.#supervisor.connect(signal);
  }

  /** Sends a command; see `CommandChannel.request`. */
  request(command: Command, options: RequestOptions = {}): Promise<ReplyResult> {
    if (this.#isClosing) return Promise.reject(this.#closedError());
    return this.#channel.request(command, options);
  }

  /** Sends one of the commands that end a connection, while `close` is under way. */
  requestLast(command: Command, options: RequestOptions): Promise<ReplyResult> {
    return this.#channel.request(command, options);
  }

  /** Fails commands that wait. */
  failCommands(reason: Error, types: readonly Command['type'][]): void {
    this.#channel.fail(reason, ({ type }) => types.includes(type));
  }

  emit(event: DeviceEvent): void {
    for (const listener of this.#listeners) listener.onEvent(event);
    this.#outlet.emit(event);
  }

  /** True for a sequence number of the data lane that was given after the present link was greeted. */
  isLive(sequence: number): boolean {
    return this.#borrowReceiver().unwrap(sequence) >= this.#liveFrom;
  }

  /** Commands are no longer taken, and a link that is lost is not replaced. */
  beginClose(): void {
    this.#isClosing = true;
    this.#channel.fail(this.#closedError());
  }

  /** Ends it all; resolves within the bound. */
  async close(boundMs: number): Promise<void> {
    this.#isClosing = true;
    this.heartbeats.stop();
    this.#cancelCheck();
    this.#channel.suspend(this.#closedError());
    this.#channel.fail(this.#closedError());
    await this.#supervisor.close(boundMs);
    this.#finish();
  }

  // ---- greeting --------------------------------------------------------------------------------------------------------

  async #greet(): Promise<Greeting> {
    const { client, driver, timers } = this.#options;
    this.#sequence = 0;
    this.#isGreeted = false;
    const { clientId, major, minor } = { clientId: this.#clientId, ...MEA_LINK_VERSION };
    const reply = await this.#channel.request(
      { type: 'hello', major, minor, client, clientId },
      { urgent: true, deadlineMs: driver.connectMs },
    );
    if (reply.type === 'refused') throw describeRefusal('hello', reply);
    if (reply.type !== 'hello') throw new MeaError('bad-format', { what: 'Bad answer to hello', got: reply.type });
    const unusable = this.#findObstacle(reply.capabilities);
    if (unusable !== undefined) return { type: 'unusable', message: unusable };
    const previous = this.#hello;
    this.#hello = reply;
    this.#backwardHeartbeats = 0;
    this.#newestHeartbeat = reply.nextDataSequence;
    if (previous === undefined || this.#receiver === undefined) {
      this.#receiver = new DataLaneReceiver(driver.recovery, reply.nextDataSequence);
      this.#isGreeted = true;
    } else await this.#takeUp(reply, previous.bootId);
    this.heartbeats.start();
    this.#channel.open();
    this.#scheduleCheck(timers);
    return { type: 'welcome' };
  }

  /** Why this device must not be used; undefined when it may. */
  #findObstacle(capabilities: Capabilities): string | undefined {
    if (capabilities.major !== MEA_LINK_VERSION.major) {
      return `The device speaks protocol ${capabilities.major}, this driver ${MEA_LINK_VERSION.major}`;
    }
    const expected = this.#hello?.capabilities;
    const other = expected && findOther(capabilities, expected);
    if (other !== undefined) return other;
    if (capabilities.heartbeatMs >= this.#options.driver.silenceMs) {
      return `The device's heartbeats come every ${capabilities.heartbeatMs} ms, more seldom than silenceMs allows`;
    }
    return undefined;
  }

  /** A link after the first: the data lane goes on where it was, or begins anew after a boot. */
  async #takeUp(hello: HelloResult, previousBootId: number): Promise<void> {
    const { timers, driver } = this.#options;
    const receiver = this.#borrowReceiver();
    const isSameBoot = hello.bootId === previousBootId;
    if (!isSameBoot) {
      this.#state = undefined;
      this.#channel.fail(new MeaError('link', { what: 'The device booted anew' }), ({ type }) => type !== 'abort');
      // The lane counts from 0 at each boot, so its first messages are asked for too: they may tell why it booted.
      this.#handOut(receiver.restart(0, timers.nowMs()));
      this.emit({ type: 'device-restarted', previousBootId, bootId: hello.bootId });
    }
    const next = receiver.unwrap(hello.nextDataSequence);
    this.#liveFrom = next;
    this.#isGreeted = true;
    const wanted = receiver.expected;
    const lostBefore = receiver.counters.lostMessages;
    receiver.heartbeat(hello.nextDataSequence, timers.nowMs());
    for (const output of receiver.askAgain(timers.nowMs())) {
      if (output.type === 'resume')
        await this.#resume(output.fromSequence, { urgent: true, deadlineMs: driver.connectMs });
    }
    if (!isSameBoot) return;
    const lostMessages = receiver.counters.lostMessages - lostBefore;
    this.emit({
      type: 'link-restored',
      recoveredMessages: Math.max(0, next - wanted - lostMessages),
      lostMessages,
      outageMs: timers.nowMs() - (this.#lostAtMs ?? timers.nowMs()),
    });
  }

  /** Asks for the data lane from a sequence number on; rejects when the device did not answer as it should. */
  async #resume(fromSequence: number, options: RequestOptions): Promise<void> {
    const receiver = this.#borrowReceiver();
    const bootId = this.bootId;
    try {
      const reply = await this.#channel.request({ type: 'resume', bootId, fromSequence: fromSequence >>> 0 }, options);
      if (reply.type === 'refused') throw describeRefusal('resume', reply);
      if (reply.type !== 'resumed') throw new MeaError('bad-format', { what: 'Bad answer to resume', got: reply.type });
      if (bootId !== this.bootId) return;
      this.#handOut(receiver.resumed(reply.fromSequence, this.#options.timers.nowMs()));
    } catch (error) {
      receiver.resumeFailed();
      throw error;
    }
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------------

  /** True when the message was a good one. */
  #onMessage(lane: Lane, bytes: Uint8Array): boolean {
    const decoded = takeDeviceMessage(bytes);
    if (decoded.type === 'bad') {
      this.#onBadFrame(decoded.message);
      return false;
    }
    const { message } = decoded;
    if (laneOf(message) !== lane) {
      this.#onBadFrame(`${message.type} on the ${lane} lane`);
      return false;
    }
    this.#messages += 1;
    if (message.type === 'reply') this.#onReply(message);
    else if (message.type === 'device-heartbeat') this.#onDeviceHeartbeat(message);
    else if (this.#receiver === undefined || !this.#isGreeted) this.#early += 1;
    else this.#handOut(this.#receiver.receive(message, this.#options.timers.nowMs()));
    return true;
  }

  #onReply(reply: Reply): void {
    this.#channel.onReply(reply);
    const isStranger = reply.result.type === 'refused' && reply.result.reason === 'not-controller';
    // It gave us up, and a line without connections did not show it: as long as it answers it is not silent either.
    if (isStranger && this.#isGreeted) this.#supervisor.drop('the device no longer takes us for its controller');
  }

  #onDeviceHeartbeat(heartbeat: DeviceHeartbeat): void {
    if (this.#receiver === undefined || !this.#isGreeted) return;
    this.#receiver.heartbeat(heartbeat.nextDataSequence, this.#options.timers.nowMs());
    this.#state = heartbeat.state;
    for (const listener of this.#listeners) listener.onDeviceHeartbeat(heartbeat);
    const isBehind = this.#receiver.unwrap(heartbeat.nextDataSequence) < this.#receiver.unwrap(this.#newestHeartbeat);
    this.#backwardHeartbeats = isBehind ? this.#backwardHeartbeats + 1 : 0;
    if (!isBehind) this.#newestHeartbeat = heartbeat.nextDataSequence;
    if (this.#backwardHeartbeats >= BACKWARD_HEARTBEATS)
      this.#supervisor.drop('the device has begun its data lane anew');
  }

  #onBadFrame(message: string): void {
    this.#badFrames += 1;
    this.emit({ type: 'bad-frame', message });
  }

  #handOut(outputs: readonly ReceiverOutput[]): void {
    for (const output of outputs) {
      if (output.type === 'resume') this.#recover(output.fromSequence);
      else {
        if (output.type === 'stream-started') this.#state = 'running';
        this.emit(output);
      }
    }
  }

  #recover(fromSequence: number): void {
    this.#resume(fromSequence, {}).catch((error: unknown) => {
      // On a lost link the next greeting asks; here the next check does.
      if (this.isUp) this.emit({ type: 'driver-warning', message: toError(error).message });
    });
  }

  #scheduleCheck(timers: Timers): void {
    this.#cancelCheck();
    this.#cancelCheck = timers.after(this.#options.driver.checkMs, () => {
      this.#scheduleCheck(timers);
      this.#handOut(this.#borrowReceiver().check(timers.nowMs()));
    });
  }

  // ---- what goes out ---------------------------------------------------------------------------------------------------

  #sendCommand(commandId: number, command: Command): boolean {
    const isTaken = this.#supervisor.send(
      'control',
      encodeHostMessage({ type: 'command', sequence: this.#sequence, commandId, command }),
    );
    if (isTaken) this.#sequence = nextSequence(this.#sequence);
    return isTaken;
  }

  #sendHeartbeat(content: HeartbeatContent): void {
    const message = encodeHostMessage({ type: 'heartbeat', sequence: this.#sequence, ...content });
    if (this.#supervisor.send('control', message)) this.#sequence = nextSequence(this.#sequence);
  }

  // ---- the link comes and goes -----------------------------------------------------------------------------------------

  #onDown(reason: string, wasUp: boolean): void {
    const { timers, transport } = this.#options;
    this.heartbeats.stop();
    this.#cancelCheck();
    this.#isGreeted = false;
    if (wasUp) {
      this.#linksLost += 1;
      this.#lostAtMs = timers.nowMs();
      this.emit({ type: 'link-lost', reason });
    }
    const error = new MeaError('link', { what: `The link was lost: ${reason}`, where: transport.address });
    this.#channel.suspend(error);
    if (this.#isClosing) this.#channel.fail(error);
  }

  #onGaveUp(message: string): void {
    this.#isClosing = true;
    this.#channel.fail(new MeaError('link', { what: message, where: this.#options.transport.address }));
    if (this.#receiver !== undefined) this.#handOut(this.#receiver.giveUp(this.#options.timers.nowMs()));
    this.emit({ type: 'link-failed', message });
    this.#outlet.complete();
  }

  #finish(): void {
    if (this.#receiver !== undefined) this.#handOut(this.#receiver.giveUp(this.#options.timers.nowMs()));
    this.#outlet.complete();
  }

  #borrowReceiver(): DataLaneReceiver {
    if (this.#receiver === undefined) throw new MeaError('internal', { what: 'The device has not been greeted yet' });
    return this.#receiver;
  }

  #greeted(): HelloResult {
    if (this.#hello === undefined) throw new MeaError('internal', { what: 'The device has not been greeted yet' });
    return this.#hello;
  }

  #closedError(): MeaError {
    return new MeaError('link', { what: 'The driver was closed', where: this.#options.transport.address });
  }
}

/** In what a device is another one than was greeted first: everything above keeps the shape of that one's samples. */
function findOther(got: Capabilities, expected: Capabilities): string | undefined {
  if (got.serialNumber !== expected.serialNumber) {
    return `Another device answers: serial number ${got.serialNumber}, expected ${expected.serialNumber}`;
  }
  if (got.channels !== expected.channels) {
    return `The device came back with another number of channels: ${got.channels}, expected ${expected.channels}`;
  }
  if (got.sampleRateHz !== expected.sampleRateHz) {
    return `The device came back with another sample rate: ${got.sampleRateHz} Hz, expected ${expected.sampleRateHz} Hz`;
  }
  return undefined;
}

function laneOf(message: DeviceMessage): Lane {
  return message.type === 'reply' || message.type === 'device-heartbeat' ? 'control' : 'data';
}
