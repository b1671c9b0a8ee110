import type { TrialResponse } from '../../protocols/trial.js';

/** First sample, and the first after the last: once for each clock of the device, in their order. */
export type SampleSpans = readonly (readonly [first: number, end: number])[];

/** Responses that a policy looks at: all so far that count, or those of the sessions that have ended, as the model does. */
export type LookedAt = 'all' | 'sessions';

/** The samples of an experiment's responses. */
export interface SeenSamples {
  /** A response that counts. */
  addResponse(response: Pick<TrialResponse, 'usedSamples' | 'window'>): void;
  /** The responses to come are told by another clock of the device. Samples that go back are so anyhow. */
  beginClock(): void;
  endSession(): void;
  /** The responses of the running session do not count any more; who was told of each response was told of them all the same. */
  restartSession(): void;
  /** Undefined where there are none. The caller may keep it. */
  spansOf(lookedAt: LookedAt): SampleSpans | undefined;
}

/** Begins without a response. */
export function createSeenSamples(): SeenSamples {
  let clock = 0;
  let all: readonly ClockSpan[] = [];
  let ended: readonly ClockSpan[] = [];
  let running: readonly ClockSpan[] = [];
  return {
    addResponse({ usedSamples, window }) {
      const [first, end] = usedSamples ?? window;
      const last = all.at(-1);
      if (last?.clock === clock && first < last.first) clock++;
      all = joinSpans(all, [{ clock, first, end }]);
      running = joinSpans(running, [{ clock, first, end }]);
    },
    beginClock() {
      clock++;
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
      return spans.length === 0 ? undefined : spans.map(({ first, end }) => [first, end] as const);
    },
  };
}

interface ClockSpan {
  readonly clock: number;
  readonly first: number;
  readonly end: number;
}

/** The later ones go on where the earlier ones end, unless their clock is another one. */
function joinSpans(earlier: readonly ClockSpan[], later: readonly ClockSpan[]): readonly ClockSpan[] {
  const [last, next] = [earlier.at(-1), later[0]];
  if (last === undefined || next?.clock !== last.clock) return [...earlier, ...later];
  return [...earlier.slice(0, -1), { ...last, end: Math.max(last.end, next.end) }, ...later.slice(1)];
}
