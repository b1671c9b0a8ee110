import type { ExperimentDesign, ModelArrays } from '../model/model-run.js';
import { initialWindow, lastWindow, type SessionWindow } from './session-window.js';

/** Bins of predicted and of observed responses, both over [0, 1]. */
export const PREDICTION_BINS = 20;

/** Trials that fell into one bin of predicted and observed response. */
export interface PredictionCell {
  /** Centre of the bin, predicted response. */
  readonly predicted: number;
  /** Centre of the bin, observed response. */
  readonly observed: number;
  readonly trials: number;
}

/** The observed responses to trials of about the same predicted one. */
export interface ReliabilityPoint {
  /** Mean predicted response of the trials. */
  readonly predicted: number;
  /** Mean observed response of the trials. */
  readonly observed: number;
}

/** How observed and predicted responses of one ensemble go together over the last sessions. */
export interface PredictionStatistics {
  readonly window: SessionWindow;
  /** Pearson's; undefined where one of the two does not vary. */
  readonly correlation: number | undefined;
  readonly meanSquaredError: number;
  /** Mean response over the initial sessions: the prediction of `constantMean`. */
  readonly constantMean: number;
  /** Mean squared error of `constantMean` over the same trials. */
  readonly constantMeanError: number;
  readonly cells: readonly PredictionCell[];
  readonly reliability: readonly ReliabilityPoint[];
}

/** Points of the line of mean observed responses. */
const RELIABILITY_GROUPS = 10;

/** Trials that make one of its points. */
const FEWEST_TRIALS = 5;

/** Compares x and xp of ensemble `a` trial by trial over the last sessions. */
export function predictionStatistics(design: ExperimentDesign, arrays: ModelArrays, a: number): PredictionStatistics {
  const window = lastWindow(design);
  const observed = rowsOf(design, arrays.x, { a, window });
  const predicted = rowsOf(design, arrays.xp, { a, window });
  const constantMean = meanOf(rowsOf(design, arrays.x, { a, window: initialWindow(design) }));
  return {
    window,
    correlation: correlate(observed, predicted),
    meanSquaredError: meanOf(observed.map((value, i) => (value - predicted[i]!) ** 2)),
    constantMean,
    constantMeanError: meanOf(observed.map((value) => (value - constantMean) ** 2)),
    cells: countCells(observed, predicted),
    reliability: meanByPrediction(observed, predicted),
  };
}

/** Pearson's correlation; undefined where one of the two does not vary. */
export function correlate(first: Float64Array, second: Float64Array): number | undefined {
  const firstMean = meanOf(first);
  const secondMean = meanOf(second);
  let together = 0;
  let firstSquares = 0;
  let secondSquares = 0;
  for (let i = 0; i < first.length; i++) {
    const u = first[i]! - firstMean;
    const v = second[i]! - secondMean;
    together += u * v;
    firstSquares += u * u;
    secondSquares += v * v;
  }
  const scale = Math.sqrt(firstSquares * secondSquares);
  return scale > 1e-12 ? together / scale : undefined;
}

function rowsOf(
  { sessions, trialsPerSession }: ExperimentDesign,
  traces: Float64Array,
  { a, window }: { readonly a: number; readonly window: SessionWindow },
): Float64Array {
  const first = a * sessions * trialsPerSession;
  return traces.subarray(first + window.first * trialsPerSession, first + window.end * trialsPerSession);
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function binOf(value: number): number {
  return Math.min(PREDICTION_BINS - 1, Math.floor(value * PREDICTION_BINS));
}

function countCells(observed: Float64Array, predicted: Float64Array): readonly PredictionCell[] {
  const counts = new Uint32Array(PREDICTION_BINS * PREDICTION_BINS);
  observed.forEach((value, i) => (counts[binOf(predicted[i]!) * PREDICTION_BINS + binOf(value)]! += 1));
  return Array.from(counts).flatMap((trials, cell) => {
    if (trials === 0) return [];
    const [column, row] = [Math.floor(cell / PREDICTION_BINS), cell % PREDICTION_BINS];
    return [{ predicted: (column + 0.5) / PREDICTION_BINS, observed: (row + 0.5) / PREDICTION_BINS, trials }];
  });
}

/** Trials in order of their prediction, in about equal groups; equal predictions stay together. */
function meanByPrediction(observed: Float64Array, predicted: Float64Array): readonly ReliabilityPoint[] {
  const order = Array.from(predicted, (_, i) => i).sort((i, j) => predicted[i]! - predicted[j]! || i - j);
  const size = Math.max(FEWEST_TRIALS, Math.floor(order.length / RELIABILITY_GROUPS));
  const points: ReliabilityPoint[] = [];
  for (let first = 0; first < order.length;) {
    let end = Math.min(order.length, first + size);
    while (end < order.length && predicted[order[end]!] === predicted[order[end - 1]!]) end++;
    const group = order.slice(first, end);
    points.push({
      predicted: group.reduce((sum, i) => sum + predicted[i]!, 0) / group.length,
      observed: group.reduce((sum, i) => sum + observed[i]!, 0) / group.length,
    });
    first = end;
  }
  return points;
}
