import { PLASTICITY_NAMES, type CultureCondition, type PlasticityName } from '../protocols/culture-names.js';
import { emulateVerdicts } from '../tests/helpers/emulated-verdicts.js';
import { printLine } from './measure.js';

// Gain of selectivity of every plasticity rule, and of none, over 100 sessions: raw counts and index, ten seeds each.
const KINDS: readonly (readonly [PlasticityName, CultureCondition])[] = [
  ...PLASTICITY_NAMES.map((plasticity) => [plasticity, 'none'] as const),
  ['free-energy', 'apv'],
  ['free-energy', 'drift-only'],
];

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

for (const parameters of ['ctrl', 'dzp'] as const) {
  for (const [plasticity, condition] of KINDS) {
    const verdicts = emulateVerdicts({ parameters, plasticity, condition }, SEEDS);
    const mean = (gains: readonly number[]): string => (gains.reduce((a, b) => a + b, 0) / gains.length).toFixed(3);
    const counts = verdicts.map((verdict) => verdict.counts.gain);
    const index = verdicts.map((verdict) => verdict.index.gain);
    const rising = verdicts.filter((verdict) => verdict.counts.gain > 0 && verdict.index.gain > 0).length;
    const learned = verdicts.filter(({ answer }) => answer === 'learned').length;
    printLine(
      `${parameters}, ${plasticity}, ${condition}: counts ${mean(counts)}, index ${mean(index)}, both rise in ${rising}, verdict learned in ${learned} of ${SEEDS.length}`,
    );
  }
}
