import { MeaError } from '../../../protocols/errors.js';
import type { RecordedFile } from '../../../protocols/recording/recorded-file.js';
import type { Hdf5File } from './hdf5/hdf5-file.js';
import { needDataset, readAll, readRows, readTable } from './hdf5/dataset-reading.js';
import { createParts, toRecordedFile } from './opened-parts.js';
import { hasRoomForSpikes, toTrain } from './spike-trains.js';

/**
 * Reads a file of the retinal-wave repository: `spikes` (seconds, unit after unit), `sCount` of each unit, `epos` (2 x units, um)
 * and `names`. There are no signals in it.
 *
 * @throws MeaError `bad-format` when the counts do not add up
 */
export async function readWaverepo(file: Hdf5File): Promise<RecordedFile> {
  const parts = createParts();
  const counts = (await readTable(file, '/sCount')) ?? new Float64Array(0);
  const spikes = await needDataset(file, '/spikes');
  const total = spikes.shape.length === 1 ? spikes.shape[0]! : -1;
  const sum = counts.reduce((all, count) => all + (count >= 0 ? count : Number.NaN), 0);
  if (sum !== total)
    throw new MeaError('bad-format', {
      what: 'The counts of spikes do not add up',
      got: `${sum} in sCount`,
      wanted: `${total} in spikes`,
      where: file.path,
    });
  const names = await readRows(file, '/names');
  const nameOf = (unit: number): string => {
    const name = names[unit];
    return typeof name === 'string' && name !== '' ? name : `unit ${unit}`;
  };
  if (hasRoomForSpikes(parts, file.limits, { count: total, what: `${file.path}, /spikes` })) {
    const times = await readAll(file, spikes);
    let from = 0;
    counts.forEach((count, unit) => {
      parts.spikes.push(toTrain(nameOf(unit), times.slice(from, (from += count))));
    });
  }
  const positions = await readTable(file, '/epos');
  if (positions?.length === counts.length * 2)
    counts.forEach((_, unit) => {
      parts.electrodes.push({ name: nameOf(unit), xUm: positions[unit]!, yUm: positions[counts.length + unit]! });
    });
  else parts.unread.push(`${file.path}, /epos: no position for each unit`);
  return toRecordedFile({ format: 'waverepo', path: file.path }, parts, [file]);
}
