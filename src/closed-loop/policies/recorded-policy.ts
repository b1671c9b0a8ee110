import { MeaError } from '../../../protocols/errors.js';
import type { LedgerRecord, TrialRecord } from '../../../protocols/ledger.js';
import type { PatternDecision, PatternPolicy } from '../pattern-policy.js';

/**
 * A policy that shows what was recorded, with the fallbacks that were, and after that asks another one. So a run whose
 * patterns came from outside can be replayed and resumed.
 *
 * @param next decides after the recorded trials; without it the policy ends there
 * @throws MeaError `missing` when asked for more than was recorded and there is no `next`
 */
export function repeatRecorded(records: readonly LedgerRecord[], next: PatternPolicy | undefined): PatternPolicy {
  const decided = listDecisions(records);
  return {
    name: next?.name ?? 'recorded',
    nextTrials(session, from, history) {
      const recorded = decided.get(`${session}.${from}`)?.shift();
      if (recorded !== undefined) return toDecision(recorded);
      if (next !== undefined) return next.nextTrials(session, from, history);
      throw new MeaError('missing', {
        what: 'The recording ends before the experiment does',
        got: `${records.filter(({ type }) => type === 'trial').length} trials`,
        wanted: `session ${session}, trial ${from}`,
      });
    },
  };
}

/**
 * (session.trial) the decisions that were made for it, in order: more than one where the session began anew. What does not
 * count is shown again without a new decision.
 */
function listDecisions(records: readonly LedgerRecord[]): ReadonlyMap<string, ShownTrial[]> {
  const decided = new Map<string, ShownTrial[]>();
  let failed: string | undefined;
  for (const record of records) {
    if (record.type === 'session-restarted') failed = undefined;
    if (record.type !== 'trial' && record.type !== 'trial-uncounted') continue;
    const key = `${record.session}.${record.trial}`;
    if (failed !== key) decided.set(key, [...(decided.get(key) ?? []), record]);
    failed = record.type === 'trial-uncounted' ? key : undefined;
  }
  return decided;
}

type ShownTrial = Pick<TrialRecord, 'sources' | 'inputs' | 'fallback'>;

function toDecision({ sources, inputs, fallback }: ShownTrial): PatternDecision {
  return {
    trials: 1,
    sources: Uint8Array.from(sources, Number),
    inputs: Uint8Array.from(inputs, Number),
    // What came from outside was told of every response.
    ...(fallback === undefined ? { lookedAt: 'all' } : { fallbacks: [fallback] }),
  };
}
