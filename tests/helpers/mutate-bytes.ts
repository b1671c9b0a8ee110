/** The next word of 32 bits. */
export type Word = () => number;

/** xorshift32 (Marsaglia 2003). */
export function xorshift(seed: number): Word {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Ways to damage bytes. */
export const MUTATIONS = ['flip', 'truncate', 'insert', 'delete', 'splice'] as const;
/** How often each way was taken. */
export type MutationCounts = Record<(typeof MUTATIONS)[number], number>;

/** Draws and damages. */
export interface Mutator {
  readonly counts: MutationCounts;
  /** Writes a damaged copy of a drawn item to the start of `out`; returns its length.  */
  next(out: Uint8Array): number;
}

/** Damages items of the corpus, each in one of five ways. */
export function createMutator(items: readonly Uint8Array[], word: Word): Mutator {
  const counts: MutationCounts = { flip: 0, truncate: 0, insert: 0, delete: 0, splice: 0 };
  const ways: Record<keyof MutationCounts, (out: Uint8Array, item: Uint8Array) => number> = {
    flip(out, item) {
      out.set(item);
      // An odd number of bits, so that they cannot all undo each other.
      for (let left = 1 + 2 * (word() % 3); left > 0; left--) {
        const bit = word() % (8 * item.length);
        out[bit >> 3]! ^= 1 << (bit & 7);
      }
      return item.length;
    },
    truncate(out, item) {
      const length = word() % item.length;
      out.set(item.subarray(0, length));
      return length;
    },
    insert(out, item) {
      const at = word() % (item.length + 1);
      const more = 1 + (word() % 8);
      out.set(item.subarray(0, at));
      for (let i = 0; i < more; i++) out[at + i] = word();
      out.set(item.subarray(at), at + more);
      return item.length + more;
    },
    delete(out, item) {
      const at = word() % item.length;
      const less = Math.min(item.length - at, 1 + (word() % 8));
      out.set(item.subarray(0, at));
      out.set(item.subarray(at + less), at);
      return item.length - less;
    },
    splice(out, item) {
      const other = items[word() % items.length]!;
      const head = 1 + (word() % item.length);
      const tail = word() % other.length;
      out.set(item.subarray(0, head));
      out.set(other.subarray(tail), head);
      return head + other.length - tail;
    },
  };
  return {
    counts,
    next(out) {
      const way = MUTATIONS[word() % MUTATIONS.length]!;
      counts[way]++;
      return ways[way](out, items[word() % items.length]!);
    },
  };
}
