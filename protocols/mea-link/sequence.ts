const MODULUS = 2 ** 32;

/** The sequence number after this one: 2^32 - 1 is followed by 0. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0;
}

/**
 * How far `to` lies after `from`, modulo 2^32.
 *
 * @returns integer in [-2^31, 2^31): negative when `to` lies before `from`
 */
export function sequenceDistance(from: number, to: number): number {
  return (to - from) | 0;
}

/**
 * The full number, of those that are `wrapped` modulo 2^32, that lies nearest to `previousFull`; never negative. Exact
 * as long as fewer than 2^31 numbers lie between the two.
 *
 * @param previousFull integer from 0 to 2^53 - 2^32
 * @param wrapped unsigned 32-bit integer
 */
export function unwrapSequence(previousFull: number, wrapped: number): number {
  const full = previousFull + sequenceDistance(previousFull % MODULUS, wrapped);
  return full < 0 ? full + MODULUS : full;
}
