import type { ReplyResult } from '../../protocols/mea-link/messages.js';

/** How many replies are remembered; a controller repeats a command within a second or gives up. */
const REMEMBERED = 256;

/**
 * Remembers what was answered, so that a command that is repeated because its answer got lost is answered again and not
 * carried out twice.
 */
export class CommandMemory {
  readonly #replies = new Map<number, ReplyResult>();
  #newest = 0;

  /** The answer that this id got; `stale` for an id that is older than all that are remembered; undefined for a new one. */
  recall(commandId: number): ReplyResult | 'stale' | undefined {
    const reply = this.#replies.get(commandId);
    if (reply !== undefined) return reply;
    return commandId <= this.#newest ? 'stale' : undefined;
  }

  remember(commandId: number, reply: ReplyResult): void {
    this.#newest = Math.max(this.#newest, commandId);
    this.#replies.set(commandId, reply);
    for (const oldest of this.#replies.keys()) {
      if (this.#replies.size <= REMEMBERED) break;
      this.#replies.delete(oldest);
    }
  }

  /** Another controller: its ids have nothing to do with those before. */
  forget(): void {
    this.#replies.clear();
    this.#newest = 0;
  }
}
