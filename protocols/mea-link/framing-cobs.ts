import { decodeCobs, encodeCobs, maxCobsLength } from './cobs.js';
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
  type FrameDecoder,
  type FrameEncoder,
  type FrameSink,
  type Framing,
} from './frame-payload.js';
import type { Lane } from './messages.js';

const DELIMITER = 0;
/** Longest frame without its delimiter. */
const MAX_ENCODED_BYTES = maxCobsLength(MAX_PAYLOAD_BYTES + CRC_BYTES);
const FIRST_CAPACITY = 4096;

/**
 * The framing of serial lines: COBS (lane, message, CRC-32C), then a byte of 0. A receiver that lost its place finds
 * the next frame at the next 0; a sender may write further zeros between frames.
 */
export function createCobsFraming(): Framing {
  return { encoder: new CobsEncoder(), decoder: new CobsDecoder() };
}

class CobsEncoder implements FrameEncoder {
  encode(lane: Lane, message: Uint8Array): Uint8Array {
    assertMessageLength(message);
    const payload = new Uint8Array(1 + message.length + CRC_BYTES);
    putPayload(payload, 0, { lane, message });
    const frame = new Uint8Array(maxCobsLength(payload.length) + 1);
    const length = encodeCobs(payload, frame);
    return frame.subarray(0, length + 1);
  }
}

class CobsDecoder implements FrameDecoder {
  /** An incomplete frame lies at [0, #length). */
  #buffer = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  /** Bytes of the stream before the incomplete frame. */
  #position = 0;
  /** The frame has become too long: what follows up to the next delimiter belongs to it. */
  #isTooLong = false;

  get bufferedBytes(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    this.#position = 0;
    this.#isTooLong = false;
  }

  push(chunk: Uint8Array, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length) {
      const found = chunk.indexOf(DELIMITER, at);
      const end = found < 0 ? chunk.length : found;
      at = this.#takePiece(chunk.subarray(at, end), sink) + at;
      if (at < end) continue;
      if (found < 0) return;
      this.#endFrame(sink);
      at = found + 1;
    }
  }

  /** Takes what still fits into the longest frame; returns how many bytes. */
  #takePiece(piece: Uint8Array, sink: FrameSink): number {
    const taken = Math.min(piece.length, MAX_ENCODED_BYTES - this.#length);
    this.#reserve(this.#length + taken);
    this.#buffer.set(piece.subarray(0, taken), this.#length);
    this.#length += taken;
    if (taken < piece.length) {
      this.#isTooLong = true;
      this.#drop(`no delimiter within ${MAX_ENCODED_BYTES} bytes`, sink);
    }
    return taken;
  }

  #endFrame(sink: FrameSink): void {
    if (this.#isTooLong) {
      this.#isTooLong = false;
      if (this.#length > 0) this.#drop('the rest of a frame that was too long', sink);
    } else if (this.#length > 0) {
      this.#decodeFrame(this.#buffer.subarray(0, this.#length), sink);
    }
    // The delimiter itself.
    this.#position += 1;
  }

  #decodeFrame(encoded: Uint8Array, sink: FrameSink): void {
    const payload = decodeCobs(encoded);
    if (payload === undefined) {
      this.#drop('a COBS code points past its end', sink);
      return;
    }
    const end = payload.length - CRC_BYTES;
    if (end < 1) {
      this.#drop(`${payload.length} bytes, expected at least ${1 + CRC_BYTES}`, sink);
      return;
    }
    const crc = getU32(payload, end);
    const wanted = crc32c(payload.subarray(0, end));
    const lane = laneOf(payload[0]);
    if (crc !== wanted) this.#drop(describeCrc(crc, wanted), sink, lane);
    else if (lane === undefined) this.#drop(describeLane(payload[0]) ?? 'empty', sink);
    else {
      this.#position += this.#length;
      this.#length = 0;
      sink.onMessage(lane, payload.subarray(1, end));
    }
  }

  #drop(what: string, sink: FrameSink, lane: Lane = 'control'): void {
    const message = `Bad frame at byte ${this.#position}: ${what}; ${LOSING_BYTES}`;
    const bytes = this.#length;
    this.#position += bytes;
    this.#length = 0;
    sink.onBadFrame({ lane, message, bytes });
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.min(MAX_ENCODED_BYTES, Math.max(length, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
