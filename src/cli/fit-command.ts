import { existsSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { MeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import type { Provenance } from '../../protocols/trial.js';
import { isKnownAhead } from '../closed-loop/experiment.js';
import { toRecordedTable } from '../closed-loop/recorded-table.js';
import { describeStop } from '../closed-loop/stop-rules.js';
import { ownBaselineOf, type AnalysisMode, type Baseline, type CultureAnalysis } from '../model/analysis.js';
import type { ElectrodeChoice } from '../model/electrode-choice.js';
import { estimateMixing } from '../model/mixing-estimate.js';
import { writeNpy } from '../recording/npy.js';
import { readResponseFile } from '../recording/response-file.js';
import { openRunFolder } from '../recording/run-folder.js';
import { writeWholeFile } from '../recording/whole-file.js';
import { toFitOutput, type NamedAnalysis } from '../report/fit-output.js';
import { analyseNamed, describeAnalyses, encode, withPlace } from './analysis-output.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import type { FitHeadings, FittedForReport } from './report-output.js';
import { readRecordedExperiment } from './recorded-experiment.js';
import { readFitOutput } from './result-file.js';

export interface FitCommand {
  readonly files: readonly string[];
  readonly mode: AnalysisMode;
  readonly baseline: string;
  readonly control?: string;
  readonly initialSessions?: number;
  readonly trials: number;
  readonly variable?: string;
  readonly mixing?: number;
  /** Electrodes that ensembles may hold; as the experiment says by default, or `seen`. */
  readonly electrodes?: ElectrodeChoice;
  readonly arrays?: string;
  readonly report?: string;
  /** What the report is called, and what each culture of a file; by its files where it is left out. */
  readonly headings?: FitHeadings;
  readonly json: boolean;
}

/** `meactl fit`: analyses response files and recorded runs. */
export async function fitCommand(command: FitCommand, io: CliIo): Promise<ExitCode> {
  const parsedBaseline = parseBaseline(command);
  assertOutputsFree(command);
  const cultures = (await Promise.all(command.files.map((file) => readCultures(file, command, io)))).flat();
  const baseline = await resolveBaseline(parsedBaseline, cultures, command);
  const analyses: NamedAnalysis[] = [];
  for (const culture of cultures) {
    // A culture takes long enough that a signal should be heard before the next one.
    await setImmediate();
    if (io.signal.aborted) return EXIT.interrupted;
    const { initialSessions, mixing, choice, isKnownAhead: isKnown } = culture;
    const options = { mode: command.mode, initialSessions, mixing, baseline, choice, isKnownAhead: isKnown };
    analyses.push(analyseNamed(culture.table, culture, options));
  }
  if (command.arrays !== undefined) await writeArrays(command.arrays, analyses);
  if (command.report !== undefined) {
    const { reportOfFit } = await import('./report-output.js');
    await writeWholeFile(command.report, encode(reportOfFit(await withSpikes(analyses, cultures), command.headings)));
  }
  if (command.json) io.stdout(`${JSON.stringify(toFitOutput(analyses))}\n`);
  else {
    io.stdout(describeAnalyses(analyses));
    if (command.report !== undefined) io.stdout(`report: ${command.report}\n`);
  }
  return EXIT.done;
}

/** Adds the spikes around the stimuli of recorded runs on voltages, one after the other. */
async function withSpikes(
  analyses: readonly NamedAnalysis[],
  cultures: readonly NamedCulture[],
): Promise<readonly FittedForReport[]> {
  const { stimulusSpikesOfRun } = await import('./stimulus-spikes-of-run.js');
  const fitted: FittedForReport[] = [];
  for (const [i, named] of analyses.entries()) {
    const { provenance } = cultures[i]!;
    const spikes = provenance === 'file' ? undefined : await stimulusSpikesOfRun(named.file, named.analysis);
    fitted.push({ ...named, provenance, spikes });
  }
  return fitted;
}

/** Refuses outputs that are there already or would overwrite each other, before anything is computed. */
function assertOutputsFree({ files, arrays, report }: FitCommand): void {
  if (report !== undefined && existsSync(report)) throw alreadyThere(report, '--report');
  if (arrays === undefined) return;
  if (existsSync(arrays)) throw alreadyThere(arrays, '--arrays');
  const stems = files.map(stemOf);
  const twice = stems.find((stem, i) => stems.indexOf(stem) !== i);
  if (twice === undefined) return;
  throw new MeaError('usage', {
    what: 'Two inputs would write the same arrays',
    got: `${twice} twice`,
    wanted: 'inputs of different names with --arrays',
  });
}

function alreadyThere(path: string, option: string): MeaError {
  return new MeaError('exists', {
    what: 'The output is there already, and nothing is overwritten',
    where: path,
    remedy: `choose another with ${option}`,
  });
}

/** Name of an input without folder and, of a response file, without its ending. */
function stemOf(file: string): string {
  return basename(file, extname(file) === '.mat' ? '.mat' : '');
}

interface NamedCulture {
  readonly file: string;
  readonly index: number;
  readonly table: ResponseTable;
  readonly initialSessions: number;
  readonly mixing: number;
  readonly choice: ElectrodeChoice;
  /** Whether the stimuli of later sessions depended on no response. */
  readonly isKnownAhead: boolean;
  /** Of a recording of this program; `file` for a file of responses. */
  readonly provenance: Provenance | 'file';
}

const DEFAULT_INITIAL_SESSIONS = 10;

async function readCultures(path: string, command: FitCommand, io: CliIo): Promise<readonly NamedCulture[]> {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return [readRun(path, command, io)];
  const { variable, trials } = command;
  const { tables } = await readResponseFile(path, {
    trialsPerSession: trials,
    ...(variable !== undefined && { variable }),
  });
  return tables.map((table, index) => ({
    file: path,
    index,
    table,
    initialSessions: command.initialSessions ?? DEFAULT_INITIAL_SESSIONS,
    mixing: command.mixing ?? withPlace({ file: path, index }, () => estimateMixing(table).mixing),
    choice: command.electrodes ?? 'seen',
    // Nobody wrote down how they were decided; the published ones were drawn before.
    isKnownAhead: true,
    provenance: 'file',
  }));
}

function readRun(path: string, command: FitCommand, io: CliIo): NamedCulture {
  const { ledger, experiment, source } = readRecordedExperiment(openRunFolder(path));
  const { table, trialsLeftOut } = toRecordedTable(ledger.records, {
    experiment,
    stimulatedElectrodes: source.stimulatedElectrodes,
    where: ledger.path,
  });
  if (table.sessions < experiment.sessions) {
    const left = trialsLeftOut === 0 ? '' : `; ${trialsLeftOut} trials of an unfinished session are left out`;
    const stop = ledger.records.find((record) => record.type === 'stopped');
    const why = stop === undefined ? '' : ` (${describeStop(stop)})`;
    io.stderr(`meactl: ${path} holds ${table.sessions} of ${experiment.sessions} sessions${why}${left}\n`);
  }
  return {
    file: path,
    index: 0,
    table,
    initialSessions: command.initialSessions ?? experiment.initialSessions,
    mixing: command.mixing ?? experiment.mixing,
    choice: command.electrodes ?? experiment.ensembleElectrodes,
    isKnownAhead: isKnownAhead(experiment),
    provenance: source.provenance,
  };
}

function parseBaseline({ baseline, control }: FitCommand): number | 'own' | 'group' {
  if (control !== undefined && baseline !== 'own') {
    throw new MeaError('usage', {
      what: '--control gives the baseline already',
      got: `--baseline ${baseline} as well`,
      wanted: 'one of the two',
    });
  }
  if (baseline === 'own' || baseline === 'group') return baseline;
  const value = Number(baseline);
  if (baseline.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new MeaError('usage', {
    what: 'Bad --baseline',
    got: baseline,
    wanted: 'a positive number of spikes per trial, `own` or `group`',
  });
}

async function resolveBaseline(
  parsed: number | 'own' | 'group',
  cultures: readonly NamedCulture[],
  command: FitCommand,
): Promise<Baseline | 'own'> {
  if (command.control !== undefined) return { value: await controlBaseline(command.control), source: 'control' };
  if (parsed === 'own') return 'own';
  if (parsed !== 'group') return { value: parsed, source: 'given' };
  const values = cultures.flatMap(
    (culture) =>
      withPlace(culture, () =>
        ownBaselineOf(culture.table, {
          mode: command.mode,
          initialSessions: culture.initialSessions,
          choice: culture.choice,
        }),
      ) ?? [],
  );
  if (values.length === 0) return 'own';
  return { value: values.reduce((sum, value) => sum + value, 0) / values.length, source: 'group' };
}

/** Mean of the own baselines in the stored results of control cultures. */
async function controlBaseline(path: string): Promise<number> {
  const { cultures } = await readFitOutput(path);
  const values = cultures.flatMap(({ baseline, baselineSource }) =>
    baseline !== null && baselineSource === 'own' ? [baseline] : [],
  );
  if (values.length === 0) {
    throw new MeaError('bad-input', {
      what: 'The stored results have no baseline to take',
      got: 'no culture fitted with its own baseline',
      wanted: 'results of control cultures made with --baseline own',
      where: path,
    });
  }
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function writeArrays(folder: string, analyses: readonly NamedAnalysis[]): Promise<void> {
  for (const { file, index, analysis } of analyses) {
    if (analysis.outcome.type !== 'fitted') continue;
    const target = join(folder, `${stemOf(file)}-${index}`);
    await makeFolder(target);
    for (const [name, shape, data] of arraysOf(analysis, analysis.outcome)) {
      await writeNpy(join(target, `${name}.npy`), { shape, data });
    }
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    const remedy = 'choose another folder';
    throw new MeaError(
      'storage',
      { what: 'Cannot make the folder of the arrays', got, where: path, remedy },
      { cause },
    );
  }
}

type Fitted = Extract<CultureAnalysis['outcome'], { type: 'fitted' }>;

function arraysOf(
  { design }: CultureAnalysis,
  { arrays, qA1 }: Fitted,
): readonly (readonly [name: string, shape: readonly number[], data: Float64Array])[] {
  const { sourceCount: n, sessions, trialsPerSession, inputsPerBlock } = design;
  const inputs = n * inputsPerBlock;
  const trace = [n, sessions * trialsPerSession];
  const weights = [n, inputs, sessions];
  return [
    ['x', trace, arrays.x],
    ['xp', trace, arrays.xp],
    ['W1', weights, arrays.w1],
    ['W0', weights, arrays.w0],
    ['W1p', weights, arrays.w1p],
    ['W0p', weights, arrays.w0p],
    ['qA1', [inputs, 2 ** n], qA1],
  ];
}
