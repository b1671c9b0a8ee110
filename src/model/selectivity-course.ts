import { rowCount, type ResponseTable } from '../../protocols/responses.js';
import { findLeftOut, maskOf, type ElectrodeChoice } from './electrode-choice.js';
import { chooseEnsembles } from './ensembles.js';
import { lastSessionCount } from './model-run.js';
import { addCounts, createSessionStatistics, type SessionStatistics } from './session-statistics.js';
import { listStates, singleSourceState, stateCountOf } from './states.js';

/**
 * Responses of the ensembles' electrodes to their own source and to the others, session by session, with choice and score
 * on different trials: ensembles come from the odd trials of the initial sessions, all scores from even trials. An
 * electrode that was chosen because it happened to look selective cannot keep that luck.
 */
export interface SelectivityCourse {
  readonly sessions: number;
  /** Electrodes of every ensemble, chosen on odd trials. */
  readonly ensembles: readonly (readonly number[])[];
  /** What the two halves of the trials lack for choosing and scoring. */
  readonly unseen: readonly UnseenSource[];
  /** All ensembles' electrodes in one list, ensemble after ensemble. */
  readonly electrodes: readonly ElectrodeCourse[];
}

/** A source (from 0) that was never on alone where it had to be. */
export interface UnseenSource {
  readonly source: number;
  readonly half: 'odd' | 'even';
  readonly sessions: 'the initial sessions' | 'the first sessions' | 'the last sessions';
}

export interface ElectrodeCourse {
  readonly electrode: number;
  readonly ensemble: number;
  /** (sessions) mean count on even trials with only the own source on; NaN where there was none */
  readonly own: Float64Array;
  /** (sessions) mean count on even trials with only another source on, averaged over those states */
  readonly other: Float64Array;
}

/**
 * Splits the trials of every session into odd (1st, 3rd, ...) and even ones, and follows the ensembles of the odd ones. An
 * electrode that was blind in any stretch of as many sessions as the initial ones is left out: going blind after some
 * stimuli would look like learning.
 *
 * @throws MeaError `bad-input` for `never-pulsed` where nobody knows the pulsed electrodes
 */
export function followSelectivity(
  table: ResponseTable,
  initialSessions: number,
  choice: ElectrodeChoice = 'seen',
): SelectivityCourse {
  const states = listStates(table.sources, table.sourceCount);
  const odd = halfStatistics(table, states, 0);
  const even = halfStatistics(table, states, 1);
  const leftOut = findLeftOut(table, { choice, stretch: initialSessions, end: table.sessions });
  odd.leftOut = maskOf(leftOut, table.electrodeCount);
  const ensembles = chooseEnsembles(odd, { first: 0, end: initialSessions });
  const electrodes = ensembles.flatMap((members, ensemble) =>
    members.map((electrode) => followElectrode(even, electrode, ensemble)),
  );
  const halfInitial = Math.ceil(initialSessions / 2);
  const last = table.sessions - lastSessionCount({ sessions: table.sessions, initialSessions });
  const unseen = Array.from({ length: table.sourceCount }, (_, source): readonly UnseenSource[] => [
    ...(isSeen(odd, source, [0, initialSessions])
      ? []
      : [{ source, half: 'odd', sessions: 'the initial sessions' } as const]),
    ...(isSeen(even, source, [0, halfInitial])
      ? []
      : [{ source, half: 'even', sessions: 'the first sessions' } as const]),
    ...(isSeen(even, source, [last, table.sessions])
      ? []
      : [{ source, half: 'even', sessions: 'the last sessions' } as const]),
  ]).flat();
  return { sessions: table.sessions, ensembles, electrodes, unseen };
}

function isSeen(half: SessionStatistics, source: number, [first, end]: readonly [number, number]): boolean {
  const state = singleSourceState(source, Math.log2(half.states));
  for (let session = first; session < end; session++) if (half.trials[session * half.states + state]! > 0) return true;
  return false;
}

function halfStatistics(table: ResponseTable, states: Uint8Array, parity: number): SessionStatistics {
  const { sessions, trialsPerSession, electrodeCount: electrodes, counts } = table;
  const statistics = createSessionStatistics({ sessions, electrodes, states: stateCountOf(table.sourceCount) });
  for (let row = 0; row < rowCount(table); row++) {
    if ((row % trialsPerSession) % 2 !== parity) continue;
    const session = Math.floor(row / trialsPerSession);
    addCounts(statistics, { session, state: states[row]!, counts, offset: row * electrodes });
  }
  return statistics;
}

function followElectrode(even: SessionStatistics, electrode: number, ensemble: number): ElectrodeCourse {
  const sourceCount = Math.log2(even.states);
  const own = new Float64Array(even.sessions);
  const other = new Float64Array(even.sessions);
  const meanIn = (session: number, source: number): number => {
    const cell = session * even.states + singleSourceState(source, sourceCount);
    return even.sums[cell * even.electrodes + electrode]! / even.trials[cell]!;
  };
  for (let session = 0; session < even.sessions; session++) {
    own[session] = meanIn(session, ensemble);
    let sum = 0;
    let sources = 0;
    for (let k = 0; k < sourceCount; k++) {
      const mean = k === ensemble ? Number.NaN : meanIn(session, k);
      if (Number.isNaN(mean)) continue;
      sum += mean;
      sources++;
    }
    other[session] = sum / sources;
  }
  return { electrode, ensemble, own, other };
}
