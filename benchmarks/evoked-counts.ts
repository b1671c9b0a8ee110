import type { CultureParameterName } from '../protocols/culture-names.js';
import { countEvoked, type AmplitudeKnobs, type EvokedCounts } from '../tests/helpers/evoked-counts.js';
import { medianOf, printLine } from './measure.js';

// Evoked bursts of an emulated culture, counted 10 to 30 ms after each stimulus by the whole pipeline with a dead time of
// 0.8 ms, as the bundled experiments do, and otherwise its defaults; held against what each electrode's units did there,
// without the spikes within the dead time of the last one kept. mix0 has up to 30 units an electrode, ctrl about 6. Units are
// of 12 times the noise, of 8 to 35, or as the emulator draws them: of 2.6 to 40, one in five below the threshold of 5.
// Asked for: a median correlation of 0.98 over electrodes. Beside it that of a detector which noise alone deceives. Behind the
// name stand the seed and, where it is not 5, the threshold in multiples of the noise.
const TRIALS = 100;
const AMPLITUDES: readonly (readonly [string, AmplitudeKnobs])[] = [
  ['all of one size', { amplitudeMedianUv: 95, amplitudeSigma: 0, amplitudeRangeUv: [20, 300] }],
  ['8 sigma and more', { amplitudeMedianUv: 80, amplitudeSigma: 0.2, amplitudeRangeUv: [64, 300] }],
  ["the emulator's", {}],
];
const [seed = 1001, threshold = 5] = process.argv.slice(2).map(Number);

function printCounts(name: string, { correlations, attainable, pairs, kinds }: EvokedCounts): void {
  const below = correlations.filter((value) => value < 0.98).length;
  const most = pairs.reduce((largest, pair) => Math.max(largest, pair.raw), 0);
  printLine(
    `${name}: correlation ${medianOf(correlations).toFixed(4)} (median of ${correlations.length} electrodes, ` +
      `${below} below 0.98), up to ${most} spikes of an electrode in 20 ms; were noise alone ` +
      `in the way ${medianOf(attainable).toFixed(4)}`,
  );
  for (const key of ['thinned', 'raw'] as const) {
    const groups = [0, 1, 2, 3, 4, 6, 8, 12, 16, 20, 31];
    const parts = groups.slice(0, -1).flatMap((from, g) => {
      const group = pairs.filter((pair) => pair[key] >= from && pair[key] < groups[g + 1]!);
      if (group.length === 0) return [];
      const change = group.reduce((sum, pair) => sum + pair.counted - pair[key], 0) / group.length;
      return [`${from}${groups[g + 1] === from + 1 ? '' : `-${groups[g + 1]! - 1}`}: ${change.toFixed(2)}`];
    });
    const truth = key === 'raw' ? 'all spikes' : 'spikes left by the dead time';
    printLine(`  counted less ${truth}, by the latter: ${parts.join(', ')}`);
  }
  const { right, dropped, neighbours, others, missed } = kinds;
  printLine(
    `  found: ${right} right, ${dropped} in the dead time of another, ${neighbours} of neighbours together above 4 sigma, ` +
      `${others} others; missed: ${missed.small} below 6 sigma, ${missed.crowded} within 1.5 ms of another, ${missed.others} others`,
  );
}

printLine(`seed ${seed}, ${TRIALS} trials, threshold ${threshold}`);
const sets: readonly CultureParameterName[] = ['ctrl', 'mix0'];
for (const parameters of sets) {
  for (const [name, amplitudes] of AMPLITUDES) {
    printCounts(
      `${parameters}, units ${name}`,
      countEvoked({ seed, trials: TRIALS, parameters, amplitudes, threshold }),
    );
  }
}
