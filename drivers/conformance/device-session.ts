import { randomBytes } from 'node:crypto';
import { decodeDeviceMessage, encodeHostMessage } from '../../protocols/mea-link/codec.js';
import type { Link, Transport } from '../../protocols/mea-link/link.js';
import {
  MEA_LINK_VERSION,
  type Command,
  type ControlMessage,
  type DataMessage,
  type DeviceMessage,
  type HelloResult,
  type Lane,
  type Reply,
  type ReplyResult,
  type StatusResult,
} from '../../protocols/mea-link/messages.js';
import { nextSequence } from '../../protocols/mea-link/sequence.js';
import type { CancelTimer, Timers } from '../../protocols/timers.js';
import { CheckFailed } from './check-verdict.js';
import { describeReply } from './describe.js';

/** How long a device may take to answer or to send what must come at once. */
export const ANSWER_MS = 2000;
/** Interval of the controller's heartbeats. */
const HEARTBEAT_MS = 20;
/** While it is not armed, a controller shows so often that it is there: a silent one loses its device. */
const SIGN_OF_LIFE_MS = 200;
/** A controller that has just gone may hold the device for so long. */
const TAKEN_MS = 5000;

/** A message of the data lane with its bytes and the host's time of arrival. */
export interface Received<M> {
  readonly message: M;
  readonly bytes: Uint8Array;
  readonly atMs: number;
}

export interface SessionOptions {
  readonly transport: Transport;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

/** What a heartbeat carries; the time is asked for at each. */
export interface HeartbeatPlan {
  readonly token: Uint8Array;
  readonly armedForMs: () => number;
}

/**
 * One link to a device, raw: it sends whatever it is told, wrong things too, and keeps all that comes back. It judges
 * nothing and repairs nothing.
 */
export class DeviceSession {
  readonly clientId: Uint8Array;
  readonly data: Received<DataMessage>[] = [];
  readonly control: Received<ControlMessage>[] = [];
  /** Why messages could not be decoded, or came on the wrong lane. */
  readonly bad: string[] = [];
  readonly #timers: Timers;
  readonly #signal: AbortSignal;
  readonly #waiting = new Set<() => void>();
  #link: Link | undefined;
  #closedBecause: string | undefined;
  #sequence = 0;
  #commandId = 0;
  #progress = 0;
  #stopHeartbeats: CancelTimer = () => undefined;
  #stopSigns: CancelTimer = () => undefined;

  private constructor(options: SessionOptions, clientId: Uint8Array) {
    this.#timers = options.timers;
    this.#signal = options.signal;
    this.clientId = clientId;
  }

  /** Opens a link; nothing is sent yet. */
  static async connect(options: SessionOptions, clientId: Uint8Array = randomBytes(16)): Promise<DeviceSession> {
    const session = new DeviceSession(options, clientId);
    session.#link = await options.transport.connect(
      {
        onMessage: (lane, bytes) => {
          session.#receive(lane, bytes);
        },
        onBadFrame: (frame) => {
          session.bad.push(frame.message);
        },
        onDrain: () => undefined,
        onClosed: (reason) => {
          session.#closedBecause = reason;
          session.#wake();
        },
      },
      options.signal,
    );
    return session;
  }

  get isClosed(): boolean {
    return this.#closedBecause !== undefined;
  }

  /** The id that the next command will have. */
  get nextCommandId(): number {
    return this.#commandId + 1;
  }

  /** Number of the next message to the device; for messages made by hand. */
  takeSequence(): number {
    const sequence = this.#sequence;
    this.#sequence = nextSequence(sequence);
    return sequence;
  }

  /** Leaves ids unused, so that an old one can be sent later. */
  skipCommandIds(count: number): void {
    this.#commandId += count;
  }

  /** Sends a command and gives the answer. */
  async send(command: Command, options: { readonly commandId?: number } = {}): Promise<ReplyResult> {
    const commandId = options.commandId ?? this.nextCommandId;
    this.#commandId = Math.max(this.#commandId, commandId);
    const from = this.control.length;
    this.sendBytes(encodeHostMessage({ type: 'command', sequence: this.takeSequence(), commandId, command }));
    return this.awaitReply(commandId, { from, what: `an answer to ${command.type}` });
  }

  /** The answer to a command, among the control messages from index `from` on. */
  async awaitReply(commandId: number, at: { readonly from: number; readonly what: string }): Promise<ReplyResult> {
    const reply = await this.waitFor(
      () => this.control.slice(at.from).find(({ message }) => isReplyTo(message, commandId)),
      { what: at.what },
    );
    if (reply.message.type !== 'reply') throw new CheckFailed(reply.message.type, at.what);
    return reply.message.result;
  }

