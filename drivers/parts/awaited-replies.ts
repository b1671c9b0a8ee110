import type { MeaError } from '../../protocols/errors.js';
import type { Timers } from '../../protocols/timers.js';
import { waitWithin } from '../mea-link/bounded-wait.js';

/** One reply that is waited for. */
export interface ReplyWanted<Reply, Answer> {
  /** What the reply tells, or undefined when it is another's. */
  readonly match: (reply: Reply) => Answer | undefined;
  readonly withinMs: number;
  /** For the message when it does not come. */
  readonly what: string;
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting<Reply> {
  /** True when it was the reply. */
  readonly take: (reply: Reply) => boolean;
  readonly fail: (error: MeaError) => void;
}

/** Replies as they come, given to whoever waits for them, each with a deadline. */
export class AwaitedReplies<Reply> {
  readonly #timers: Timers;
  readonly #waiting = new Set<Waiting<Reply>>();
  #failure: MeaError | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /**
   * Waits for a reply from now on. Ask before the command is written: the reply may come at once.
   *
   * @throws MeaError `deadline` when it does not come in time, what `fail` was told; the signal's reason
   */
  next<Answer>(wanted: ReplyWanted<Reply, Answer>): Promise<Answer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const { match, withinMs, what, where, signal } = wanted;
    let waiting: Waiting<Reply> | undefined;
    const answer = new Promise<Answer>((resolve, reject) => {
      waiting = {
        take: (reply) => {
          const found = match(reply);
          if (found === undefined) return false;
          resolve(found);
          return true;
        },
        fail: reject,
      };
      this.#waiting.add(waiting);
    });
    const bounded = waitWithin(answer, { timers: this.#timers, delayMs: withinMs, what, where, signal });
    return bounded.finally(() => {
      if (waiting !== undefined) this.#waiting.delete(waiting);
    });
  }

  /** Gives a reply to the first that waits for it; false when nobody does. */
  give(reply: Reply): boolean {
    for (const waiting of this.#waiting) {
      if (!waiting.take(reply)) continue;
      this.#waiting.delete(waiting);
      return true;
    }
    return false;
  }

  /** Nothing will come any more. */
  fail(error: MeaError): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting) waiting.fail(error);
    this.#waiting.clear();
  }
}
