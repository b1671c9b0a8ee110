import { MeaError } from '../../protocols/errors.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import type { Timers } from '../../protocols/timers.js';
import { fromWireError } from '../../protocols/wire-error.js';
import { encodeJson, encodeSpikes, type SpikesPayload } from './journal/payloads.js';
import { ITEM, ITEM_HEAD_BYTES, paddedLength, type FromRecorder, type ToRecorder } from './recorder-messages.js';
import { OVERRUN } from './raw/stretch-ends.js';
import type { RecorderPort } from './recorder-port.js';
import type { RecorderNotice } from './recorder.js';

/** How long a thread may take. */
export interface ThreadedRecorderLimits {
  /**
   * Bytes that may be on their way to the thread, 2^28 by default. While there are more, samples are dropped; while there is a
   * quarter more, all else is too, and a record of the ledger is refused.
   */
  readonly maxPendingBytes: number;
  /** At the end, the thread may be silent for so long: 30 s by default. */
  readonly closeDeadlineMs: number;
}

/** The thread, as its shadow needs it. */
export interface ThreadLink {
  readonly post: (message: ToRecorder, transfer?: readonly ArrayBuffer[]) => void;
  readonly listen: (listener: {
    readonly onMessage: (message: FromRecorder) => void;
    readonly onError: (error: Error) => void;
    readonly onExit: () => void;
  }) => void;
  /** Nobody waits for its end any more. */
  readonly abandon: () => void;
}

interface Parts {
  readonly thread: ThreadLink;
  readonly folder: string;
  readonly sampleRateHz: number;
  readonly onNotice: (notice: RecorderNotice) => void;
  readonly timers: Timers;
  readonly limits: ThreadedRecorderLimits;
}

/** What did not find room on its way. */
interface Dropped {
  blocks: number;
  frames: number;
  /** Of the samples; of an overrun without samples, the last that were handed on. */
  fromSample: number;
  toSample: number;
  /** Events, batches of spikes, host times, models, cut-outs. */
  records: number;
}

/** Records are sent in batches of this size, or after this time. */
const BATCH_BYTES = 2 ** 18;
const BATCH_MS = 10;
/** Empty buffers that are kept. */
const MAX_SPARE = 8;
/** What may wait of all else, in parts of what may wait of samples. */
const RECORDS_SHARE = 1.25;

/**
 * The shadow of a recorder in another thread. What waits for a disk that stands still is bounded: samples are dropped first, then
 * all else but the ledger, whose next record is refused, so that the run ends. That something is dropped is told at once; how
 * much, in the recording and as a notice, when the disk follows again or the recording ends. A class because it holds what is
 * on its way.
 */
export class ThreadedRecorder implements RecorderPort {
  readonly #thread: ThreadLink;
  readonly #folder: string;
  readonly #sampleRateHz: number;
  readonly #onNotice: (notice: RecorderNotice) => void;
  readonly #timers: Timers;
  readonly #limits: ThreadedRecorderLimits;
  readonly #spare: ArrayBuffer[] = [];
  readonly #ended: Promise<void>;
  #batch = Buffer.from(new ArrayBuffer(BATCH_BYTES));
  #used = 0;
  /** Takes back the sending of what has been gathered. */
  #cancelSend: (() => void) | undefined;
  /** Begins the wait for a sign of life anew; nobody waits before the end. */
  #onSign: () => void = () => undefined;
  #isHung = false;
  /** Bytes that the thread has not carried out. */
  #pending = 0;
  #dropped: Dropped | undefined;
  #nextSample = 0;
  /** The newest word of safety, and when it came. */
  #saved: (Extract<RecorderNotice, { readonly type: 'saved' }> & { readonly cameMs: number }) | undefined;
  #failure: MeaError | undefined;
  #onTaken: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #end: { readonly error: MeaError | undefined } | undefined;

