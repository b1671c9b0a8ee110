import type { OperatorFunction } from 'rxjs';
import { isBoundary, type PipelineEvent } from '../events/pipeline-event.js';
import { RateCounter, type RateSettings, type SpikeRates } from './rate-counter.js';
import { runStage } from './run-stage.js';

/**
 * Spike counts per electrode and interval, each as soon as batches have settled past its end; see `RateCounter`. An
 * interval of which nothing was seen is left out, and counted in the next one.
 */
export function spikeRates(settings: RateSettings): OperatorFunction<PipelineEvent, SpikeRates> {
  return runStage(() => {
    const counter = new RateCounter(settings);
    return {
      push: (event) => {
        if (event.type === 'spikes') return counter.push(event.batch);
        return isBoundary(event) ? counter.end() : [];
      },
      end: () => counter.end(),
    };
  });
}
