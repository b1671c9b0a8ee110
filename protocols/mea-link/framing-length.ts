import { CrcWindow } from './crc32c-window.js';
import { crc32c } from './crc32c.js';
import {
  CRC_BYTES,
  LOSING_BYTES,
  MAX_PAYLOAD_BYTES,
  assertMessageLength,
  describeCrc,
  describeLane,
  getU32,
  laneOf,
  putPayload,
  putU32,
  toHex,
  type FrameDecoder,
  type FrameEncoder,
  type FrameSink,
  type Framing,
} from './frame-payload.js';
import { copyMessage } from './message-copy.js';
import type { Lane } from './messages.js';

/** `ML`. */
const MAGIC = [0x4d, 0x4c] as const;
const CHECK_AT = 2;
const LENGTH_AT = 4;
const HEADER_BYTES = 8;

/** A chunk is taken in pieces of at most so many bytes, which bounds the buffer. */
const PIECE_BYTES = 16_384;
/** Room that is left after the buffer was tidied, so that tidying it is rare. */
const SLACK_BYTES = 16_384;

/**
 * The framing of TCP: a header that says how long the payload is, and carries a check of that length; lane and message;
 * their CRC-32C. The check makes a receiver that lost its place see at once that what it reads is no header, instead of
 * waiting for the end of a frame that there is none of.
 */
export function createLengthFraming(): Framing {
  return { encoder: new LengthEncoder(), decoder: new LengthDecoder() };
}

class LengthEncoder implements FrameEncoder {
  encode(lane: Lane, message: Uint8Array): Uint8Array {
    assertMessageLength(message);
    const frame = new Uint8Array(HEADER_BYTES + 1 + message.length + CRC_BYTES);
    frame.set(MAGIC);
    putU32(frame, LENGTH_AT, 1 + message.length);
    const check = lengthCheck(frame, 0);
    frame[CHECK_AT] = check;
    frame[CHECK_AT + 1] = check >>> 8;
    putPayload(frame, HEADER_BYTES, { lane, message });
    return frame;
  }
}

/** Bytes that are no frame, not yet reported. */
interface BadRun {
  readonly lane: Lane;
  readonly message: string;
  bytes: number;
}

/** What lies at the decoder's place. */
type Finding =
  | { readonly type: 'incomplete' }
  | { readonly type: 'bad'; readonly what: string; readonly lane: Lane; readonly bytes: number | 'to-next-magic' }
  | { readonly type: 'message'; readonly lane: Lane; readonly from: number; readonly to: number };

class LengthDecoder implements FrameDecoder {
  /** What was not decoded yet lies at [#start, #end). */
  #buffer = new Uint8Array(SLACK_BYTES);
  #start = 0;
  #end = 0;
  /** Where #start lies in the stream. */
  #position = 0;
  /** Up to here a CRC was wrong: frames that begin before are read through the window, so that no byte is read often. */
  #suspectEnd = 0;
  #window = new CrcWindow();
  #bad: BadRun | null = null;

  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  reset(): void {
    this.#start = this.#end = this.#position = this.#suspectEnd = 0;
    this.#window = new CrcWindow();
    this.#bad = null;
  }

  push(chunk: Uint8Array, sink: FrameSink): void {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      this.#append(chunk.subarray(at, at + PIECE_BYTES));
      this.#drain(sink);
    }
    this.#reportBad(sink);
  }

  #append(piece: Uint8Array): void {
    if (this.#end + piece.length > this.#buffer.length) this.#tidy(piece.length);
    this.#buffer.set(piece, this.#end);
    this.#end += piece.length;
  }

  /** Moves what is there to the front, into a larger buffer where little room would be left. */
  #tidy(extra: number): void {
    const places = this.#start;
    const wanted = this.bufferedBytes + extra + SLACK_BYTES;
    if (wanted > this.#buffer.length) {
      const grown = new Uint8Array(wanted);
      grown.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = grown;
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#window.move(places);
    this.#start = 0;
    this.#end -= places;
    this.#suspectEnd = Math.max(0, this.#suspectEnd - places);
  }

  #drain(sink: FrameSink): void {
    while (this.#start < this.#end) {
      const finding = this.#look();
      if (finding.type === 'incomplete') return;
      if (finding.type === 'bad') {
        this.#skip(finding);
        continue;
      }
      const message = copyMessage(this.#buffer.subarray(finding.from, finding.to));
      this.#reportBad(sink);
      this.#advance(finding.to + CRC_BYTES - this.#start);
      sink.onMessage(finding.lane, message);
    }
  }

  #look(): Finding {
    const buffer = this.#buffer;
    const start = this.#start;
    const available = this.#end - start;
    if (buffer[start] !== MAGIC[0] || (available > 1 && buffer[start + 1] !== MAGIC[1])) return lost('no frame header');
    if (available < HEADER_BYTES) return { type: 'incomplete' };
    const check = buffer[start + CHECK_AT]! | (buffer[start + CHECK_AT + 1]! << 8);
    const wantedCheck = lengthCheck(buffer, start);
    if (check !== wantedCheck) return lost(`length check ${toHex(check, 2)}, expected ${toHex(wantedCheck, 2)}`);
    const length = getU32(buffer, start + LENGTH_AT);
    if (length < 1 || length > MAX_PAYLOAD_BYTES) {
      return lost(`a payload of ${length} bytes, expected 1 to ${MAX_PAYLOAD_BYTES}`);
    }
    const from = start + HEADER_BYTES;
    const to = from + length;
    if (this.#end < to + CRC_BYTES) return { type: 'incomplete' };
    const crc = getU32(buffer, to);
    const wanted = this.#crcOf(from, to);
    const lane = laneOf(buffer[from]);
    if (crc !== wanted) {
      this.#suspectEnd = Math.max(this.#suspectEnd, to);
      return lost(describeCrc(crc, wanted), lane);
    }
    if (lane !== undefined) return { type: 'message', lane, from: from + 1, to };
    const what = describeLane(buffer[from]) ?? 'empty';
    return { type: 'bad', what, lane: 'control', bytes: to + CRC_BYTES - start };
  }

  #crcOf(from: number, to: number): number {
    return from < this.#suspectEnd ? this.#window.crc(this.#buffer, from, to) : crc32c(this.#buffer.subarray(from, to));
  }

  #skip({ what, lane, bytes }: Extract<Finding, { readonly type: 'bad' }>): void {
    this.#bad ??= { lane, message: `Bad frame at byte ${this.#position}: ${what}; ${LOSING_BYTES}`, bytes: 0 };
    const skipped = bytes === 'to-next-magic' ? this.#toNextMagic() : bytes;
    this.#bad.bytes += skipped;
    this.#advance(skipped);
  }

  #toNextMagic(): number {
    const ahead = this.#buffer.subarray(this.#start + 1, this.#end).indexOf(MAGIC[0]);
    return ahead < 0 ? this.bufferedBytes : ahead + 1;
  }

  #advance(bytes: number): void {
    this.#start += bytes;
    this.#position += bytes;
  }

  #reportBad(sink: FrameSink): void {
    const bad = this.#bad;
    this.#bad = null;
    if (bad !== null) sink.onBadFrame(bad);
  }
}

function lost(what: string, lane: Lane = 'control'): Finding {
  return { type: 'bad', what, lane, bytes: 'to-next-magic' };
}

/** The low half of the CRC-32C of a frame's length field. */
function lengthCheck(buffer: Uint8Array, start: number): number {
  return crc32c(buffer.subarray(start + LENGTH_AT, start + HEADER_BYTES)) & 0xffff;
}
