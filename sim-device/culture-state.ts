import { crc32 } from 'node:zlib';

import { MeaError } from '../protocols/errors.js';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { CultureSnapshot } from './culture.js';
import type { ShownPattern } from './stimulus-history.js';

/** Where a source stands on the device's clock, in samples. */
export interface SourceClock {
  /** The earliest sample for a next trial that keeps the trial period. */
  readonly next: number;
  /** End of the last response window: no pulse may come before it. */
  readonly free: number;
  /** Sum of the rests so far. */
  readonly rested: number;
}

/** What a saved state of the emulated culture holds. */
export interface SavedCulture {
  readonly clock: SourceClock;
  readonly snapshot: CultureSnapshot;
}

/** What a reader must know to read a state back. */
export interface StateExpectation {
  /** The settings as text; a state saved under other settings is refused. */
  readonly fingerprint: string;
  readonly inputs: number;
  /** Lengths of the arrays of the plastic state. */
  readonly plasticStateLengths: readonly number[];
}

const MAGIC = 'meacult\n';
const VERSION = 1;
const WHERE = 'The saved state of the emulated culture';

/**
 * Writes the states of one source. Most of a state is as of the last rest; it is encoded once a session, so that saving
 * after every trial stays cheap.
 *
 * Layout, little-endian: magic `meacult\n`, u32 version, u32 length and bytes of the settings' fingerprint, u32
 * session, the arrays of the plastic state (u32 length, f64 values), the patterns before the session, f64 next, free
 * and rested samples, the patterns of the session, u32 CRC-32 of all before it. A list of patterns is a u32 count and
 * for each an f64 time and one bit per input, least significant first.
 */
export class CultureStateWriter {
  readonly #fingerprint: string;
  #encodedFor: CultureSnapshot['before'] | undefined;
  #atRest: Uint8Array = new Uint8Array(0);
  #atRestCrc = 0;

  constructor(fingerprint: string) {
    this.#fingerprint = fingerprint;
  }

  /** The state as bytes; the receiver owns them. */
  write({ clock, snapshot }: SavedCulture): Uint8Array {
    if (this.#encodedFor !== snapshot.before) {
      this.#atRest = encodeAtRest(this.#fingerprint, snapshot);
      this.#atRestCrc = crc32(this.#atRest);
      this.#encodedFor = snapshot.before;
    }
    const tail = new ByteWriter().f64(clock.next).f64(clock.free).f64(clock.rested);
    writePatterns(tail, snapshot.shown);
    const crc = crc32(tail.toBytes(), this.#atRestCrc);
    const tailBytes = tail.u32(crc).toBytes();
    const state = new Uint8Array(this.#atRest.length + tailBytes.length);
    state.set(this.#atRest);
    state.set(tailBytes, this.#atRest.length);
    return state;
  }
}

/**
 * Reads what `CultureStateWriter` wrote.
 *
 * @throws MeaError `bad-format` for bytes that are no state, are damaged, or belong to other settings
 */
export function parseCultureState(state: Uint8Array, expectation: StateExpectation): SavedCulture {
  const reader = new ByteReader(assertIntact(state), WHERE);
  reader.borrowBytes(MAGIC.length);
  const version = reader.u32();
  if (version !== VERSION) throw badState('has an unknown version', String(version), String(VERSION));
  const fingerprint = new TextDecoder().decode(reader.borrowBytes(reader.u32()));
  if (fingerprint !== expectation.fingerprint) {
    throw badState('belongs to other settings', fingerprint, expectation.fingerprint);
  }
  const session = reader.u32();
  const plasticState = expectation.plasticStateLengths.map((wanted) => {
    const length = reader.u32();
    if (length !== wanted) throw badState('has an array of another length', String(length), String(wanted));
    return Float64Array.from({ length }, () => reader.f64());
  });
  const before = readPatterns(reader, expectation.inputs);
  const clock = { next: reader.f64(), free: reader.f64(), rested: reader.f64() };
  const shown = readPatterns(reader, expectation.inputs);
  if (reader.left > 0) throw badState('goes on after its end', `${reader.left} more bytes`, 'none');
  return { clock, snapshot: { session, plasticState, before, shown } };
}

/** The state without its checksum, once magic and checksum are right. */
function assertIntact(state: Uint8Array): Uint8Array {
  const magic = new TextDecoder().decode(state.subarray(0, MAGIC.length));
  if (magic !== MAGIC) throw badState('does not begin as one', JSON.stringify(magic), JSON.stringify(MAGIC));
  const end = state.length - 4;
  if (end < MAGIC.length) throw badState('ends early', `${state.length} bytes`, 'a checksum');
  const body = state.subarray(0, end);
  const stored = new DataView(state.buffer, state.byteOffset + end, 4).getUint32(0, true);
  const computed = crc32(body);
  if (stored !== computed) throw badState('is damaged or cut short', `CRC-32 ${hex(computed)}`, hex(stored));
  return body;
}

function encodeAtRest(fingerprint: string, { session, plasticState, before }: CultureSnapshot): Uint8Array {
  const text = new TextEncoder().encode(fingerprint);
  const writer = new ByteWriter().bytes(new TextEncoder().encode(MAGIC)).u32(VERSION).u32(text.length).bytes(text);
  writer.u32(session);
  for (const values of plasticState) {
    writer.u32(values.length);
    for (const value of values) writer.f64(value);
  }
  writePatterns(writer, before);
  return writer.toBytes();
}

function writePatterns(writer: ByteWriter, patterns: readonly ShownPattern[]): void {
  writer.u32(patterns.length);
  for (const { time, inputs } of patterns) {
    const bits = new Uint8Array(Math.ceil(inputs.length / 8));
    inputs.forEach((value, j) => (bits[j >> 3]! |= value << (j & 7)));
    writer.f64(time).bytes(bits);
  }
}

function readPatterns(reader: ByteReader, inputs: number): ShownPattern[] {
  const size = Math.ceil(inputs / 8);
  const count = reader.u32();
  const patterns: ShownPattern[] = [];
  for (let k = 0; k < count; k++) {
    const time = reader.f64();
    const bits = reader.borrowBytes(size);
    patterns.push({ time, inputs: Uint8Array.from({ length: inputs }, (_, j) => (bits[j >> 3]! >> (j & 7)) & 1) });
  }
  return patterns;
}

function badState(problem: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-format', {
    what: `${WHERE} ${problem}`,
    got,
    wanted,
    remedy: 'it can be restored only as it was saved, and under the settings it was saved with',
  });
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
