import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { storageError, writeAll } from './write-all.js';

/** How far a run had come when a state was saved. */
export interface RunPosition {
  /** Trials recorded. */
  readonly trials: number;
  /** Rests recorded. */
  readonly rests: number;
}

/** The state of a resumable source, as it was at a position of the run. */
export interface SavedState extends RunPosition {
  readonly state: Uint8Array;
}

/**
 * Keeps the newest state of a source in two files that take turns, so that a crash in the middle of writing one leaves
 * the other whole. Header, little-endian: magic, length, trials, rests, CRC-32 of all but itself; then the state.
 */
export interface StateSlots {
  save(state: Uint8Array, position: RunPosition): void;
  close(): void;
}

const MAGIC = 0x5453414d; // 'MAST'
const HEADER_BYTES = 20;

/** @throws MeaError `storage` when the disk refuses */
export function openStateSlots(path: string): StateSlots {
  const files = [0, 1].map((slot) => openSlot(slotPath(path, slot)));
  let next = 0;
  let buffer = Buffer.alloc(HEADER_BYTES);
  return {
    save(state, { trials, rests }) {
      const total = HEADER_BYTES + state.length;
      if (buffer.length !== total) buffer = Buffer.alloc(total);
      buffer.writeUInt32LE(MAGIC, 0);
      buffer.writeUInt32LE(state.length, 4);
      buffer.writeUInt32LE(trials, 8);
      buffer.writeUInt32LE(rests, 12);
      buffer.set(state, HEADER_BYTES);
      buffer.writeUInt32LE(checksum(buffer), 16);
      writeAll(files[next]!, buffer, 0);
      next = 1 - next;
    },
    close() {
      for (const { fd } of files) closeSync(fd);
    },
  };
}

/** The newest state that is whole, or undefined where there is none. */
export function readNewestState(path: string): SavedState | undefined {
  const states = [0, 1].flatMap((slot) => readSlot(slotPath(path, slot)) ?? []);
  return states.toSorted((a, b) => b.trials - a.trials || b.rests - a.rests)[0];
}

/** Files of states that are there and are not what was saved. */
export function findDamagedStates(path: string): readonly string[] {
  return [0, 1]
    .map((slot) => slotPath(path, slot))
    .filter((file) => existsSync(file) && statSync(file).size > 0 && readSlot(file) === undefined);
}

function readSlot(path: string): SavedState | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return undefined;
  }
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const end = HEADER_BYTES + bytes.readUInt32LE(4);
  if (bytes.length < end || checksum(bytes.subarray(0, end)) !== bytes.readUInt32LE(16)) return undefined;
  return { trials: bytes.readUInt32LE(8), rests: bytes.readUInt32LE(12), state: bytes.subarray(HEADER_BYTES, end) };
}

function checksum(slot: Buffer): number {
  return crc32(slot.subarray(HEADER_BYTES), crc32(slot.subarray(0, 16)));
}

function slotPath(path: string, slot: number): string {
  return `${path}.${slot}`;
}

function openSlot(path: string): { readonly fd: number; readonly path: string } {
  try {
    // Not truncated: the other slot's twin may be the only whole state until this one is written again.
    return { fd: openSync(path, 'r+'), path };
  } catch {
    try {
      return { fd: openSync(path, 'wx+'), path };
    } catch (cause) {
      throw storageError('Cannot open the state file', path, cause);
    }
  }
}
