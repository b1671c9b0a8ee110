import { dirname, normalize, resolve } from 'node:path';
import { MeaError } from '../../protocols/errors.js';
import { compareCultures } from '../model/compare-cultures.js';
import {
  CULTURE_METRICS,
  type CultureComparison,
  type CultureRow,
  type MetricValue,
} from '../model/culture-comparison.js';
import { lastSessionCount } from '../model/model-run.js';
import type { FitOutput } from '../report/fit-output.js';
import { readConfigFile } from './config-file.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { readFitOutput } from './result-file.js';
import { studySchema, type StudyMember } from './study-file.js';

export interface CompareCommand {
  readonly groups: readonly string[];
  readonly seed: number;
  readonly json: boolean;
}

/** `meactl compare`: compares groups of cultures by stored results. */
export async function compareCommand(command: CompareCommand, io: CliIo): Promise<ExitCode> {
  const comparison = compareCultures(await readRows(command.groups), { seed: command.seed });
  io.stdout(command.json ? `${JSON.stringify({ version: 1, ...comparison })}\n` : describeComparison(comparison));
  return EXIT.done;
}

/**
 * The cultures of groups, as `meactl compare` takes them.
 *
 * @param groups NAME=RESULT.json[,...] for each group, or one study file
 * @throws MeaError `bad-input` for results of unlike analyses; `missing` and `bad-format` for files
 */
export async function readRows(groups: readonly string[]): Promise<readonly CultureRow[]> {
  const members = await listMembers(groups);
  const read = (await Promise.all(members.map(readMember))).flat();
  assertSameAnalysis(read);
  return read.map(({ row }) => row);
}

/** The cultures' own values side by side, a column each. */
export function describeRows(rows: readonly CultureRow[]): string {
  const label = ({ label, unit }: (typeof CULTURE_METRICS)[number]): string => `${label} (${unit})`;
  const width = Math.max(...CULTURE_METRICS.map((metric) => label(metric).length));
  const columns = Math.max(10, ...rows.map(({ group }) => group.length)) + 2;
  const line = (head: string, cells: readonly string[]): string =>
    `${head.padEnd(width)}${cells.map((cell) => cell.padStart(columns)).join('')}\n`;
  const cell = (value: MetricValue | undefined): string => (typeof value === 'number' ? value.toPrecision(3) : '-');
  const body = CULTURE_METRICS.map((metric) =>
    line(
      label(metric),
      rows.map(({ values }) => cell(values[metric.name])),
    ),
  );
  return (
    line(
      '',
      rows.map(({ group }) => group),
    ) + body.join('')
  );
}

interface Member extends StudyMember {
  readonly group: string;
}

async function listMembers(groups: readonly string[]): Promise<readonly Member[]> {
  const [first] = groups;
  if (groups.length === 1 && first !== undefined && !first.includes('=')) return readStudy(first);
  return groups.flatMap((argument) => {
    const [group, files] = splitOnce(argument);
    // One spelling of a path, so that a culture given twice is seen.
    return files.split(',').map((result) => ({ group, result: normalize(result) }));
  });
}

async function readStudy(path: string): Promise<readonly Member[]> {
  const study = await readConfigFile(path, studySchema);
  return Object.entries(study.groups).flatMap(([group, members]) =>
    members.map((member) => ({ ...member, group, result: resolve(dirname(path), member.result) })),
  );
}

function splitOnce(argument: string): readonly [group: string, files: string] {
  const at = argument.indexOf('=');
  if (at > 0 && at < argument.length - 1) return [argument.slice(0, at), argument.slice(at + 1)];
  throw new MeaError('usage', {
    what: 'Bad group',
    got: argument,
    wanted: 'NAME=RESULT.json[,RESULT.json...], or one study file',
  });
}

/** A culture's row, and the analysis that its numbers come from. */
interface ReadCulture {
  readonly row: CultureRow;
  readonly analysis: string;
}

