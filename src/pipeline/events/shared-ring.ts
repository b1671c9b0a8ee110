/// <reference lib="es2024.sharedmemory" />
import { MeaError } from '../../../protocols/errors.js';

/**
 * A ring of records in shared memory, from one writing thread to one reading thread. What is in it is never overwritten:
 * a writer that finds no room is told so, and counts it.
 *
 * Header of int32: where the writer and the reader are (bytes since the beginning, modulo 2^32, each in a cache line of
 * its own), counters. Then 2^n bytes of records, each 8 bytes of head (length and kind, uint32) and its bytes, filled up
 * to 8. A head does not wrap around the end, because everything is a multiple of 8; the bytes do.
 */
const HEADER_BYTES = 256;
const WRITTEN_TO = 0;
const RECORDS = 1;
const REFUSED = 2;
const HIGH_WATER = 3;
const READ_TO = 32;
const HEAD_BYTES = 8;
const MAX_CAPACITY = 2 ** 30;

/** What went through a ring. */
export interface RingCounters {
  /** Records that were written, modulo 2^32. */
  readonly records: number;
  /** Records that found no room, modulo 2^32. */
  readonly refused: number;
  /** Bytes that wait, and the most that ever did; heads and filling included. */
  readonly waitingBytes: number;
  readonly highWaterBytes: number;
}

/** A record as it came out of a ring. */
export interface RingRecord {
  /** As the writer named it. */
  readonly kind: number;
  /** A copy with a buffer of its own, which belongs to the receiver. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The writer's end. */
export interface RingWriter {
  /**
   * Writes one record, put together from parts, or nothing at all.
   *
   * @param kind integer in [0, 2^32 - 1]
   * @returns false when there is no room for it now
   * @throws MeaError `bad-input` for a record that this ring could never hold
   */
  tryWrite(kind: number, parts: readonly Uint8Array[]): boolean;
  /** Wakes the reader for what was written; needed only `by-hand`. */
  wake(): void;
  readonly counters: RingCounters;
}

/** `each`: every record wakes a reader that sleeps; `by-hand`: `wake` does, so that several records cost one waking. */
export type RingWaking = 'each' | 'by-hand';

/** The reader's end. */
export interface RingReader {
  /** The oldest record, which leaves the ring; undefined when none waits. */
  read(): RingRecord | undefined;
  /** Hands on at most so many records; returns how many there were. */
  drain(onRecord: (record: RingRecord) => void, maxRecords: number): number;
  /**
   * Blocks this thread until a record waits, or nothing has happened for so long; for workers, never for a thread with a
   * main loop.
   */
  wait(timeoutMs: number): boolean;
  /** Resolves when a record waits, or after `wakeReader`; for a thread with a main loop. It does not keep a process alive. */
  whenReadable(): Promise<void>;
  /** Ends the waiting of this end. */
  wakeReader(): void;
  readonly counters: RingCounters;
}

/**
 * Makes an empty ring; both threads open it by its memory.
 *
 * @param capacityBytes at least; a power of two is taken
 * @throws MeaError `bad-input` for a capacity that is no number from 64 bytes to 1 GiB
 */
export function createSharedRing(capacityBytes: number): SharedArrayBuffer {
  if (!(capacityBytes >= 64 && capacityBytes <= MAX_CAPACITY)) {
    throw new MeaError('bad-input', {
      what: 'Bad capacity of a shared ring',
      got: `${capacityBytes} bytes`,
      wanted: `64 to ${MAX_CAPACITY}`,
    });
  }
  return new SharedArrayBuffer(HEADER_BYTES + 2 ** Math.ceil(Math.log2(capacityBytes)));
}

/** Opens the writer's end; there may be one. */
export function openRingWriter(memory: SharedArrayBuffer, waking: RingWaking = 'each'): RingWriter {
  return new Writer(memory, waking);
}

/** Opens the reader's end; there may be one. */
export function openRingReader(memory: SharedArrayBuffer): RingReader {
  return new Reader(memory);
}

/** Both ends see the memory in this way. */
class RingMemory {
  readonly header: Int32Array;
  readonly heads: Uint32Array;
  readonly bytes: Uint8Array;
  readonly capacity: number;

  constructor(memory: SharedArrayBuffer) {
    this.capacity = memory.byteLength - HEADER_BYTES;
    if (!(this.capacity >= 64 && this.capacity <= MAX_CAPACITY && Number.isInteger(Math.log2(this.capacity)))) {
      throw new MeaError('bad-input', {
        what: 'This memory is no shared ring',
        got: `${memory.byteLength} bytes`,
        wanted: `memory that createSharedRing made`,
      });
    }
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.heads = new Uint32Array(memory, HEADER_BYTES);
    this.bytes = new Uint8Array(memory, HEADER_BYTES);
  }

  /** Bytes that wait. */
  get waiting(): number {
    return (Atomics.load(this.header, WRITTEN_TO) - Atomics.load(this.header, READ_TO)) >>> 0;
  }

