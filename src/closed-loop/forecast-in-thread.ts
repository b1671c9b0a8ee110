import { Worker } from 'node:worker_threads';
import { MeaError } from '../../protocols/errors.js';
import type { ForecastBand } from '../model/forecast-band.js';
import type { Forecaster } from './publish-forecast.js';

/** What the thread says, once. */
export interface ForecastAnswer {
  readonly band: ForecastBand | undefined;
}

/**
 * Forecasts in a thread of its own, so that a device's heartbeats and the trials go on meanwhile. The numbers are those of
 * `forecastHere`. The thread ends with its answer, or when the signal is aborted.
 *
 * @param program the compiled program of the thread; beside this module by default
 * The promise rejects with the signal's reason, or with MeaError `internal` when the thread fails.
 */
export function forecastInThread(program = new URL('./forecast-thread.js', import.meta.url)): Forecaster {
  return (input, signal) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const worker = new Worker(program, { workerData: input });
      const settle = (settlement: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        worker.removeAllListeners();
        // What comes after the settlement is of no interest, but an error without a listener would end the process.
        worker.on('error', () => undefined);
        void worker.terminate();
        settlement();
      };
      const onAbort = (): void => {
        const reason: unknown = signal.reason;
        settle(() => {
          reject(reason instanceof Error ? reason : new Error(String(reason)));
        });
      };
      signal.addEventListener('abort', onAbort);
      worker.on('message', ({ band }: ForecastAnswer) => {
        settle(() => {
          resolve(band);
        });
      });
      worker.on('error', (cause) => {
        settle(() => {
          reject(new MeaError('internal', { what: 'The forecast failed', got: String(cause) }, { cause }));
        });
      });
      worker.on('exit', (code) => {
        settle(() => {
          reject(
            new MeaError('internal', { what: 'The thread of the forecast ended early', got: `exit code ${code}` }),
          );
        });
      });
    });
}
