import { countElectrodes } from '../../../../protocols/array-geometry.js';
import { MeaError } from '../../../../protocols/errors.js';
import type { Hdf5Command, Hdf5Numbers } from '../hdf5-commands.js';
import { ELECTRODES } from './nwb-file.js';
import type { NwbWriting } from './nwb-signals.js';
import { labelColumn, type NumberColumn } from './nwb-table.js';

const PATH = '/units';
/** Spikes held for all electrodes together before they go to their places. */
const HELD_SPIKES = 2 ** 20;
const CHUNK_SPIKES = 2 ** 14;

const COLUMNS = {
  times: { name: 'spike_times', description: 'peaks of the spikes, seconds', dtype: '<d' },
  timesIndex: { name: 'spike_times_index', description: 'end of each unit', dtype: '<I', indexOf: 'spike_times' },
  amplitudes: { name: 'spike_amplitudes_uv', description: 'filtered voltage at the peaks, microvolts', dtype: '<f' },
  amplitudesIndex: {
    name: 'spike_amplitudes_uv_index',
    description: 'end of each unit',
    dtype: '<I',
    indexOf: 'spike_amplitudes_uv',
  },
  electrodes: { name: 'electrodes', description: 'electrode of the unit', dtype: '<i', table: ELECTRODES },
  electrodesIndex: { name: 'electrodes_index', description: 'end of each unit', dtype: '<I', indexOf: 'electrodes' },
} as const satisfies Record<string, NumberColumn>;

/**
 * Spikes: one unit for each electrode of the array, with or without spikes; its id is the electrode. Nothing was sorted.
 *
 * @param spikesOf (electrodes) number of spikes of each
 */
export async function writeUnits(writing: NwbWriting, spikesOf: readonly number[]): Promise<void> {
  const { contents, writer, objects } = writing;
  const { array, channels } = contents.session;
  const units = Math.max(countElectrodes(array), channels);
  const total = spikesOf.reduce((sum, count) => sum + count, 0);
  if (total === 0) return;
  if (spikesOf.length > units) throw unknownElectrode(spikesOf.length - 1, units, contents.path);
  const ends = new Uint32Array(units);
  for (let unit = 0, end = 0; unit < units; unit++) ends[unit] = end += spikesOf[unit] ?? 0;
  await writer.apply([
    ...objects.group({
      path: PATH,
      type: 'Units',
      attributes: {
        description: 'spikes by electrode, detected and not sorted',
        colnames: ['spike_times', 'spike_amplitudes_uv', 'electrodes'],
      },
    }),
    numbers(
      'id',
      Int32Array.from({ length: units }, (_, i) => i),
    ),
    ...objects.label({ path: `${PATH}/id`, type: 'ElementIdentifiers' }),
    ...emptyColumn('spike_times', '<d', total),
    ...labelColumn(objects, PATH, COLUMNS.times),
    {
      type: 'attribute',
      path: `${PATH}/spike_times`,
      name: 'resolution',
      value: 1 / contents.session.sampleRateHz,
      dtype: '<d',
    },
    numbers('spike_times_index', ends),
    ...labelColumn(objects, PATH, COLUMNS.timesIndex),
    ...emptyColumn('spike_amplitudes_uv', '<f', total),
    ...labelColumn(objects, PATH, COLUMNS.amplitudes),
    numbers('spike_amplitudes_uv_index', ends),
    ...labelColumn(objects, PATH, COLUMNS.amplitudesIndex),
    numbers(
      'electrodes',
      Int32Array.from({ length: units }, (_, i) => i),
    ),
    ...labelColumn(objects, PATH, COLUMNS.electrodes),
    numbers(
      'electrodes_index',
      Uint32Array.from({ length: units }, (_, i) => i + 1),
    ),
    ...labelColumn(objects, PATH, COLUMNS.electrodesIndex),
  ]);
  await fillSpikes(writing, ends, spikesOf);
}

function numbers(name: string, data: Int32Array | Uint32Array): Hdf5Command {
  const dtype = data instanceof Int32Array ? '<i' : '<I';
  return { type: 'numbers', path: `${PATH}/${name}`, dtype, data, shape: [data.length] };
}

function emptyColumn(name: string, dtype: '<d' | '<f', rows: number): Hdf5Command[] {
  const chunkRows = Math.min(CHUNK_SPIKES, rows);
  return [{ type: 'rows', path: `${PATH}/${name}`, dtype, rows, rowShape: [], chunkRows, gzip: false }];
}

/** Spikes of one unit that wait for their place. */
interface Waiting {
  readonly times: Float64Array;
  readonly amplitudes: Float32Array;
  held: number;
  next: number;
}

async function fillSpikes(
  { contents, writer, work }: NwbWriting,
  ends: Uint32Array,
  spikesOf: readonly number[],
): Promise<void> {
  const { sampleRateHz } = contents.session;
  const room = Math.max(16, Math.floor(HELD_SPIKES / ends.length));
  const waiting = Array.from(ends, (end, unit): Waiting => {
    const count = spikesOf[unit] ?? 0;
    const size = Math.min(room, count);
    return { times: new Float64Array(size), amplitudes: new Float32Array(size), held: 0, next: end - count };
  });
  const put = (unit: Waiting): Hdf5Command[] => {
    const fill = (name: string, data: Hdf5Numbers): Hdf5Command => ({
      type: 'fill',
      path: `${PATH}/${name}`,
      first: unit.next,
      data,
    });
    const { times, amplitudes, held } = unit;
    // Copies: the next spikes come into the same arrays while these are under way.
    const commands = [
      fill('spike_times', times.slice(0, held)),
      fill('spike_amplitudes_uv', amplitudes.slice(0, held)),
    ];
    unit.next += held;
    unit.held = 0;
    return commands;
  };
  for await (const { samples, electrodes, amplitudesUv } of contents.spikes()) {
    for (let i = 0; i < samples.length; i++) {
      const unit = waiting[electrodes[i]!]!;
      unit.times[unit.held] = samples[i]! / sampleRateHz;
      unit.amplitudes[unit.held] = amplitudesUv[i]!;
      unit.held++;
      if (unit.held === unit.times.length) await writer.apply(put(unit));
    }
    work.done(samples.length);
  }
  for (const unit of waiting) if (unit.held > 0) await writer.apply(put(unit));
}

function unknownElectrode(electrode: number, count: number, where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'A spike of an electrode that the array does not have',
    got: String(electrode),
    wanted: `below ${count}`,
    where,
  });
}
