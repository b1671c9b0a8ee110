import { Worker } from 'node:worker_threads';
import type { Clock } from '../../protocols/clock.js';
import { MeaError } from '../../protocols/errors.js';
import type { SampleBlock } from '../../protocols/sample-block.js';
import { fromWireError } from '../../protocols/wire-error.js';
import { encodeJson, encodeSpikes, type SpikesPayload } from './journal/payloads.js';
import {
  ITEM,
  ITEM_HEAD_BYTES,
  paddedLength,
  type FromRecorder,
  type RecorderThreadData,
  type ToRecorder,
} from './recorder-messages.js';
import { hostMs } from './host-time.js';
import { OVERRUN } from './raw/stretch-ends.js';
import type { RecorderPort } from './recorder-port.js';
import type { RecorderNotice, RecorderOptions } from './recorder.js';

/** What a recorder in a thread of its own is started with. */
export interface RecorderThreadOptions extends Omit<RecorderOptions, 'disk' | 'clock' | 'ledgerBatch'> {
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Bytes that may be on their way to the thread; samples that come while there are more are dropped and told. 2^28 by default. */
  readonly maxPendingBytes?: number | undefined;
}

/** Records are sent in batches of this size, or after this time. */
const BATCH_BYTES = 2 ** 18;
const BATCH_MS = 10;
/** Empty buffers that are kept. */
const MAX_SPARE = 8;

/**
 * Starts a recorder in a thread of its own: a disk that is slow for a while holds nobody up. What comes while it is slower
 * than `maxPendingBytes` allow is dropped, samples first, and is told in the recording.
 *
 * @throws MeaError `storage` when the recording cannot be begun
 */
export async function startRecorder(options: RecorderThreadOptions): Promise<RecorderPort> {
  const { folder, session, probe, continued, syncMs, reserveBytes, onNotice, maxPendingBytes = 2 ** 28 } = options;
  const workerData = {
    isRecorder: true,
    wallOffsetMs: options.clock.wallMs() - hostMs(),
    folder,
    session,
    probe,
    continued,
    syncMs,
    reserveBytes,
  } satisfies RecorderThreadData;
  const worker = new Worker(new URL('./recorder-thread.js', import.meta.url), { workerData });
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(new MeaError('internal', { what: 'The recorder did not start', got: error.message }, { cause: error }));
    };
    worker.once('error', onError);
    worker.once('message', (message: FromRecorder) => {
      worker.off('error', onError);
      if (message.type === 'ready') resolve(new ThreadedRecorder({ worker, onNotice, maxPendingBytes }));
      else {
        void worker.terminate();
        reject(
          message.type === 'refused'
            ? fromWireError(message.error)
            : new MeaError('internal', { what: 'The recorder said something else first', got: message.type }),
        );
      }
    });
  });
}

interface Parts {
  readonly worker: Worker;
  readonly onNotice: (notice: RecorderNotice) => void;
  readonly maxPendingBytes: number;
}

/** The shadow of a recorder. A class because it holds what is on its way. */
class ThreadedRecorder implements RecorderPort {
  readonly #worker: Worker;
  readonly #onNotice: (notice: RecorderNotice) => void;
  readonly #maxPendingBytes: number;
  readonly #spare: ArrayBuffer[] = [];
  readonly #ended: Promise<void>;
  #batch = Buffer.from(new ArrayBuffer(BATCH_BYTES));
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Bytes that the thread has not carried out. */
  #pending = 0;
  #dropped: { blocks: number; frames: number; fromSample: number; toSample: number } | undefined;
  #failure: MeaError | undefined;
  #onTaken: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  #end: { readonly error: MeaError | undefined } | undefined;

  constructor({ worker, onNotice, maxPendingBytes }: Parts) {
    this.#worker = worker;
    this.#onNotice = onNotice;
    this.#maxPendingBytes = maxPendingBytes;
    worker.on('message', (message: FromRecorder) => {
      this.#onMessage(message);
    });
    worker.on('error', (error) => {
      this.#fail(new MeaError('internal', { what: 'The recorder has died', got: error.message }, { cause: error }));
    });
    this.#ended = new Promise((resolve) => {
      worker.on('exit', () => {
        if (this.#end === undefined) this.#fail(new MeaError('internal', { what: 'The recorder ended by itself' }));
        resolve();
      });
    });
  }

  /** Only where nothing is on its way. */
  get isLedgerWritten(): boolean {
    return this.#pending === 0 && this.#used === 0;
  }

  block(block: SampleBlock): void {
    const { firstSample, frames, channels, samples } = block;
    if (this.#pending > this.#maxPendingBytes) {
      this.#drop(firstSample, frames);
      return;
    }
    this.#tellDropped();
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, frames * channels * 2);
    this.#put(ITEM.block, [firstSample, frames, channels], bytes);
  }

  spikes(batch: SpikesPayload): void {
    this.#put(ITEM.spikes, NO_NUMBERS, encodeSpikes(batch));
  }

  event(event: { readonly type: string }): void {
    this.#put(ITEM.event, NO_NUMBERS, encodeJson(event));
  }

  ledger(json: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#put(ITEM.ledger, NO_NUMBERS, json);
    this.#send();
  }

  put(type: 'latency' | 'model' | 'snippets', payload: Uint8Array): void {
    this.#put(ITEM[type], NO_NUMBERS, payload);
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
    clearTimeout(this.#timer);
    this.#worker.postMessage({ type: 'close' } satisfies ToRecorder);
    await this.#ended;
    const error = this.#end?.error ?? this.#failure;
    if (error !== undefined) throw error;
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
    this.#timer ??= setTimeout(() => {
      this.#send();
    }, BATCH_MS);
  }

  #send(wanted = 0): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#used > 0) {
      const { buffer: bytes } = this.#batch;
      this.#pending += this.#used;
      this.#worker.postMessage({ type: 'batch', bytes, used: this.#used } satisfies ToRecorder, [bytes]);
      this.#used = 0;
      this.#batch = Buffer.from(this.#spare.pop() ?? new ArrayBuffer(BATCH_BYTES));
    }
    if (wanted > this.#batch.length) this.#batch = Buffer.from(new ArrayBuffer(wanted));
  }

  #drop(firstSample: number, frames: number): void {
    const dropped = (this.#dropped ??= { blocks: 0, frames: 0, fromSample: firstSample, toSample: firstSample });
    dropped.blocks += 1;
    dropped.frames += frames;
    dropped.toSample = firstSample + frames;
  }

  #tellDropped(): void {
    if (this.#dropped === undefined) return;
    const event = { type: OVERRUN, ...this.#dropped };
    this.#dropped = undefined;
    this.#put(ITEM.event, NO_NUMBERS, encodeJson(event));
    this.#onNotice({ ...event, type: 'overrun' });
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
