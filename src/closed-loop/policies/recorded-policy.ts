import { MeaError } from '../../../protocols/errors.js';
import type { LedgerRecord, TrialRecord } from '../../../protocols/ledger.js';
import type { PatternPolicy } from '../pattern-policy.js';

/**
 * A policy that shows what was recorded, with the fallbacks that were, and after that asks another one. So a run whose
 * patterns came from outside can be replayed and resumed.
 *
 * @param next decides after the recorded trials; without it the policy ends there
 * @throws MeaError `missing` when asked for more than was recorded and there is no `next`
 */
export function repeatRecorded(records: readonly LedgerRecord[], next: PatternPolicy | undefined): PatternPolicy {
  const trials = records.filter((record) => record.type === 'trial');
  // In a session that began anew a trial was decided more than once; each time it is asked for, the next one is taken.
  const decided = new Map<string, TrialRecord[]>();
  for (const record of trials) {
    const key = `${record.session}.${record.trial}`;
    decided.set(key, [...(decided.get(key) ?? []), record]);
  }
  return {
    name: next?.name ?? 'recorded',
    nextTrials(session, from, history) {
      const recorded = decided.get(`${session}.${from}`)?.shift();
      if (recorded !== undefined) return toDecision(recorded);
      if (next !== undefined) return next.nextTrials(session, from, history);
      throw new MeaError('missing', {
        what: 'The recording ends before the experiment does',
        got: `${trials.length} trials`,
        wanted: `session ${session}, trial ${from}`,
      });
    },
  };
}

function toDecision({ sources, inputs, fallback }: TrialRecord) {
  return {
    trials: 1,
    sources: Uint8Array.from(sources, Number),
    inputs: Uint8Array.from(inputs, Number),
    ...(fallback !== undefined && { fallbacks: [fallback] }),
  };
}
