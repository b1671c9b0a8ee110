import type {
  BaselineSource,
  ComparedPair,
  GroupSummary,
  MetricDefinition,
  RefusalCode,
} from './culture-comparison.js';
import type { BootstrapInterval } from './statistics/bootstrap.js';

/** Below so many cultures per group a bootstrap interval covers visibly less than it says (see `bootstrapInterval`). */
const FEW_CULTURES = 10;

/** A comparison that has everything but its words. */
type Sayable = Omit<ComparedPair, 'words'>;

/**
 * What a comparison shows, in plain sentences: the two groups, the test, the verdict, and what weakens it.
 *
 * @param family the number of tests that were corrected for, and the level of the claims
 */
export function compareInWords(
  pair: Sayable,
  metric: MetricDefinition,
  family: { readonly tests: number; readonly level: number },
): string {
  const { beside } = pair;
  return [
    effectWords(pair, metric),
    testWords(pair, family.tests),
    verdictWords(pair, metric, family.level),
    ...(beside === undefined
      ? []
      : [`The evoked rate of the same groups, which phi follows closely, has p = ${formatNumber(beside.p)}.`]),
    ...cautionWords(pair),
  ].join(' ');
}

/** Why a comparison is not made. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly because: string;
}

export const NO_COMMON_BATCH: Refusal = {
  code: 'confounded-with-batch',
  because: "no batch holds both, so a difference could be the batch's.",
};
export const MIXED_CONTROL_BASELINES: Refusal = {
  code: 'mixed-control-baselines',
  because: 'cultures of one batch have different control baselines B, and phi moves with B.',
};
export const NO_EVOKED_RATE: Refusal = {
  code: 'no-evoked-rate',
  because: 'the plain evoked rate, which phi follows closely, cannot be compared beside it.',
};

export function refuseEmptyGroups(groups: readonly string[]): Refusal {
  return { code: 'no-values', because: `no culture of ${groups.join(' or ')} has a value.` };
}

/** @param others the baseline sources of the cultures whose baseline is not from controls, of `total` cultures */
export function refuseForeignBaselines(others: readonly BaselineSource[], total: number): Refusal {
  const sources = [...new Set(others)].sort().join(', ');
  return {
    code: 'no-control-baseline',
    because:
      `it is measured from a baseline B, which must come from stored control cultures; ${others.length} of ` +
      `${total} cultures have another (${sources}). With its own B a culture's phi is near ln 1/2 whatever it does.`,
  };
}

export function refuseInWords(metric: MetricDefinition, groups: readonly [string, string], refusal: Refusal): string {
  return `${capitalised(metric.label)} of ${groups.join(' and ')} is not compared: ${refusal.because}`;
}

function effectWords({ first, second, difference }: Sayable, { label, unit }: MetricDefinition): string {
  const side = ({ group, cultures, mean: centre }: GroupSummary): string =>
    `${group} ${formatNumber(centre!)} (${countWords(cultures, 'culture')})`;
  const range = difference.isDegenerate ? '' : ` (${formatInterval(difference)})`;
  return `${capitalised(label)}: ${side(first)} against ${side(second)}, difference ${formatNumber(difference.estimate)}${range} ${unit}.`;
}

function testWords({ test, testName, batches, pCorrected }: Sayable, tests: number): string {
  const { exactness, p } = test;
  const names = {
    'mann-whitney': 'Mann-Whitney',
    'van-elteren': `van Elteren over ${countWords(batches, 'batch', 'batches')}`,
    'permutation-of-means': `permutation of means in ${countWords(batches, 'batch', 'batches')}`,
  };
  const how = exactness.type === 'exact' ? 'exact' : `${exactness.draws} random arrangements`;
  const after = `${formatNumber(pCorrected)} after correction for ${countWords(tests, 'test')}`;
  return `p = ${formatNumber(p)} (${names[testName]}, ${how}), ${after}.`;
}

function verdictWords(draft: Sayable, { label }: MetricDefinition, level: number): string {
  const { test, pCorrected, difference, canReachLevel } = draft;
  if (!canReachLevel) {
    const smallest = formatNumber(test.smallestPossibleP);
    return `So few cultures cannot tell: no arrangement of them could give p < ${level} (the smallest possible is ${smallest}).`;
  }
  if (pCorrected < level) return `The groups differ in ${label}.`;
  if (test.p < level) return `The difference does not stand after correction, so it is not shown.`;
  if (difference.isDegenerate) return 'No difference is shown, which does not show that they are equal.';
  return `No difference is shown, which does not show that they are equal: differences of ${formatInterval(difference)} fit.`;
}

function cautionWords({ first, second, fixedCultures, setAside, difference }: Sayable): string[] {
  const alone = `${countWords(fixedCultures, 'culture is', 'cultures are')} alone of their group in their batch`;
  const aside = `${countWords(setAside.length, 'culture is', 'cultures are')} set aside, for their batch lacks the other group.`;
  const isFew = !difference.isDegenerate && Math.min(first.cultures, second.cultures) < FEW_CULTURES;
  return [
    ...(isFew ? [`With fewer than ${FEW_CULTURES} cultures in a group the interval is too narrow.`] : []),
    ...(fixedCultures > 0 ? [`${alone}, so the resampling behind the interval cannot move them.`] : []),
    ...(setAside.length > 0 ? [aside] : []),
  ];
}

function formatNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function formatInterval({ lower, upper, confidence }: BootstrapInterval): string {
  return `${formatNumber(lower)} to ${formatNumber(upper)}, ${formatNumber(100 * confidence)} % interval`;
}

function countWords(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