  get counters(): RingCounters {
    return {
      records: Atomics.load(this.header, RECORDS) >>> 0,
      refused: Atomics.load(this.header, REFUSED) >>> 0,
      waitingBytes: this.waiting,
      highWaterBytes: Atomics.load(this.header, HIGH_WATER) >>> 0,
    };
  }

  /** Place in the ring of a position. */
  place(position: number): number {
    return (position >>> 0) & (this.capacity - 1);
  }
}

class Writer implements RingWriter {
  readonly #memory: RingMemory;
  readonly #waking: RingWaking;

  constructor(memory: SharedArrayBuffer, waking: RingWaking) {
    this.#memory = new RingMemory(memory);
    this.#waking = waking;
  }

  get counters(): RingCounters {
    return this.#memory.counters;
  }

  tryWrite(kind: number, parts: readonly Uint8Array[]): boolean {
    const { header, heads, capacity } = this.#memory;
    let length = 0;
    for (const part of parts) length += part.length;
    const size = HEAD_BYTES + fill(length);
    if (size > capacity) throw tooLong(size, capacity);
    const waiting = this.#memory.waiting + size;
    if (waiting > capacity) {
      Atomics.add(header, REFUSED, 1);
      return false;
    }
    const position = Atomics.load(header, WRITTEN_TO);
    const head = this.#memory.place(position) / 4;
    heads[head] = length;
    heads[head + 1] = kind;
    let at = position + HEAD_BYTES;
    for (const part of parts) {
      this.#put(part, at);
      at += part.length;
    }
    Atomics.add(header, RECORDS, 1);
    if (waiting > Atomics.load(header, HIGH_WATER)) Atomics.store(header, HIGH_WATER, waiting);
    // Last: a reader that sees the new position sees what stands before it.
    Atomics.store(header, WRITTEN_TO, position + size);
    if (this.#waking === 'each') this.wake();
    return true;
  }

  wake(): void {
    Atomics.notify(this.#memory.header, WRITTEN_TO);
  }

  #put(part: Uint8Array, position: number): void {
    const { bytes, capacity } = this.#memory;
    const from = this.#memory.place(position);
    const untilEnd = capacity - from;
    if (part.length <= untilEnd) {
      bytes.set(part, from);
      return;
    }
    bytes.set(part.subarray(0, untilEnd), from);
    bytes.set(part.subarray(untilEnd), 0);
  }
}

class Reader implements RingReader {
  readonly #memory: RingMemory;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new RingMemory(memory);
  }

  get counters(): RingCounters {
    return this.#memory.counters;
  }

  read(): RingRecord | undefined {
    const { header, heads, waiting } = this.#memory;
    if (waiting === 0) return undefined;
    const position = Atomics.load(header, READ_TO);
    const head = this.#memory.place(position) / 4;
    const length = heads[head]!;
    const kind = heads[head + 1]!;
    const size = HEAD_BYTES + fill(length);
    if (size > waiting) {
      throw new MeaError('internal', {
        what: 'A shared ring is damaged',
        got: `a record of ${size} bytes`,
        wanted: `at most the ${waiting} bytes that wait`,
      });
    }
    const bytes = this.#take(position + HEAD_BYTES, length);
    Atomics.store(header, READ_TO, position + size);
    return { kind, bytes };
  }

  drain(onRecord: (record: RingRecord) => void, maxRecords: number): number {
    for (let records = 0; records < maxRecords; records++) {
      const record = this.read();
      if (record === undefined) return records;
      onRecord(record);
    }
    return maxRecords;
  }

  wait(timeoutMs: number): boolean {
    const { header } = this.#memory;
    for (;;) {
      const writtenTo = Atomics.load(header, WRITTEN_TO);
      if (writtenTo !== Atomics.load(header, READ_TO)) return true;
      // The word of a record that was read before this thread slept may still come, and wakes it for nothing.
      if (Atomics.wait(header, WRITTEN_TO, writtenTo, timeoutMs) === 'timed-out') return this.#memory.waiting > 0;
    }
  }

  async whenReadable(): Promise<void> {
    const { header } = this.#memory;
    const readTo = Atomics.load(header, READ_TO);
    // While the writer stands where the reader does, there is nothing.
    await Atomics.waitAsync(header, WRITTEN_TO, readTo).value;
  }

  wakeReader(): void {
    Atomics.notify(this.#memory.header, WRITTEN_TO);
  }

  #take(position: number, length: number): Uint8Array<ArrayBuffer> {
    const { bytes, capacity } = this.#memory;
    const from = this.#memory.place(position);
    const copy = new Uint8Array(length);
    const untilEnd = Math.min(length, capacity - from);
    copy.set(bytes.subarray(from, from + untilEnd));
    copy.set(bytes.subarray(0, length - untilEnd), untilEnd);
    return copy;
  }
}

/** Up to the next multiple of 8. */
function fill(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function tooLong(size: number, capacity: number): MeaError {
  return new MeaError('bad-input', {
    what: 'A record is larger than the shared ring',
    got: `${size} bytes`,
    wanted: `at most ${capacity}`,
    remedy: 'make the ring larger',
  });
}
