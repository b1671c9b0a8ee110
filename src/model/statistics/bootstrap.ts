import { MeaError } from '../../../protocols/errors.js';
import { openRandomStream } from '../../../protocols/random.js';
import type { Values } from './descriptive.js';
import { mean, quantileOfSorted } from './descriptive.js';
import { normalCdf, normalQuantile } from './normal-distribution.js';

/** `bca`: bias-corrected and accelerated; `percentile`: quantiles of the resampled statistic. */
type BootstrapMethod = 'bca' | 'percentile';

export interface BootstrapOptions {
  readonly seed: number;
  /** Names the stream of random numbers, so that two intervals of one seed are independent; `bootstrap` by default. */
  readonly purpose?: string;
  /** 4,999 by default. */
  readonly resamples?: number;
  /** 0.95 by default. */
  readonly confidence?: number;
  /** `bca` by default. */
  readonly method?: BootstrapMethod;
}

/** A statistic with its bootstrap interval. */
export interface BootstrapInterval {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
  readonly confidence: number;
  readonly resamples: number;
  /** What was used: `bca` falls back to `percentile` where it is not defined (all resamples on one side). */
  readonly method: BootstrapMethod;
  /** True when no resample changed the statistic, so that the interval tells nothing about its uncertainty. */
  readonly isDegenerate: boolean;
}

/** Values that are resampled apart: one stratum for each group in each block. */
export type Strata = readonly Values[];

/**
 * Bootstrap interval of a statistic of one or more samples, each resampled with replacement on its own.
 *
 * It is too narrow for few values per stratum: for a difference of two normal means a 95 % interval held the truth in
 * 86 % of 1,000 runs at 4 against 4, 93 % at 10 and 10, 94 % at 20 and 20. A stratum of one value never varies.
 *
 * Source: Efron 1987 (BCa); Davison & Hinkley 1997, sections 5.3.2 and 3.2 (strata), acceleration from the jackknife.
 *
 * @param statistic a function of strata of the same sizes (BCa also drops one value of a stratum of two or more)
 * @throws MeaError `bad-input` for an empty stratum, or a bad confidence or number of resamples
 */
export function bootstrapInterval(
  strata: Strata,
  statistic: (strata: Strata) => number,
  options: BootstrapOptions,
): BootstrapInterval {
  const { confidence = 0.95, resamples = 4_999, method = 'bca' } = options;
  assertBootstrap(strata, confidence, resamples);
  const samples = strata.map((stratum) => Float64Array.from(stratum).sort());
  const estimate = statistic(samples);
  const replicates = drawReplicates(samples, statistic, { ...options, resamples }).sort();
  const isDegenerate = replicates[0] === replicates[resamples - 1];
  const tail = (1 - confidence) / 2;
  const adjusted =
    method === 'bca' && !isDegenerate ? bcaLevels(samples, statistic, { replicates, estimate, tail }) : undefined;
  const [low, high] = adjusted ?? [tail, 1 - tail];
  return {
    estimate,
    lower: quantileOfSorted(replicates, low),
    upper: quantileOfSorted(replicates, high),
    confidence,
    resamples,
    method: adjusted === undefined ? 'percentile' : 'bca',
    isDegenerate,
  };
}

function drawReplicates(
  samples: readonly Float64Array[],
  statistic: (strata: Strata) => number,
  options: { readonly seed: number; readonly purpose?: string; readonly resamples: number },
): Float64Array {
  const random = openRandomStream(options.seed, options.purpose ?? 'bootstrap');
  const drawn = samples.map((sample) => new Float64Array(sample.length));
  return Float64Array.from({ length: options.resamples }, () => {
    drawn.forEach((target, s) => {
      const sample = samples[s]!;
      for (let i = 0; i < target.length; i++) target[i] = sample[random.integer(sample.length)]!;
    });
    return statistic(drawn);
  });
}

interface BcaProblem {
  readonly replicates: Float64Array;
  readonly estimate: number;
  readonly tail: number;
}

/** The levels at which BCa reads the replicates; undefined where the bias correction is infinite. */
function bcaLevels(
  samples: readonly Float64Array[],
  statistic: (strata: Strata) => number,
  { replicates, estimate, tail }: BcaProblem,
): readonly [low: number, high: number] | undefined {
  const below = replicates.filter((value) => value < estimate).length;
  const upTo = replicates.filter((value) => value <= estimate).length;
  const bias = normalQuantile((below + upTo) / (2 * replicates.length));
  if (!Number.isFinite(bias)) return undefined;
  const acceleration = jackknifeAcceleration(samples, statistic);
  const level = (p: number): number => {
    const shifted = bias + normalQuantile(p);
    return normalCdf(bias + shifted / (1 - acceleration * shifted));
  };
  return [level(tail), level(1 - tail)];
}

/** One sixth of the skewness of the statistic, from leaving out one value at a time in each stratum. */
function jackknifeAcceleration(samples: readonly Float64Array[], statistic: (strata: Strata) => number): number {
  let cubes = 0;
  let squares = 0;
  samples.forEach((sample, s) => {
    if (sample.length < 2) return;
    const leftOut = sample.map((_, dropped) =>
      statistic(samples.map((other, t) => (t === s ? other.filter((__, i) => i !== dropped) : other))),
    );
    const centre = mean(leftOut);
    for (const value of leftOut) {
      const influence = ((sample.length - 1) * (centre - value)) / sample.length;
      cubes += influence ** 3;
      squares += influence ** 2;
    }
  });
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}

function assertBootstrap(strata: Strata, confidence: number, resamples: number): void {
  const empty = strata.findIndex((stratum) => stratum.length === 0);
  if (empty < 0 && strata.length > 0 && confidence > 0 && confidence < 1 && resamples >= 1) return;
  throw new MeaError('bad-input', {
    what: 'Bad bootstrap',
    got:
      empty < 0
        ? `${strata.length} strata, confidence ${confidence}, ${resamples} resamples`
        : `stratum ${empty} is empty`,
    wanted: 'strata with values, a confidence in (0, 1), at least one resample',
  });
}
