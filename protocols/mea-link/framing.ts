// The ways in which messages travel: over serial lines (COBS), over TCP (length), in ZeroMQ frames. See docs/mea-link.md.
export type { FrameDecoder, FrameEncoder, Framing } from './frame-payload.js';
export { createCobsFraming } from './framing-cobs.js';
export { createLengthFraming } from './framing-length.js';
export { decodeZmqFrame, encodeZmqFrame } from './framing-zmq.js';
