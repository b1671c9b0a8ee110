import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { StimulusData } from './comparators.js';
import { isPatternRepeated, predictRepeatMean } from './comparators.js';

/** What the empirical predictor was able to do with this experiment. */
export interface EmpiricalPrediction {
  readonly method: 'repeat-mean' | 'ridge';
  /** Ridge penalty chosen inside the initial sessions; undefined for the repeat mean. */
  readonly penalty: number | undefined;
  /** (n, T K) predicted responses */
  readonly predicted: Float64Array;
}

/** Penalties tried for the ridge, chosen by fitting the first half of the initial sessions and scoring the second. */
export const RIDGE_PENALTIES: readonly number[] = [1, 10, 100, 1000];

/**
 * The better predictor of later responses from the initial sessions alone: the mean response to the same trial where the
 * pattern repeats; where it does not, ridge regression of x on the stimulus o, the number of pulses squared and whether
 * there was any. It predicts the response, not the learning.
 */
export function predictEmpirically(data: StimulusData): EmpiricalPrediction {
  if (isPatternRepeated(data.inputs, data.design.sessions)) {
    return { method: 'repeat-mean', penalty: undefined, predicted: predictRepeatMean(data) };
  }
  return predictWithRidge(data);
}

/** Ridge on the stimulus, penalty chosen inside the initial sessions. */
function predictWithRidge(data: StimulusData): EmpiricalPrediction {
  const { design } = data;
  const features = stimulusFeatures(data);
  const calibration = design.initialSessions * design.trialsPerSession;
  const half = Math.floor(design.initialSessions / 2) * design.trialsPerSession;
  const penalty =
    half === 0 ? RIDGE_PENALTIES[2]! : choosePenalty(data, { features, fit: [0, half], score: [half, calibration] });
  const predicted = new Float64Array(data.arrays.x.length);
  const rows = design.sessions * design.trialsPerSession;
  for (let a = 0; a < design.sourceCount; a++) {
    const x = data.arrays.x.subarray(a * rows, (a + 1) * rows);
    const model = fitRidge(features, x, { first: 0, end: calibration, penalty });
    for (let row = 0; row < rows; row++) predicted[a * rows + row] = evaluate(model, features, row);
  }
  return { method: 'ridge', penalty, predicted };
}

interface Features {
  readonly width: number;
  /** (rows, width) */
  readonly values: Float64Array;
}

interface RidgeModel {
  readonly intercept: number;
  readonly weights: Float64Array;
}

/** (rows, J + 2): o, n^2 and [n > 0], where n is the number of pulses. */
function stimulusFeatures({ design, inputs }: StimulusData): Features {
  const inputCount = design.sourceCount * design.inputsPerBlock;
  const width = inputCount + 2;
  const rows = design.sessions * design.trialsPerSession;
  const values = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    let pulses = 0;
    for (let j = 0; j < inputCount; j++) {
      const o = inputs[row * inputCount + j]!;
      values[row * width + j] = o;
      pulses += o;
    }
    values[row * width + inputCount] = pulses * pulses;
    values[row * width + inputCount + 1] = pulses > 0 ? 1 : 0;
  }
  return { width, values };
}

function choosePenalty(data: StimulusData, split: PenaltySplit): number {
  const { design, arrays } = data;
  const rows = design.sessions * design.trialsPerSession;
  let best = RIDGE_PENALTIES[0]!;
  let bestError = Number.POSITIVE_INFINITY;
  for (const penalty of RIDGE_PENALTIES) {
    let error = 0;
    for (let a = 0; a < design.sourceCount; a++) {
      const x = arrays.x.subarray(a * rows, (a + 1) * rows);
      const model = fitRidge(split.features, x, { first: split.fit[0], end: split.fit[1], penalty });
      for (let row = split.score[0]; row < split.score[1]; row++) {
        const difference = x[row]! - evaluate(model, split.features, row);
        error += difference * difference;
      }
    }
    if (error < bestError) {
      bestError = error;
      best = penalty;
    }
  }
  return best;
}

interface PenaltySplit {
  readonly features: Features;
  readonly fit: readonly [number, number];
  readonly score: readonly [number, number];
}

/** Solves (F'F + penalty I) w = F'(x - mean x) on centred, unit-variance features over rows [first, end). */
function fitRidge(features: Features, x: Float64Array, options: RidgeFit): RidgeModel {
  const { first, end, penalty } = options;
  const { width, values } = features;
  const { means, scales } = featureScales(features, options);
  const rows = end - first;
  let xMean = 0;
  for (let row = first; row < end; row++) xMean += x[row]! / rows;
  const gram = Matrix.zeros(width, width);
  const moment = Matrix.zeros(width, 1);
  const z = new Float64Array(width);
  for (let row = first; row < end; row++) {
    for (let f = 0; f < width; f++) z[f] = (values[row * width + f]! - means[f]!) / scales[f]!;
    for (let f = 0; f < width; f++) {
      moment.set(f, 0, moment.get(f, 0) + z[f]! * (x[row]! - xMean));
      for (let g = 0; g <= f; g++) gram.set(f, g, gram.get(f, g) + z[f]! * z[g]!);
    }
  }
  for (let f = 0; f < width; f++) {
    gram.set(f, f, gram.get(f, f) + penalty);
    for (let g = 0; g < f; g++) gram.set(g, f, gram.get(f, g));
  }
  const solved = new CholeskyDecomposition(gram).solve(moment);
  const weights = new Float64Array(width);
  let intercept = xMean;
  for (let f = 0; f < width; f++) {
    weights[f] = solved.get(f, 0) / scales[f]!;
    intercept -= weights[f]! * means[f]!;
  }
  return { intercept, weights };
}

interface RidgeFit {
  readonly first: number;
  readonly end: number;
  readonly penalty: number;
}

function featureScales({ width, values }: Features, { first, end }: RidgeFit): FeatureScales {
  const means = new Float64Array(width);
  const scales = new Float64Array(width);
  const rows = end - first;
  for (let f = 0; f < width; f++) {
    let sum = 0;
    let squares = 0;
    for (let row = first; row < end; row++) {
      const value = values[row * width + f]!;
      sum += value;
      squares += value * value;
    }
    means[f] = sum / rows;
    // An input that was never pulsed, or always, varies by nothing: its weight stays 0.
    scales[f] = Math.sqrt(Math.max(squares / rows - means[f]! * means[f]!, 0)) || 1;
  }
  return { means, scales };
}

interface FeatureScales {
  readonly means: Float64Array;
  readonly scales: Float64Array;
}

function evaluate({ intercept, weights }: RidgeModel, { width, values }: Features, row: number): number {
  let sum = intercept;
  for (let f = 0; f < width; f++) sum += weights[f]! * values[row * width + f]!;
  return sum;
}
