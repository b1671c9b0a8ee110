import { MeaError } from '../../../../protocols/errors.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { needDataset, readAll, readTable } from '../hdf5/dataset-reading.js';
import type { OpenedParts } from '../opened-parts.js';
import { hasRoomForSpikes, toTrain } from '../spike-trains.js';

/** Adds a train for each row of the table of units; nothing where there is none. */
export async function readUnits(file: Hdf5File, parts: OpenedParts): Promise<void> {
  if ((await file.describe('/units/spike_times')) === undefined) return;
  const times = await needDataset(file, '/units/spike_times');
  const ends = await readTable(file, '/units/spike_times_index');
  const total = times.shape.length === 1 ? times.shape[0]! : -1;
  if (ends === undefined || !isRising(ends) || (ends.at(-1) ?? 0) !== total)
    throw new MeaError('bad-format', {
      what: 'The index of spike times does not fit them',
      got: ends === undefined ? 'nothing' : `up to ${ends.at(-1) ?? 0}`,
      wanted: `rising to ${total}`,
      where: `${file.path}, /units/spike_times_index`,
    });
  if (!hasRoomForSpikes(parts, file.limits, { count: total, what: '/units' })) return;
  const all = await readAll(file, times);
  const ids = await readTable(file, '/units/id');
  const electrodes = await readFirstElectrodes(file, ends.length);
  ends.forEach((end, unit) => {
    const timesS = all.slice(unit === 0 ? 0 : ends[unit - 1]!, end);
    parts.spikes.push(toTrain(`unit ${ids?.[unit] ?? unit}`, timesS, electrodes[unit]));
  });
}

function isRising(ends: Float64Array): boolean {
  return ends.every((end, k) => end >= (k === 0 ? 0 : ends[k - 1]!));
}

/** The first electrode of each unit; undefined for a unit without one. */
async function readFirstElectrodes(file: Hdf5File, units: number): Promise<readonly (number | undefined)[]> {
  const electrodes = await readTable(file, '/units/electrodes');
  const ends = await readTable(file, '/units/electrodes_index');
  if (electrodes === undefined || ends?.length !== units) return [];
  return Array.from(ends, (end, unit) => {
    const start = unit === 0 ? 0 : ends[unit - 1]!;
    return end > start ? electrodes[start] : undefined;
  });
}
