/**
 * Numbers of the least-squares fit of a cubic f(t) = a0 + a1 t + a2 t^2 + a3 t^3 to V on t = -N..N, from the moments
 * W_k = sum t^k V (Wagenaar & Potter 2002). With T_k = sum t^k:
 * a0 = even0 W0 + even1 W2, a2 = even1 W0 + even2 W2, a1 = odd0 W1 + odd1 W3, a3 = odd1 W1 + odd2 W3.
 */
export interface LocalCubic {
  readonly halfWindow: number;
  readonly even: readonly [number, number, number];
  readonly odd: readonly [number, number, number];
  /** Integers with a0 = (scale[0] W0 - 15 W2) / scale[1]: exact up to the division. */
  readonly centre: readonly [number, number];
}

/** Weights of W0..W3 in a sum of values of the fit. */
export type MomentWeights = readonly [number, number, number, number];

/** The fit over 2N + 1 samples. */
export function createLocalCubic(halfWindow: number): LocalCubic {
  const t0 = 2 * halfWindow + 1;
  let [t2, t4, t6] = [0, 0, 0];
  for (let t = 1; t <= halfWindow; t++) {
    t2 += 2 * t ** 2;
    t4 += 2 * t ** 4;
    t6 += 2 * t ** 6;
  }
  const even = t0 * t4 - t2 * t2;
  const odd = t2 * t6 - t4 * t4;
  const square = halfWindow * (halfWindow + 1);
  return {
    halfWindow,
    even: [t4 / even, -t2 / even, t0 / even],
    odd: [t6 / odd, -t4 / odd, t2 / odd],
    // T4 / T2 = (3 N (N + 1) - 1) / 5, and (T0 T4 - T2^2) / T2 = (2N + 1) (4 N (N + 1) - 3) / 15.
    centre: [3 * (3 * square - 1), t0 * (4 * square - 3)],
  };
}

/** Weights that give the sum of f over the given times. */
export function weighMoments({ even, odd }: LocalCubic, times: readonly number[]): MomentWeights {
  const weights: [number, number, number, number] = [0, 0, 0, 0];
  for (const t of times) {
    weights[0] += even[0] + even[1] * t * t;
    weights[1] += odd[0] * t + odd[1] * t * t * t;
    weights[2] += even[1] + even[2] * t * t;
    weights[3] += odd[1] * t + odd[2] * t * t * t;
  }
  return weights;
}

/** Weights that give the sum of f over its window's first samples. */
export function weighProbe(cubic: LocalCubic, probeSamples: number): MomentWeights {
  return weighMoments(
    cubic,
    Array.from({ length: probeSamples }, (_, i) => i - cubic.halfWindow),
  );
}

/** What is left of the subtraction in the samples of the fade: half a period of a cosine, from 1 to 0. */
export function createFade(samples: number): Float32Array {
  return Float32Array.from({ length: samples }, (_, k) => 0.5 + 0.5 * Math.cos((Math.PI * (k + 1)) / (samples + 1)));
}
