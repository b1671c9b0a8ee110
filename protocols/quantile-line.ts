/** A line y = intercept + slope * x. */
export interface Line {
  readonly intercept: number;
  readonly slope: number;
}

export interface QuantileLineOptions {
  /** Share of the points that lie below the line, in [0, 1]; 0.5 is the median. */
  readonly quantile: number;
  /** The slope is expected at 0 with this standard deviation, and never looked for beyond four of them. */
  readonly slopeSd: number;
  /** Spread of the points about the line, in units of y and above 0: it weighs the points against that expectation. */
  readonly spread: number;
}

/** Section steps: the slope is found to 1 part in 10^6 of the range. */
const STEPS = 28;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The line with a given share of the points below it (quantile regression, Koenker & Bassett 1978), with a normal prior on
 * its slope. Points far off do not draw it: only the side matters on which they lie.
 *
 * @param x (n), n at least 1 @param y (n)
 */
export function fitQuantileLine(x: Float64Array, y: Float64Array, options: QuantileLineOptions): Line {
  const residuals = new Float64Array(x.length);
  const cost = (slope: number): number => costOf(slope, { x, y, residuals, ...options });
  // The cost is convex in the slope: golden-section search finds its one minimum.
  let low = -4 * options.slopeSd;
  let high = 4 * options.slopeSd;
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let costLeft = cost(left);
  let costRight = cost(right);
  for (let step = 0; step < STEPS; step++) {
    if (costLeft <= costRight) {
      high = right;
      right = left;
      costRight = costLeft;
      left = high - GOLDEN * (high - low);
      costLeft = cost(left);
    } else {
      low = left;
      left = right;
      costLeft = costRight;
      right = low + GOLDEN * (high - low);
      costRight = cost(right);
    }
  }
  const slope = (low + high) / 2;
  return { slope, intercept: interceptOf(slope, { x, y, residuals, ...options }) };
}

/** The value with the share `quantile` of `sorted` below it; `sorted` (n) rises, n at least 1. */
export function pickQuantile(sorted: Float64Array, quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))]!;
}

interface Fit extends QuantileLineOptions {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** (n) work space; sorted residuals afterwards. */
  readonly residuals: Float64Array;
}

function interceptOf(slope: number, { x, y, residuals, quantile }: Fit): number {
  for (let i = 0; i < x.length; i++) residuals[i] = y[i]! - slope * x[i]!;
  residuals.sort();
  return pickQuantile(residuals, quantile);
}

/** Negative logarithm of the likelihood of the points (asymmetric Laplace) and of the slope. */
function costOf(slope: number, fit: Fit): number {
  const intercept = interceptOf(slope, fit);
  let sum = 0;
  for (let i = 0; i < fit.residuals.length; i++) {
    const residual = fit.residuals[i]! - intercept;
    sum += residual >= 0 ? fit.quantile * residual : (fit.quantile - 1) * residual;
  }
  return sum / fit.spread + (slope / fit.slopeSd) ** 2 / 2;
}
