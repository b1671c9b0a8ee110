import type { RecordedStimulus } from '../../recording-contents.js';
import type { Hdf5Command } from '../hdf5-commands.js';
import type { EventSurvey } from '../spike-survey.js';
import { ELECTRODES } from './nwb-file.js';
import type { NwbWriting } from './nwb-signals.js';
import { openTable, type TableWriter } from './nwb-table.js';

/** Stimuli held at a time, but for their text. */
const PIECE_ROWS = 1024;
/** Phases of a pulse. */
const PHASES = 2;
const SERIES = '/stimulus/presentation/pulses';

/**
 * Stimuli: the table `intervals/stimuli` has all, with what became of them; the series `stimulus/presentation/pulses` has those
 * that left the device with a pulse, the current of the first phase at its time.
 */
export async function writeStimuli(writing: NwbWriting, { stimuli, pulses }: EventSurvey): Promise<void> {
  if (stimuli === 0) return;
  const { contents, writer, objects, work } = writing;
  const rate = contents.session.sampleRateHz;
  const table = await openTable(writer, objects, {
    path: '/intervals/stimuli',
    type: 'TimeIntervals',
    description: 'what became of each stimulus on the device',
    rows: stimuli,
    order: ['start_time', 'stop_time', 'stimulus_id', 'outcome', 'electrodes', 'amplitude_ua', 'phase_width_us'],
    numbers: [
      { name: 'start_time', description: 'beginning of the first phase, seconds', dtype: '<d' },
      { name: 'stop_time', description: 'end of the second phase, seconds', dtype: '<d' },
      { name: 'stimulus_id', description: 'number of the command', dtype: '<d' },
      { name: 'electrodes', description: 'electrodes that were pulsed', dtype: '<i', table: ELECTRODES },
      { name: 'electrodes_index', description: 'end of each stimulus', dtype: '<I', indexOf: 'electrodes' },
      {
        name: 'amplitude_ua',
        description: 'current of the first phase, microamperes, negative for cathodic; NaN for an empty pattern',
        dtype: '<d',
      },
      { name: 'phase_width_us', description: 'microseconds; NaN for an empty pattern', dtype: '<d' },
    ],
    texts: [{ name: 'outcome', description: 'delivered or dropped' }],
  });
  await writer.apply(pulses > 0 ? openPulses(writing, pulses) : []);
  let held: RecordedStimulus[] = [];
  let ends = 0;
  let pulsed = 0;
  const put = async (): Promise<void> => {
    ends = await addRows(table, held, { rate, ends });
    pulsed = await addPulses(writing, held, pulsed);
    work.done(held.length);
    held = [];
  };
  for await (const stimulus of contents.stimuli()) {
    held.push(stimulus);
    if (held.length === PIECE_ROWS) await put();
  }
  await put();
  await table.finish(stimuli);
}

interface Position {
  readonly rate: number;
  /** Electrodes of all stimuli before. */
  readonly ends: number;
}

async function addRows(
  table: TableWriter,
  rows: readonly RecordedStimulus[],
  { rate, ends }: Position,
): Promise<number> {
  let end = ends;
  const duration = ({ phaseWidthUs = 0 }: RecordedStimulus): number => (PHASES * phaseWidthUs) / 1e6;
  await table.add(
    'start_time',
    Float64Array.from(rows, ({ atSample }) => atSample / rate),
  );
  await table.add(
    'stop_time',
    Float64Array.from(rows, (row) => row.atSample / rate + duration(row)),
  );
  await table.add(
    'stimulus_id',
    Float64Array.from(rows, ({ stimulusId }) => stimulusId),
  );
  await table.add('electrodes', Int32Array.from(rows.flatMap(({ electrodes }) => electrodes)));
  await table.add(
    'electrodes_index',
    Uint32Array.from(rows, ({ electrodes }) => (end += electrodes.length)),
  );
  await table.add(
    'amplitude_ua',
    Float64Array.from(rows, ({ amplitudeUa = NaN }) => amplitudeUa),
  );
  await table.add(
    'phase_width_us',
    Float64Array.from(rows, ({ phaseWidthUs = NaN }) => phaseWidthUs),
  );
  table.addText(
    'outcome',
    rows.map(({ outcome }) => outcome),
  );
  return end;
}

function openPulses({ objects }: NwbWriting, pulses: number): Hdf5Command[] {
  const column = {
    rowShape: [],
    chunkRows: Math.min(2 ** 14, pulses),
    rows: pulses,
    gzip: false,
    dtype: '<d',
  } as const;
  const data = `${SERIES}/data`;
  const timestamps = `${SERIES}/timestamps`;
  const description = 'current of the first phase of each pulse, negative for cathodic';
  const comments = 'electrodes and phase widths: intervals/stimuli';
  return [
    ...objects.group({ path: SERIES, type: 'TimeSeries', attributes: { description, comments } }),
    { type: 'rows', path: data, ...column },
    { type: 'attribute', path: data, name: 'conversion', value: 1, dtype: '<d' },
    { type: 'attribute', path: data, name: 'offset', value: 0, dtype: '<d' },
    { type: 'attribute', path: data, name: 'resolution', value: -1, dtype: '<d' },
    { type: 'attribute', path: data, name: 'unit', value: 'amperes' },
    { type: 'rows', path: timestamps, ...column },
    { type: 'attribute', path: timestamps, name: 'interval', value: 1, dtype: '<i' },
    { type: 'attribute', path: timestamps, name: 'unit', value: 'seconds' },
  ];
}

async function addPulses(
  { contents, writer }: NwbWriting,
  rows: readonly RecordedStimulus[],
  first: number,
): Promise<number> {
  const pulses = rows.filter(({ outcome, electrodes }) => outcome === 'delivered' && electrodes.length > 0);
  if (pulses.length === 0) return first;
  const currents = Float64Array.from(pulses, ({ amplitudeUa = NaN }) => amplitudeUa / 1e6);
  const times = Float64Array.from(pulses, ({ atSample }) => atSample / contents.session.sampleRateHz);
  await writer.apply([
    { type: 'fill', path: `${SERIES}/data`, first, data: currents },
    { type: 'fill', path: `${SERIES}/timestamps`, first, data: times },
  ]);
  return first + pulses.length;
}
