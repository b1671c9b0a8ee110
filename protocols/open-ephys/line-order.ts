import { sampleIndex } from '../units.js';
import type { AssembledEvent } from './assembled-event.js';
import { ToldCount } from './told-count.js';

/** A change of a line that waits for its block. */
interface LineChange {
  readonly sample: number;
  /** From 1. */
  readonly line: number;
  readonly isHigh: boolean;
}

/** Most changes that wait. */
const MAX_WAITING = 4096;

/** Holds changes of lines back until the block with their sample is at hand, and gives them in the order of samples. */
export class LineOrder {
  readonly #emit: (event: AssembledEvent) => void;
  #waiting: LineChange[] = [];
  readonly #late = new ToldCount();
  readonly #dropped = new ToldCount();

  constructor(emit: (event: AssembledEvent) => void) {
    this.#emit = emit;
  }

  /** Changes that came after the block with their sample. */
  get late(): number {
    return this.#late.total;
  }

  /**
   * Takes a change; one whose block has been given is given at once.
   *
   * @param given where the last block ended
   */
  take(change: LineChange, given: number): void {
    if (change.sample < given) {
      if (this.#late.add()) this.#warn(`${this.#late.total} changes of lines came after the block with their sample`);
      this.#give(change);
      return;
    }
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(change);
    else if (this.#dropped.add()) {
      this.#warn(`${this.#dropped.total} changes of lines were dropped: more than ${MAX_WAITING} without a block`);
    }
  }

  /** Gives what lies before `end`, in the order of samples. */
  give(end: number): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter(({ sample }) => sample < end);
    this.#waiting = this.#waiting.filter(({ sample }) => sample >= end);
    for (const change of due.sort((a, b) => a.sample - b.sample)) this.#give(change);
  }

  dropBefore(begin: number): void {
    this.#waiting = this.#waiting.filter(({ sample }) => sample >= begin);
  }

  clear(): void {
    this.#waiting = [];
  }

  #give({ sample, line, isHigh }: LineChange): void {
    this.#emit({ type: 'line-changed', sample: sampleIndex(sample), line, isHigh });
  }

  #warn(message: string): void {
    this.#emit({ type: 'warning', message });
  }
}
