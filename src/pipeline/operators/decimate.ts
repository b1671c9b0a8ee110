import type { OperatorFunction } from 'rxjs';
import { isBoundary, type PipelineEvent } from '../events/pipeline-event.js';
import { runStage } from './run-stage.js';
import { TraceDecimator, type DecimateOptions, type DecimatedTrace } from './trace-decimator.js';

/** Envelopes of the blocks for a display, one trace at a time; see `TraceDecimator`. */
export function decimate(options: DecimateOptions): OperatorFunction<PipelineEvent, DecimatedTrace> {
  return runStage(() => {
    const decimator = new TraceDecimator(options);
    return {
      push: (event) => {
        if (event.type === 'block') return decimator.push(event);
        return isBoundary(event) ? decimator.end() : [];
      },
      end: () => decimator.end(),
    };
  });
}
