import type { Values } from './descriptive.js';

/**
 * Ranks from 1, ties sharing the mean of their places (midranks). Twice a midrank is an integer.
 *
 * @returns ranks in the order of `values`; the caller owns them
 */
export function midranks(values: Values): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}
