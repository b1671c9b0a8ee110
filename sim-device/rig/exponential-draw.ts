import type { RandomStream } from '../../protocols/random.js';

/**
 * Exponential deviate of mean 1 by comparing uniforms alone, so that it is the same to the last bit on every engine,
 * which a logarithm is not sure to be. Takes 4.3 uniforms on average.
 *
 * Source: von Neumann 1951 (Various techniques used in connection with random digits, NBS Appl. Math. Ser. 12:36-38).
 */
export function drawExponential(random: RandomStream): number {
  for (let whole = 0; ; whole++) {
    const first = random.uniform();
    let least = first;
    let length = 1;
    for (let next = random.uniform(); next < least; next = random.uniform()) {
      least = next;
      length += 1;
    }
    if (length % 2 === 1) return whole + first;
  }
}
