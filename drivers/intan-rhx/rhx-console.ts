import type { Socket } from 'node:net';
import { MeaError } from '../../protocols/errors.js';
import { encodeRhxCommands, type RhxCommand } from '../../protocols/intan-rhx/command.js';
import { parseRhxReplies, type RhxReply } from '../../protocols/intan-rhx/reply.js';
import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** What RHX was doing when it last answered. */
export type RunMode = 'Stop' | 'Run' | 'Record' | 'Trigger';

/** What a console is made with. */
export interface RhxConsoleOptions {
  readonly timers: Timers;
  readonly answerMs: number;
  readonly where: string;
  readonly onGone: (reason: string) => void;
  readonly onWarning: (message: string) => void;
}

interface Job {
  readonly text: string;
  /** Run modes that the answer holds; the last is its end. */
  readonly endMarks: number;
  readonly onWritten?: () => void;
  /** Resolves when the next batch may be written, where there is no answer to wait for. */
  readonly untilRead?: () => Promise<void>;
  /** When it is not to be written any more. */
  readonly staleAtMs: number;
  readonly resolve: (replies: readonly RhxReply[]) => void;
  readonly reject: (error: Error) => void;
}

/** Last command of each batch: its answer shows that all before it was heard, because success is silent. */
const END_MARK: RhxCommand = { type: 'get', item: 'RunMode' };
/** How long a trigger may wait for its turn. */
const FRESH_MS = 20;
const COMPLETE = /Return: RunMode (?:Stop|Run|Record|Trigger)$/;

/**
 * The command port of RHX. One batch is under way at a time, written at once; `get runmode` ends it, so that silent success
 * is told from no answer and glued replies have an end. A batch without an answer is a `deadline`; its answer is not taken for that of
 * another when it comes later.
 */
export class RhxConsole {
  readonly #socket: Socket;
  readonly #options: RhxConsoleOptions;
  #queue: Job[] = [];
  #active: Job | undefined;
  #cancelDeadline: CancelTimer = () => undefined;
  #text = '';
  /** End marks of batches that were given up and may still be answered. */
  #owed = 0;
  #goneBecause: string | undefined;
  #mode: RunMode | undefined;

