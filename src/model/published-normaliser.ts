/** Means of one ensemble's trace that the normalisation is made of. */
export interface TraceMeans {
  /** (sessions) mean over the session's trials */
  readonly bySession: Float64Array;
  /** (states) mean over the first session's trials in each state */
  readonly firstByState: Float64Array;
}

/**
 * Session means of a trace, and the conditional means of its first session. A state that the first session never showed
 * takes the mean of the first session in which it occurs.
 */
export function traceMeans(trace: Float64Array, states: Uint8Array, options: TraceMeansOptions): TraceMeans {
  const { trialsPerSession, stateCount } = options;
  const sessions = trace.length / trialsPerSession;
  const bySession = new Float64Array(sessions);
  const firstByState = new Float64Array(stateCount).fill(Number.NaN);
  for (let session = 0; session < sessions; session++) {
    const first = session * trialsPerSession;
    const sums = new Float64Array(stateCount);
    const trials = new Float64Array(stateCount);
    let sum = 0;
    for (let row = first; row < first + trialsPerSession; row++) {
      sum += trace[row]!;
      sums[states[row]!]! += trace[row]!;
      trials[states[row]!]! += 1;
    }
    bySession[session] = sum / trialsPerSession;
    for (let k = 0; k < stateCount; k++) {
      if (Number.isNaN(firstByState[k]) && trials[k]! > 0) firstByState[k] = sums[k]! / trials[k]!;
    }
  }
  return { bySession, firstByState };
}

export interface TraceMeansOptions {
  readonly trialsPerSession: number;
  readonly stateCount: number;
}

/**
 * The published normalisation, off-line: y = X - c(first session, state) - (m(t) - m(1)), less its grand mean (zero
 * where every session has the same state counts), divided by twice the standard deviation over the whole experiment,
 * shifted by (m(1) - B) / 4B around 1/2 and clipped to [0, 1].
 *
 * By construction x starts without selectivity: it shows changes relative to the first session.
 *
 * @param trace (rows) mean count of one ensemble; replaced by x
 */
export function normalisePublished(trace: Float64Array, states: Uint8Array, options: PublishedOptions): void {
  const { trialsPerSession, baseline, means } = options;
  const rows = trace.length;
  let total = 0;
  for (let row = 0, session = 0; row < rows; session++) {
    const shift = means.bySession[session]! - means.bySession[0]!;
    for (const end = row + trialsPerSession; row < end; row++) {
      const y = trace[row]! - means.firstByState[states[row]!]! - shift;
      trace[row] = y;
      total += y;
    }
  }
  const grandMean = total / rows;
  let squares = 0;
  for (let row = 0; row < rows; row++) {
    const centred = trace[row]! - grandMean;
    squares += centred * centred;
  }
  const sigma = Math.sqrt(squares / (rows - 1));
  const offset = baselineOffset(means.bySession[0]!, baseline);
  for (let row = 0; row < rows; row++) trace[row] = toUnitResponse(trace[row]! - grandMean, sigma, offset);
}

export interface PublishedOptions {
  readonly trialsPerSession: number;
  /** B: mean evoked count of the reference, spikes per trial. */
  readonly baseline: number;
  readonly means: TraceMeans;
}

/** (m(1) - B) / 4B: where the culture's first session lies relative to the baseline. */
export function baselineOffset(firstSessionMean: number, baseline: number): number {
  return (firstSessionMean - baseline) / (4 * baseline);
}

/** clip(1/2 + y / 2 sigma + offset, 0, 1); a trace that never varies (sigma 0) says nothing, so its y counts as 0. */
export function toUnitResponse(y: number, sigma: number, offset: number): number {
  const x = 0.5 + (sigma > 0 ? y / (2 * sigma) : 0) + offset;
  return x < 0 ? 0 : x > 1 ? 1 : x;
}
