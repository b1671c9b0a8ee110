import { parse } from 'yaml';
import { MeaError } from '../../protocols/errors.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import { isKnownAhead } from '../closed-loop/experiment.js';
import { toRecordedTable } from '../closed-loop/recorded-table.js';
import { rigSchema, stimulatedElectrodes, type Rig } from '../closed-loop/rig.js';
import { analyseNamed, describeAnalyses } from './analysis-output.js';
import type { RecordedExperiment } from './recorded-experiment.js';
import type { SampleReplay } from './replay-samples.js';
import type { NamedAnalysis } from '../report/fit-output.js';

const CHANGE = /^pipeline\.([A-Za-z]+)=(.+)$/;

/**
 * A rig with other settings of its detection.
 *
 * @param changes as `pipeline.threshold=5`; values as in a rig file
 * @throws MeaError `usage` for what is no such setting, or not one of its values
 */
export function changeRig(rig: Rig, changes: readonly string[]): Rig {
  let detection: Readonly<Record<string, unknown>> = rig.detection;
  for (const change of changes) {
    const [, key, text] = CHANGE.exec(change) ?? [];
    if (key === undefined || text === undefined || !Object.hasOwn(rig.detection, key)) {
      throw new MeaError('usage', {
        what: 'Bad --set',
        got: change,
        wanted: `pipeline.KEY=VALUE with a key of ${Object.keys(rig.detection).join(', ')}`,
      });
    }
    detection = { ...detection, [key]: parseValue(text) };
  }
  const checked = rigSchema.safeParse({ ...rig, detection });
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new MeaError('usage', {
    what: 'Bad --set',
    got: changes.join(', '),
    wanted: `${issue?.path.join('.') ?? '?'}: ${issue?.message ?? '?'}`,
  });
}

function parseValue(text: string): unknown {
  const value: unknown = parse(text);
  return value;
}

interface Change {
  readonly recorded: RecordedExperiment;
  readonly samples: SampleReplay;
  readonly changes: readonly string[];
}

/**
 * What would have been found with other settings: spikes, counts, and what the analysis makes of them. The stimuli are those
 * that were delivered: what a culture would have answered to others nobody knows.
 */
export function describeChange({ recorded, samples, changes }: Change, isJson: boolean): string {
  const { records } = recorded.ledger;
  const changed = withResponses(records, samples);
  const trials = records.flatMap((record, i) => {
    const other = changed[i];
    return record.type === 'trial' && other?.type === 'trial' ? [{ record, other }] : [];
  });
  const differing = trials.filter(({ record, other }) => record.counts.some((count, i) => count !== other.counts[i]));
  const [was, is] = [records, changed].map((all) => analyseRecords(all, recorded));
  if (isJson) {
    const verdicts = [was, is].map((analysis) => analysis?.analysis.verdict ?? null);
    return `${JSON.stringify({
      version: 1,
      changes,
      spikes: { recorded: samples.spikes.recorded, found: samples.spikes.found },
      trials: { compared: trials.length, differing: differing.length, unseen: samples.unseen },
      verdict: { recorded: verdicts[0], changed: verdicts[1] },
    })}\n`;
  }
  const [recordedText, changedText] = [was, is].map((analysis) =>
    analysis === undefined ? 'too short to analyse\n' : describeAnalyses([analysis]),
  );
  return [
    `with ${changes.join(', ')}, on the stimuli that were delivered:`,
    `  ${samples.spikes.found} spikes, ${samples.spikes.recorded} were recorded`,
    `  ${differing.length} of ${trials.length} trials have other counts`,
    `as recorded:\n${recordedText}`,
    `with the change:\n${changedText}`,
  ].join('\n');
}

/** Records with the counts that were found anew, in their order. */
function withResponses(records: readonly LedgerRecord[], { trials }: SampleReplay): readonly LedgerRecord[] {
  let next = 0;
  return records.map((record) => {
    if (record.type !== 'trial' && record.type !== 'trial-uncounted') return record;
    const response = trials.responses[next];
    next += 1;
    if (record.type !== 'trial' || response === undefined) return record;
    const blindFraction = response.blindFraction ?? new Float32Array(response.counts.length);
    return { ...record, counts: Array.from(response.counts), blindFraction: Array.from(blindFraction) };
  });
}

function analyseRecords(
  records: readonly LedgerRecord[],
  { experiment, rig, ledger }: RecordedExperiment,
): NamedAnalysis | undefined {
  const { table } = toRecordedTable(records, {
    experiment,
    stimulatedElectrodes: stimulatedElectrodes(rig),
    where: ledger.path,
  });
  if (table.sessions <= experiment.initialSessions) return undefined;
  return analyseNamed(
    table,
    { file: ledger.path, index: 0 },
    {
      mode: 'causal',
      initialSessions: experiment.initialSessions,
      mixing: experiment.mixing,
      baseline: experiment.baseline === 'own' ? 'own' : { value: experiment.baseline, source: 'given' },
      choice: experiment.ensembleElectrodes,
      isKnownAhead: isKnownAhead(experiment),
    },
  );
}
