import type { BootstrapInterval } from './statistics/bootstrap.js';
import type { TestResult } from './statistics/test-result.js';

/** Where the baseline B of the normalised response came from; only `control` makes phi comparable between cultures. */
export type BaselineSource = 'own' | 'group' | 'given' | 'control';

/** A number, or why there is none: a missing value always says its reason. */
export type MetricValue = number | { readonly missing: string };

/** One culture, the unit of every comparison. */
export interface CultureRow {
  /** Unique name, `file#index`. */
  readonly culture: string;
  /** What is compared: a drug, a mixing, a condition. */
  readonly group: string;
  /** Cultures of one plating or lab day; compared only with each other. Absent: all such cultures form one batch. */
  readonly batch?: string;
  readonly baseline: { readonly source: BaselineSource; readonly value: number };
  /** Values by metric name; a name that is not asked for is ignored. */
  readonly values: Readonly<Record<string, MetricValue>>;
  /** Why the whole culture is left out, where it is. */
  readonly excluded?: string;
}

/** What can be compared. */
export interface MetricDefinition {
  /** Key in `CultureRow.values`. */
  readonly name: string;
  /** Plain words for a sentence. */
  readonly label: string;
  readonly unit: string;
  /** The metric contains the baseline B, and means something between cultures only with B from control cultures. */
  readonly needsControlBaseline?: boolean;
}

/** Name of the metric that stands beside every metric that needs a control baseline. */
export const EVOKED_RATE = 'evokedRate';

/** The metrics of `meactl compare`; values over two ensembles are their mean. */
export const CULTURE_METRICS: readonly MetricDefinition[] = [
  { name: 'selectivityFirst', label: 'selectivity in the first sessions', unit: 'units of x' },
  { name: 'selectivityLast', label: 'selectivity in the last sessions', unit: 'units of x' },
  { name: 'selectivityGainCounts', label: 'gain of raw selectivity', unit: 'spikes per trial' },
  { name: 'freeEnergyFall', label: 'free energy below W = 0', unit: 'nats' },
  { name: 'errXLast', label: 'prediction error of the last sessions', unit: 'squared units of x' },
  { name: 'skill', label: 'skill against the repeat-mean', unit: 'share of squared error' },
  { name: EVOKED_RATE, label: 'evoked rate', unit: 'spikes per trial' },
  { name: 'phi1', label: 'threshold factor phi1', unit: 'nats', needsControlBaseline: true },
  { name: 'phi0', label: 'threshold factor phi0', unit: 'nats', needsControlBaseline: true },
];

export interface CompareOptions {
  /** `CULTURE_METRICS` by default. */
  readonly metrics?: readonly MetricDefinition[];
  /** Groups in the order of comparison; all groups in alphabetical order by default. */
  readonly groups?: readonly string[];
  /** `rank`: Mann-Whitney, in batches van Elteren (default). `mean`: permutation of the difference of means. */
  readonly test?: 'rank' | 'mean';
  /** Level of the claims, after correction; 0.05 by default. */
  readonly level?: number;
  /** Of the bootstrap intervals; 0.95 by default. */
  readonly confidence?: number;
  /** 4,999 by default. */
  readonly resamples?: number;
  /** 1 by default. */
  readonly seed?: number;
}

/** A culture that is left out, and why. */
export interface Exclusion {
  readonly culture: string;
  readonly group: string;
  readonly reason: string;
}

/** One group's values of one metric; null where there are none. */
export interface GroupSummary {
  readonly group: string;
  readonly cultures: number;
  readonly mean: number | null;
  readonly median: number | null;
}

export type RefusalCode =
  'no-values' | 'confounded-with-batch' | 'no-control-baseline' | 'mixed-control-baselines' | 'no-evoked-rate';

/** A comparison that is not made. */
export interface RefusedPair {
  readonly type: 'refused';
  readonly first: string;
  readonly second: string;
  readonly code: RefusalCode;
  /** Plain words. */
  readonly reason: string;
}

/** A comparison of two groups; differences are first less second. */
export interface ComparedPair {
  readonly type: 'compared';
  /** The cultures that entered the test. */
  readonly first: GroupSummary;
  readonly second: GroupSummary;
  /** Batches in which both groups are present. */
  readonly batches: number;
  /** Cultures with a value whose batch lacks the other group. */
  readonly setAside: readonly Exclusion[];
  readonly testName: 'mann-whitney' | 'van-elteren' | 'permutation-of-means';
  readonly test: TestResult;
  /** Holm's correction over all metrics and pairs that were tested. */
  readonly pCorrected: number;
  /** False when so few cultures could not give a p below the level whatever is true. */
  readonly canReachLevel: boolean;
  /** Difference of means in the metric's unit, batches weighted; cultures resampled inside group and batch. */
  readonly difference: BootstrapInterval;
  /** Cliff's delta in [-1, 1], resampled likewise. */
  readonly cliffsDelta: BootstrapInterval;
  /** Null where nothing varies inside the groups. */
  readonly hedgesG: number | null;
  /** Cultures alone of their group in their batch: resampling cannot move them, so the intervals are too narrow. */
  readonly fixedCultures: number;
  /** For a metric that needs a control baseline: the evoked rate of the same two groups. */
  readonly beside?: {
    readonly metric: string;
    readonly p: number;
    readonly pCorrected: number;
    readonly cliffsDelta: number;
  };
  readonly words: string;
}

export interface MetricComparison {
  readonly metric: MetricDefinition;
  readonly summaries: readonly GroupSummary[];
  /** Cultures without a value of this metric. */
  readonly exclusions: readonly Exclusion[];
  readonly pairs: readonly (ComparedPair | RefusedPair)[];
}

export interface CultureComparison {
  readonly groups: readonly { readonly group: string; readonly cultures: number }[];
  /** Cultures left out of everything. */
  readonly excluded: readonly Exclusion[];
  readonly metrics: readonly MetricComparison[];
  readonly correction: 'holm';
  /** Number of tests that the correction counts. */
  readonly testsMade: number;
  readonly level: number;
  readonly seed: number;
}
