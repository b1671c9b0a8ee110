import type { FilterSection } from '../design-band-pass.js';

/**
 * Sections one after the other in float64, in place of scipy's `sosfilt` and bit-equal to it: direct form II transposed,
 * the same order of operations.
 *
 * @param values one channel
 * @param state (sections, 2) to begin with, zero unless given; it is not changed
 */
export function filterSections(
  sections: readonly FilterSection[],
  values: Float64Array,
  state: Float64Array = new Float64Array(2 * sections.length),
): Float64Array {
  const out = Float64Array.from(values);
  sections.forEach(({ b0, b1, b2, a1, a2 }, s) => {
    let z = state[2 * s]!;
    let w = state[2 * s + 1]!;
    for (let i = 0; i < out.length; i++) {
      const x = out[i]!;
      const y = b0 * x + z;
      z = b1 * x - a1 * y + w;
      w = b2 * x - a2 * y;
      out[i] = y;
    }
  });
  return out;
}

/** (sections, 2) state that a constant input leaves: scipy's `sosfilt_zi` times the input. */
export function steadyState(sections: readonly FilterSection[], input: number): Float64Array {
  const state = new Float64Array(2 * sections.length);
  let x = input;
  sections.forEach(({ b0, b1, b2, a1, a2 }, s) => {
    const y = (x * (b0 + b1 + b2)) / (1 + a1 + a2);
    state[2 * s] = y - b0 * x;
    state[2 * s + 1] = b2 * x - a2 * y;
    x = y;
  });
  return state;
}
