import type { DataMessage } from '../../protocols/mea-link/messages.js';

/** Bounds of what is held for want of something before it. */
export interface ReorderLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Memory that a message takes besides its samples. */
const MESSAGE_OVERHEAD_BYTES = 256;

/** Messages that came before their turn, by full sequence number. Bounded; what does not fit is refused. */
export class ReorderBuffer {
  readonly #limits: ReorderLimits;
  readonly #messages = new Map<number, DataMessage>();
  #bytes = 0;

  constructor(limits: ReorderLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#messages.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  has(sequence: number): boolean {
    return this.#messages.has(sequence);
  }

  /** Holds a message; false when it does not fit and was not taken. */
  hold(sequence: number, message: DataMessage): boolean {
    const bytes = countBytes(message);
    const { maxMessages, maxBytes } = this.#limits;
    if (this.#messages.size >= maxMessages || this.#bytes + bytes > maxBytes) return false;
    this.#messages.set(sequence, message);
    this.#bytes += bytes;
    return true;
  }

  take(sequence: number): DataMessage | undefined {
    const message = this.#messages.get(sequence);
    if (message === undefined) return undefined;
    this.#messages.delete(sequence);
    this.#bytes -= countBytes(message);
    return message;
  }

  peek(sequence: number): DataMessage | undefined {
    return this.#messages.get(sequence);
  }

  /** Smallest sequence that is held; undefined when none is. */
  first(): number | undefined {
    let first: number | undefined;
    for (const sequence of this.#messages.keys()) if (first === undefined || sequence < first) first = sequence;
    return first;
  }
}

function countBytes(message: DataMessage): number {
  return MESSAGE_OVERHEAD_BYTES + (message.type === 'block' ? message.samples.byteLength : 0);
}
