import { MeaError } from '../../protocols/errors.js';

/**
 * So often the other thread is looked for before this one sleeps, about as long as a step takes: to be woken takes longer.
 */
const LOOKS = 20_000;

/** One record of a queue between threads. */
export interface FifoRecord {
  readonly type: number;
  readonly value: number;
  /** A view, good until the next call of `read`. */
  readonly payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);
/** Places of the two counters of bytes, modulo 2^32, in the words before the records. */
const WRITTEN = 0;
const READ = 1;
const COUNTER_BYTES = 64;
/** Before a payload: type and length (int32), value (float64). Records begin at multiples of it. */
const HEADER_BYTES = 16;
/** Type of a record that fills the rest of the memory, because the next one did not fit. */
const SKIP = -1;

/**
 * A queue of records from one thread to one other, in memory that they share. A full queue makes its writer wait, an empty
 * one its reader: threads keep step with each other by nothing else, so what they do does not depend on their speed.
 */
export class SharedFifo {
  readonly #counters: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  readonly #maxWaitMs: number;
  /** The writer's counter with the records that the reader is not told of yet. */
  #writtenAhead: number;
  /** Bytes of the record that was read last, which are given back with the next call. */
  #held = 0;

  /**
   * @param memory of `createFifoMemory`, the same in both threads
   * @param maxWaitMs after so long without the other thread it counts as gone
   */
  constructor(memory: SharedArrayBuffer, maxWaitMs = Infinity) {
    this.#counters = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, COUNTER_BYTES);
    this.#words = new Int32Array(memory, COUNTER_BYTES);
    this.#numbers = new Float64Array(memory, COUNTER_BYTES);
    this.#maxWaitMs = maxWaitMs;
    this.#writtenAhead = Atomics.load(this.#counters, WRITTEN);
  }

  /**
   * Appends a record, of which the reader hears with the next `flush`; waits while there is no room for it.
   *
   * @throws MeaError `bad-input` for a payload of more than a quarter of the memory, `deadline` when nobody makes room
   */
  write(type: number, value = 0, payload: Uint8Array = NOTHING): void {
    const size = HEADER_BYTES + Math.ceil(payload.length / HEADER_BYTES) * HEADER_BYTES;
    const capacity = this.#bytes.length;
    if (size > capacity / 4) {
      throw new MeaError('bad-input', {
        what: 'A record is too long for the queue between two threads',
        got: `${payload.length} bytes`,
        wanted: `at most ${capacity / 4 - HEADER_BYTES}`,
      });
    }
    const left = capacity - this.#writePlace;
    if (left < size) {
      this.#waitForRoom(left);
      this.#words[this.#writePlace / 4] = SKIP;
      this.#writtenAhead = (this.#writtenAhead + left) | 0;
    }
    this.#waitForRoom(size);
    const at = this.#writePlace;
    this.#words[at / 4] = type;
    this.#words[at / 4 + 1] = payload.length;
    this.#numbers[at / 8 + 1] = value;
    if (payload.length > 0) this.#bytes.set(payload, at + HEADER_BYTES);
    this.#writtenAhead = (this.#writtenAhead + size) | 0;
  }

  /** Tells the reader of what was written. */
  flush(): void {
    if (Atomics.exchange(this.#counters, WRITTEN, this.#writtenAhead) === this.#writtenAhead) return;
    Atomics.notify(this.#counters, WRITTEN);
  }

  /**
   * The next record; waits for it.
   *
   * @throws MeaError `deadline` when none comes
   */
  read(): FifoRecord {
    this.#giveBack();
    this.#waitWhile(WRITTEN, () => this.#isEmpty);
    let at = this.#readPlace;
    if (this.#words[at / 4] === SKIP) {
      this.#moveReader(this.#bytes.length - at);
      this.#waitWhile(WRITTEN, () => this.#isEmpty);
      at = 0;
    }
    const length = this.#words[at / 4 + 1]!;
    this.#held = HEADER_BYTES + Math.ceil(length / HEADER_BYTES) * HEADER_BYTES;
    return {
      type: this.#words[at / 4]!,
      value: this.#numbers[at / 8 + 1]!,
      payload: this.#bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length),
    };
  }

  get #isEmpty(): boolean {
    return Atomics.load(this.#counters, WRITTEN) === Atomics.load(this.#counters, READ);
  }

  #giveBack(): void {
    if (this.#held > 0) this.#moveReader(this.#held);
    this.#held = 0;
  }

  #waitForRoom(size: number): void {
    const isFull = (): boolean => {
      const used = (this.#writtenAhead - Atomics.load(this.#counters, READ)) >>> 0;
      return this.#bytes.length - used < size;
    };
    if (!isFull()) return;
    this.flush();
    this.#waitWhile(READ, isFull);
  }

  /** Waits for the other thread to move its counter, as long as something is true. */
  #waitWhile(counter: number, isTrue: () => boolean): void {
    for (let look = 0; look < LOOKS; look++) if (!isTrue()) return;
    for (;;) {
      const before = Atomics.load(this.#counters, counter);
      if (!isTrue()) return;
      if (Atomics.wait(this.#counters, counter, before, this.#maxWaitMs) === 'timed-out') {
        throw new MeaError('deadline', {
          what: 'The other thread does nothing any more',
          got: `${this.#maxWaitMs} ms of silence`,
        });
      }
    }
  }

  get #writePlace(): number {
    return (this.#writtenAhead >>> 0) % this.#bytes.length;
  }

  get #readPlace(): number {
    return (Atomics.load(this.#counters, READ) >>> 0) % this.#bytes.length;
  }

  #moveReader(bytes: number): void {
    Atomics.add(this.#counters, READ, bytes);
    Atomics.notify(this.#counters, READ);
  }
}

/** Memory for a queue of so many bytes, a power of two from 256 on. */
export function createFifoMemory(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNTER_BYTES + bytes);
}
