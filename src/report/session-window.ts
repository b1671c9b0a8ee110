import { lastSessionCount, type ExperimentDesign } from '../model/model-run.js';

/** Sessions [first, end), from 0. */
export interface SessionWindow {
  readonly first: number;
  readonly end: number;
}

/** The sessions that calibrate the model. */
export function initialWindow({ initialSessions }: ExperimentDesign): SessionWindow {
  return { first: 0, end: initialSessions };
}

/** The last sessions, as the model means them: where predictions, the verdict and the fall of L are scored. */
export function lastWindow(design: ExperimentDesign): SessionWindow {
  return { first: design.sessions - lastSessionCount(design), end: design.sessions };
}

/** `sessions 91–100` or `session 3`, counted from 1 as people do. */
export function nameWindow({ first, end }: SessionWindow): string {
  return end - first === 1 ? `session ${end}` : `sessions ${first + 1}–${end}`;
}

/** Mean over a window of per-session values that exist; NaN where there are none. */
export function meanOverWindow(values: ArrayLike<number>, { first, end }: SessionWindow): number {
  let sum = 0;
  let count = 0;
  for (let session = first; session < end; session++) {
    const value = values[session]!;
    if (!Number.isFinite(value)) continue;
    sum += value;
    count++;
  }
  return sum / count;
}
