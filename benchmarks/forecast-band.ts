import { existsSync } from 'node:fs';
import type { CultureCondition, CultureParameterName } from '../protocols/culture-names.js';
import { drawPattern, type StimulusPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import type { ResponseTable } from '../protocols/responses.js';
import { MIXING_OF_PARAMETERS } from '../sim-device/culture-parameters.js';
import { simulateResponses } from '../sim-device/simulate-responses.js';
import { forecastBand, type ForecastBand } from '../src/model/forecast-band.js';
import { selectivityBySession } from '../src/model/forecast-input.js';
import { FORECAST_NAMES, insideBand, scoreSessions, type ForecastName } from '../src/model/forecast-score.js';
import type { ExperimentDesign } from '../src/model/model-run.js';
import { fitCausal } from '../src/model/online-model.js';
import { readResponseFile } from '../src/recording/response-file.js';
import { dataPath } from '../tests/helpers/real-data.js';
import { medianOf, printLine } from './measure.js';

// `npm run bench -- forecast-band [SEEDS [FIRST_SEED]]`: how often the 90 % bands hold, on cultures that were not looked at
// when the method was chosen (that was done on seeds 7001 to 7024). Asked for: 85 to 95 % of sessions.
const SEEDS = Number(process.argv[2] ?? 40);
const FIRST_SEED = Number(process.argv[3] ?? 9001);

interface Kind {
  readonly name: string;
  readonly parameters: CultureParameterName;
  readonly condition: CultureCondition;
  readonly patterns: 'frozen' | 'fresh';
}

const KINDS: readonly Kind[] = [
  { name: 'ctrl', parameters: 'ctrl', condition: 'none', patterns: 'frozen' },
  { name: 'mix0', parameters: 'mix0', condition: 'none', patterns: 'frozen' },
  { name: 'bic', parameters: 'bic', condition: 'none', patterns: 'frozen' },
  { name: 'dzp', parameters: 'dzp', condition: 'none', patterns: 'frozen' },
  { name: 'apv', parameters: 'ctrl', condition: 'apv', patterns: 'frozen' },
  { name: 'ctrl, fresh patterns', parameters: 'ctrl', condition: 'none', patterns: 'fresh' },
];

const SESSIONS = 100;
const TRIALS = 256;
const INITIAL = 10;

/** What one culture says about the bands. */
interface CultureScore {
  /** Share of sessions and ensembles inside, and mean width. */
  readonly coverage: Readonly<Record<ForecastName, number>>;
  readonly width: Readonly<Record<ForecastName, number>>;
  readonly errors: Readonly<Record<ForecastName | 'initialMean', number>>;
  /** Standard deviation of the later sessions about their mean. */
  readonly spread: number;
  /** Share inside the empirical band in sessions 11-20, 21-50, 51-100. */
  readonly byHorizon: readonly number[];
  readonly ms: number;
}

function emulate(kind: Kind, seed: number): ResponseTable {
  const design = { sourceCount: 2, mixing: MIXING_OF_PARAMETERS[kind.parameters], inputsPerBlock: 16 };
  const draw = (session: number): StimulusPattern =>
    drawPattern(design, TRIALS, openRandomStream(seed, 'pattern', session));
  const frozen = draw(0);
  const settings = { parameters: kind.parameters, plasticity: 'free-energy', condition: kind.condition, seed } as const;
  return simulateResponses(settings, { patterns: kind.patterns === 'frozen' ? frozen : draw, sessions: SESSIONS });
}

/** Undefined where an ensemble was not found. */
function scoreCulture(table: ResponseTable, mixing: number): CultureScore | undefined {
  const design: ExperimentDesign = {
    sessions: table.sessions,
    trialsPerSession: table.trialsPerSession,
    initialSessions: INITIAL,
    sourceCount: 2,
    inputsPerBlock: 16,
    mixing,
  };
  const model = fitCausal(table, { design, electrodes: table.electrodeCount, baseline: 'own' });
  if (model.calibration?.type !== 'calibrated') return undefined;
  const { x } = model.run.arrays;
  const { states, inputs } = model;
  const [rows, known] = [table.sessions * table.trialsPerSession, INITIAL * table.trialsPerSession];
  const initial = new Float64Array(2 * known);
  const later = new Float64Array(2 * (rows - known));
  for (const a of [0, 1]) {
    initial.set(x.subarray(a * rows, a * rows + known), a * known);
    later.set(x.subarray(a * rows + known, (a + 1) * rows), a * (rows - known));
  }
  const started = performance.now();
  const band = forecastBand({ design, x: initial, inputs, states, isKnownAhead: true });
  const ms = performance.now() - started;
  if (band === undefined) return undefined;
  const observed = selectivityBySession({ ...design, x: later, states: states.subarray(known) });
  return { ...judge(band, observed), ms };
}

function judge(band: ForecastBand, observed: readonly (readonly number[])[]): Omit<CultureScore, 'ms'> {
  const score = scoreSessions(band, observed);
  const ofEach = (valueOf: (name: ForecastName) => number): Record<ForecastName, number> => ({
    published: valueOf('published'),
    empirical: valueOf('empirical'),
  });
  const inside = insideBand(band.empirical, observed);
  return {
    coverage: ofEach((name) => score[name].insideSoFar / score[name].scored),
    width: ofEach((name) =>
      meanOf(band[name].high.flatMap((row, a) => row.map((high, t) => high - band[name].low[a]![t]!))),
    ),
    errors: { ...ofEach((name) => score[name].error!), initialMean: score.initialMeanError! },
    spread: Math.sqrt(meanOf(observed.map((values) => meanOf(values.map((value) => (value - meanOf(values)) ** 2))))),
    byHorizon: [
      [0, 10],
      [10, 40],
      [40, 90],
    ].map(([from, to]) => meanOf(inside.flatMap((row) => row.slice(from, to).map(Number)))),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** 95 % interval of a mean, cultures drawn with replacement. */
function intervalOf(values: readonly number[]): readonly [number, number] {
  const random = openRandomStream(1, 'bench-cultures');
  const means = Array.from({ length: 2000 }, () => meanOf(values.map(() => values[random.integer(values.length)]!)));
  means.sort((a, b) => a - b);
  return [means[50]!, means[1949]!];
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

function printScores(name: string, scores: readonly CultureScore[]): void {
  if (scores.length === 0) return;
  for (const forecast of FORECAST_NAMES) {
    const coverages = scores.map(({ coverage }) => coverage[forecast]);
    const [low, high] = intervalOf(coverages);
    const relative = meanOf(scores.map(({ width }) => width[forecast])) / meanOf(scores.map(({ spread }) => spread));
    printLine(
      `${name}, ${forecast}: ${percent(meanOf(coverages))} % inside (95 % interval over cultures ${percent(low)} to ${percent(high)}; least ${percent(Math.min(...coverages))}, median ${percent(medianOf(coverages))}), width ${meanOf(scores.map(({ width }) => width[forecast])).toFixed(2)}, ${relative.toFixed(1)} times the sd over later sessions`,
    );
  }
  const error = (which: ForecastName | 'initialMean'): string =>
    meanOf(scores.map(({ errors }) => errors[which])).toFixed(4);
  const horizons = [0, 1, 2].map((i) => percent(meanOf(scores.map(({ byHorizon }) => byHorizon[i]!))));
  printLine(
    `${name}: ${scores.length} cultures; empirical in sessions 11-20, 21-50, 51-100: ${horizons.join(', ')} %; squared error of the centre: published ${error('published')}, empirical ${error('empirical')}, mean of the initial sessions ${error('initialMean')}; ${medianOf(scores.map(({ ms }) => ms)).toFixed(0)} ms a band`,
  );
}

for (const kind of KINDS) {
  const scores = Array.from({ length: SEEDS }, (_, i) =>
    scoreCulture(emulate(kind, FIRST_SEED + i), MIXING_OF_PARAMETERS[kind.parameters]),
  );
  printScores(
    kind.name,
    scores.filter((score) => score !== undefined),
  );
}
for (const [condition, mixing] of [
  ['bic', 0.25],
  ['mix0', 0],
] as const) {
  const path = dataPath(`isomura2023/response_data_${condition}.mat`);
  if (!existsSync(path)) {
    printLine(`published ${condition}: not there, left out`);
    continue;
  }
  const { tables } = await readResponseFile(path);
  printScores(
    `published ${condition}`,
    tables.map((table) => scoreCulture(table, mixing)).filter((score) => score !== undefined),
  );
}