  constructor({ thread, folder, sampleRateHz, onNotice, timers, limits }: Parts) {
    this.#thread = thread;
    this.#folder = folder;
    this.#sampleRateHz = sampleRateHz;
    this.#onNotice = onNotice;
    this.#timers = timers;
    this.#limits = limits;
    this.#ended = new Promise((resolve) => {
      thread.listen({
        onMessage: (message) => {
          this.#onMessage(message);
          this.#onSign();
        },
        onError: (error) => {
          this.#fail(new MeaError('internal', { what: 'The recorder has died', got: error.message }, { cause: error }));
        },
        onExit: () => {
          if (this.#end === undefined) this.#fail(new MeaError('internal', { what: 'The recorder ended by itself' }));
          resolve();
        },
      });
    });
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  /** Only where nothing is on its way. */
  get isLedgerWritten(): boolean {
    return this.#pending === 0 && this.#used === 0;
  }

  block(block: SampleBlock): void {
    const { firstSample, frames, channels, samples } = block;
    this.#nextSample = firstSample + frames;
    if (this.#failure !== undefined) return;
    if (this.#pending > this.#limits.maxPendingBytes) {
      this.#dropBlock(firstSample, frames);
      return;
    }
    this.#tellDropped();
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, frames * channels * 2);
    this.#put(ITEM.block, [firstSample, frames, channels], bytes);
  }

  spikes(batch: SpikesPayload): void {
    this.#putRecord(ITEM.spikes, encodeSpikes(batch));
  }

  event(event: { readonly type: string }): void {
    this.#putRecord(ITEM.event, encodeJson(event));
  }

  ledger(json: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#hasRoom()) throw this.#standsStill();
    this.#put(ITEM.ledger, NO_NUMBERS, json);
    this.#send();
  }

  put(type: 'latency' | 'model' | 'snippets', payload: Uint8Array): void {
    this.#putRecord(ITEM[type], payload);
  }

