import { MeaError } from '../../protocols/errors.js';
import type { Command, Reply, ReplyResult } from '../../protocols/mea-link/messages.js';
import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** How a channel repeats and gives up. */
export interface CommandChannelOptions {
  readonly timers: Timers;
  /** For messages: the device's address. */
  readonly address: string;
  /** Commands that may wait for the one before them. */
  readonly maxQueued: number;
  /** A command that was not answered for so long is sent again, with the same id. */
  readonly retryMs: number;
  /** A command that was not answered for so long has failed. */
  readonly deadlineMs: number;
  /** Gives a command to the link; false when the link takes nothing now: `drained` says when to go on. */
  readonly send: (commandId: number, command: Command) => boolean;
}

/** How one command is sent. */
export interface RequestOptions {
  readonly deadlineMs?: number | undefined;
  /** Sent at once, past all that wait and all that were not answered yet. */
  readonly urgent?: boolean;
  /** Kept when the link is lost and sent again on the next one, as far as its deadline allows. */
  readonly survivesLinkLoss?: boolean;
  readonly retryMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a channel did. */
export interface CommandCounters {
  readonly sent: number;
  readonly retransmitted: number;
  /** Replies to a command that nobody waits for any more. */
  readonly lateReplies: number;
}

interface Pending {
  readonly command: Command;
  readonly options: RequestOptions;
  readonly retryMs: number;
  readonly startedMs: number;
  readonly settle: (outcome: ReplyResult | Error) => void;
  /** 0 while it waits for its turn. */
  id: number;
  sends: number;
  /** False while the link has not taken it. */
  taken: boolean;
  reissued: boolean;
  cancelRetry: CancelTimer;
}

/** Commands that may be carried out twice: when the device says that it never saw one in its turn, it gets a new id. */
const REPEATABLE: readonly Command['type'][] = ['configure', 'start', 'stop', 'upload-pattern', 'cancel', 'disarm'];

/**
 * Commands and their answers: one at a time, because a device takes ids only as they rise; repeated until answered,
 * failed at their deadline. Urgent ones do not wait for their turn.
 */
export class CommandChannel {
  readonly #options: CommandChannelOptions;
  /** Sent, or to be sent as soon as the link takes them; urgent ones may stand beside a normal one. */
  readonly #outstanding = new Set<Pending>();
  readonly #queue: Pending[] = [];
  #nextId = 1;
  #open = false;
  #sent = 0;
  #retransmitted = 0;
  #lateReplies = 0;

  constructor(options: CommandChannelOptions) {
    this.#options = options;
  }

