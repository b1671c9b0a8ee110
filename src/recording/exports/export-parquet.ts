import { join } from 'node:path';
import type { RecordedStimulus, RecordingContents } from '../recording-contents.js';
import type { ExportOptions, ExportSummary } from './exporter.js';
import { openWork, type ExportWork } from './export-work.js';
import { writeParquetTable, type ParquetColumn, type ParquetValues } from './parquet-table.js';
import { surveyEvents } from './spike-survey.js';
import { readTrialRows, surveyTrials, type TrialRow } from './trial-rows.js';
import { notHeld } from './what-is-lost.js';
import { writeWholeTarget } from './whole-target.js';

/** Rows of a group, which are held at a time. */
const SPIKES_PER_GROUP = 2 ** 17;
const ROWS_PER_GROUP = 2 ** 12;

/** Writes spikes.parquet, trials.parquet and stimuli.parquet into a new folder. */
export async function exportParquet(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const trials = await surveyTrials(contents, options.signal);
  const events = await surveyEvents(contents, options.signal);
  const work = openWork(options, events.spikes + trials.rows + events.stimuli);
  const about = describeRecording(contents, options);
  await writeWholeTarget(target, 'folder', async (folder) => {
    const spikes = { columns: SPIKE_COLUMNS, groups: spikeGroups(contents, work), about };
    await writeParquetTable(join(folder, 'spikes.parquet'), spikes);
    const rows = groupRows(readTrialRows(contents, trials), work, (group) => trialValues(group, contents));
    await writeParquetTable(join(folder, 'trials.parquet'), { columns: TRIAL_COLUMNS, groups: rows, about });
    const stimuli = groupRows(contents.stimuli(), work, (group) => stimulusValues(group, contents));
    await writeParquetTable(join(folder, 'stimuli.parquet'), { columns: STIMULUS_COLUMNS, groups: stimuli, about });
  });
  return {
    format: 'parquet',
    path: target,
    trials: trials.rows,
    spikes: events.spikes,
    stimuli: events.stimuli,
    frames: 0,
    notes: [notHeld(contents, ['the model'])],
  };
}

/** Key-value pairs of each file. */
function describeRecording({ session }: RecordingContents, { createdAt }: ExportOptions): Record<string, string> {
  const { id, startedAt, provenance, sampleRateHz, program, device } = session;
  return {
    'meactl.recording': id,
    'meactl.startedAt': startedAt,
    'meactl.provenance': provenance,
    'meactl.sampleRateHz': String(sampleRateHz),
    'meactl.program': program.meactl,
    'meactl.device': device.name,
    'meactl.exportedAt': createdAt,
  };
}

const SPIKE_COLUMNS: readonly ParquetColumn[] = [
  { name: 'sample', type: 'int64' },
  { name: 'time_s', type: 'double' },
  { name: 'electrode', type: 'int32' },
  { name: 'amplitude_uv', type: 'float' },
];

async function* spikeGroups(contents: RecordingContents, work: ExportWork): AsyncGenerator<ParquetValues[]> {
  const { sampleRateHz } = contents.session;
  const samples = new Float64Array(SPIKES_PER_GROUP);
  const electrodes = new Int32Array(SPIKES_PER_GROUP);
  const amplitudes = new Float32Array(SPIKES_PER_GROUP);
  let held = 0;
  const take = (): ParquetValues[] => {
    const group = [
      BigInt64Array.from({ length: held }, (_, i) => BigInt(samples[i]!)),
      samples.subarray(0, held).map((sample) => sample / sampleRateHz),
      electrodes.slice(0, held),
      amplitudes.slice(0, held),
    ];
    work.done(held);
    held = 0;
    return group;
  };
  for await (const batch of contents.spikes()) {
    for (let i = 0; i < batch.samples.length; i++) {
      samples[held] = batch.samples[i]!;
      electrodes[held] = batch.electrodes[i]!;
      amplitudes[held] = batch.amplitudesUv[i]!;
      held++;
      if (held === SPIKES_PER_GROUP) yield take();
    }
  }
  yield take();
}

/** Gathers rows to groups and turns them into columns. */
async function* groupRows<Row>(
  rows: AsyncIterable<Row>,
  work: ExportWork,
  toValues: (group: readonly Row[]) => ParquetValues[],
): AsyncGenerator<ParquetValues[]> {
  let held: Row[] = [];
  for await (const row of rows) {
    held.push(row);
    work.done(1);
    if (held.length < ROWS_PER_GROUP) continue;
    yield toValues(held);
    held = [];
  }
  yield toValues(held);
}

const TRIAL_COLUMNS: readonly ParquetColumn[] = [
  { name: 'session', type: 'int32' },
  { name: 'trial', type: 'int32' },
  { name: 'sources', type: 'text' },
  { name: 'inputs', type: 'text' },
  { name: 'at_sample', type: 'int64' },
  { name: 'time_s', type: 'double' },
  { name: 'delivery', type: 'text' },
  { name: 'delivered_sample', type: 'int64' },
  { name: 'window_from', type: 'int64' },
  { name: 'window_to', type: 'int64' },
  { name: 'counted', type: 'boolean' },
  { name: 'reason', type: 'text', nullable: true },
  { name: 'counts', type: 'int32-list', nullable: true },
  { name: 'blind_fraction', type: 'float-list', nullable: true },
];

function trialValues(rows: readonly TrialRow[], { session }: RecordingContents): ParquetValues[] {
  return [
    Int32Array.from(rows, (row) => row.session),
    Int32Array.from(rows, (row) => row.trial),
    rows.map(({ sources }) => sources),
    rows.map(({ inputs }) => inputs),
    BigInt64Array.from(rows, ({ atSample }) => BigInt(atSample)),
    Float64Array.from(rows, ({ atSample }) => atSample / session.sampleRateHz),
    rows.map(({ delivery }) => delivery),
    BigInt64Array.from(rows, ({ deliveredSample }) => BigInt(deliveredSample)),
    BigInt64Array.from(rows, ({ window }) => BigInt(window[0])),
    BigInt64Array.from(rows, ({ window }) => BigInt(window[1])),
    rows.map(({ isCounted }) => isCounted),
    rows.map(({ reason }) => (reason === '' ? null : reason)),
    rows.map(({ counts }) => counts ?? null),
    rows.map(({ blindFraction }) => blindFraction ?? null),
  ];
}

const STIMULUS_COLUMNS: readonly ParquetColumn[] = [
  { name: 'stimulus_id', type: 'int64' },
  { name: 'at_sample', type: 'int64' },
  { name: 'time_s', type: 'double' },
  { name: 'outcome', type: 'text' },
  { name: 'electrodes', type: 'int32-list' },
  { name: 'amplitude_ua', type: 'double', nullable: true },
  { name: 'phase_width_us', type: 'double', nullable: true },
];

function stimulusValues(rows: readonly RecordedStimulus[], { session }: RecordingContents): ParquetValues[] {
  return [
    BigInt64Array.from(rows, ({ stimulusId }) => BigInt(stimulusId)),
    BigInt64Array.from(rows, ({ atSample }) => BigInt(atSample)),
    Float64Array.from(rows, ({ atSample }) => atSample / session.sampleRateHz),
    rows.map(({ outcome }) => outcome),
    rows.map(({ electrodes }) => electrodes),
    rows.map(({ amplitudeUa }) => amplitudeUa ?? null),
    rows.map(({ phaseWidthUs }) => phaseWidthUs ?? null),
  ];
}