  async untilTaken(bytes: number): Promise<void> {
    while (this.#pending + this.#used > bytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#onTaken = resolve;
      });
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#failure === undefined) {
      this.#tellDropped();
      this.#send();
    }
    this.#cancelSend?.();
    this.#thread.post({ type: 'close' });
    const silence = this.#watchSilence();
    const hasEnded = await Promise.race([this.#ended.then(() => true), silence.until.then(() => false)]);
    silence.stop();
    if (!hasEnded) this.#giveUp();
    const error = this.#end?.error ?? this.#failure;
    if (error !== undefined) throw error;
  }

  /** Resolves once the thread has been silent for too long. */
  #watchSilence(): { readonly until: Promise<void>; readonly stop: () => void } {
    let cancel = (): void => undefined;
    const until = new Promise<void>((resolve) => {
      this.#onSign = () => {
        cancel();
        cancel = this.#timers.after(this.#limits.closeDeadlineMs, resolve);
      };
    });
    this.#onSign();
    const stop = (): void => {
      this.#onSign = () => undefined;
      cancel();
    };
    return { until, stop };
  }

  /** A call of the disk does not come back. */
  #giveUp(): void {
    const { closeDeadlineMs } = this.#limits;
    this.#isHung = true;
    this.#thread.abandon();
    const error = new MeaError('deadline', {
      what: 'The disk does not answer any more',
      got: `nothing for ${closeDeadlineMs / 1000} s; ${this.#describeSaved()}`,
      wanted: 'the end of the recording',
      where: this.#folder,
      remedy: 'mend the disk or its mount, then meactl recover',
    });
    this.#fail(error);
  }

  #describeSaved(): string {
    if (this.#saved === undefined) return 'nothing is saved';
    const { nextSample, cameMs, records } = this.#saved;
    const upTo =
      nextSample === null ? '' : ` up to sample ${nextSample} (${(nextSample / this.#sampleRateHz).toFixed(2)} s)`;
    return `saved${upTo}: ${records} records, ${((this.#timers.nowMs() - cameMs) / 1000).toFixed(0)} s ago`;
  }

  #hasRoom(): boolean {
    return this.#pending <= this.#limits.maxPendingBytes * RECORDS_SHARE;
  }

  #standsStill(): MeaError {
    return new MeaError('storage', {
      what: 'The disk does not follow, and the record cannot wait for it',
      got: `${(this.#pending / 2 ** 20).toFixed(0)} MiB on their way; ${this.#describeSaved()}`,
      wanted: `at most ${((this.#limits.maxPendingBytes * RECORDS_SHARE) / 2 ** 20).toFixed(0)} MiB`,
      where: this.#folder,
      remedy: 'mend the disk or its mount; what was saved is kept, and --resume goes on from there',
    });
  }

  /** All but samples and the ledger. */
  #putRecord(kind: number, bytes: Uint8Array): void {
    if (this.#failure !== undefined || this.#closed !== undefined) return;
    if (!this.#hasRoom()) {
      this.#drop().records += 1;
      return;
    }
    // What was dropped has its place before what follows.
    if (this.#pending <= this.#limits.maxPendingBytes) this.#tellDropped();
    this.#put(kind, NO_NUMBERS, bytes);
  }

  #put(kind: number, numbers: readonly [number, number, number], bytes: Uint8Array): void {
    if (this.#failure !== undefined || this.#closed !== undefined) return;
    const length = ITEM_HEAD_BYTES + paddedLength(bytes.length);
    if (this.#used + length > this.#batch.length) this.#send(length);
    const at = this.#used;
    this.#batch.writeUInt32LE(kind, at);
    this.#batch.writeUInt32LE(bytes.length, at + 4);
    this.#batch.writeDoubleLE(numbers[0], at + 8);
    this.#batch.writeDoubleLE(numbers[1], at + 16);
    this.#batch.writeDoubleLE(numbers[2], at + 24);
    this.#batch.set(bytes, at + ITEM_HEAD_BYTES);
    this.#used += length;
    this.#cancelSend ??= this.#timers.after(BATCH_MS, () => {
      this.#send();
    });
  }

  #send(wanted = 0): void {
    this.#cancelSend?.();
    this.#cancelSend = undefined;
    if (this.#used > 0) {
      const { buffer: bytes } = this.#batch;
      this.#pending += this.#used;
      this.#thread.post({ type: 'batch', bytes, used: this.#used }, [bytes]);
      this.#used = 0;
      this.#batch = Buffer.from(this.#spare.pop() ?? new ArrayBuffer(BATCH_BYTES));
    }
    if (wanted > this.#batch.length) this.#batch = Buffer.from(new ArrayBuffer(wanted));
  }

  /** Tells at once that something is dropped, and then counts. */
  #drop(): Dropped {
    if (this.#dropped === undefined) {
      const { maxPendingBytes } = this.#limits;
      const fromSample = this.#nextSample;
      this.#dropped = { blocks: 0, frames: 0, fromSample, toSample: fromSample, records: 0 };
      this.#onNotice({ type: 'behind', pendingBytes: this.#pending, maxPendingBytes });
    }
    return this.#dropped;
  }

  #dropBlock(firstSample: number, frames: number): void {
    const dropped = this.#drop();
    if (dropped.blocks === 0) dropped.fromSample = firstSample;
    dropped.blocks += 1;
    dropped.frames += frames;
    dropped.toSample = firstSample + frames;
  }

  #tellDropped(): void {
    if (this.#dropped === undefined) return;
    const dropped = this.#dropped;
    this.#dropped = undefined;
    this.#put(ITEM.event, NO_NUMBERS, encodeJson({ type: OVERRUN, ...dropped }));
    this.#onNotice({ type: 'overrun', ...dropped });
  }

  #onMessage(message: FromRecorder): void {
    switch (message.type) {
      case 'done':
        this.#pending -= message.bytes;
        this.#onTaken?.();
        if (this.#spare.length < MAX_SPARE && message.buffer.byteLength === BATCH_BYTES)
          this.#spare.push(message.buffer);
        break;
      case 'notice':
        this.#onTold(
          'error' in message.notice
            ? { ...message.notice, error: fromWireError(message.notice.error) }
            : message.notice,
        );
        break;
      case 'closed':
        this.#end = { error: message.error === undefined ? undefined : fromWireError(message.error) };
        break;
      case 'ready':
      case 'refused':
        break;
    }
  }

  #onTold(notice: RecorderNotice): void {
    if (notice.type === 'failed') {
      this.#failure ??= notice.error;
      this.#onTaken?.();
    }
    if (notice.type === 'saved') this.#saved = { ...notice, cameMs: this.#timers.nowMs() };
    this.#onNotice(notice);
  }

  #fail(error: MeaError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#onTaken?.();
    this.#onNotice({ type: 'failed', error });
  }
}

const NO_NUMBERS = [0, 0, 0] as const;
