/**
 * Sums of spike counts per session, state and electrode: the first pass over the responses. Selection of ensembles,
 * session means and conditional means all come from here, by per-session masks, so that nothing assumes a pattern that
 * repeats from session to session.
 */
export interface SessionStatistics {
  readonly sessions: number;
  readonly states: number;
  readonly electrodes: number;
  /** (sessions, states) number of trials */
  readonly trials: Float64Array;
  /** (sessions, states, electrodes) sum of counts */
  readonly sums: Float64Array;
  /** (electrodes) 1 for electrodes that no ensemble may hold; undefined where all may be chosen. */
  leftOut: Uint8Array | undefined;
}

export interface StatisticsShape {
  readonly sessions: number;
  readonly states: number;
  readonly electrodes: number;
}

export function createSessionStatistics({ sessions, states, electrodes }: StatisticsShape): SessionStatistics {
  return {
    sessions,
    states,
    electrodes,
    trials: new Float64Array(sessions * states),
    sums: new Float64Array(sessions * states * electrodes),
    leftOut: undefined,
  };
}

export interface CountedTrial {
  readonly session: number;
  readonly state: number;
  /** Holds the counts of the trial's electrodes from `offset` on. */
  readonly counts: Uint16Array;
  readonly offset: number;
}

export function addCounts(target: SessionStatistics, { session, state, counts, offset }: CountedTrial): void {
  const cell = session * target.states + state;
  const { electrodes, sums } = target;
  const first = cell * electrodes;
  target.trials[cell]! += 1;
  // Eight at a time: this loop is the first pass over the whole experiment, and the engine does not unroll it.
  const unrolled = electrodes - (electrodes % 8);
  for (let e = 0; e < unrolled; e += 8) {
    const to = first + e;
    const from = offset + e;
    sums[to]! += counts[from]!;
    sums[to + 1]! += counts[from + 1]!;
    sums[to + 2]! += counts[from + 2]!;
    sums[to + 3]! += counts[from + 3]!;
    sums[to + 4]! += counts[from + 4]!;
    sums[to + 5]! += counts[from + 5]!;
    sums[to + 6]! += counts[from + 6]!;
    sums[to + 7]! += counts[from + 7]!;
  }
  for (let e = unrolled; e < electrodes; e++) sums[first + e]! += counts[offset + e]!;
}

/** Mean count of an electrode over all trials of a session: the paper's session mean. 0 for a session without trials. */
export function sessionMean(statistics: SessionStatistics, session: number, electrode: number): number {
  const { states, electrodes } = statistics;
  let sum = 0;
  let trials = 0;
  for (let k = 0; k < states; k++) {
    sum += statistics.sums[(session * states + k) * electrodes + electrode]!;
    trials += statistics.trials[session * states + k]!;
  }
  return trials === 0 ? 0 : sum / trials;
}

/** Mean count of an electrode over a session's trials in one state, or NaN where the session has none. */
export function conditionalMean(statistics: SessionStatistics, cell: ConditionalCell): number {
  const index = cell.session * statistics.states + cell.state;
  return statistics.sums[index * statistics.electrodes + cell.electrode]! / statistics.trials[index]!;
}

export interface ConditionalCell {
  readonly session: number;
  readonly state: number;
  readonly electrode: number;
}
