import type { SessionEnded } from '../../protocols/ledger.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { OnlineModel } from '../model/online-model.js';
import { tracePreference, traceSelectivity } from '../model/trace-selectivity.js';
import type { InitialFigures, SessionFigures } from './stop-rules.js';

/** An experiment as far as it has come. */
export interface SessionsSoFar {
  readonly table: ResponseTable;
  readonly model: OnlineModel;
}

/** What the stop rules look at after a session. */
export function figuresOf(ended: SessionEnded, { table, model }: SessionsSoFar): SessionFigures {
  const { session, meanCount, selectivity } = ended;
  const range = { design: model.design, first: session, end: session + 1 };
  const xSelectivity =
    model.calibration?.type === 'calibrated' ? traceSelectivity(model.run.arrays.x, model.states, range) : Number.NaN;
  return {
    session,
    meanCount,
    silentShare: silentShare(table, session),
    selectivity,
    xSelectivity: finite(xSelectivity),
  };
}

/** What the initial sessions were like, all together. */
export function initialFiguresOf({ table, model }: SessionsSoFar): InitialFigures {
  const { design, calibration, states } = model;
  const end = design.initialSessions;
  const counts = table.counts.subarray(0, end * table.trialsPerSession * table.electrodeCount);
  const selectivity =
    calibration?.type === 'calibrated'
      ? tracePreference(calibration.traces, states, { design, first: 0, end })
      : Number.NaN;
  return {
    meanCount: counts.reduce((sum, count) => sum + count, 0) / counts.length,
    selectivity: finite(selectivity),
  };
}

/** Share of the electrodes without a spike in the session, of those that could see in any of its trials. */
function silentShare(
  { counts, blindFraction, electrodeCount, trialsPerSession }: ResponseTable,
  session: number,
): number {
  const first = session * trialsPerSession * electrodeCount;
  const end = first + trialsPerSession * electrodeCount;
  const spikes = new Float64Array(electrodeCount);
  const seen = new Uint8Array(electrodeCount);
  for (let i = first; i < end; i++) {
    spikes[i % electrodeCount]! += counts[i]!;
    if (blindFraction === undefined || blindFraction[i]! < 1) seen[i % electrodeCount] = 1;
  }
  const sighted = seen.reduce((sum, one) => sum + one, 0);
  return sighted === 0
    ? 0
    : spikes.reduce((silent, count, e) => silent + (seen[e] === 1 && count === 0 ? 1 : 0), 0) / sighted;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
