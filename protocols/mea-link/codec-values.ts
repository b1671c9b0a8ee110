import { MeaError } from '../errors.js';
import { microamps, microseconds, sampleIndex, type Microamps, type Microseconds, type SampleIndex } from '../units.js';
import { MAX_MESSAGE_BYTES, type RefusalReason } from './messages.js';

/** What came of decoding: a message, or a sentence that says why the bytes are none. */
export type DecodeResult<M> = { readonly type: 'message'; readonly message: M } | BadMessage;

/** Bytes that are no message. */
export interface BadMessage {
  readonly type: 'bad';
  /** `Bad message: trigger token: got 3 bytes, expected 16`. */
  readonly message: string;
  /**
   * The command that can be answered, where the bytes could be read so far: a device refuses it by this reason, so that
   * the host need not wait for its deadline.
   */
  readonly command?: { readonly commandId: number; readonly reason: RefusalReason };
}

/** Largest value of an unsigned 32-bit field. */
const MAX_U32 = 2 ** 32 - 1;
/** Largest sample number: above it a number in JavaScript is not exact. */
export const MAX_SAMPLE = 2 ** 53;
/** Largest number of an electrode or a channel. */
export const MAX_ELECTRODE = 65_535;
/** Length of the tokens and ids that a controller draws. */
export const TOKEN_BYTES = 16;
/** Length of a SHA-256. */
export const HASH_BYTES = 32;

const MAX_CURRENT_NA = 2 ** 31 - 1;
const NS_PER_US = 1000;
const NA_PER_UA = 1000;

/** A 64-bit integer as protobufjs decodes it. */
interface WideInteger {
  readonly low: number;
  readonly high: number;
}

/** An integer field of a decoded message: absent stands for 0. */
export type WireInteger = number | WideInteger | null | undefined;

/** Name of a field, and the integers that it may have; from 0 to 2^32 - 1 where nothing else is said. */
export interface IntegerRange {
  readonly field: string;
  readonly min?: number;
  readonly max?: number;
}

/** Bounds of a finite number. */
export interface NumberRange {
  readonly field: string;
  readonly min?: number;
}

/**
 * The field as an integer of its range.
 *
 * @throws MeaError `bad-input` when it is none
 */
export function checkInteger(value: WireInteger, { field, min = 0, max = MAX_U32 }: IntegerRange): number {
  const number = toNumber(value);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw badField(field, String(number), `an integer from ${min} to ${max}`);
}

/**
 * The field as a finite number.
 *
 * @throws MeaError `bad-input` when it is none, or below its least value
 */
export function checkNumber(value: number | null | undefined, { field, min = -Infinity }: NumberRange): number {
  const number = value ?? 0;
  if (Number.isFinite(number) && number >= min) return number;
  throw badField(field, String(number), min === -Infinity ? 'a finite number' : `a finite number of at least ${min}`);
}

/**
 * A sample number.
 *
 * @throws MeaError `bad-input` when it is no integer from 0 to 2^53
 */
export function checkSample(value: WireInteger, field: string): SampleIndex {
  return sampleIndex(checkInteger(value, { field, max: MAX_SAMPLE }));
}

/**
 * A copy of the bytes, when there are as many as there must be.
 *
 * @throws MeaError `bad-input` when there are not
 */
export function copyBytes(value: Uint8Array | null | undefined, field: string, length: number): Uint8Array {
  const got = value?.length ?? 0;
  if (value !== null && value !== undefined && got === length) return Uint8Array.from(value);
  throw badField(field, `${got} bytes`, `${length}`);
}

/**
 * The numbers of electrodes, when each is in its range and they rise.
 *
 * @throws MeaError `bad-input` when they do not
 */