  /** Gives bytes to the link as they are. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#link?.send('control', bytes) === true) return;
    throw new CheckFailed(this.#closedBecause ?? 'a link that takes nothing', 'an open link');
  }

  /**
   * Says hello as the controller; a device that still has another one is asked again for a while.
   *
   * @throws CheckFailed when it refuses
   */
  async hello(): Promise<HelloResult> {
    const deadline = this.#timers.nowMs() + TAKEN_MS;
    for (;;) {
      const reply = await this.send(this.helloCommand());
      if (reply.type === 'hello') {
        this.#showLife();
        return reply;
      }
      const isTaken = reply.type === 'refused' && reply.reason === 'not-controller';
      if (!isTaken || this.#timers.nowMs() >= deadline) throw new CheckFailed(describeReply(reply), 'hello');
      await this.sleep(200);
    }
  }

  /** The hello of this session. */
  helloCommand(changes: { readonly major?: number; readonly minor?: number } = {}): Command {
    return { type: 'hello', ...MEA_LINK_VERSION, client: 'meactl check', clientId: this.clientId, ...changes };
  }

  /** @throws CheckFailed when the device answers with something else */
  async status(): Promise<StatusResult> {
    const reply = await this.send({ type: 'status' });
    if (reply.type !== 'status') throw new CheckFailed(describeReply(reply), 'status');
    return reply;
  }

  /** Sends a heartbeat now. */
  beat({ token, armedForMs }: { readonly token: Uint8Array; readonly armedForMs: number }): void {
    this.#progress += 1;
    const progress = this.#progress;
    this.sendBytes(
      encodeHostMessage({ type: 'heartbeat', sequence: this.takeSequence(), token, progress, armedForMs }),
    );
  }

  /** Sends heartbeats from now on, until they are stopped, the plan's time is 0 or the link is gone. */
  startHeartbeats(plan: HeartbeatPlan): void {
    this.stopHeartbeats();
    const tick = (): void => {
      const armedForMs = plan.armedForMs();
      if (this.isClosed || armedForMs <= 0) return;
      this.beat({ token: plan.token, armedForMs });
      this.#stopHeartbeats = this.#timers.after(HEARTBEAT_MS, tick);
    };
    tick();
  }

  /** No more heartbeats with the token; those that only show that the controller is there go on. */
  stopHeartbeats(): void {
    this.#stopHeartbeats();
    this.#stopHeartbeats = () => undefined;
  }

  #showLife(): void {
    this.#stopSigns();
    this.#stopSigns = this.#timers.after(SIGN_OF_LIFE_MS, () => {
      if (this.isClosed) return;
      this.beat({ token: new Uint8Array(0), armedForMs: 0 });
      this.#showLife();
    });
  }

  /**
   * Waits until `find` finds something; it is asked after each message.
   *
   * @throws CheckFailed when the deadline passes or the link closes; the signal's reason when it is aborted
   */
  waitFor<T>(find: () => T | undefined, about: { readonly what: string; readonly deadlineMs?: number }): Promise<T> {
    const deadlineMs = about.deadlineMs ?? ANSWER_MS;
    return new Promise((resolve, reject) => {
      const settle = (settlement: () => void): void => {
        cancel();
        this.#waiting.delete(look);
        this.#signal.removeEventListener('abort', onAbort);
        settlement();
      };
      const fail = (error: Error): void => {
        settle(() => {
          reject(error);
        });
      };
      const onAbort = (): void => {
        fail(toError(this.#signal.reason));
      };
      const look = (): void => {
        const found = find();
        if (found !== undefined) {
          settle(() => {
            resolve(found);
          });
        } else if (this.#closedBecause !== undefined) {
          fail(new CheckFailed(`a closed link (${this.#closedBecause})`, about.what));
        }
      };
      const cancel = this.#timers.after(deadlineMs, () => {
        fail(new CheckFailed(`nothing within ${deadlineMs} ms`, about.what));
      });
      this.#signal.addEventListener('abort', onAbort);
      this.#waiting.add(look);
      if (this.#signal.aborted) onAbort();
      else look();
    });
  }

  /** Lets time pass; messages are received meanwhile. */
  sleep(durationMs: number): Promise<void> {
    return sleep(durationMs, { timers: this.#timers, signal: this.#signal });
  }

  /** Closes the link at once, with whatever state the device is in. */
  async close(): Promise<void> {
    this.stopHeartbeats();
    this.#stopSigns();
    if (this.#closedBecause === undefined) {
      this.#closedBecause = 'closed by the check';
      await this.#link?.close();
    }
    this.#wake();
  }

  #receive(lane: Lane, bytes: Uint8Array): void {
    const decoded = decodeDeviceMessage(bytes);
    const atMs = this.#timers.nowMs();
    if (decoded.type === 'bad') this.bad.push(`${lane} lane: ${decoded.message}`);
    else if (isControl(decoded.message)) {
      if (lane !== 'control') this.bad.push(`a ${decoded.message.type} on the data lane`);
      this.control.push({ message: decoded.message, bytes, atMs });
    } else {
      if (lane !== 'data') this.bad.push(`a ${decoded.message.type} on the control lane`);
      this.data.push({ message: decoded.message, bytes, atMs });
    }
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Resolves after a while; rejects with the signal's reason when it is aborted. */
function sleep(
  durationMs: number,
  { timers, signal }: { readonly timers: Timers; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(toError(signal.reason));
    };
    const cancel = timers.after(durationMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function isControl(message: DeviceMessage): message is ControlMessage {
  return message.type === 'reply' || message.type === 'device-heartbeat';
}

function isReplyTo(message: ControlMessage, commandId: number): message is Reply {
  return message.type === 'reply' && message.commandId === commandId;
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
