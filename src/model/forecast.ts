import {
  addSession,
  addTrial,
  clearSessionSums,
  createSessionSums,
  finishSums,
  scaleAccumulators,
  type Accumulators,
  type SessionSums,
} from './accumulators.js';
import type { TrialInputs } from './packed-inputs.js';
import { createWeights, predictResponse, updateWeights, type ThresholdFactors, type Weights } from './weights.js';

/** Gain of the published prediction: the initial sessions count twice, so that later self-made data move W half as fast. */
const PUBLISHED_GAIN = 2;

/**
 * The published prediction of all later sessions from the initial ones: responses and weights run on the stimuli and on
 * the model's own output alone. No response after the initial sessions is used.
 */
export interface Forecast {
  readonly accumulators: Accumulators;
  readonly weights: Weights;
  readonly sums: SessionSums;
  readonly phi: ThresholdFactors;
}

/** Starts the prediction from what the initial sessions taught. */
export function createForecast(learned: Accumulators, phi: ThresholdFactors, gain = PUBLISHED_GAIN): Forecast {
  const accumulators = scaleAccumulators(learned, gain);
  const weights = createWeights(learned.ensembles, learned.inputs);
  updateWeights(weights, accumulators);
  return { accumulators, weights, sums: createSessionSums(learned.ensembles, learned.inputs), phi };
}

/**
 * Predicts the response to one trial and takes it as if it had been observed.
 *
 * @param out (ensembles) receives the predicted responses in (0, 1)
 */
export function forecastTrial(forecast: Forecast, trial: TrialInputs, out: Float64Array): void {
  predictResponse(forecast.weights, forecast.phi, { trial, out });
  addTrial(forecast.sums, out, trial);
}

/** Closes a predicted session: the plastic update on predicted responses. */
export function endForecastSession(forecast: Forecast): void {
  finishSums(forecast.sums);
  addSession(forecast.accumulators, forecast.sums);
  updateWeights(forecast.weights, forecast.accumulators);
  clearSessionSums(forecast.sums);
}
