import { crc32c, updateCrc32c } from '../../../protocols/mea-link/crc32c.js';

/**
 * A frame of the journal, little-endian: magic (u32), type (u16), version (u16), length of the payload (u32), sequence
 * number (u64), payload, CRC-32C (u32) of all before it. Sequence numbers rise by one through all segments, so that a frame
 * that is missing is known to be.
 */
export const FRAME_MAGIC = 0x4a41454d; // 'MEAJ'
export const FRAME_VERSION = 1;
const FRAME_HEAD_BYTES = 20;
export const FRAME_BYTES = FRAME_HEAD_BYTES + 4;
/** No payload is longer; a head that says so is damaged. */
export const MAX_PAYLOAD_BYTES = 2 ** 26;

/** What a frame holds. Numbers are never given to anything else. */
export const FRAME_TYPES = {
  session: 1,
  probe: 2,
  structure: 3,
  'recording-started': 4,
  ledger: 5,
  latency: 6,
  spikes: 7,
  event: 8,
  chunk: 9,
  gap: 10,
  sync: 11,
  model: 12,
  snippets: 13,
  'clean-stop': 14,
  recovered: 15,
} as const;

export type FrameType = keyof typeof FRAME_TYPES;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(FRAME_TYPES).map(([name, code]) => [code, name]));

/** Name of a type's number; undefined for one that this version does not know. */
export function frameTypeOf(code: number): FrameType | undefined {
  const name = NAMES.get(code);
  return name !== undefined && isFrameType(name) ? name : undefined;
}

function isFrameType(name: string): name is FrameType {
  return Object.hasOwn(FRAME_TYPES, name);
}

/** Writes one frame into `out` at `offset`. @returns the offset after it */
export function putFrame(
  out: Buffer,
  offset: number,
  { type, seq, payload }: { readonly type: FrameType; readonly seq: number; readonly payload: Uint8Array },
): number {
  out.writeUInt32LE(FRAME_MAGIC, offset);
  out.writeUInt16LE(FRAME_TYPES[type], offset + 4);
  out.writeUInt16LE(FRAME_VERSION, offset + 6);
  out.writeUInt32LE(payload.length, offset + 8);
  out.writeUInt32LE(seq % 2 ** 32, offset + 12);
  out.writeUInt32LE(Math.floor(seq / 2 ** 32), offset + 16);
  out.set(payload, offset + FRAME_HEAD_BYTES);
  const end = offset + FRAME_HEAD_BYTES + payload.length;
  out.writeUInt32LE(crc32c(out.subarray(offset, end)), end);
  return end + 4;
}

/** A frame as it lies in bytes. */
export interface ParsedFrame {
  readonly code: number;
  readonly version: number;
  readonly seq: number;
  /** A view of the bytes. */
  readonly payload: Uint8Array;
  readonly bytes: number;
}

/** `short`: the bytes end before the frame does. `bad`: no whole frame begins here. */
export type FrameVerdict = { readonly type: 'frame'; readonly frame: ParsedFrame } | { readonly type: 'short' | 'bad' };

/** Looks for a frame at the beginning of bytes. */
export function parseFrame(bytes: Buffer): FrameVerdict {
  if (bytes.length >= 4 && bytes.readUInt32LE(0) !== FRAME_MAGIC) return { type: 'bad' };
  if (bytes.length < FRAME_BYTES) return { type: 'short' };
  const length = bytes.readUInt32LE(8);
  if (length > MAX_PAYLOAD_BYTES) return { type: 'bad' };
  const end = FRAME_HEAD_BYTES + length;
  if (bytes.length < end + 4) return { type: 'short' };
  if (updateCrc32c(0, bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return { type: 'bad' };
  return {
    type: 'frame',
    frame: {
      code: bytes.readUInt16LE(4),
      version: bytes.readUInt16LE(6),
      seq: bytes.readUInt32LE(12) + bytes.readUInt32LE(16) * 2 ** 32,
      payload: bytes.subarray(FRAME_HEAD_BYTES, end),
      bytes: end + 4,
    },
  };
}
