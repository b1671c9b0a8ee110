import { readTrialRows, type TrialRow, type TrialSurvey } from '../trial-rows.js';
import type { NwbWriting } from './nwb-signals.js';
import { openTable, type NumberColumn, type TableWriter } from './nwb-table.js';

/** Trials held at a time, but for their text. */
const PIECE_ROWS = 1024;

const NUMBERS: readonly NumberColumn[] = [
  { name: 'start_time', description: 'when the stimulus was due, seconds', dtype: '<d' },
  { name: 'stop_time', description: 'end of the response window, seconds', dtype: '<d' },
  { name: 'session', description: 'session, from 0', dtype: '<i' },
  { name: 'trial', description: 'trial in its session, from 0', dtype: '<i' },
  { name: 'delivered_time', description: 'when the stimulus left the device, seconds', dtype: '<d' },
  { name: 'window_start_time', description: 'beginning of the response window, seconds', dtype: '<d' },
  { name: 'counted', description: '1 for a trial that counts, 0 for one that does not', dtype: '<B' },
];
const TEXTS = [
  { name: 'sources', description: 'hidden sources, one digit each: 1 is on' },
  { name: 'pattern', description: 'inputs, one digit each: 1 was pulsed' },
  { name: 'delivery', description: 'what became of the stimulus' },
  { name: 'reason', description: 'why the trial does not count; empty where it does' },
] as const;

/** The table of trials, those that do not count among them. */
export async function writeTrials(writing: NwbWriting, survey: TrialSurvey): Promise<void> {
  if (survey.rows === 0) return;
  const { contents, writer, objects, work } = writing;
  const wide: NumberColumn[] = [];
  const rowShape = [survey.electrodes];
  const counts = 'spikes of each electrode in the window; 0 where nobody counted them';
  const blind = 'share of the window that each electrode could not see';
  if (survey.electrodes > 0) wide.push({ name: 'counts', description: counts, dtype: '<H', rowShape });
  if (survey.hasBlind) wide.push({ name: 'blind_fraction', description: blind, dtype: '<f', rowShape });
  const all = [...NUMBERS, ...wide];
  const table = await openTable(writer, objects, {
    path: '/intervals/trials',
    type: 'TimeIntervals',
    description: 'one row for each stimulus of the experiment and the window after it',
    numbers: all,
    texts: TEXTS,
    rows: survey.rows,
    order: [...all.slice(0, 4), ...TEXTS, ...all.slice(4)].map(({ name }) => name),
  });
  let held: TrialRow[] = [];
  const put = async (): Promise<void> => {
    await addRows(table, held, { rate: contents.session.sampleRateHz, survey });
    work.done(held.length);
    held = [];
  };
  for await (const row of readTrialRows(contents, survey)) {
    held.push(row);
    if (held.length === PIECE_ROWS) await put();
  }
  await put();
  await table.finish(survey.rows);
}

interface Rows {
  readonly rate: number;
  readonly survey: TrialSurvey;
}

async function addRows(table: TableWriter, rows: readonly TrialRow[], { rate, survey }: Rows): Promise<void> {
  await table.add(
    'start_time',
    Float64Array.from(rows, ({ atSample }) => atSample / rate),
  );
  await table.add(
    'stop_time',
    Float64Array.from(rows, ({ window }) => window[1] / rate),
  );
  await table.add(
    'session',
    Int32Array.from(rows, ({ session }) => session),
  );
  await table.add(
    'trial',
    Int32Array.from(rows, ({ trial }) => trial),
  );
  await table.add(
    'delivered_time',
    Float64Array.from(rows, ({ deliveredSample }) => deliveredSample / rate),
  );
  await table.add(
    'window_start_time',
    Float64Array.from(rows, ({ window }) => window[0] / rate),
  );
  await table.add(
    'counted',
    Uint8Array.from(rows, ({ isCounted }) => (isCounted ? 1 : 0)),
  );
  const { electrodes } = survey;
  if (electrodes > 0) {
    const counts = new Uint16Array(rows.length * electrodes);
    for (const [i, row] of rows.entries()) counts.set(row.counts ?? [], i * electrodes);
    await table.add('counts', counts);
  }
  if (survey.hasBlind) {
    const blind = new Float32Array(rows.length * electrodes);
    for (const [i, row] of rows.entries()) blind.set(row.blindFraction ?? [], i * electrodes);
    await table.add('blind_fraction', blind);
  }
  table.addText(
    'sources',
    rows.map(({ sources }) => sources),
  );
  table.addText(
    'pattern',
    rows.map(({ inputs }) => inputs),
  );
  table.addText(
    'delivery',
    rows.map(({ delivery }) => delivery),
  );
  table.addText(
    'reason',
    rows.map(({ reason }) => reason),
  );
}
