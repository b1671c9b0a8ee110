import { MeaError } from '../../protocols/errors.js';
import type { Refusal } from './comparison-words.js';
import {
  compareInWords,
  MIXED_CONTROL_BASELINES,
  NO_COMMON_BATCH,
  NO_EVOKED_RATE,
  refuseEmptyGroups,
  refuseForeignBaselines,
  refuseInWords,
} from './comparison-words.js';
import type {
  CompareOptions,
  ComparedPair,
  CultureComparison,
  CultureRow,
  Exclusion,
  GroupSummary,
  MetricComparison,
  MetricDefinition,
  RefusedPair,
} from './culture-comparison.js';
import { CULTURE_METRICS, EVOKED_RATE } from './culture-comparison.js';
import type { BootstrapInterval, Strata } from './statistics/bootstrap.js';
import { bootstrapInterval } from './statistics/bootstrap.js';
import { mean, median } from './statistics/descriptive.js';
import { blockedMeanDifference, cliffsDelta, hedgesG } from './statistics/effect-size.js';
import { correctHolm } from './statistics/multiple-comparisons.js';
import { blockedMeanTest } from './statistics/permutation-test.js';
import { blockedRankTest, mannWhitneyTest } from './statistics/rank-test.js';
import type { TestResult } from './statistics/test-result.js';
import type { TwoGroupBlock } from './statistics/two-group-blocks.js';

/**
 * Compares groups of cultures, metric by metric and pair by pair. A culture is one unit however many trials it has, and
 * is compared only with cultures of its batch. The order of the rows does not matter.
 *
 * @throws MeaError `bad-input` for a culture listed twice, fewer than two groups, a value that is not finite, or a bad option
 */
export function compareCultures(rows: readonly CultureRow[], options: CompareOptions = {}): CultureComparison {
  const { metrics = CULTURE_METRICS, level = 0.05, seed = 1 } = options;
  const groups = options.groups ?? [...new Set(rows.map(({ group }) => group))].sort();
  assertRows(rows, groups);
  assertLevel(level);
  const sorted = rows.filter(({ group }) => groups.includes(group)).sort(byBatchAndName);
  const included = sorted.filter(({ excluded }) => excluded === undefined);
  const settings = { ...options, metrics, level, seed };
  const drafts = metrics.map((metric) => draftMetric(metric, { rows: included, groups, settings }));
  const tested = drafts.flatMap(({ pairs }) => pairs).filter((pair) => pair.type === 'compared');
  const corrected = correctHolm(tested.map(({ test }) => test.p));
  const family = { drafts, level, corrected: new Map(tested.map((pair, i) => [pair, corrected[i]!])) };
  return {
    groups: groups.map((group) => ({ group, cultures: included.filter((row) => row.group === group).length })),
    excluded: sorted.flatMap(({ culture, group, excluded }) =>
      excluded === undefined ? [] : [{ culture, group, reason: excluded }],
    ),
    metrics: drafts.map((draft) => ({
      ...draft,
      pairs: draft.pairs.map((pair) => (pair.type === 'refused' ? pair : finishPair(pair, draft.metric, family))),
    })),
    correction: 'holm',
    testsMade: tested.length,
    level,
    seed,
  };
}

type Settings = CompareOptions & Required<Pick<CompareOptions, 'metrics' | 'level' | 'seed'>>;

/** A comparison before it is known how many tests there are. */
type PairDraft = Omit<ComparedPair, 'pCorrected' | 'beside' | 'words'>;

interface MetricDraft extends Omit<MetricComparison, 'pairs'> {
  readonly pairs: readonly (PairDraft | RefusedPair)[];
}

interface Cultures {
  readonly rows: readonly CultureRow[];
  readonly groups: readonly string[];
  readonly settings: Settings;
}

function draftMetric(metric: MetricDefinition, { rows, groups, settings }: Cultures): MetricDraft {
  const measured = culturesWith(metric.name, rows);
  const pairs = groups.flatMap((first, i) =>
    groups.slice(i + 1).map((second) => {
      const pair = { first, second, metric, measured, rows, settings };
      return refusePair(pair) ?? draftPair(pair);
    }),
  );
  return {
    metric,
    summaries: groups.map((group) => summarise(group, measured.filter(isOf(group)).map(valueOf))),
    exclusions: rows.flatMap((row) => {
      const reason = missingReason(row, metric.name);
      return reason === undefined ? [] : [{ culture: row.culture, group: row.group, reason }];
    }),
    pairs,
  };
}

