import { rowCount, type ResponseTable } from '../protocols/responses.js';

/** How much more selective the selective electrodes of a culture became between its first and its last ten sessions. */
export interface SelectivityGain {
  /** Electrodes that were selective in the first ten sessions. */
  readonly electrodes: number;
  /** Mean gain of (preferred - other), in spikes per trial. */
  readonly counts: number;
  /** Mean gain of (preferred - other) / (preferred + other), over the electrodes that answer at both ends. */
  readonly index: number;
}

/** Sessions at either end. */
const ENDS = 10;
/** Least |c10 - c01| of a selective electrode, in spikes. */
const LEAST_PREFERENCE = 0.5;

/**
 * Electrodes and their preferred source are chosen on the odd trials of the first ten sessions and scored on the even
 * trials, so that the choice does not move the score: c10 and c01 are mean counts over trials with the first or the
 * second source on alone. An electrode that lost all responses counts as it is in `counts`, and not at all in `index`.
 *
 * Source: docs/decisions/0004-verdict.md.
 */
export function measureSelectivityGain(table: ResponseTable): SelectivityGain {
  const last = table.sessions - ENDS;
  const chosen = meanPreferences(table, 0, 'odd');
  const before = meanPreferences(table, 0, 'even');
  const after = meanPreferences(table, last, 'even');
  const electrodes = chosen.flatMap(({ difference }, e) => (Math.abs(difference) > LEAST_PREFERENCE ? [e] : []));
  const signOf = (e: number): number => Math.sign(chosen[e]!.difference);
  const answering = electrodes.filter((e) => before[e]!.sum > 0 && after[e]!.sum > 0);
  const indexOf = ({ difference, sum }: Preference): number => difference / sum;
  return {
    electrodes: electrodes.length,
    counts: average(electrodes.map((e) => signOf(e) * (after[e]!.difference - before[e]!.difference))),
    index: average(answering.map((e) => signOf(e) * (indexOf(after[e]!) - indexOf(before[e]!)))),
  };
}

/** c10 - c01 and c10 + c01 of one electrode. */
interface Preference {
  readonly difference: number;
  readonly sum: number;
}

function meanPreferences(table: ResponseTable, firstSession: number, parity: 'odd' | 'even'): Preference[] {
  const { electrodeCount, trialsPerSession, sources, counts } = table;
  const sums = [new Float64Array(electrodeCount), new Float64Array(electrodeCount)] as const;
  const trials = [0, 0];
  const end = Math.min(rowCount(table), (firstSession + ENDS) * trialsPerSession);
  for (let row = firstSession * trialsPerSession; row < end; row++) {
    const trial = row % trialsPerSession;
    const [first, second] = [sources[2 * row]!, sources[2 * row + 1]!];
    if (first === second || trial % 2 !== (parity === 'odd' ? 1 : 0)) continue;
    const side = first === 1 ? 0 : 1;
    trials[side]! += 1;
    for (let e = 0; e < electrodeCount; e++) sums[side][e]! += counts[row * electrodeCount + e]!;
  }
  return Array.from({ length: electrodeCount }, (_, e) => {
    const [c10, c01] = [sums[0][e]! / trials[0]!, sums[1][e]! / trials[1]!];
    return { difference: c10 - c01, sum: c10 + c01 };
  });
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
