/** What a slot was given to. */
interface Holding {
  readonly slot: number;
  /** The device has answered that the slot is filled with it. */
  isLoaded: boolean;
}

/**
 * Which pattern each slot of a device is given to: every pattern has one of its own, and where there are more patterns than
 * slots the slot unused for longest is given away. Patterns go by a text of the caller's making.
 */
export class PatternSlots {
  readonly #count: number;
  readonly #free: number[];
  /** (pattern) the one unused for longest first. */
  readonly #held = new Map<string, Holding>();

  /** @param slots those that nobody else fills */
  constructor(slots: readonly number[]) {
    this.#count = slots.length;
    this.#free = [...slots];
  }

  /** As many different patterns of trials to come, in their order, as slots can hold at once. */
  fitting(coming: Iterable<string>): ReadonlySet<string> {
    const patterns = new Set<string>();
    for (const pattern of coming) {
      if (patterns.size === this.#count) break;
      patterns.add(pattern);
    }
    return patterns;
  }

  /** True for a pattern that the device holds. */
  isLoaded(pattern: string): boolean {
    return this.#held.get(pattern)?.isLoaded === true;
  }

  /**
   * The slot of a pattern, which is used now. The device holds it there when `isLoaded` says so.
   *
   * @param kept patterns whose slots are not given away, from `fitting`, with this one among them
   */
  use(pattern: string, kept: ReadonlySet<string>): number {
    const held = this.#held.get(pattern) ?? { slot: this.#takeSlot(kept), isLoaded: false };
    this.#held.delete(pattern);
    this.#held.set(pattern, held);
    return held.slot;
  }

  /** The device has taken a pattern. */
  noteLoaded(pattern: string): void {
    const held = this.#held.get(pattern);
    if (held !== undefined) held.isLoaded = true;
  }

  #takeSlot(kept: ReadonlySet<string>): number {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    // As many as there are slots are kept at most, and the one that asks is among them.
    const unused = [...this.#held.keys()].find((pattern) => !kept.has(pattern))!;
    const { slot } = this.#held.get(unused)!;
    this.#held.delete(unused);
    return slot;
  }
}
