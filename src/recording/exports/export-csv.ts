import { join } from 'node:path';
import type { RecordingContents } from '../recording-contents.js';
import type { ExportOptions, ExportSummary } from './exporter.js';
import { openWork, type ExportWork } from './export-work.js';
import { writePieces } from './piece-writer.js';
import { surveyEvents } from './spike-survey.js';
import { readTrialRows, surveyTrials, type TrialRow, type TrialSurvey } from './trial-rows.js';
import { notHeld } from './what-is-lost.js';
import { writeWholeTarget } from './whole-target.js';

/** Text gathered before it is handed to the file. */
const PIECE_CHARACTERS = 2 ** 16;

/**
 * Writes spikes.csv, trials.csv and stimuli.csv (RFC 4180) into a new folder. Sources, inputs and counts have a column each, so
 * that no program takes a pattern for a number.
 */
export async function exportCsv(
  contents: RecordingContents,
  target: string,
  options: ExportOptions,
): Promise<ExportSummary> {
  const { signal } = options;
  const trials = await surveyTrials(contents, signal);
  const events = await surveyEvents(contents, signal);
  const work = openWork(options, events.spikes + events.stimuli + trials.rows);
  await writeWholeTarget(target, 'folder', async (folder) => {
    await writeTable(join(folder, 'spikes.csv'), spikeLines(contents, work));
    await writeTable(join(folder, 'trials.csv'), trialLines(contents, trials, work));
    await writeTable(join(folder, 'stimuli.csv'), stimulusLines(contents, work));
  });
  const notes = [notHeld(contents, ['the model', ...(trials.hasBlind ? ['blind shares of windows'] : [])])];
  return {
    format: 'csv',
    path: target,
    trials: trials.rows,
    spikes: events.spikes,
    stimuli: events.stimuli,
    frames: 0,
    notes,
  };
}

async function writeTable(path: string, lines: AsyncIterable<string>): Promise<void> {
  await writePieces(path, async (writer) => {
    let text = '';
    for await (const line of lines) {
      text += `${line}\r\n`;
      if (text.length < PIECE_CHARACTERS) continue;
      await writer.writeText(text);
      text = '';
    }
    await writer.writeText(text);
  });
}

async function* spikeLines(contents: RecordingContents, work: ExportWork): AsyncGenerator<string> {
  const { sampleRateHz } = contents.session;
  yield 'sample,time_s,electrode,amplitude_uv';
  for await (const { samples, electrodes, amplitudesUv } of contents.spikes()) {
    for (let i = 0; i < samples.length; i++) {
      yield toLine([samples[i]!, samples[i]! / sampleRateHz, electrodes[i]!, amplitudesUv[i]!]);
    }
    work.done(samples.length);
  }
}

async function* trialLines(contents: RecordingContents, survey: TrialSurvey, work: ExportWork): AsyncGenerator<string> {
  yield toLine([
    'session',
    'trial',
    'at_sample',
    'time_s',
    'delivery',
    'delivered_sample',
    'window_from',
    'window_to',
    'counted',
    'reason',
    ...numbered('source', survey.sources),
    ...numbered('input', survey.inputs),
    ...numbered('count', survey.electrodes),
  ]);
  for await (const row of readTrialRows(contents, survey)) {
    yield toLine(trialFields(row, survey, contents.session.sampleRateHz));
    work.done(1);
  }
}

function trialFields(row: TrialRow, survey: TrialSurvey, sampleRateHz: number): (string | number)[] {
  return [
    row.session,
    row.trial,
    row.atSample,
    row.atSample / sampleRateHz,
    row.delivery,
    row.deliveredSample,
    ...row.window,
    row.isCounted ? 1 : 0,
    row.reason,
    ...Array.from(row.sources),
    ...Array.from(row.inputs),
    ...(row.counts ?? new Array<string>(survey.electrodes).fill('')),
  ];
}

async function* stimulusLines(contents: RecordingContents, work: ExportWork): AsyncGenerator<string> {
  yield 'stimulus_id,at_sample,time_s,outcome,electrodes,amplitude_ua,phase_width_us';
  for await (const stimulus of contents.stimuli()) {
    const { stimulusId, atSample, outcome, electrodes, amplitudeUa = '', phaseWidthUs = '' } = stimulus;
    const timeS = atSample / contents.session.sampleRateHz;
    yield toLine([stimulusId, atSample, timeS, outcome, electrodes.join(' '), amplitudeUa, phaseWidthUs]);
    work.done(1);
  }
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}_${i}`);
}

/** One record: fields with commas, quotes or line ends in quotes (RFC 4180, section 2). */
function toLine(fields: readonly (string | number)[]): string {
  return fields.map(toField).join(',');
}

function toField(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
