import type { TrialResponse } from '../../protocols/trial.js';

/** First sample, and the first after the last: once for each clock of the device, in their order. */
export type SampleSpans = readonly (readonly [first: number, end: number])[];

/** Responses that a policy looks at: all so far that count, or those of the sessions that have ended, as the model does. */
export type LookedAt = 'all' | 'sessions';

/** The samples of an experiment's responses. */
export interface SeenSamples {
  /** A response that counts. */
  addResponse(response: Pick<TrialResponse, 'usedSamples' | 'window'>): void;
  endSession(): void;
  /** The responses of the running session do not count any more; who was told of each response was told of them all the same. */
  restartSession(): void;
  /** Undefined where there are none. The caller may keep it. */
  spansOf(lookedAt: LookedAt): SampleSpans | undefined;
}

/** Begins without a response. Samples that go back are those of another clock. */
export function createSeenSamples(): SeenSamples {
  let all: SampleSpans = [];
  let ended: SampleSpans = [];
  let running: SampleSpans = [];
  return {
    addResponse({ usedSamples, window }) {
      const span = [usedSamples ?? window] as const;
      all = joinSpans(all, span);
      running = joinSpans(running, span);
    },
    endSession() {
      ended = joinSpans(ended, running);
      running = [];
    },
    restartSession() {
      running = [];
    },
    spansOf(lookedAt) {
      const spans = lookedAt === 'all' ? all : ended;
      return spans.length === 0 ? undefined : spans;
    },
  };
}

/** The later ones go on where the earlier ones end, unless their clock is another one. */
function joinSpans(earlier: SampleSpans, later: SampleSpans): SampleSpans {
  const [last, next] = [earlier.at(-1), later[0]];
  if (last === undefined || next === undefined || next[0] < last[0]) return [...earlier, ...later];
  return [...earlier.slice(0, -1), [last[0], Math.max(last[1], next[1])], ...later.slice(1)];
}
