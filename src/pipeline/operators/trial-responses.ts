import type { OperatorFunction } from 'rxjs';
import { isBoundary, type PipelineEvent, type StimulusScheduled } from '../events/pipeline-event.js';
import type { TrialWindowOptions } from '../trials/window-settings.js';
import { TrialWindows, type TrialWindowCounters } from '../trials/trial-windows.js';
import type { WindowedResponse } from '../trials/windowed-response.js';
import { runStage } from './run-stage.js';

/** Options of the operator. */
export interface TrialResponsesOptions extends TrialWindowOptions {
  /** Told the counters with each batch of results and at the end of the stream. */
  readonly onCounters?: ((counters: TrialWindowCounters) => void) | undefined;
}

/**
 * One result for each stimulus that was delivered, dropped, or scheduled and never heard of; see `TrialWindows`. Takes the
 * stream of `detectSpikes`, and merged into it, where the caller has them, the answers to its own stimuli.
 *
 * The end of an acquisition, a restart of the device and a sample counter that goes back close what is open.
 */
export function trialResponses(
  options: TrialResponsesOptions,
): OperatorFunction<PipelineEvent | StimulusScheduled, WindowedResponse> {
  const { onCounters } = options;
  return runStage(() => {
    const windows = new TrialWindows(options);
    return {
      push: (event) => {
        const results = follow(windows, event);
        if (results.length > 0) onCounters?.(windows.counters);
        return results;
      },
      end: () => {
        const results = windows.flush();
        onCounters?.(windows.counters);
        return results;
      },
    };
  });
}

function follow(windows: TrialWindows, event: PipelineEvent | StimulusScheduled): readonly WindowedResponse[] {
  if (event.type === 'spikes') return windows.push(event.batch);
  if (event.type === 'stimulus-delivered') return windows.deliver(event);
  if (event.type === 'stimulus-dropped') return windows.drop(event);
  if (event.type === 'stimulus-scheduled') return windows.schedule(event);
  if (event.type === 'device-restarted') return windows.restart();
  return isBoundary(event) ? windows.flush() : [];
}
