import { endianness } from 'node:os';

/** Little-endian bytes as int16, in place; the bytes must be a buffer of their own. */
export function borrowInt16(bytes: Uint8Array<ArrayBuffer>): Int16Array<ArrayBuffer> {
  if (endianness() === 'BE') Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap16();
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
}

/** Like `borrowInt16`, as uint16. */
export function borrowUint16(bytes: Uint8Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = borrowInt16(bytes);
  return new Uint16Array(buffer, byteOffset, length);
}
