import type { Clock } from '../../protocols/clock.js';
import type { LatencyRecord, LatencySummary } from '../../protocols/ledger.js';

/** Measures host times of a session's trials; they go into records of their own that no comparison reads. */
export interface LatencyMeter {
  startResponse(): void;
  endResponse(): void;
  startUpdate(): void;
  endUpdate(): void;
  /** The session's figures; the meter starts anew. */
  summarise(session: number): LatencyRecord;
}

export function createLatencyMeter(clock: Clock): LatencyMeter {
  let responses: number[] = [];
  let updates: number[] = [];
  let responseStart = 0;
  let updateStart = 0;
  return {
    startResponse() {
      responseStart = clock.monotonicMs();
    },
    endResponse() {
      responses.push((clock.monotonicMs() - responseStart) * 1000);
    },
    startUpdate() {
      updateStart = clock.monotonicMs();
    },
    endUpdate() {
      updates.push((clock.monotonicMs() - updateStart) * 1000);
    },
    summarise(session) {
      const record = {
        type: 'latency',
        session,
        responseUs: summariseTimes(responses),
        updateUs: summariseTimes(updates),
      } as const;
      responses = [];
      updates = [];
      return record;
    },
  };
}

function summariseTimes(times: readonly number[]): LatencySummary {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