async function readMember(member: Member): Promise<readonly ReadCulture[]> {
  const output = await readFitOutput(member.result);
  const chosen = output.cultures.filter(({ index }) => member.culture === undefined || index === member.culture);
  if (chosen.length === 0) {
    throw new MeaError('missing', {
      what: 'No such culture in the results',
      got: String(member.culture),
      wanted: `one of ${output.cultures.map(({ index }) => index).join(', ')}`,
      where: member.result,
    });
  }
  return chosen.map((culture) => ({
    row: toRow(culture, member),
    analysis: describeDesign(output.mode, culture.design),
  }));
}

type Culture = FitOutput['cultures'][number];

function describeDesign(mode: FitOutput['mode'], design: Culture['design']): string {
  const { sessions, trialsPerSession, initialSessions, sourceCount } = design;
  return `${mode}, ${sessions} sessions (${initialSessions} initial) of ${trialsPerSession} trials, ${sourceCount} sources`;
}

/** Energies grow with trials, errors and selectivity depend on the mode: unlike analyses cannot be compared. */
function assertSameAnalysis(cultures: readonly ReadCulture[]): void {
  const [first] = cultures;
  const other = cultures.find(({ analysis }) => analysis !== first?.analysis);
  if (first === undefined || other === undefined) return;
  throw new MeaError('bad-input', {
    what: 'Results of unlike analyses cannot be compared',
    got: other.analysis,
    wanted: first.analysis,
    where: `${other.row.culture} beside ${first.row.culture}`,
    remedy: 'fit all recordings with the same mode and sizes',
  });
}

function toRow(culture: Culture, member: Member): CultureRow {
  const { sessions, initialSessions } = culture.design;
  const notFound = `ensemble not found for source ${culture.missing.map((source) => source + 1).join(' and ')}`;
  const valueOf = (value: number | null | undefined, reason = notFound): MetricValue => value ?? { missing: reason };
  const meanOf = (values: readonly number[] | null | undefined): number | undefined =>
    values === null || values === undefined || values.length === 0
      ? undefined
      : values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    culture: `${member.result}#${culture.index}`,
    group: member.group,
    ...(member.batch !== undefined && { batch: member.batch }),
    ...(member.exclude !== undefined && { excluded: member.exclude }),
    baseline: { source: culture.baselineSource ?? 'own', value: culture.baseline ?? culture.evokedRate },
    values: {
      selectivityFirst: valueOf(culture.selectivity?.first),
      selectivityLast: valueOf(culture.selectivity?.last),
      selectivityGainCounts: valueOf(culture.verdict.counts?.gain, 'no electrode to score on even trials'),
      freeEnergyFall: valueOf(meanOf(culture.belowUnlearned?.slice(-lastSessionCount({ sessions, initialSessions })))),
      errXLast: valueOf(culture.comparators?.mse.published),
      skill: valueOf(culture.skill?.publishedAgainstRepeat, culture.found ? 'patterns do not repeat' : notFound),
      evokedRate: culture.evokedRate,
      phi1: valueOf(meanOf(culture.phi1)),
      phi0: valueOf(meanOf(culture.phi0)),
    },
  };
}

/** What a comparison says, in sentences. */
export function describeComparison(comparison: CultureComparison): string {
  const lines = [
    `groups: ${comparison.groups.map(({ group, cultures }) => `${group} (${cultures} cultures)`).join(', ')}`,
  ];
  for (const { culture, reason } of comparison.excluded) lines.push(`left out: ${culture}: ${reason}`);
  for (const { metric, exclusions, pairs } of comparison.metrics) {
    lines.push(`${metric.label} (${metric.unit})`);
    for (const { culture, reason } of exclusions) lines.push(`  without ${culture}: ${reason}`);
    for (const pair of pairs) lines.push(`  ${pair.type === 'refused' ? pair.reason : pair.words}`);
  }
  lines.push(`p corrected by Holm over ${comparison.testsMade} tests`);
  return `${lines.join('\n')}\n`;
}