  get counters(): CommandCounters {
    return { sent: this.#sent, retransmitted: this.#retransmitted, lateReplies: this.#lateReplies };
  }

  /** Commands that wait for their turn or for an answer. */
  get waiting(): number {
    return this.#queue.length + this.#outstanding.size;
  }

  /**
   * Sends a command and resolves with its answer, a refusal included.
   *
   * @throws MeaError `deadline` when no answer came, `refused` when too many wait, what `fail` was given; the signal's reason
   */
  request(command: Command, options: RequestOptions = {}): Promise<ReplyResult> {
    const { signal } = options;
    if (signal?.aborted === true) return Promise.reject(toError(signal.reason));
    if (options.urgent !== true && this.#queue.length >= this.#options.maxQueued) {
      return Promise.reject(this.#queueFull(command));
    }
    return new Promise((resolve, reject) => {
      const settle = (outcome: ReplyResult | Error): void => {
        cancelDeadline();
        signal?.removeEventListener('abort', onAbort);
        pending.cancelRetry();
        this.#outstanding.delete(pending);
        const place = this.#queue.indexOf(pending);
        if (place >= 0) this.#queue.splice(place, 1);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
        this.#sendNext();
      };
      const pending: Pending = {
        command,
        options,
        retryMs: options.retryMs ?? this.#options.retryMs,
        startedMs: this.#options.timers.nowMs(),
        settle,
        id: 0,
        sends: 0,
        taken: false,
        reissued: false,
        cancelRetry: () => undefined,
      };
      const onAbort = (): void => {
        settle(toError(signal?.reason));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const cancelDeadline = this.#options.timers.after(options.deadlineMs ?? this.#options.deadlineMs, () => {
        settle(this.#missed(pending));
      });
      if (isUrgent(pending)) this.#issue(pending);
      else this.#queue.push(pending);
      this.#sendNext();
    });
  }

  /** An answer came. */
  onReply({ commandId, result }: Reply): void {
    for (const pending of this.#outstanding) {
      if (pending.id !== commandId) continue;
      if (this.#mayReissue(pending, result)) {
        pending.reissued = true;
        this.#issue(pending);
      } else pending.settle(result);
      return;
    }
    this.#lateReplies += 1;
  }

  /** A link stands and knows us: what waits is sent. */
  open(): void {
    this.#open = true;
    this.drained();
    this.#sendNext();
  }

  /** The link takes messages again. Before it knows us only what is urgent goes: ending stimulation needs no greeting. */
  drained(): void {
    const untaken = [...this.#outstanding].filter(({ taken }) => !taken);
    for (const pending of untaken) if (isUrgent(pending)) this.#transmit(pending);
    for (const pending of untaken) if (this.#open && !isUrgent(pending)) this.#transmit(pending);
  }

  /** The link is gone: what may not outlive it fails, the rest waits for the next one. */
  suspend(reason: Error): void {
    this.#open = false;
    this.fail(reason, (_command, options) => options.survivesLinkLoss !== true);
    for (const pending of this.#outstanding) {
      pending.cancelRetry();
      pending.taken = false;
    }
  }

  /** Fails what waits, or those of it that `isMeant` picks. */
  fail(reason: Error, isMeant: (command: Command, options: RequestOptions) => boolean = () => true): void {
    for (const pending of [...this.#queue, ...this.#outstanding]) {
      if (isMeant(pending.command, pending.options)) pending.settle(reason);
    }
  }

  #sendNext(): void {
    while (this.#open && this.#queue.length > 0 && !this.#hasNormalOutstanding()) {
      const pending = this.#queue.shift();
      if (pending !== undefined) this.#issue(pending);
    }
  }

  #hasNormalOutstanding(): boolean {
    for (const pending of this.#outstanding) if (!isUrgent(pending)) return true;
    return false;
  }

  #issue(pending: Pending): void {
    pending.cancelRetry();
    pending.id = this.#nextId;
    pending.taken = false;
    this.#nextId += 1;
    this.#outstanding.add(pending);
    this.#transmit(pending);
  }

  #transmit(pending: Pending): void {
    pending.cancelRetry();
    // Repeating waits for the link: a command that was not taken cannot have been lost. The timer comes before the
    // message, because a link may answer before `send` has returned.
    const id = pending.id;
    pending.cancelRetry = this.#options.timers.after(pending.retryMs, () => {
      if (this.#outstanding.has(pending)) this.#transmit(pending);
    });
    try {
      pending.taken = this.#options.send(id, pending.command);
    } catch (error) {
      pending.settle(toError(error));
      return;
    }
    if (!pending.taken) {
      pending.cancelRetry();
      return;
    }
    if (pending.sends > 0) this.#retransmitted += 1;
    pending.sends += 1;
    this.#sent += 1;
  }

  /** A command that was overtaken on its way comes too late for its id, and was never carried out. */
  #mayReissue({ command, sends, reissued }: Pending, result: ReplyResult): boolean {
    return (
      result.type === 'refused' &&
      result.reason === 'stale-id' &&
      sends > 1 &&
      !reissued &&
      REPEATABLE.includes(command.type)
    );
  }

  #missed({ command, id, sends, startedMs }: Pending): MeaError {
    const elapsedMs = this.#options.timers.nowMs() - startedMs;
    return new MeaError('deadline', {
      what: `The device did not answer ${command.type}`,
      got: sends === 0 ? 'no chance to send it' : `silence after ${sends} sendings in ${elapsedMs.toFixed(0)} ms`,
      wanted: 'a reply',
      where: `${this.#options.address}, command ${id}`,
      remedy:
        command.type === 'trigger'
          ? 'the stimulus may leave all the same: cancel or abort'
          : 'check the cable and that the device is on',
    });
  }

  #queueFull(command: Command): MeaError {
    return new MeaError('refused', {
      what: `The driver did not take the command ${command.type}`,
      got: `${this.#queue.length} commands that wait`,
      wanted: `at most ${this.#options.maxQueued}`,
      where: this.#options.address,
      remedy: 'wait for the answers before sending more',
    });
  }
}

function isUrgent({ options }: Pending): boolean {
  return options.urgent === true;
}

/** What an abort signal was given, as an error. */
export function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new MeaError('link', { what: 'Aborted', got: String(reason) });
}
