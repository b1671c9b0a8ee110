import type { RandomStream } from '../protocols/random.js';

/**
 * Binomial deviate from one uniform in [0, 1) by inversion: walks up the distribution until it holds `uniform`.
 *
 * @param units number of trials, integer in [0, 30]
 * @param probability in [0, 0.8], so that (1 - p)^units stays far from underflow
 */
export function drawBinomial(units: number, probability: number, uniform: number): number {
  if (!(probability > 0)) return 0;
  const miss = 1 - probability;
  const odds = probability / miss;
  let mass = integerPower(miss, units);
  let rest = uniform - mass;
  let count = 0;
  while (rest >= 0 && count < units) {
    mass *= ((units - count) / (count + 1)) * odds;
    rest -= mass;
    count += 1;
  }
  return count;
}

/**
 * Spontaneous spikes of one window: a Poisson total over the array, each spike on an electrode drawn uniformly, which
 * is the same as an independent Poisson(mean) for each electrode. Adds to `counts`; an electrode without living units
 * stays silent.
 *
 * @param counts (electrodes) added to in place
 * @param options `mean` spikes per electrode and window; `units` (electrodes) living units
 */
export function addSpontaneousSpikes(
  counts: Uint16Array,
  options: { readonly mean: number; readonly units: Float64Array },
  random: RandomStream,
): void {
  const { units } = options;
  for (let left = drawPoisson(options.mean * counts.length, random.uniform53()); left > 0; left--) {
    const e = random.integer(counts.length);
    if (units[e]! > 0) counts[e]! += 1;
  }
}

/** Poisson deviate from one uniform by inversion; for means well below 100. */
function drawPoisson(mean: number, uniform: number): number {
  let mass = Math.exp(-mean);
  let rest = uniform - mass;
  let count = 0;
  while (rest >= 0 && mass > 0) {
    count += 1;
    mass *= mean / count;
    rest -= mass;
  }
  return count;
}

function integerPower(base: number, exponent: number): number {
  let power = 1;
  let square = base;
  for (let left = exponent; left > 0; left >>= 1) {
    if ((left & 1) === 1) power *= square;
    square *= square;
  }
  return power;
}
