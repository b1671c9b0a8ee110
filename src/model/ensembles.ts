import { conditionalMean, sessionMean, type SessionStatistics } from './session-statistics.js';
import { singleSourceState } from './states.js';

/** Thresholds of the published choice of ensembles, in spikes per trial; all comparisons are strict. */
export interface EnsembleRule {
  /** The mean over sessions of an electrode's session mean must exceed this. */
  readonly minMeanCount: number;
  /** Its smallest session mean must exceed this. */
  readonly minSessionMeanCount: number;
  /** Its preference for a source must exceed this. */
  readonly minPreference: number;
}

const PUBLISHED_RULE: EnsembleRule = { minMeanCount: 1, minSessionMeanCount: 0.1, minPreference: 0.5 };

/**
 * Chooses the ensembles from sessions [first, end): for every source, the electrodes that are responsive and prefer it.
 *
 * Preference of electrode e for source k: mean over sessions of the mean count with only k on, less the mean of the
 * other single-source states. An electrode belongs to the source of its largest preference, if that exceeds the rule's.
 * With two sources this is the paper's d = mean(c10 - c01), d > 0.5 and d < -0.5. Sessions that lack one of the
 * single-source states say nothing about the preference and are left out of its mean. What the statistics leave out is
 * never chosen.
 *
 * @returns one ascending list of electrodes (from 0) per source; a list may be empty, which callers must handle
 */
export function chooseEnsembles(
  statistics: SessionStatistics,
  range: SessionRange,
  rule: EnsembleRule = PUBLISHED_RULE,
): readonly (readonly number[])[] {
  const sourceCount = Math.log2(statistics.states);
  const ensembles: number[][] = Array.from({ length: sourceCount }, () => []);
  for (let electrode = 0; electrode < statistics.electrodes; electrode++) {
    if (statistics.leftOut?.[electrode] === 1) continue;
    if (!isResponsive(statistics, electrode, { range, rule })) continue;
    const { source, preference } = preferredSource(statistics, electrode, range);
    if (preference > rule.minPreference) ensembles[source]!.push(electrode);
  }
  return ensembles;
}

export interface SessionRange {
  readonly first: number;
  readonly end: number;
}

/** The source an electrode prefers most and by how many spikes per trial; preference is NaN where no session can tell. */
export function preferredSource(
  statistics: SessionStatistics,
  electrode: number,
  range: SessionRange,
): { readonly source: number; readonly preference: number } {
  const sourceCount = Math.log2(statistics.states);
  const preferences = sourcePreferences(statistics, electrode, range);
  let source = 0;
  for (let k = 1; k < sourceCount; k++) if (preferences[k]! > preferences[source]!) source = k;
  return { source, preference: preferences[source]! };
}

/** (sources) preference of an electrode for each source, spikes per trial. */
export function sourcePreferences(statistics: SessionStatistics, electrode: number, range: SessionRange): Float64Array {
  const sourceCount = Math.log2(statistics.states);
  const sums = new Float64Array(sourceCount);
  const means = new Float64Array(sourceCount);
  let sessions = 0;
  for (let session = range.first; session < range.end; session++) {
    let total = 0;
    for (let k = 0; k < sourceCount; k++) {
      means[k] = conditionalMean(statistics, { session, electrode, state: singleSourceState(k, sourceCount) });
      total += means[k]!;
    }
    if (Number.isNaN(total)) continue;
    sessions++;
    for (let k = 0; k < sourceCount; k++) sums[k]! += means[k]! - (total - means[k]!) / (sourceCount - 1);
  }
  return sums.map((sum) => sum / sessions);
}

function isResponsive(
  statistics: SessionStatistics,
  electrode: number,
  { range, rule }: { readonly range: SessionRange; readonly rule: EnsembleRule },
): boolean {
  let sum = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let session = range.first; session < range.end; session++) {
    const mean = sessionMean(statistics, session, electrode);
    sum += mean;
    least = Math.min(least, mean);
  }
  return sum / (range.end - range.first) > rule.minMeanCount && least > rule.minSessionMeanCount;
}

/** Overlap of two sets of electrodes: intersection over union; 1 for two empty sets. */
export function jaccardIndex(a: readonly number[], b: readonly number[]): number {
  const shared = a.filter((electrode) => b.includes(electrode)).length;
  const union = a.length + b.length - shared;
  return union === 0 ? 1 : shared / union;
}
