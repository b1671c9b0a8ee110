import { isMeaError } from '../../../protocols/errors.js';
import { sampleIndex } from '../../../protocols/units.js';
import { encodeRecord } from '../events/ring-records.js';
import { isPlainEvent, type OverrunEvent, type RigEvent } from '../events/rig-event.js';
import type { RingWriter } from '../events/shared-ring.js';

/** What an outlet did with what it was given. */
export interface OutletCounters {
  /** Events that were written into the ring; overruns are not among them. */
  readonly written: number;
  /** Events that had to wait, and what the waiting ones take and took at most. */
  readonly waited: number;
  readonly waitingBytes: number;
  readonly highWaterBytes: number;
  /** Lost: said in `overrun` events as well. */
  readonly lostBlocks: number;
  readonly lostEvents: number;
}

/** What an outlet needs. */
export interface RingOutletOptions {
  readonly writer: RingWriter;
  /** Bytes of events that may wait for room in the ring. */
  readonly maxBacklogBytes: number;
}

interface Waiting {
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/**
 * The way of events into a ring whose reader may be slow. It never waits. When the ring is full, blocks are dropped at
 * once, and all else waits in a bounded backlog; what does not fit there either is dropped too. Whatever was dropped is
 * told by an `overrun` event: before the next block, or in the very place of the events that are missing.
 */
export class RingOutlet {
  readonly #writer: RingWriter;
  readonly #maxBacklogBytes: number;
  /** Oldest first; a loss stands where it began, and grows while it waits. */
  readonly #backlog: (Waiting | Loss)[] = [];
  #backlogBytes = 0;
  /** The loss of blocks that waits in the backlog. */
  #blockLoss: Loss | undefined;
  /** What was lost after the backlog was full: it comes after all of it. */
  #tailLoss: Loss | undefined;
  #written = 0;
  #waited = 0;
  #highWaterBytes = 0;
  #lostBlocks = 0;
  #lostEvents = 0;

  constructor({ writer, maxBacklogBytes }: RingOutletOptions) {
    this.#writer = writer;
    this.#maxBacklogBytes = maxBacklogBytes;
  }

  /** True while something waits for room: `flush` must be called now and then. */
  get isWaiting(): boolean {
    return this.#backlog.length > 0 || this.#tailLoss !== undefined;
  }

  get counters(): OutletCounters {
    return {
      written: this.#written,
      waited: this.#waited,
      waitingBytes: this.#backlogBytes,
      highWaterBytes: this.#highWaterBytes,
      lostBlocks: this.#lostBlocks,
      lostEvents: this.#lostEvents,
    };
  }

  /** Hands an event on, or keeps it, or counts it as lost. What it holds is copied before this returns. */
  push(event: RigEvent): void {
    if (this.isWaiting) this.flush();
    const { kind, parts } = encodeRecord(event);
    const outcome = this.isWaiting ? 'full' : this.#tryWrite(kind, parts);
    if (outcome === 'written') this.#written += 1;
    else if (event.type === 'block') this.#loseBlock(event);
    else if (outcome === 'too-large') this.#loseEvent(event);
    else this.#keep(event, kind, parts);
  }

  /** Writes what waits, as far as there is room. */
  flush(): void {
    let done = 0;
    for (; done < this.#backlog.length; done++) {
      const waiting = this.#backlog[done]!;
      if (waiting instanceof Loss) {
        if (!this.#writeLoss(waiting)) break;
        this.#blockLoss = undefined;
      } else {
        if (this.#tryWrite(waiting.kind, [waiting.bytes]) === 'full') break;
        this.#written += 1;
        this.#backlogBytes -= waiting.bytes.length;
      }
    }
    this.#backlog.splice(0, done);
    if (this.#backlog.length > 0 || this.#tailLoss === undefined) return;
    if (this.#writeLoss(this.#tailLoss)) this.#tailLoss = undefined;
  }

  #writeLoss(loss: Loss): boolean {
    const { kind, parts } = encodeRecord(loss.toEvent());
    return this.#tryWrite(kind, parts) === 'written';
  }

  #tryWrite(kind: number, parts: readonly Uint8Array[]): 'written' | 'full' | 'too-large' {
    try {
      return this.#writer.tryWrite(kind, parts) ? 'written' : 'full';
    } catch (error) {
      // A ring that could never hold it: not this thread's end, but a loss like any other.
      if (isMeaError(error, 'bad-input')) return 'too-large';
      throw error;
    }
  }

  #keep(event: RigEvent, kind: number, parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (this.#tailLoss !== undefined || this.#backlogBytes + length > this.#maxBacklogBytes) {
      this.#loseEvent(event);
      return;
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#backlog.push({ kind, bytes });
    this.#backlogBytes += length;
    this.#waited += 1;
    this.#highWaterBytes = Math.max(this.#highWaterBytes, this.#backlogBytes);
  }

  #loseBlock(event: RigEvent): void {
    this.#lostBlocks += 1;
    if (this.#tailLoss !== undefined) this.#tailLoss.add(event);
    else {
      if (this.#blockLoss === undefined) {
        this.#blockLoss = new Loss();
        this.#backlog.push(this.#blockLoss);
      }
      this.#blockLoss.add(event);
    }
  }

  #loseEvent(event: RigEvent): void {
    this.#lostEvents += 1;
    this.#tailLoss ??= new Loss();
    this.#tailLoss.add(event);
  }
}

/** What is missing in one place. */
class Loss {
  #blocks = 0;
  #spikeBatches = 0;
  #trials = 0;
  #others = 0;
  #from = Infinity;
  #to = -Infinity;

  add(event: RigEvent): void {
    if (event.type === 'block') this.#blocks += 1;
    else if (event.type === 'spikes') this.#spikeBatches += 1;
    else if (event.type === 'windowed-response') this.#trials += 1;
    else this.#others += 1;
    const range = samplesOf(event);
    if (range === undefined) return;
    this.#from = Math.min(this.#from, range[0]);
    this.#to = Math.max(this.#to, range[1]);
  }

  toEvent(): OverrunEvent {
    const isKnown = this.#from <= this.#to;
    return {
      type: 'overrun',
      blocks: this.#blocks,
      spikeBatches: this.#spikeBatches,
      trials: this.#trials,
      others: this.#others,
      fromSample: isKnown ? sampleIndex(this.#from) : null,
      toSample: isKnown ? sampleIndex(this.#to) : null,
    };
  }
}

/** The samples that an event tells of; undefined where it tells of none, or of one moment. */
function samplesOf(event: RigEvent): readonly [number, number] | undefined {
  if (isPlainEvent(event) || event.type === 'snippets') return undefined;
  switch (event.type) {
    case 'block':
      return [event.firstSample, event.firstSample + event.frames];
    case 'spikes':
      return [event.batch.from, event.batch.to];
    case 'windowed-response':
      return event.usedSamples;
    case 'spike-rates':
      return [event.fromSample, event.toSample];
    case 'trace':
      return [event.firstSample, event.firstSample + event.points * event.samplesPerPoint];
  }
}
