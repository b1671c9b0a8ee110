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
/** Bytes of the source's clock: three f64. */
const CLOCK_SIZE = 24;
/** How the values of an array are stored. */
const VALUES = { f64: 0, u32: 1 } as const;

/**
 * Writes the states of one source. What is as of the last rest is encoded once a session, and each pattern shown since
 * is encoded once, so that a state after every trial costs little more than a copy of its bytes.
 *
 * Layout, little-endian: magic `meacult\n`, u32 version, u32 length and bytes of the settings' fingerprint, u32
 * session, the arrays of the plastic state (u32 length, u32 kind, values as f64 for kind 0 or u32 for kind 1), u32
 * number of patterns before the session and these, the patterns of the session, f64 next, free and rested samples, u32
 * CRC-32 of all before it. A pattern is an f64 time and one bit per input, least significant first.
 */
export class CultureStateWriter {
  readonly #fingerprint: string;
  /** What the bytes below were encoded from: a new session has new lists. */
  #before: CultureSnapshot['before'] | undefined;
  #shown: CultureSnapshot['shown'] | undefined;
  #shownCount = 0;
  #writer = new ByteWriter();
  #crc = 0;

  constructor(fingerprint: string) {
    this.#fingerprint = fingerprint;
  }

  /** The state as bytes; the receiver owns them. */
  write({ clock, snapshot }: SavedCulture): Uint8Array {
    this.#encode(snapshot);
    const body = this.#writer.borrowBytes();
    const end = new ByteWriter().f64(clock.next).f64(clock.free).f64(clock.rested);
    end.u32(crc32(end.borrowBytes(), this.#crc));
    const state = new Uint8Array(body.length + CLOCK_SIZE + 4);
    state.set(body);
    state.set(end.borrowBytes(), body.length);
    return state;
  }

  /** Brings `#writer` and `#crc` up to `snapshot`, of which an earlier call may have encoded a beginning. */
  #encode(snapshot: CultureSnapshot): void {
    const { before, shown } = snapshot;
    if (this.#before !== before || this.#shown !== shown || shown.length < this.#shownCount) {
      this.#writer = encodeAtRest(this.#fingerprint, snapshot);
      this.#crc = crc32(this.#writer.borrowBytes());
      this.#before = before;
      this.#shown = shown;
      this.#shownCount = 0;
    }
    const known = this.#writer.borrowBytes().length;
    for (; this.#shownCount < shown.length; this.#shownCount++) writePattern(this.#writer, shown[this.#shownCount]!);
    this.#crc = crc32(this.#writer.borrowBytes().subarray(known), this.#crc);
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
    const next = reader.u32() === VALUES.u32 ? () => reader.u32() : () => reader.f64();
    return Float64Array.from({ length }, next);
  });
  const before = Array.from({ length: reader.u32() }, () => readPattern(reader, expectation.inputs));
  const shown: ShownPattern[] = [];
  while (reader.left > CLOCK_SIZE) shown.push(readPattern(reader, expectation.inputs));
  const clock = { next: reader.f64(), free: reader.f64(), rested: reader.f64() };
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

function encodeAtRest(fingerprint: string, { session, plasticState, before }: CultureSnapshot): ByteWriter {
  const text = new TextEncoder().encode(fingerprint);
  const writer = new ByteWriter().bytes(new TextEncoder().encode(MAGIC)).u32(VERSION).u32(text.length).bytes(text);
  writer.u32(session);
  for (const values of plasticState) writeArray(writer, values);
  writer.u32(before.length);
  for (const pattern of before) writePattern(writer, pattern);
  return writer;
}

/** Counts, which are most of what the rules remember, take half the room of other numbers. */
function writeArray(writer: ByteWriter, values: Float64Array): void {
  const areCounts = values.every((value) => value >>> 0 === value && !Object.is(value, -0));
  writer.u32(values.length).u32(areCounts ? VALUES.u32 : VALUES.f64);
  for (const value of values) {
    if (areCounts) writer.u32(value);
    else writer.f64(value);
  }
}

function writePattern(writer: ByteWriter, { time, inputs }: ShownPattern): void {
  const bits = new Uint8Array(Math.ceil(inputs.length / 8));
  for (let j = 0; j < inputs.length; j++) bits[j >> 3]! |= inputs[j]! << (j & 7);
  writer.f64(time).bytes(bits);
}

function readPattern(reader: ByteReader, inputs: number): ShownPattern {
  const time = reader.f64();
  const bits = reader.borrowBytes(Math.ceil(inputs / 8));
  return { time, inputs: Uint8Array.from({ length: inputs }, (_, j) => (bits[j >> 3]! >> (j & 7)) & 1) };
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
