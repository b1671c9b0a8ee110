/** One pattern that the culture was shown, and when. */
export interface ShownPattern {
  /** Stimulated time in samples: device time less the rests. */
  readonly time: number;
  /** (inputs) 0 or 1. */
  readonly inputs: Uint8Array;
}

/**
 * The patterns of the last stretch of stimulated time (rests left out), for the mean that the culture's homeostasis
 * subtracts. The mean over the window [now - span, now) is kept as integer sums, so it is exact and does not depend on
 * how it was reached.
 */
export class StimulusHistory {
  readonly #inputCount: number;
  readonly #span: number;
  readonly #sums: Float64Array;
  #times = new Float64Array(512);
  #patterns: Uint8Array;
  /** Positions in the ring, counted from the first pattern ever shown. */
  #first = 0;
  #end = 0;

  /** @param span length of the window in samples */
  constructor(inputCount: number, span: number) {
    this.#inputCount = inputCount;
    this.#span = span;
    this.#sums = new Float64Array(inputCount);
    this.#patterns = new Uint8Array(this.#times.length * inputCount);
  }

  /**
   * Writes `inputs` less their mean over the window before `time` into `centred`; where nothing was shown in the
   * window there is nothing to differ from, and `centred` is zero.
   */
  centre(inputs: Uint8Array, time: number, centred: Float64Array): void {
    this.#forgetBefore(time - this.#span);
    const shown = this.#end - this.#first;
    if (shown === 0) {
      centred.fill(0);
      return;
    }
    for (let j = 0; j < this.#inputCount; j++) centred[j] = inputs[j]! - this.#sums[j]! / shown;
  }

  /** Remembers a pattern; times must not fall. */
  remember(inputs: Uint8Array, time: number): void {
    if (this.#end - this.#first === this.#times.length) this.#grow();
    const slot = this.#end % this.#times.length;
    this.#times[slot] = time;
    const from = slot * this.#inputCount;
    for (let j = 0; j < this.#inputCount; j++) {
      this.#patterns[from + j] = inputs[j]!;
      this.#sums[j]! += inputs[j]!;
    }
    this.#end += 1;
  }

  /** The patterns in the window, oldest first; copies. */
  toList(): ShownPattern[] {
    const list: ShownPattern[] = [];
    for (let k = this.#first; k < this.#end; k++) {
      const slot = k % this.#times.length;
      const from = slot * this.#inputCount;
      list.push({ time: this.#times[slot]!, inputs: this.#patterns.slice(from, from + this.#inputCount) });
    }
    return list;
  }

  /** Forgets everything, then remembers `patterns`. */
  replace(patterns: readonly ShownPattern[]): void {
    this.#first = 0;
    this.#end = 0;
    this.#sums.fill(0);
    for (const { inputs, time } of patterns) this.remember(inputs, time);
  }

  #forgetBefore(time: number): void {
    while (this.#first < this.#end && this.#times[this.#first % this.#times.length]! < time) {
      const from = (this.#first % this.#times.length) * this.#inputCount;
      for (let j = 0; j < this.#inputCount; j++) this.#sums[j]! -= this.#patterns[from + j]!;
      this.#first += 1;
    }
  }

  #grow(): void {
    const kept = this.toList();
    this.#times = new Float64Array(2 * this.#times.length);
    this.#patterns = new Uint8Array(this.#times.length * this.#inputCount);
    this.replace(kept);
  }
}
