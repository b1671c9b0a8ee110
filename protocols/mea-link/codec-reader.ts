import protobuf from 'protobufjs/minimal.js';

/** A reader over the bytes that passes over unknown fields; text and bytes come out the same from a Node `Buffer`. */
export function createWireReader(bytes: Uint8Array): protobuf.Reader {
  const reader = new protobuf.Reader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  reader.discardUnknown = true;
  return reader;
}
