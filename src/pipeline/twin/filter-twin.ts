/** Rounds to the precision that is worked in: `Math.fround` as the kernels do, or nothing for float64. */
export type Round = (value: number) => number;

/** Sections with b0 = 1: (b1, b2, a1, a2) each, and the factor on the input. */
export interface NormalisedFilter {
  readonly values: readonly number[];
  readonly scale: number;
}

/** State below this is taken for zero at the end of an epoch in which hardly anything came out. */
const NOTHING = Math.fround(1e-20);

/**
 * One channel's band-pass: second-order sections in direct form II transposed. In float32 it is bit-equal to
 * kernels/filter.ts. A class because the state goes on from sample to sample.
 */
export class FilterTwin {
  readonly #values: readonly number[];
  readonly #round: Round;
  /** Two words a section. */
  readonly #state: Float64Array;

  constructor(filter: NormalisedFilter, round: Round) {
    this.#values = filter.values.map(round);
    this.#round = round;
    this.#state = new Float64Array(filter.values.length / 2);
  }

  /** Puts the filter into the steady state of a constant (scaled) input. */
  settle(input: number): void {
    const round = this.#round;
    let x = input;
    for (let s = 0; s < this.#state.length; s += 2) {
      const [b1, b2, a1, a2] = this.#section(s);
      const gain = round(round(round(1 + b1) + b2) / round(round(1 + a1) + a2));
      const y = round(x * gain);
      this.#state[s] = round(y - x);
      this.#state[s + 1] = round(round(b2 * x) - round(a2 * y));
      x = y;
    }
  }

  /** The next (scaled) input to its output. */
  step(input: number): number {
    const round = this.#round;
    let x = input;
    for (let s = 0; s < this.#state.length; s += 2) {
      const [b1, b2, a1, a2] = this.#section(s);
      const y = round(x + this.#state[s]!);
      this.#state[s] = round(round(round(b1 * x) + this.#state[s + 1]!) - round(a1 * y));
      this.#state[s + 1] = round(round(b2 * x) - round(a2 * y));
      x = y;
    }
    return x;
  }

  /** State too small to matter becomes zero. */
  flush(): void {
    for (let s = 0; s < this.#state.length; s++) if (Math.abs(this.#state[s]!) < NOTHING) this.#state[s] = 0;
  }

  #section(s: number): readonly [number, number, number, number] {
    const at = 2 * s;
    return [this.#values[at]!, this.#values[at + 1]!, this.#values[at + 2]!, this.#values[at + 3]!];
  }
}
