import { openRandomStream, type RandomStream } from '../../protocols/random.js';
import type { DriftEstimate } from './forecast-drift.js';

/** Time constants of the two parts of drift, in sessions. */
const FAST_TAU = 8;
const SLOW_TAU = 60;

/** Stationary variance of the slow part, relative to that of the fast one. */
const SLOW_SHARE = 8;

/** Stationary variance of the fast part relative to the variance of a step of both together. */
const FAST_PER_STEP = 1 / (2 * (1 - Math.exp(-1 / FAST_TAU) + SLOW_SHARE * (1 - Math.exp(-1 / SLOW_TAU))));

/** Plausible courses of selectivity after the initial sessions, relative to where it is expected. */
export interface Futures {
  readonly draws: number;
  readonly sessions: number;
  readonly ensembles: number;
  /** (n, later sessions, draws) departure from the expected selectivity */
  readonly departures: Float64Array;
}

export interface FutureOptions {
  readonly seed: number;
  /** Later sessions. */
  readonly sessions: number;
  readonly draws: number;
}

/**
 * Draws futures: two Ornstein-Uhlenbeck processes for each ensemble, fast and slow, from their stationary distribution,
 * relative to where they stand in the last initial session, and the noise of both sessions. The size of the drift is
 * drawn for each future from what the steps seen leave open (scaled inverse chi-square). Each future has a stream of its
 * own and goes forward in time, so that fewer sessions are the beginning of more.
 *
 * Source of the time constants: 8 sessions is the autocorrelation of session means in the published responses (.6, .5, .2
 * and 0 at lags of 1, 3, 10 and 30); 60 sessions and the share of the slow part were chosen on emulated cultures
 * (docs/model.md).
 */
export function drawFutures(drift: DriftEstimate, { seed, sessions, draws }: FutureOptions): Futures {
  const n = drift.level.length;
  const departures = new Float64Array(n * sessions * draws);
  const keep = [Math.exp(-1 / FAST_TAU), Math.exp(-1 / SLOW_TAU)] as const;
  for (let draw = 0; draw < draws; draw++) {
    const random = openRandomStream(seed, 'forecast-future', draw);
    const step = drift.stepVariance * (drift.steps / chiSquare(random, drift.steps));
    const sds = [Math.sqrt(FAST_PER_STEP * step), Math.sqrt(SLOW_SHARE * FAST_PER_STEP * step)] as const;
    const fresh = sds.map((sd, i) => sd * Math.sqrt(1 - keep[i]! * keep[i]!));
    const noise = drift.noiseVariance.map(Math.sqrt);
    const fast = noise.map(() => sds[0] * random.normal());
    const slow = noise.map(() => sds[1] * random.normal());
    const start = noise.map((sd, a) => fast[a]! + slow[a]! + sd * random.normal());
    for (let t = 0; t < sessions; t++) {
      for (let a = 0; a < n; a++) {
        fast[a] = keep[0] * fast[a]! + fresh[0]! * random.normal();
        slow[a] = keep[1] * slow[a]! + fresh[1]! * random.normal();
        const now = fast[a]! + slow[a]! + noise[a]! * random.normal();
        departures[(a * sessions + t) * draws + draw] = now - start[a]!;
      }
    }
  }
  return { draws, sessions, ensembles: n, departures };
}

function chiSquare(random: RandomStream, degrees: number): number {
  let sum = 0;
  for (let i = 0; i < degrees; i++) sum += random.normal() ** 2;
  return sum;
}

/** (n)(later sessions) edges of the middle `level` of the futures about expectations that may differ between futures. */
export function edgesOf(
  { draws, sessions, ensembles, departures }: Futures,
  expected: readonly (readonly (readonly number[])[])[],
  level: number,
): { readonly low: number[][]; readonly high: number[][] } {
  const values = new Float64Array(draws);
  const low = Array.from({ length: ensembles }, (): number[] => []);
  const high = Array.from({ length: ensembles }, (): number[] => []);
  for (let a = 0; a < ensembles; a++) {
    const means = expected.map((one) => one[a]!);
    for (let t = 0; t < sessions; t++) {
      const from = (a * sessions + t) * draws;
      for (let draw = 0; draw < draws; draw++) {
        values[draw] = departures[from + draw]! + means[draw % means.length]![t]!;
      }
      values.sort();
      low[a]!.push(quantile(values, (1 - level) / 2));
      high[a]!.push(quantile(values, (1 + level) / 2));
    }
  }
  return { low, high };
}

/** Linear between the sorted values, as (i + 1/2) / count. */
function quantile(sorted: Float64Array, share: number): number {
  const place = Math.min(Math.max(share * sorted.length - 0.5, 0), sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
