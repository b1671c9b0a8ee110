import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A stream of uniform 32-bit words. Streams of one seed with different keys are independent of each other. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Uniform in [0, 1), 53 bits of resolution: two words. */
  uniform53(): number;
  /** Standard normal deviate (polar method of Marsaglia & Bray 1964). */
  normal(): number;
  /** Uniform integer in [0, limit), unbiased; limit is an integer from 1 to 2^32. */
  integer(limit: number): number;
}

/**
 * Opens the stream of `seed` that belongs to a purpose and up to three indices (a session, a trial, an electrode).
 *
 * Randomness is keyed, never shared: what one part draws cannot move what another part gets, so adding a feature does
 * not change the counts of an old seed, and no generator state has to be saved to go on after a crash.
 * Source of the generator: xoroshiro128+ (Blackman & Vigna 2018) in the package pure-rand; the key is mixed into its
 * 128-bit state by the finaliser of MurmurHash3.
 *
 * @param seed integer, |seed| <= 2^53 - 1
 * @param purpose names the use, e.g. `evoked-count`
 * @param indices at most three non-negative integers below 2^32
 */
export function openRandomStream(seed: number, purpose: string, ...indices: readonly number[]): RandomStream {
  const words = new Uint32Array(4);
  let hash = 0x9e3779b9;
  for (let lane = 0; lane < 4; lane++) {
    hash = mix(hash ^ (seed >>> 0), lane + 1);
    hash = mix(hash, Math.floor(seed / 2 ** 32) >>> 0);
    for (let i = 0; i < purpose.length; i++) hash = mix(hash, purpose.charCodeAt(i));
    for (const index of indices) hash = mix(hash, index + 0x51ed27);
    words[lane] = hash;
  }
  if ((words[0]! | words[1]! | words[2]! | words[3]!) === 0) words[0] = 1;
  return toStream(xoroshiro128plusFromState([words[0]! | 0, words[1]! | 0, words[2]! | 0, words[3]! | 0]));
}

/** Fisher-Yates shuffle in place; returns the same array. */
export function shuffleInPlace<T extends { length: number; [index: number]: unknown }>(
  items: T,
  random: RandomStream,
): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const kept = items[i];
    items[i] = items[j];
    items[j] = kept;
  }
  return items;
}

function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function toStream(generator: { next(): number }): RandomStream {
  let spare = Number.NaN;
  const uniform = (): number => (generator.next() >>> 0) * 2 ** -32;
  const uniform53 = (): number => ((generator.next() >>> 5) * 2 ** 26 + (generator.next() >>> 6)) * 2 ** -53;
  return {
    uniform,
    uniform53,
    normal() {
      if (!Number.isNaN(spare)) {
        const kept = spare;
        spare = Number.NaN;
        return kept;
      }
      let a = 0;
      let b = 0;
      let square = 0;
      do {
        a = 2 * uniform53() - 1;
        b = 2 * uniform53() - 1;
        square = a * a + b * b;
      } while (square >= 1 || square === 0);
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      spare = b * scale;
      return a * scale;
    },
    integer(limit) {
      const bound = 2 ** 32 - (2 ** 32 % limit);
      let word = 0;
      do word = generator.next() >>> 0;
      while (word >= bound);
      return word % limit;
    },
  };
}