export function checkRisingElectrodes(values: readonly number[] | null | undefined, field: string): readonly number[] {
  let before = -1;
  return (values ?? []).map((value) => {
    const electrode = checkInteger(value, { field, max: MAX_ELECTRODE });
    if (electrode <= before) throw badField(field, `${electrode} after ${before}`, 'rising numbers');
    before = electrode;
    return electrode;
  });
}

/**
 * The numbers of electrodes, when each is in its range and comes once.
 *
 * @throws MeaError `bad-input` when one does not
 */
export function checkElectrodeSet(values: readonly number[] | null | undefined, field: string): readonly number[] {
  const electrodes = (values ?? []).map((value) => checkInteger(value, { field, max: MAX_ELECTRODE }));
  const once = new Set<number>();
  for (const electrode of electrodes) {
    if (once.has(electrode)) throw badField(field, `${electrode} twice`, 'each electrode once');
    once.add(electrode);
  }
  return electrodes;
}

/**
 * A part that must be there.
 *
 * @throws MeaError `bad-input` when it is not
 */
export function checkPresent<T>(value: T | null | undefined, field: string): T {
  if (value === null || value === undefined) throw badField(field, 'nothing', 'a value');
  return value;
}

/**
 * A current in whole nanoamperes.
 *
 * @throws MeaError `bad-input` when it is not finite, or above 2.147 A
 */
export function toNanoamps(currentUa: number): number {
  // Adding 0 turns -0 into 0.
  return checkInteger(Math.round(currentUa * NA_PER_UA) + 0, {
    field: 'current in nA',
    min: -MAX_CURRENT_NA,
    max: MAX_CURRENT_NA,
  });
}

/**
 * A duration in whole nanoseconds.
 *
 * @throws MeaError `bad-input` when it is negative, not finite, or above 4.29 s
 */
export function toNanoseconds(durationUs: number): number {
  return checkInteger(Math.round(durationUs * NS_PER_US) + 0, { field: 'duration in ns' });
}

/** The current of a field in nanoamperes. */
export function fromNanoamps(value: number | null | undefined): Microamps {
  return microamps((value ?? 0) / NA_PER_UA);
}

/** The duration of a field in nanoseconds. */
export function fromNanoseconds(value: number | null | undefined): Microseconds {
  return microseconds((value ?? 0) / NS_PER_US);
}

/**
 * Runs a decoder; what is wrong with the bytes becomes a result.
 *
 * @param decode throws when the bytes are no message
 */
export function resultOf<M>(bytes: Uint8Array, decode: () => M): DecodeResult<M> {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    return { type: 'bad', message: `Bad message: got ${bytes.length} bytes, expected at most ${MAX_MESSAGE_BYTES}` };
  }
  try {
    return { type: 'message', message: decode() };
  } catch (error) {
    // Whatever a decoder throws, ours or that of the library, is the sender's fault, not the program's.
    const reason = error instanceof Error ? error.message : String(error);
    return { type: 'bad', message: `Bad message: ${reason} (${bytes.length} bytes)` };
  }
}

/**
 * The encoded message as bytes of its own, not part of a pool.
 *
 * @throws MeaError `bad-input` when it is longer than a message may be
 */
export function finishMessage(encoded: Uint8Array): Uint8Array {
  if (encoded.length > MAX_MESSAGE_BYTES) {
    throw new MeaError('bad-input', {
      what: 'Message too long',
      got: `${encoded.length} bytes`,
      wanted: `at most ${MAX_MESSAGE_BYTES}`,
    });
  }
  return Uint8Array.from(encoded);
}

/** The error for a field whose value does not meet its contract. */
export function badField(field: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: field, got, wanted });
}

function toNumber(value: WireInteger): number {
  if (typeof value === 'number') return value;
  if (value === null || value === undefined) return 0;
  const high = value.high >>> 0;
  const low = value.low >>> 0;
  // 2^53 + 1 would be rounded to 2^53, which is allowed.
  return high * 2 ** 32 + (high === 2 ** 21 && low !== 0 ? Math.max(low, 2) : low);
}
