import { existsSync, readFileSync } from 'node:fs';
import type { LatencyRecord } from '../../protocols/ledger.js';
import { latencyRecordSchema } from './ledger-schema.js';

/**
 * The newest record of a run's latencies; undefined where there is none. Host times are no data: a line that cannot be
 * read is passed over.
 */
export function readNewestLatency(path: string): LatencyRecord | undefined {
  if (!existsSync(path)) return undefined;
  for (const line of readFileSync(path, 'utf8').split('\n').reverse()) {
    const parsed = latencyRecordSchema.safeParse(parseLine(line));
    if (parsed.success) return parsed.data;
  }
  return undefined;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
