import { isMeaError, MeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { FallbackCounts } from '../closed-loop/run-experiment.js';
import { analyseCulture, type AnalysisOptions, type EnergyEvidence } from '../model/analysis.js';
import { FORECAST_NAMES, type ScoredForecast } from '../model/forecast-score.js';
import { writeWholeFile } from '../recording/whole-file.js';
import { coverageWords } from '../report/words.js';
import { toFitOutput, type FitOutput, type NamedAnalysis } from '../report/fit-output.js';

/** Bytes of a text file. */
export function encode(text: string): readonly Uint8Array[] {
  return [Buffer.from(text, 'utf8')];
}

/** A recorded or emulated culture, analysed and told of in words. */
export function analyseNamed(
  table: ResponseTable,
  name: Pick<NamedAnalysis, 'file' | 'index'>,
  options: AnalysisOptions,
): NamedAnalysis {
  return { ...name, analysis: withPlace(name, () => analyseCulture(table, options)) };
}

/** The model does not know where its numbers came from: its errors get the file and the culture. */
export function withPlace<Result>(name: Pick<NamedAnalysis, 'file' | 'index'>, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (!isMeaError(error) || error.details.where !== undefined) throw error;
    const where = `${name.file}, culture ${name.index}`;
    throw new MeaError(error.tag, { ...error.details, where }, { cause: error });
  }
}

/** Writes results for programs. */
export async function writeResult(
  path: string,
  analyses: readonly NamedAnalysis[],
  { overwrite, fallbacks }: { readonly overwrite: boolean; readonly fallbacks?: FallbackCounts | undefined },
): Promise<FitOutput> {
  const output = { ...toFitOutput(analyses), ...(fallbacks !== undefined && { fallbacks: { ...fallbacks } }) };
  await writeWholeFile(path, encode(`${JSON.stringify(output, null, 1)}\n`), { overwrite });
  return output;
}

/** How many trials were not decided by the external policy, in words. */
export function describeFallbacks({ deadline, badAnswer }: FallbackCounts): string {
  return `fallback policy: ${deadline + badAnswer} trials (${deadline} without an answer in time, ${badAnswer} with a bad one)`;
}

/** A few lines for a person at the terminal, one culture after another. */
export function describeAnalyses(analyses: readonly NamedAnalysis[]): string {
  return analyses.map(describeAnalysis).join('\n');
}

function describeAnalysis({ file, index, analysis }: NamedAnalysis): string {
  const { outcome, verdict, ensembles } = analysis;
  const lines = [
    `${file}, culture ${index}: ensembles of ${ensembles.map((members) => members.length).join(' and ')} electrodes`,
  ];
  if (outcome.type === 'ensemble-not-found') {
    const sources = outcome.missing.map((source) => source + 1).join(' and ');
    lines.push(`  ensemble not found for source ${sources}: no model was fitted`);
  } else {
    const { comparison, energy, arrays } = outcome;
    const { lastErrors } = comparison;
    const last = arrays.freeEnergy.length;
    const repeat = lastErrors.repeatMean === undefined ? '' : `, repeat mean ${lastErrors.repeatMean.toFixed(4)}`;
    lines.push(
      `  free energy ${arrays.freeEnergy[0]!.toFixed(1)} -> ${arrays.freeEnergy[last - 1]!.toFixed(1)} nats; ${energyWords(energy)}`,
      `  error of the prediction ${lastErrors.published!.toFixed(4)}, constant mean ${lastErrors.constantMean!.toFixed(4)}${repeat}, empirical ${lastErrors.empirical!.toFixed(4)}`,
      ...forecastLines(outcome.forecast),
    );
  }
  const { counts } = verdict;
  const gain = Number.isFinite(counts.gain)
    ? `${counts.first.toFixed(2)} -> ${counts.last.toFixed(2)} spikes per trial`
    : 'not measured';
  lines.push(`  selectivity ${gain}; verdict: ${verdict.answer} (${verdict.reason})`);
  return `${lines.join('\n')}\n`;
}

function forecastLines(forecast: ScoredForecast | undefined): readonly string[] {
  if (forecast === undefined) return [];
  const { band, score } = forecast;
  const words = FORECAST_NAMES.map((name) => `${name} ${coverageWords(score[name], band.level)}`);
  return [`  selectivity in x inside the ${(100 * band.level).toFixed(0)} % band forecast of it: ${words.join('; ')}`];
}

function energyWords({ staticShare, beatsStatic }: EnergyEvidence): string {
  if (staticShare === undefined) return 'it does not fall';
  const share = `a static culture keeps ${(100 * staticShare).toFixed(0)} % of the fall`;
  return beatsStatic ? share : `${share}, so this fall is not evidence of learning`;
}
