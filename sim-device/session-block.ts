import type { ResponseTable } from '../protocols/responses.js';

/** Some consecutive sessions of one culture, folded over the trial positions of their common pattern. */
export interface SessionBlock {
  /** Mean over sessions at each trial position. */
  positionMeansOf(electrode: number): number[];
  /** Variance over sessions (n - 1) at each trial position. */
  positionVariancesOf(electrode: number): number[];
  /** Mean over trials in each session. */
  sessionMeansOf(electrode: number): number[];
  /** Share of trials with a count of zero. */
  zeroShareOf(electrode: number): number;
}

/** Folds the sessions [first, first + length) of a table; a view on its counts, at least two sessions. */
export function foldBlock(table: ResponseTable, first: number, length: number): SessionBlock {
  const { trialsPerSession, electrodeCount, counts } = table;
  const countAt = (session: number, trial: number, e: number): number =>
    counts[((first + session) * trialsPerSession + trial) * electrodeCount + e]!;
  const overSessions = (value: (session: number) => number): number => {
    let sum = 0;
    for (let session = 0; session < length; session++) sum += value(session);
    return sum;
  };
  const positions = Array.from({ length: trialsPerSession }, (_, trial) => trial);
  const positionMeansOf = (e: number): number[] =>
    positions.map((trial) => overSessions((session) => countAt(session, trial, e)) / length);
  return {
    positionMeansOf,
    positionVariancesOf(e) {
      const means = positionMeansOf(e);
      return positions.map(
        (trial) => overSessions((session) => (countAt(session, trial, e) - means[trial]!) ** 2) / (length - 1),
      );
    },
    sessionMeansOf: (e) =>
      Array.from(
        { length },
        (_, session) => positions.reduce((sum, trial) => sum + countAt(session, trial, e), 0) / trialsPerSession,
      ),
    zeroShareOf(e) {
      const zeros = (trial: number): number => overSessions((session) => (countAt(session, trial, e) === 0 ? 1 : 0));
      return positions.reduce((sum, trial) => sum + zeros(trial), 0) / (length * trialsPerSession);
    },
  };
}
