import { join } from 'node:path';
import { storageError } from '../write-all.js';
import { Appender } from '../disk/appender.js';
import type { Disk } from '../disk/disk.js';
import { FRAME_BYTES, MAX_PAYLOAD_BYTES, putFrame, type FrameType } from './frame.js';
import { isMeaError, MeaError } from '../../../protocols/errors.js';

/** Where a journal begins or goes on: always with a segment of its own, so that nothing written before is touched. */
export interface JournalPosition {
  readonly segment: number;
  readonly seq: number;
}

/** A segment is closed when it is longer. */
const SEGMENT_BYTES = 2 ** 28;
const FIRST_BUFFER_BYTES = 2 ** 16;

/** Name of a journal's segment. */
export function segmentName(segment: number): string {
  return `journal-${String(segment).padStart(4, '0')}.log`;
}

/**
 * Appends frames to a journal. Frames are buffered until `flush`; what the disk refused stays in the buffer, so that a
 * flush may be tried again. A class because it holds the buffer.
 */
export class JournalWriter {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #segmentBytes: number;
  #file: Appender;
  #segment: number;
  #seq: number;
  #buffer = Buffer.alloc(FIRST_BUFFER_BYTES);
  #used = 0;
  #refusal: MeaError | undefined;
  #flushedBytes = 0;

  /** @throws MeaError `storage` */
  constructor(
    { disk, folder }: { readonly disk: Disk; readonly folder: string },
    { segment, seq }: JournalPosition,
    segmentBytes = SEGMENT_BYTES,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#segment = segment;
    this.#seq = seq;
    this.#file = this.#open();
  }

  /** Sequence number of the next frame. */
  get seq(): number {
    return this.#seq;
  }

  /** Bytes given to the system so far, in all segments that this one made. */
  get flushedBytes(): number {
    return this.#flushedBytes;
  }

  /** Bytes that wait for `flush`. */
  get bufferedBytes(): number {
    return this.#used;
  }

  append(type: FrameType, payload: Uint8Array): void {
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw new MeaError('internal', {
        what: 'A frame of the journal is too long',
        got: `${payload.length} bytes of '${type}'`,
        wanted: `at most ${MAX_PAYLOAD_BYTES}`,
      });
    }
    this.#reserve(payload.length + FRAME_BYTES);
    this.#used = putFrame(this.#buffer, this.#used, { type, seq: this.#seq, payload });
    this.#seq += 1;
  }

  /** Gives what is buffered to the system. @throws MeaError `storage`; it stays buffered */
  flush(): void {
    if (this.#used === 0) return;
    if (this.#file.bytes > this.#segmentBytes) this.#rotate();
    this.#file.append(this.#buffer.subarray(0, this.#used));
    this.#flushedBytes += this.#used;
    this.#used = 0;
  }

  /**
   * Flushes, and forces it to the medium.
   *
   * @throws MeaError `storage`; where it was the medium that refused, from then on: a system that is asked again says that all
   *   is well, and has given up what it could not write
   */
  sync(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.flush();
    this.#force();
  }

  close(): void {
    this.#file.close();
  }

  #force(): void {
    try {
      this.#file.sync();
    } catch (error) {
      if (isMeaError(error, 'storage')) this.#refusal = error;
      throw error;
    }
  }

  #rotate(): void {
    this.#force();
    const full = this.#file;
    this.#segment += 1;
    this.#file = this.#open();
    full.close();
  }

  #open(): Appender {
    const path = join(this.#folder, segmentName(this.#segment));
    try {
      const file = new Appender(this.#disk.create(path));
      this.#disk.syncFolder(this.#folder);
      return file;
    } catch (cause) {
      throw storageError('Cannot make the journal', path, cause);
    }
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#used + bytes));
    larger.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = larger;
  }
}
