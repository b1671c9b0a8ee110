import { closeSync, fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { MeaError } from '../../../protocols/errors.js';
import { crc32c } from '../../../protocols/mea-link/crc32c.js';
import type { BlockReader, FrameBlock, RecordedSignal } from '../../../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../../../protocols/units.js';
import type { IndexedStretch } from '../journal/journal-index.js';
import type { RawChunk } from '../journal/payloads.js';
import { openSamples } from './damaged-chunks.js';

const readLater = promisify(read);

/** Frames in the numbers that they were recorded in. */
type Int16Block = FrameBlock & { readonly samples: Int16Array };

/** A chunk, and its first frame in what is read: samples that were not kept take part in it. */
interface PlacedChunk {
  readonly chunk: RawChunk;
  readonly place: number;
}

/** Where a stretch is, and what its samples mean. */
export interface StretchReaderOptions {
  /** Of continuous.dat. */
  readonly path: string;
  readonly stretch: IndexedStretch;
  readonly gainUvPerBit: number;
  /** Chunks that are read as blind; see `findDamagedChunks`. */
  readonly damaged: readonly RawChunk[];
}

/**
 * Samples of a stretch, as they were written: each chunk is held against its checksum before any of it is given out. Those
 * that are known to be damaged read as zeros within `signal.blind`. So do those between windows around stimuli, which were
 * not kept: a frame always stands for the sample of its number.
 */
export class StretchReader implements BlockReader {
  readonly signal: RecordedSignal;
  readonly #path: string;
  readonly #chunks: readonly PlacedChunk[];
  readonly #frameBytes: number;
  readonly #fd: number;
  readonly #damaged: ReadonlySet<RawChunk>;
  /** The chunk that was looked at last. */
  #cache: { readonly chunk: RawChunk; readonly bytes: Buffer } | undefined;

  /** @throws MeaError `missing` for a file that cannot be opened */
  constructor({ path, stretch, gainUvPerBit, damaged }: StretchReaderOptions) {
    const { started, chunks, gaps } = stretch;
    this.#path = path;
    this.#chunks = [...chunks]
      .sort((a, b) => a.firstFrame - b.firstFrame)
      .map((chunk) => ({ chunk, place: chunk.firstSample - started.firstSample }));
    this.#frameBytes = started.channels * 2;
    this.#damaged = new Set(damaged);
    this.#fd = openSamples(path);
    const last = this.#chunks.at(-1);
    const filled = gaps.filter(({ how }) => how === 'filled');
    this.signal = {
      name: `recording${started.recording}`,
      channels: Array.from({ length: started.channels }, (_, electrode) => ({
        name: `E${electrode}`,
        gainUvPerBit,
        offsetUv: 0,
        electrode,
      })),
      sampleRateHz: hertz(started.sampleRateHz),
      firstSample: sampleIndex(started.firstSample),
      frames: last === undefined ? 0 : last.place + last.chunk.frames,
      blind: mergeSpans([
        ...filled.map(({ firstFrame, samples }) => [firstFrame, firstFrame + samples] as const),
        ...this.#chunks
          .filter(({ chunk }) => this.#damaged.has(chunk))
          .map(({ chunk, place }) => [place, place + chunk.frames] as const),
        ...this.#uncovered(),
      ]).map(([from, to]) => ({
        from: sampleIndex(started.firstSample + from),
        to: sampleIndex(started.firstSample + to),
      })),
    };
  }

  async readBlock(first: number, frames: number): Promise<Int16Block> {
    const { channels, frames: all } = this.signal;
    if (!(Number.isInteger(first) && first >= 0 && first < all && Number.isInteger(frames) && frames > 0)) {
      throw new MeaError('bad-input', {
        what: 'No such frames in the recording',
        got: `${frames} from ${first}`,
        wanted: `from 0 to ${all}`,
        where: this.#path,
      });
    }
    const end = Math.min(first + frames, all);
    const samples = new Int16Array((end - first) * channels.length);
    for (let i = this.#find(first); i < this.#chunks.length; i++) {
      const { chunk, place } = this.#chunks[i]!;
      if (place >= end) break;
      const from = Math.max(first, place);
      const to = Math.min(end, place + chunk.frames);
      if (from >= to || this.#damaged.has(chunk)) continue;
      const bytes = await this.#load(chunk);
      const part = bytes.subarray((from - place) * this.#frameBytes, (to - place) * this.#frameBytes);
      new Uint8Array(samples.buffer).set(part, (from - first) * this.#frameBytes);
    }
    return { firstFrame: first, frames: end - first, channels: channels.length, samples };
  }

  /**
   * Reads frames from `first` on as far as they come without a copy, which is to the end of a chunk: for who wants all of them
   * one after the other.
   *
   * @throws MeaError as `readBlock`
   */
  async readRun(first: number): Promise<Int16Block> {
    const placed = this.#chunks[this.#find(first)];
    if (placed === undefined) return this.readBlock(first, 1);
    const { chunk, place } = placed;
    // Zeros: what was not kept, up to the next chunk, and a chunk that is damaged.
    if (place > first) return this.readBlock(first, Math.min(place - first, this.signal.sampleRateHz));
    if (this.#damaged.has(chunk)) return this.readBlock(first, place + chunk.frames - first);
    const bytes = await this.#read(chunk);
    const channels = this.signal.channels.length;
    const skipped = (first - place) * channels;
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset + 2 * skipped, chunk.frames * channels - skipped);
    return { firstFrame: first, frames: samples.length / channels, channels, samples };
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Index of the first chunk that ends after a frame: recordings have one for each second. */
  #find(frame: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { chunk, place } = this.#chunks[middle]!;
      if (place + chunk.frames > frame) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** @throws MeaError `bad-format` for a chunk that is not what was written */
  async #load(chunk: RawChunk): Promise<Buffer> {
    if (this.#cache?.chunk !== chunk) this.#cache = { chunk, bytes: await this.#read(chunk) };
    return this.#cache.bytes;
  }

  async #read(chunk: RawChunk): Promise<Buffer> {
    const bytes = this.#allocate(chunk);
    const isWhole = bytes !== undefined && (await this.#fill(bytes, chunk));
    if (!isWhole || crc32c(bytes) !== chunk.crc) {
      const seconds = (frame: number): string => (frame / this.signal.sampleRateHz).toFixed(1);
      throw new MeaError('bad-format', {
        what: 'Raw samples are not those that were recorded',
        got: isWhole ? 'another checksum' : 'a file that ends before',
        wanted: `the samples from ${seconds(chunk.firstFrame)} to ${seconds(chunk.firstFrame + chunk.frames)} s`,
        where: this.#path,
        remedy: 'meactl verify tells how much is damaged; --skip-damaged goes on without it',
      });
    }
    return bytes;
  }

  /** Reads a chunk, while this thread does something else. @returns false where the file ends before */
  async #fill(bytes: Buffer, chunk: RawChunk): Promise<boolean> {
    const position = this.#positionOf(chunk);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await readLater(this.#fd, bytes, at, bytes.length - at, position + at);
      if (bytesRead === 0) return false;
      at += bytesRead;
    }
    return true;
  }

  #positionOf({ firstFrame }: RawChunk): number {
    return firstFrame * this.#frameBytes;
  }

  /** Room for a chunk; undefined where the file is too short for it: before memory is taken for what a damaged journal may say. */
  #allocate(chunk: RawChunk): Buffer | undefined {
    const length = chunk.frames * this.#frameBytes;
    return fstatSync(this.#fd).size < this.#positionOf(chunk) + length ? undefined : Buffer.allocUnsafeSlow(length);
  }

  /** Frames that no chunk tells of, before the last one that does. */
  #uncovered(): readonly (readonly [number, number])[] {
    const spans: (readonly [number, number])[] = [];
    let next = 0;
    for (const { chunk, place } of this.#chunks) {
      if (place > next) spans.push([next, place]);
      next = Math.max(next, place + chunk.frames);
    }
    return spans;
  }
}

function mergeSpans(spans: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
