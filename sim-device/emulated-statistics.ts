import type { CultureParameterName } from '../protocols/culture-names.js';
import { drawPattern, type StimulusPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import { MIXING_OF_PARAMETERS } from './culture-parameters.js';
import { EMULATED_REFERENCE } from './reference-statistics.js';
import { computeResponseStatistics, type ResponseStatistics } from './response-statistics.js';
import { simulateResponses } from './simulate-responses.js';

/** Name of one statistic. */
export type StatisticName = keyof ResponseStatistics;

/** One statistic beside its reference. */
export interface StatisticComparison {
  readonly name: StatisticName;
  readonly label: string;
  /** Mean over the seeds for which it is defined. */
  readonly measured: number;
  /** Standard deviation over those seeds (n - 1), divided by the square root of their number. */
  readonly standardError: number;
  /** Absent for a parameter set that the reference table does not have. */
  readonly reference?: number;
  /** Whether it agrees: within 15 % of the reference, a share within 0.05. */
  readonly agrees?: boolean;
}

/** Relative difference, and absolute difference of a share, within which a statistic agrees. */
const AGREEMENT = { relative: 0.15, share: 0.05 } as const;

/** What each statistic is called in the tables, and whether it is a share in [0, 1]. */
const STATISTICS = [
  { name: 'meanCount', label: 'mean count', isShare: false },
  { name: 'quietShare', label: 'electrodes mean < 0.1', isShare: true },
  { name: 'activeShare', label: 'electrodes mean > 1', isShare: true },
  { name: 'electrodeCv', label: 'sd/mean across electrodes', isShare: false },
  { name: 'electrodeMean95', label: '95 % electrode mean', isShare: false },
  { name: 'fano', label: 'Fano (trial position)', isShare: false },
  { name: 'stimulusCv', label: 'stimulus sd/mean', isShare: false },
  { name: 'stateShare', label: 'variance explained by state', isShare: true },
  { name: 'pulseCorrelation', label: 'corr with number of pulses', isShare: false },
  { name: 'zeroShare', label: 'P(count = 0), responsive', isShare: true },
  { name: 'driftCv', label: 'session drift CV', isShare: false },
  { name: 'patternCorrelation', label: 'pattern corr 1-10, 91-100', isShare: false },
  { name: 'selectiveShare', label: 'selective electrodes', isShare: true },
  { name: 'selectivityFirst', label: '|c10 - c01|, sessions 1-10', isShare: false },
  { name: 'selectivityLast', label: '|c10 - c01|, sessions 91-100', isShare: false },
] as const satisfies { name: StatisticName; label: string; isShare: boolean }[];

/** The pattern that a seed is shown: two sources, 16 inputs each, 256 trials, mixed as in the set's experiments. */
function drawReferencePattern(parameters: CultureParameterName, seed: number): StimulusPattern {
  const design = { sourceCount: 2, mixing: MIXING_OF_PARAMETERS[parameters], inputsPerBlock: 16 };
  return drawPattern(design, 256, openRandomStream(seed, 'pattern'));
}

/**
 * Runs one culture per seed through 100 sessions of its own frozen pattern, by the model's rule and untreated, and
 * compares the mean of each statistic over the seeds with the reference.
 *
 * Source: first table of docs/emulated-culture.md.
 */
export function measureEmulatedStatistics(
  parameters: CultureParameterName,
  seeds: readonly number[],
): StatisticComparison[] {
  const cultures = seeds.map((seed) => {
    const settings = { parameters, plasticity: 'free-energy', condition: 'none', seed } as const;
    const experiment = { patterns: drawReferencePattern(parameters, seed), sessions: 100 };
    return computeResponseStatistics(simulateResponses(settings, experiment));
  });
  return STATISTICS.map((statistic) => {
    const values = cultures.map((culture) => culture[statistic.name]).filter((value) => !Number.isNaN(value));
    return {
      name: statistic.name,
      label: statistic.label,
      ...summarise(values),
      ...agreement(parameters, statistic, values),
    };
  });
}

function agreement(
  parameters: CultureParameterName,
  { name, isShare }: (typeof STATISTICS)[number],
  values: readonly number[],
): Pick<StatisticComparison, 'reference' | 'agrees'> {
  if (parameters === 'ctrl') return {};
  const reference = EMULATED_REFERENCE[parameters][name];
  const difference = Math.abs(summarise(values).measured - reference);
  return { reference, agrees: difference <= (isShare ? AGREEMENT.share : AGREEMENT.relative * reference) };
}

function summarise(values: readonly number[]): Pick<StatisticComparison, 'measured' | 'standardError'> {
  const n = values.length;
  const measured = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - measured) ** 2, 0);
  return { measured, standardError: Math.sqrt(squares / (n - 1) / n) };
}
