import { tap, type MonoTypeOperatorFunction } from 'rxjs';
import type { LatencyRecorder } from '../events/latency-recorder.js';
import type { WindowedResponse } from '../trials/windowed-response.js';

/** Notes when blocks come in; to be put before `detectSpikes`. The recorder outlives the subscription. */
export function noteReceived<T extends { readonly type: string }>(
  recorder: LatencyRecorder,
): MonoTypeOperatorFunction<T> {
  return tap(({ type }) => {
    if (type === 'block') recorder.received();
  });
}

/** Notes when spikes are settled; to be put after `detectSpikes`. */
export function noteDetected<T extends { readonly type: string }>(
  recorder: LatencyRecorder,
): MonoTypeOperatorFunction<T> {
  return tap(({ type }) => {
    if (type === 'spikes') recorder.detected();
  });
}

/** Notes when trial results are there; to be put after `trialResponses`. */
export function noteSettled(recorder: LatencyRecorder): MonoTypeOperatorFunction<WindowedResponse> {
  return tap(({ stimulusId }) => {
    recorder.settled(stimulusId);
  });
}