interface MeasuredCulture {
  readonly row: CultureRow;
  readonly value: number;
}

interface PairProblem {
  readonly first: string;
  readonly second: string;
  readonly metric: MetricDefinition;
  readonly measured: readonly MeasuredCulture[];
  readonly rows: readonly CultureRow[];
  readonly settings: Settings;
}

function refusePair(pair: PairProblem): RefusedPair | undefined {
  const { first, second, metric } = pair;
  const refusal = findRefusal(pair);
  if (refusal === undefined) return undefined;
  const reason = refuseInWords(metric, [first, second], refusal);
  return { type: 'refused', first, second, code: refusal.code, reason };
}

function findRefusal(pair: PairProblem): Refusal | undefined {
  const { first, second, metric, measured } = pair;
  const empty = [first, second].filter((group) => !measured.some(isOf(group)));
  if (empty.length > 0) return refuseEmptyGroups(empty);
  const refusal = metric.needsControlBaseline === true ? refuseBaselines(pair) : undefined;
  if (refusal !== undefined) return refusal;
  return groupBatches(pair).some(holdsBoth) ? undefined : NO_COMMON_BATCH;
}

function refuseBaselines(pair: PairProblem): Refusal | undefined {
  const batches = groupBatches(pair).map(({ members }) => members);
  const sources = batches.flat().map(({ baseline }) => baseline.source);
  const others = sources.filter((source) => source !== 'control');
  if (others.length > 0) return refuseForeignBaselines(others, sources.length);
  const isMixed = batches.some((rows) => rows.some(({ baseline }) => baseline.value !== rows[0]!.baseline.value));
  if (isMixed) return MIXED_CONTROL_BASELINES;
  const metric = pair.settings.metrics.find(({ name }) => name === EVOKED_RATE);
  if (metric === undefined || metric.needsControlBaseline === true) return NO_EVOKED_RATE;
  const evoked = { ...pair, metric, measured: culturesWith(EVOKED_RATE, pair.rows) };
  return findRefusal(evoked) === undefined ? undefined : NO_EVOKED_RATE;
}

function draftPair(pair: PairProblem): PairDraft {
  const { first, second, metric, settings } = pair;
  const batches = groupBatches(pair);
  const used = batches.filter(holdsBoth);
  const blocks = used.map(({ block }) => block);
  const strata = blocks.flatMap((block) => [block.first, block.second]);
  const test = testBlocks(blocks, settings);
  const interval = (purpose: string, effect: (blocks: readonly TwoGroupBlock[]) => number): BootstrapInterval =>
    bootstrapInterval(strata, (drawn) => effect(toBlocks(drawn)), {
      seed: settings.seed,
      purpose: `compare ${purpose} ${metric.name} ${first} ${second}`,
      resamples: settings.resamples ?? 4_999,
      confidence: settings.confidence ?? 0.95,
    });
  return {
    type: 'compared',
    first: summarise(
      first,
      blocks.flatMap((block) => [...block.first]),
    ),
    second: summarise(
      second,
      blocks.flatMap((block) => [...block.second]),
    ),
    batches: blocks.length,
    setAside: batches.filter((batch) => !used.includes(batch)).flatMap(({ members }) => members.map(toSetAside)),
    testName: settings.test === 'mean' ? 'permutation-of-means' : blocks.length === 1 ? 'mann-whitney' : 'van-elteren',
    test,
    canReachLevel: test.smallestPossibleP < settings.level,
    difference: interval('difference', blockedMeanDifference),
    cliffsDelta: interval('delta', cliffsDelta),
    hedgesG: hedgesG(blocks) ?? null,
    fixedCultures: strata.filter((stratum) => stratum.length === 1).length,
  };
}

function testBlocks(blocks: readonly TwoGroupBlock[], { test, seed }: Settings): TestResult {
  if (test === 'mean') return blockedMeanTest(blocks, { seed });
  const [only] = blocks;
  return blocks.length === 1 ? mannWhitneyTest(only!.first, only!.second, { seed }) : blockedRankTest(blocks, { seed });
}

interface Batch {
  readonly members: readonly CultureRow[];
  readonly block: TwoGroupBlock;
}

/** The cultures of a pair of groups, batch by batch; values ascend, so that nothing depends on the order of rows. */
function groupBatches({ first, second, measured }: PairProblem): Batch[] {
  const members = measured.filter(({ row }) => row.group === first || row.group === second);
  return [...new Set(members.map(batchOf))].map((name) => {
    const batch = members.filter((member) => batchOf(member) === name);
    return {
      members: batch.map(({ row }) => row),
      block: {
        first: Float64Array.from(batch.filter(isOf(first)).map(valueOf)).sort(),
        second: Float64Array.from(batch.filter(isOf(second)).map(valueOf)).sort(),
      },
    };
  });
}

