// The program of the thread that computes one forecast; `forecastInThread` starts it.
import { parentPort, workerData } from 'node:worker_threads';
import { MeaError } from '../../protocols/errors.js';
import { forecastBand } from '../model/forecast-band.js';
import type { ForecastInput } from '../model/forecast-input.js';
import type { ForecastAnswer } from './forecast-in-thread.js';

const data: unknown = workerData;
if (parentPort === null || !isForecastInput(data)) {
  throw new MeaError('internal', { what: 'forecast-thread is no program of its own', remedy: 'use forecastInThread' });
}
parentPort.postMessage({ band: forecastBand(data) } satisfies ForecastAnswer);

function isForecastInput(value: unknown): value is ForecastInput {
  return typeof value === 'object' && value !== null && 'design' in value && 'isKnownAhead' in value;
}
