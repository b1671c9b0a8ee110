import type { Clock } from '../../protocols/clock.js';
import type { ResumableSource, TrialRequest } from '../../protocols/trial.js';
import type { Seconds } from '../../protocols/units.js';

/** Makes a source take the time that its sample clock says: responses come when their windows have ended, rests last. */
export function paceSource(source: ResumableSource, clock: Clock, signal: AbortSignal): ResumableSource {
  const rate = source.description.sampleRateHz;
  const startMs = clock.monotonicMs();
  const startSample = source.nextSample();
  const waitFor = async (sample: number): Promise<void> => {
    const dueMs = startMs + ((sample - startSample) / rate) * 1000;
    const leftMs = dueMs - clock.monotonicMs();
    if (leftMs > 0) await clock.sleep(leftMs, signal);
  };
  return {
    description: source.description,
    nextSample: () => source.nextSample(),
    async *run(requests: readonly TrialRequest[], abort: AbortSignal) {
      for (const request of requests) {
        // One trial at a time: the culture must not be ahead of the clock when its state is saved.
        await waitFor(request.atSample);
        for await (const response of source.run([request], abort)) {
          await waitFor(response.window[1]);
          yield response;
        }
      }
    },
    async rest(duration: Seconds) {
      await waitFor(source.nextSample() + duration * rate);
      await source.rest(duration);
    },
    close: () => source.close(),
    saveState: () => source.saveState(),
    restoreState: (state) => {
      source.restoreState(state);
    },
  };
}
