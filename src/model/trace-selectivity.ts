import type { ExperimentDesign } from './model-run.js';
import { isSourceOn, singleSourceState } from './states.js';

/** Sessions [first, end) of an experiment. */
export interface SelectivityRange {
  readonly design: ExperimentDesign;
  readonly first: number;
  readonly end: number;
}

/**
 * Selectivity of normalised responses x (n, T K): mean over ensembles of the mean over trials with the ensemble's source
 * on, less the mean over trials with it off, whatever the other sources did. It starts near 0 by construction of x.
 * NaN where the range lacks such trials.
 */
export function traceSelectivity(x: Float64Array, states: Uint8Array, range: SelectivityRange): number {
  const { sourceCount: n } = range.design;
  return contrast(x, states, {
    range,
    isOwn: (state, a) => isSourceOn(state, a, n),
    isOther: (state, a) => !isSourceOn(state, a, n),
  });
}

/**
 * Preference of raw traces (n, T K) for the own source, in spikes per trial: mean over ensembles of the mean over trials
 * with only the own source on, less the mean over trials with only another one on. NaN where the range lacks such trials.
 */
export function tracePreference(traces: Float64Array, states: Uint8Array, range: SelectivityRange): number {
  const { sourceCount: n } = range.design;
  return contrast(traces, states, {
    range,
    isOwn: (state, a) => state === singleSourceState(a, n),
    isOther: (state, a) => state !== singleSourceState(a, n) && state !== 0 && (state & (state - 1)) === 0,
  });
}

interface Contrast {
  readonly range: SelectivityRange;
  readonly isOwn: (state: number, ensemble: number) => boolean;
  readonly isOther: (state: number, ensemble: number) => boolean;
}

function contrast(traces: Float64Array, states: Uint8Array, { range, isOwn, isOther }: Contrast): number {
  const { design, first, end } = range;
  const { sourceCount: n, trialsPerSession: trials, sessions } = design;
  const rows = sessions * trials;
  let total = 0;
  for (let a = 0; a < n; a++) {
    let own = 0;
    let ownTrials = 0;
    let other = 0;
    let otherTrials = 0;
    for (let row = first * trials; row < end * trials; row++) {
      if (isOwn(states[row]!, a)) {
        own += traces[a * rows + row]!;
        ownTrials++;
      } else if (isOther(states[row]!, a)) {
        other += traces[a * rows + row]!;
        otherTrials++;
      }
    }
    total += own / ownTrials - other / otherTrials;
  }
  return total / n;
}
