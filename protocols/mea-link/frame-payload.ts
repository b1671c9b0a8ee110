import { MeaError } from '../errors.js';
import { crc32c } from './crc32c.js';
import type { BadFrame } from './link.js';
import { MAX_MESSAGE_BYTES, type Lane } from './messages.js';

/** Puts messages into frames. */
export interface FrameEncoder {
  /**
   * One message as one frame; the bytes belong to the caller.
   *
   * @throws MeaError `bad-input` when the message is longer than `MAX_MESSAGE_BYTES`
   */
  encode(lane: Lane, message: Uint8Array): Uint8Array;
}

/** What a decoder finds in a stream of bytes. */
export interface FrameSink {
  /** The bytes belong to the receiver. */
  onMessage(lane: Lane, message: Uint8Array): void;
  /** A stretch of bytes was no frame. Where its lane cannot be read the stretch counts as `control`. */
  onBadFrame(frame: BadFrame): void;
}

/** Finds the messages in a stream of bytes, whatever its chunks; never throws, whatever its bytes. */
export interface FrameDecoder {
  /** Takes the next bytes of the stream and tells the sink what they complete. The chunk is not kept. */
  push(chunk: Uint8Array, sink: FrameSink): void;
  /** Forgets an incomplete frame and starts to count bytes from 0: for a new connection. */
  reset(): void;
  /** Bytes that wait for the rest of their frame; never more than the longest frame. */
  readonly bufferedBytes: number;
}

/** Both halves of a framing; they share no state. */
export interface Framing {
  readonly encoder: FrameEncoder;
  readonly decoder: FrameDecoder;
}

/** What the CRC of a frame protects: one byte for the lane, then the message. */
export const MAX_PAYLOAD_BYTES = 1 + MAX_MESSAGE_BYTES;
/** Length of the CRC-32C behind a payload, little-endian. */
export const CRC_BYTES = 4;

/** Ends the sentence about a frame that did not arrive as it was sent. */
export const LOSING_BYTES = 'the link may be losing bytes';

const LANES: readonly Lane[] = ['control', 'data'];

/**
 * Writes lane, message and their CRC.
 *
 * @param out has room for `message.length + 5` bytes from `at` on
 */
export function putPayload(out: Uint8Array, at: number, { lane, message }: { lane: Lane; message: Uint8Array }): void {
  const end = at + 1 + message.length;
  out[at] = lane === 'control' ? 0 : 1;
  out.set(message, at + 1);
  putU32(out, end, crc32c(out.subarray(at, end)));
}

/** The lane of a payload, or undefined when its first byte names none. */
export function laneOf(byte: number | undefined): Lane | undefined {
  return byte === undefined ? undefined : LANES[byte];
}

/** @throws MeaError `bad-input` when the message is too long */
export function assertMessageLength({ length }: Uint8Array): void {
  if (length <= MAX_MESSAGE_BYTES) return;
  throw new MeaError('bad-input', {
    what: 'Message too long for a frame',
    got: `${length} bytes`,
    wanted: `at most ${MAX_MESSAGE_BYTES}`,
  });
}

/** Writes 4 bytes, little-endian. */
export function putU32(out: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) out[at + i] = value >>> (8 * i);
}

/** Reads 4 bytes, little-endian, that must be there. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** `0x0000beef`, as many digits as the bytes need. */
export function toHex(value: number, bytes: number): string {
  return `0x${value.toString(16).padStart(2 * bytes, '0')}`;
}

/** `CRC 0x9f21e0aa, expected 0x11ab77c0`. */
export function describeCrc(got: number, wanted: number): string {
  return `CRC ${toHex(got, 4)}, expected ${toHex(wanted, 4)}`;
}

/** What is wrong with a payload whose CRC is right, or undefined. */
export function describeLane(byte: number | undefined): string | undefined {
  if (byte === undefined) return 'empty';
  return laneOf(byte) === undefined ? `lane ${byte}, expected 0 (control) or 1 (data)` : undefined;
}
