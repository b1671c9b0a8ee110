import type { RawPolicy } from '../recording/session-file.js';

/** Options of `meactl run`. */
export interface RunCommand {
  readonly experiment?: string | undefined;
  readonly rig?: string;
  readonly out?: string;
  readonly resume?: string | undefined;
  readonly seed?: number;
  readonly sessions?: number;
  readonly realTime: boolean;
  readonly arm?: string;
  readonly acceptUnconfirmed?: string;
  readonly rearm?: number;
  readonly treatmentLot?: string;
  readonly treatmentApplied?: string;
  readonly raw?: RawPolicy;
  readonly batch?: number;
  readonly ledgerBatch: number;
  readonly report: boolean;
  readonly json: boolean;
}