function holdsBoth({ block }: Batch): boolean {
  return block.first.length > 0 && block.second.length > 0;
}

function toBlocks(strata: Strata): TwoGroupBlock[] {
  return Array.from({ length: strata.length / 2 }, (_, b) => ({ first: strata[2 * b]!, second: strata[2 * b + 1]! }));
}

/** All tests made together. */
interface Family {
  readonly drafts: readonly MetricDraft[];
  readonly corrected: ReadonlyMap<PairDraft, number>;
  readonly level: number;
}

function finishPair(draft: PairDraft, metric: MetricDefinition, family: Family): ComparedPair {
  const beside = metric.needsControlBaseline === true ? findEvokedRate(draft, family) : undefined;
  const pair = { ...draft, pCorrected: family.corrected.get(draft)!, ...(beside === undefined ? {} : { beside }) };
  return { ...pair, words: compareInWords(pair, metric, { tests: family.corrected.size, level: family.level }) };
}

function findEvokedRate(draft: PairDraft, { drafts, corrected }: Family): ComparedPair['beside'] {
  const pairs = drafts.find(({ metric }) => metric.name === EVOKED_RATE)?.pairs ?? [];
  for (const pair of pairs) {
    if (pair.type === 'refused') continue;
    if (pair.first.group !== draft.first.group || pair.second.group !== draft.second.group) continue;
    const pCorrected = corrected.get(pair)!;
    return { metric: EVOKED_RATE, p: pair.test.p, pCorrected, cliffsDelta: pair.cliffsDelta.estimate };
  }
  return undefined;
}

function culturesWith(metric: string, rows: readonly CultureRow[]): MeasuredCulture[] {
  return rows.flatMap((row) => {
    const value = row.values[metric];
    return typeof value === 'number' ? [{ row, value }] : [];
  });
}

function missingReason(row: CultureRow, name: string): string | undefined {
  const value = row.values[name];
  if (value === undefined) return 'not among the results of this culture';
  return typeof value === 'number' ? undefined : value.missing;
}

function toSetAside({ culture, group, batch }: CultureRow): Exclusion {
  return {
    culture,
    group,
    reason: `${batch === undefined ? 'no batch given, and' : `batch ${batch}`} has no culture of the other group`,
  };
}

function summarise(group: string, values: readonly number[]): GroupSummary {
  if (values.length === 0) return { group, cultures: 0, mean: null, median: null };
  const sorted = Float64Array.from(values).sort();
  return { group, cultures: values.length, mean: mean(sorted), median: median(sorted) };
}

function isOf(group: string): (culture: MeasuredCulture) => boolean {
  return ({ row }) => row.group === group;
}

function valueOf({ value }: MeasuredCulture): number {
  return value;
}

function batchOf({ row }: MeasuredCulture): string {
  return row.batch ?? '';
}

function byBatchAndName(a: CultureRow, b: CultureRow): number {
  return compareText(a.batch ?? '', b.batch ?? '') || compareText(a.culture, b.culture);
}

/** By code units, so that no locale can change a result. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function assertRows(rows: readonly CultureRow[], groups: readonly string[]): void {
  if (new Set(groups).size < 2 || new Set(groups).size !== groups.length) {
    throw new MeaError('bad-input', {
      what: 'Too few groups to compare',
      got: groups.length === 0 ? 'none' : groups.join(', '),
      wanted: 'two or more different groups',
    });
  }
  const seen = new Set<string>();
  for (const { culture, values } of rows) {
    if (seen.has(culture)) {
      throw new MeaError('bad-input', {
        what: 'A culture is listed twice',
        got: culture,
        wanted: 'each culture once, for it is the unit that is counted',
      });
    }
    seen.add(culture);
    assertFiniteValues(culture, values);
  }
}

function assertFiniteValues(culture: string, values: CultureRow['values']): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'number' || Number.isFinite(value)) continue;
    throw new MeaError('bad-input', {
      what: `Bad value of ${name}`,
      got: String(value),
      wanted: 'a finite number, or the reason why it is missing',
      where: culture,
    });
  }
}

function assertLevel(level: number): void {
  if (level > 0 && level < 1) return;
  throw new MeaError('bad-input', { what: 'Bad level', got: String(level), wanted: 'a number in (0, 1)' });
}
