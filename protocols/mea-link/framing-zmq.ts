import { crc32c } from './crc32c.js';
import { CRC_BYTES, LOSING_BYTES, assertMessageLength, describeCrc, getU32, putU32 } from './frame-payload.js';
import { copyMessage } from './message-copy.js';
import { MAX_MESSAGE_BYTES } from './messages.js';

/** What came of a ZeroMQ frame: the message, which belongs to the receiver, or why there is none. */
export type ZmqFrame =
  { readonly type: 'message'; readonly message: Uint8Array } | { readonly type: 'bad'; readonly reason: string };

/**
 * The message and its CRC-32C. ZeroMQ keeps frames apart and has a socket for each lane, so that nothing else is needed;
 * its own transport has no checksum.
 *
 * @throws MeaError `bad-input` when the message is longer than `MAX_MESSAGE_BYTES`
 */
export function encodeZmqFrame(message: Uint8Array): Uint8Array {
  assertMessageLength(message);
  const frame = new Uint8Array(message.length + CRC_BYTES);
  frame.set(message);
  putU32(frame, message.length, crc32c(message));
  return frame;
}

/** The message of a ZeroMQ frame, copied. Never throws. */
export function decodeZmqFrame(frame: Uint8Array): ZmqFrame {
  const end = frame.length - CRC_BYTES;
  if (end < 0 || end > MAX_MESSAGE_BYTES) {
    const wanted = `${CRC_BYTES} to ${MAX_MESSAGE_BYTES + CRC_BYTES}`;
    return { type: 'bad', reason: `Bad frame: ${frame.length} bytes, expected ${wanted}` };
  }
  const crc = getU32(frame, end);
  const wanted = crc32c(frame.subarray(0, end));
  if (crc !== wanted) return { type: 'bad', reason: `Bad frame: ${describeCrc(crc, wanted)}; ${LOSING_BYTES}` };
  return { type: 'message', message: copyMessage(frame.subarray(0, end)) };
}
