import { baselineOffset, toUnitResponse } from './published-normaliser.js';

/**
 * What calibration fixes for one ensemble, after which its responses can be normalised while the experiment runs.
 *
 * Only the initial sessions are looked at: conditional means and state shares of the first session, the standard
 * deviation and grand mean over all initial sessions, the baseline. Where every session shows each state equally often
 * this equals the published normalisation but for sigma and the ensembles; where it does not (fresh patterns), session
 * means are compared state by state, so that a session with more pulses is not taken for a more excitable culture.
 */
export interface CausalScale {
  /** (states) c(1): mean count over the first session's trials in each state, NaN for a state not shown in calibration */
  readonly firstByState: Float64Array;
  /** (states) share of the first session's trials */
  readonly shares: Float64Array;
  /** m(1), spikes per trial */
  readonly firstMean: number;
  /** Mean of y over the initial sessions; 0 but for rounding where state counts are equal. */
  readonly grandMean: number;
  /** Standard deviation of y over the initial sessions (ddof 1), spikes per trial, frozen. */
  readonly sigma: number;
  /** (m(1) - B) / 4B */
  readonly offset: number;
}

/** A stretch of one ensemble's trace: rows [first, end) of arrays over the whole experiment. */
export interface TraceSlice {
  /** (rows) mean count over the ensemble's electrodes */
  readonly trace: Float64Array;
  /** (rows) joint state of the sources */
  readonly states: Uint8Array;
  readonly first: number;
  readonly end: number;
}

/** Calibrates one ensemble on the initial sessions. */
export function calibrateCausal(trace: Float64Array, states: Uint8Array, options: CausalCalibration): CausalScale {
  const { trialsPerSession, initialSessions, stateCount, baseline } = options;
  const cells = createStateMeans(stateCount);
  addSlice(cells, { trace, states, first: 0, end: trialsPerSession });
  const firstByState = meansOf(cells);
  const shares = cells.trials.map((trials) => trials / trialsPerSession);
  const firstMean = cells.sums.reduce((sum, value) => sum + value, 0) / trialsPerSession;
  fillMissingStates(firstByState, { trace, states, first: 0, end: initialSessions * trialsPerSession });
  const draft = {
    firstByState,
    shares,
    firstMean,
    grandMean: 0,
    sigma: 0,
    offset: baselineOffset(firstMean, baseline),
  };
  const y = new Float64Array(initialSessions * trialsPerSession);
  for (let first = 0; first < y.length; first += trialsPerSession) {
    const slice = { trace, states, first, end: first + trialsPerSession };
    const shift = sessionShift(draft, slice);
    for (let row = first; row < slice.end; row++) y[row] = trace[row]! - firstByState[states[row]!]! - shift;
  }
  const grandMean = y.reduce((sum, value) => sum + value, 0) / y.length;
  let squares = 0;
  for (const value of y) squares += (value - grandMean) * (value - grandMean);
  return { ...draft, grandMean, sigma: Math.sqrt(squares / (y.length - 1)) };
}

export interface CausalCalibration {
  readonly trialsPerSession: number;
  readonly initialSessions: number;
  readonly stateCount: number;
  /** B, spikes per trial */
  readonly baseline: number;
}

/** Normalises a finished session: x of rows [first, end) into `out` at the same rows, in [0, 1]. */
export function normaliseSession(scale: CausalScale, slice: TraceSlice, out: Float64Array): void {
  const shift = sessionShift(scale, slice);
  for (let row = slice.first; row < slice.end; row++) {
    out[row] = normaliseTrial(scale, { count: slice.trace[row]!, state: slice.states[row]!, shift });
  }
}

/** Normalises one trial, given how far the running mean lies above the first session's. */
export function normaliseTrial(scale: CausalScale, trial: CausalTrial): number {
  const expected = scale.firstByState[trial.state]!;
  const y = trial.count - (Number.isNaN(expected) ? scale.firstMean : expected) - trial.shift - scale.grandMean;
  return toUnitResponse(y, scale.sigma, scale.offset);
}

export interface CausalTrial {
  /** Mean count over the ensemble, spikes per trial. */
  readonly count: number;
  readonly state: number;
  /** m(t) - m(1), spikes per trial */
  readonly shift: number;
}

/** Sums of a trace by state, as they build up or slide. */
export interface StateMeans {
  readonly sums: Float64Array;
  readonly trials: Float64Array;
}

export function createStateMeans(stateCount: number): StateMeans {
  return { sums: new Float64Array(stateCount), trials: new Float64Array(stateCount) };
}

/**
 * m(t) - m(1) with the first session's state shares as weights, over the states that both have seen: how far excitability
 * has shifted, whatever the mix of patterns.
 */
export function shiftFrom(scale: Pick<CausalScale, 'firstByState' | 'shares'>, means: StateMeans): number {
  let shift = 0;
  let weight = 0;
  for (let k = 0; k < means.sums.length; k++) {
    const share = scale.shares[k]!;
    if (means.trials[k] === 0 || share === 0) continue;
    shift += share * (means.sums[k]! / means.trials[k]! - scale.firstByState[k]!);
    weight += share;
  }
  return weight === 0 ? 0 : shift / weight;
}

function sessionShift(scale: Pick<CausalScale, 'firstByState' | 'shares'>, slice: TraceSlice): number {
  const cells = createStateMeans(scale.shares.length);
  addSlice(cells, slice);
  return shiftFrom(scale, cells);
}

function addSlice(target: StateMeans, { trace, states, first, end }: TraceSlice): void {
  for (let row = first; row < end; row++) {
    target.sums[states[row]!]! += trace[row]!;
    target.trials[states[row]!]! += 1;
  }
}

function meansOf({ sums, trials }: StateMeans): Float64Array {
  return sums.map((sum, k) => sum / trials[k]!);
}

/** A state that the first session did not show takes its mean over the calibration instead. */
function fillMissingStates(firstByState: Float64Array, calibration: TraceSlice): void {
  if (!firstByState.some(Number.isNaN)) return;
  const cells = createStateMeans(firstByState.length);
  addSlice(cells, calibration);
  meansOf(cells).forEach((mean, k) => {
    if (Number.isNaN(firstByState[k]!)) firstByState[k] = mean;
  });
}
