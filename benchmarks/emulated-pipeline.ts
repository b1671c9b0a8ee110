import type { CultureParameterName } from '../protocols/culture-names.js';
import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import { MIXING_OF_PARAMETERS } from '../sim-device/culture-parameters.js';
import { simulateResponses } from '../sim-device/simulate-responses.js';
import { analyseCulture, type CultureAnalysis, type FittedCulture } from '../src/model/analysis.js';
import { printLine } from './measure.js';

// Emulated cultures through the whole published analysis (own baseline), beside the reference for this emulator; of ctrl
// the last column is what the parameter set is calibrated on. `node dist/benchmarks/emulated-pipeline.js [seeds] [first]`.
const count = Number(process.argv[2] ?? 6);
const first = Number(process.argv[3] ?? 1001);

const REFERENCE: Readonly<Record<string, Readonly<Record<CultureParameterName, number>>>> = {
  'electrodes, ensemble 1': { bic: 20.2, dzp: 18.8, mix0: 22.5, mix50: 4.6, ctrl: 25.8 },
  'electrodes, ensemble 2': { bic: 19.3, dzp: 17.2, mix0: 20.5, mix50: 4.0, ctrl: 24.5 },
  'x-selectivity 1-10': { bic: 0.05, dzp: 0.04, mix0: 0.41, mix50: 0.11, ctrl: 0.32 },
  'x-selectivity 91-100': { bic: 0.05, dzp: 0.06, mix0: 0.42, mix50: 0.1, ctrl: 0.51 },
  'fall of L, %': { bic: 1.5, dzp: 1.5, mix0: 7.4, mix50: 2.1, ctrl: 8.2 },
  'errX 91-100': { bic: 0.233, dzp: 0.239, mix0: 0.163, mix50: 0.173, ctrl: 0.048 },
  'variance of x': { bic: 0.109, dzp: 0.111, mix0: 0.122, mix50: 0.107, ctrl: 0.145 },
  'corr(x, xp)': { bic: 0.25, dzp: 0.23, mix0: 0.59, mix50: 0.46, ctrl: 0.88 },
  'repeat-mean MSE': { bic: 0.046, dzp: 0.053, mix0: 0.077, mix50: 0.031, ctrl: 0.029 },
  'noise floor': { bic: 0.022, dzp: 0.03, mix0: 0.062, mix50: 0.017, ctrl: 0.005 },
  'errW 100': { bic: 0.066, dzp: 0.063, mix0: 0.04, mix50: 0.05, ctrl: 0.008 },
};

function emulate(parameters: CultureParameterName, seed: number): CultureAnalysis {
  const mixing = MIXING_OF_PARAMETERS[parameters];
  const patterns = drawPattern({ sourceCount: 2, mixing, inputsPerBlock: 16 }, 256, openRandomStream(seed, 'pattern'));
  const settings = { parameters, plasticity: 'free-energy', condition: 'none', seed } as const;
  const table = simulateResponses(settings, { patterns, sessions: 100 });
  return analyseCulture(table, { mode: 'published', initialSessions: 10, mixing, baseline: 'own' });
}

/** Figures in the order of `REFERENCE`. */
function figuresOf(
  { ensembles }: CultureAnalysis,
  { arrays, energy, initialSelectivity, comparison }: FittedCulture,
): number[] {
  const late = lastSessions(arrays.x);
  const predicted = lastSessions(arrays.xp);
  const start = arrays.freeEnergy[0]!;
  return [
    ensembles[0]!.length,
    ensembles[1]!.length,
    initialSelectivity,
    energy.observed.selectivity,
    (100 * energy.observed.fall) / start,
    comparison.lastErrors.published!,
    mean(late.map(varianceOf)),
    mean(late.map((x, a) => correlation(x, predicted[a]!))),
    comparison.lastErrors.repeatMean!,
    comparison.noiseFloor!,
    arrays.errW.at(-1)!,
  ];
}

/** x of each ensemble in sessions 91 to 100. */
function lastSessions(traces: Float64Array): readonly Float64Array[] {
  const rows = traces.length / 2;
  return [0, 1].map((a) => traces.subarray((a + 1) * rows - rows / 10, (a + 1) * rows));
}

function mean(values: Iterable<number>): number {
  const list = [...values];
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function varianceOf(values: Float64Array): number {
  const centre = mean(values);
  return mean(Array.from(values, (value) => (value - centre) ** 2));
}

function correlation(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(Array.from(a, (value, i) => (value - meanA) * (b[i]! - meanB)));
  return covariance / Math.sqrt(varianceOf(a) * varianceOf(b));
}

let agreed = 0;
let compared = 0;
for (const parameters of ['ctrl', 'bic', 'dzp', 'mix0', 'mix50'] as const) {
  const rows: number[][] = [];
  let empty = 0;
  for (let seed = first; seed < first + count; seed++) {
    const analysis = emulate(parameters, seed);
    if (analysis.outcome.type === 'fitted') rows.push(figuresOf(analysis, analysis.outcome));
    else empty++;
  }
  printLine(
    `${parameters}, seeds ${first} to ${first + count - 1}${empty > 0 ? `, ${empty} without an ensemble` : ''}`,
  );
  Object.entries(REFERENCE).forEach(([name, references], i) => {
    const values = rows.map((row) => row[i]!);
    const centre = mean(values);
    const error = Math.sqrt(varianceOf(Float64Array.from(values)) / Math.max(1, values.length - 1));
    const reference = references[parameters];
    const isNear = Math.abs(centre - reference) <= 0.15 * Math.abs(reference);
    compared++;
    if (isNear) agreed++;
    printLine(
      `  ${name.padEnd(24)} ${centre.toFixed(3).padStart(8)} (s.e. ${error.toFixed(3)})  reference ${String(reference).padStart(6)}  ${isNear ? 'within 15 %' : 'off'}`,
    );
  });
}
printLine(`${agreed} of ${compared} within 15 % of the reference`);