  constructor(socket: Socket, options: RhxConsoleOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => {
      this.#hear(chunk.toString('latin1'));
    });
    socket.on('error', (error) => {
      this.#end(`the connection failed: ${error.message}`);
    });
    socket.on('close', () => {
      this.#end('the connection was closed');
    });
  }

  /** As of the last answer; undefined before the first. */
  get mode(): RunMode | undefined {
    return this.#mode;
  }

  get isConnected(): boolean {
    return this.#goneBecause === undefined;
  }

  /**
   * Sends a batch and waits for its answer.
   *
   * @param urgent ahead of what waits, which is refused
   * @returns the replies to the batch, errors among them
   * @throws MeaError `deadline` without an answer, `link` when the connection is gone
   */
  ask(commands: readonly RhxCommand[], options: { readonly urgent?: boolean } = {}): Promise<readonly RhxReply[]> {
    const asked = commands.filter(({ type, ...rest }) => type === 'get' && 'item' in rest && isRunMode(rest.item));
    return this.#enqueue([...commands, END_MARK], { endMarks: asked.length + 1, ...options });
  }

  /**
   * Sends a batch and resolves when it was handed to the system; `onAnswer` hears what became of it.
   *
   * @param commands are not sent where they have waited for their turn for longer than `FRESH_MS`
   * @throws MeaError `refused` when they were not sent for that, or were dropped; `link`
   */
  tell(commands: readonly RhxCommand[], onAnswer: (answer: readonly RhxReply[] | Error) => void): Promise<void> {
    const staleAtMs = this.#options.timers.nowMs() + FRESH_MS;
    return new Promise((resolve, reject) => {
      let isWritten = false;
      const onWritten = (): void => {
        isWritten = true;
        resolve();
      };
      this.#enqueue([...commands, END_MARK], { endMarks: 1, onWritten, staleAtMs }).then(onAnswer, (error: unknown) => {
        const failure = error instanceof Error ? error : new Error(String(error));
        if (isWritten) onAnswer(failure);
        else reject(failure);
      });
    });
  }

  /**
   * Starts the board. RHX answers nothing within what it reads together with that until the board has stopped, not even to a
   * stop: so nothing is sent before `untilRead` resolves, however urgent.
   */
  async startBoard(untilRead: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.#enqueue([{ type: 'set', item: 'RunMode', value: 'Run' }], { endMarks: 0, untilRead });
  }

  /** Refuses what waits, and lets go of the connection. */
  close(): void {
    this.#end('the driver closed it');
    this.#socket.destroy();
  }

  #enqueue(
    commands: readonly RhxCommand[],
    options: {
      readonly endMarks: number;
      readonly urgent?: boolean;
      readonly onWritten?: () => void;
      readonly staleAtMs?: number;
      readonly untilRead?: () => Promise<void>;
    },
  ): Promise<readonly RhxReply[]> {
    return new Promise((resolve, reject) => {
      if (this.#goneBecause !== undefined) throw this.#goneError(this.#goneBecause);
      const { urgent = false, staleAtMs = Infinity, ...others } = options;
      const job: Job = { ...others, text: encodeRhxCommands(commands), staleAtMs, resolve, reject };
      if (urgent) this.#dropWaiting();
      this.#queue.push(job);
      this.#next();
    });
  }

  #dropWaiting(): void {
    const dropped = this.#queue;
    this.#queue = [];
    for (const { reject } of dropped) {
      reject(new MeaError('refused', { what: 'A command for RHX was dropped: stimulation was switched off' }));
    }
  }

  #next(): void {
    const job = this.#active === undefined ? this.#queue.shift() : undefined;
    if (job === undefined) return;
    if (job.staleAtMs < this.#options.timers.nowMs()) {
      job.reject(new MeaError('refused', { what: 'RHX was busy: a command that would have come late was not sent' }));
      this.#next();
      return;
    }
    this.#active = job;
    this.#socket.write(job.text, 'latin1', () => {
      job.onWritten?.();
      if (job.untilRead === undefined) return;
      const end = (): void => {
        if (this.#active === job) this.#finish().resolve([]);
      };
      job.untilRead().then(end, end);
    });
    this.#cancelDeadline = this.#options.timers.after(this.#options.answerMs, () => {
      this.#expire(job);
    });
  }

  #finish(): Job {
    const job = this.#active!;
    this.#active = undefined;
    this.#cancelDeadline();
    // What waits goes after whoever was answered has had its turn.
    queueMicrotask(() => {
      this.#next();
    });
    return job;
  }

  #expire(job: Job): void {
    if (this.#active !== job) return;
    this.#owed += job.endMarks;
    const { where, answerMs } = this.#options;
    const text = this.#text.slice(0, 80);
    this.#finish().reject(
      new MeaError('deadline', {
        what: `RHX did not answer within ${answerMs} ms`,
        got: text === '' ? 'nothing' : JSON.stringify(text),
        wanted: `an answer to ${job.text.slice(0, 80)}`,
        where,
        remedy: 'is it RHX that listens there, and is no window of it waiting for an answer?',
      }),
    );
  }

  #hear(text: string): void {
    this.#text += text;
    const wanted = this.#owed + (this.#active?.endMarks ?? 0);
    if (wanted === 0) {
      this.#options.onWarning(`RHX said without being asked: ${JSON.stringify(this.#text.slice(0, 80))}`);
      this.#text = '';
      return;
    }
    if (!COMPLETE.test(this.#text)) return;
    const replies = parseRhxReplies(this.#text);
    const marks = replies.flatMap((reply, i) => (isEndMark(reply) ? [i] : []));
    if (marks.length < wanted) {
      this.#forgetOwed(replies, marks);
      return;
    }
    const from = this.#owed === 0 ? 0 : marks[this.#owed - 1]! + 1;
    this.#owed = 0;
    this.#text = '';
    const last = replies.at(-1);
    if (last?.type === 'value' && isMode(last.value)) this.#mode = last.value;
    if (this.#active !== undefined) this.#finish().resolve(replies.slice(from, -1));
  }

  /** Late answers have come, and the one that is waited for has not: what is left is of that one. */
  #forgetOwed(replies: readonly RhxReply[], marks: readonly number[]): void {
    if (this.#owed === 0 || marks.length > this.#owed || marks.at(-1) !== replies.length - 1) return;
    this.#owed -= marks.length;
    this.#text = '';
  }

  #end(reason: string): void {
    if (this.#goneBecause !== undefined) return;
    this.#goneBecause = reason;
    this.#cancelDeadline();
    const jobs = [...(this.#active === undefined ? [] : [this.#active]), ...this.#queue];
    this.#active = undefined;
    this.#queue = [];
    for (const { reject } of jobs) reject(this.#goneError(reason));
    this.#options.onGone(reason);
  }

  #goneError(reason: string): MeaError {
    return new MeaError('link', {
      what: 'The command port of RHX is gone',
      got: reason,
      where: this.#options.where,
      remedy: 'press Connect in Network > Remote TCP Control, and connect again: RHX goes on as it was',
    });
  }
}

function isRunMode(item: string): boolean {
  return item.toLowerCase() === 'runmode';
}

function isEndMark(reply: RhxReply): boolean {
  return reply.type === 'value' && reply.name === 'RunMode';
}

function isMode(value: string): value is RunMode {
  return value === 'Stop' || value === 'Run' || value === 'Record' || value === 'Trigger';
}
