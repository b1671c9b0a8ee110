import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MeaError } from '../../../protocols/errors.js';
import {
  FRAME_BYTES,
  FRAME_MAGIC,
  FRAME_VERSION,
  frameTypeOf,
  parseFrame,
  type FrameType,
  type ParsedFrame,
} from './frame.js';

/** A frame in its place. */
export interface ScannedFrame {
  readonly type: 'frame';
  readonly name: FrameType;
  readonly seq: number;
  /** Valid until the next one is taken: copy what is kept longer. */
  readonly payload: Uint8Array;
  readonly segment: string;
  readonly offset: number;
}

/** Bytes that are no whole frame. */
export interface DamagedBytes {
  readonly type: 'damage';
  readonly segment: string;
  readonly from: number;
  readonly to: number;
  /** They end their segment: frames that were being written when the program died look like this. */
  readonly isTail: boolean;
}

/** Frames that were written and are not there any more. */
export interface MissingFrames {
  readonly type: 'missing';
  readonly segment: string;
  readonly offset: number;
  readonly fromSeq: number;
  readonly frames: number;
}

export type JournalItem = ScannedFrame | DamagedBytes | MissingFrames;

const SEGMENT = /^journal-(\d{4,9})\.log$/;
const READ_BYTES = 2 ** 18;
const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(FRAME_MAGIC);

/** Segments of a recording's journal in their order; none where there is no journal. @throws MeaError `storage` */
export function listSegments(folder: string): readonly string[] {
  const isFolder = (): boolean => existsSync(folder) && statSync(folder).isDirectory();
  return reading(folder, () => (isFolder() ? readdirSync(folder) : []))
    .filter((name) => SEGMENT.test(name))
    .sort((a, b) => segmentNumber(a) - segmentNumber(b))
    .map((name) => join(folder, name));
}

/** Bytes of all segments. */
export function journalBytes(folder: string): number {
  return listSegments(folder).reduce((sum, segment) => sum + statSync(segment).size, 0);
}

/** Bytes that an item took in its segment. */
export function bytesOf(item: JournalItem): number {
  if (item.type === 'frame') return FRAME_BYTES + item.payload.length;
  return item.type === 'damage' ? item.to - item.from : 0;
}

/** Number of a segment by its path. */
export function segmentNumber(path: string): number {
  return Number(SEGMENT.exec(basename(path))?.[1] ?? Number.NaN);
}

/**
 * Reads a journal from its beginning: whole frames, and what is between them. Memory does not grow with it. Frames of
 * types that this version does not know are passed over, as long as their version is not newer.
 *
 * @throws MeaError `bad-format` for frames of a newer version; `storage` where the disk refuses
 */
export function* scanJournal(folder: string): Generator<JournalItem> {
  let next = 0;
  for (const segment of listSegments(folder)) {
    for (const item of scanSegment(segment)) {
      if (item.type === 'damage') {
        yield item;
        continue;
      }
      const { frame, offset } = item;
      if (frame.seq < next) {
        // Its place is taken: it is a copy of what was read before, or of another recording.
        yield { type: 'damage', segment, from: offset, to: offset + frame.bytes, isTail: false };
        continue;
      }
      if (frame.seq > next) {
        yield { type: 'missing', segment, offset, fromSeq: next, frames: frame.seq - next };
      }
      next = frame.seq + 1;
      const name = frameTypeOf(frame.code);
      if (name === undefined) continue;
      yield { type: 'frame', name, seq: frame.seq, payload: frame.payload, segment, offset };
    }
  }
}

type SegmentItem = { readonly type: 'parsed'; readonly frame: ParsedFrame; readonly offset: number } | DamagedBytes;

function* scanSegment(segment: string): Generator<SegmentItem> {
  const fd = reading(segment, () => openSync(segment, 'r'));
  try {
    const window = new Window(fd, segment);
    let damagedFrom: number | undefined;
    for (;;) {
      const verdict = window.parse();
      if (verdict.type === 'end') break;
      const offset = window.offset;
      if (verdict.type === 'frame') {
        if (damagedFrom !== undefined) {
          yield { type: 'damage', segment, from: damagedFrom, to: offset, isTail: false };
          damagedFrom = undefined;
        }
        assertKnown(verdict.frame, segment);
        yield { type: 'parsed', frame: verdict.frame, offset };
        window.skip(verdict.frame.bytes);
      } else {
        damagedFrom ??= offset;
        window.skipToMagic();
      }
    }
    if (damagedFrom !== undefined) {
      yield { type: 'damage', segment, from: damagedFrom, to: window.offset, isTail: true };
    }
  } finally {
    closeSync(fd);
  }
}

function assertKnown({ version }: ParsedFrame, segment: string): void {
  if (version <= FRAME_VERSION) return;
  throw new MeaError('bad-format', {
    what: 'The recording is newer than this program',
    got: `journal version ${version}`,
    wanted: `at most ${FRAME_VERSION}`,
    where: segment,
    remedy: 'use a newer meactl',
  });
}

/** Carries out a call of the file system. @throws MeaError `storage` for what the system says */
function reading<T>(path: string, call: () => T): T {
  try {
    return call();
  } catch (cause) {
    const got = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new MeaError('storage', { what: 'Cannot read the journal', got, where: path }, { cause });
  }
}

/** The part of a file that is looked at. A class because it moves on. */
class Window {
  readonly #fd: number;
  readonly #path: string;
  #bytes = Buffer.alloc(READ_BYTES);
  #from = 0;
  #to = 0;
  #isEnd = false;
  /** Position in the file of what is looked at. */
  offset = 0;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  parse(): ReturnType<typeof parseFrame> | { readonly type: 'end' } {
    for (;;) {
      if (this.#from === this.#to && !this.#read()) return { type: 'end' };
      const verdict = parseFrame(this.#bytes.subarray(this.#from, this.#to));
      if (verdict.type !== 'short') return verdict;
      if (!this.#read()) return { type: 'bad' };
    }
  }

  skip(bytes: number): void {
    this.#from += bytes;
    this.offset += bytes;
  }

  /** On to where the next frame may begin: at least one byte. */
  skipToMagic(): void {
    this.skip(1);
    for (;;) {
      const found = this.#bytes.subarray(this.#from, this.#to).indexOf(MAGIC);
      if (found >= 0) {
        this.skip(found);
        return;
      }
      // Of a magic that is cut off by the end of the window three bytes may be here.
      const rest = this.#to - this.#from;
      this.skip(Math.max(0, rest - 3));
      if (!this.#read()) {
        this.skip(this.#to - this.#from);
        return;
      }
    }
  }

  /** Reads more behind what is there. @returns false at the end of the file */
  #read(): boolean {
    if (this.#isEnd) return false;
    if (this.#from > 0) {
      this.#bytes.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    if (this.#to === this.#bytes.length) {
      const larger = Buffer.alloc(this.#bytes.length * 2);
      this.#bytes.copy(larger, 0, 0, this.#to);
      this.#bytes = larger;
    }
    const room = this.#bytes.length - this.#to;
    const count = reading(this.#path, () => readSync(this.#fd, this.#bytes, this.#to, room, this.offset + this.#to));
    if (count === 0) this.#isEnd = true;
    this.#to += count;
    return count > 0;
  }
}
