import { join } from 'node:path';
import { insideFolder } from '../inside-folder.js';
import { hasRoomForSpikes, splitByUnit, toTrain } from '../spike-trains.js';
import { openEventColumns } from './event-columns.js';
import type { EventContext } from './read-events.js';
import type { OpenEphysSpikes } from './structure.js';

/** Units of one electrode are numbered so far apart that they do not meet those of the next. */
const CLUSTERS = 65_536;

/** Reads a folder of spikes: one train per electrode and cluster. Waveforms stay in the file. */
export async function readSpikes(spikes: OpenEphysSpikes, context: EventContext): Promise<void> {
  const { parts, limits, folder, where } = context;
  const below = insideFolder(join(folder, 'spikes'), spikes.folder ?? spikes.folder_name ?? '', where);
  const rate = spikes.sample_rate ?? context.rate;
  const opened = await openEventColumns(below, {
    numbers: ['sample_numbers', 'spike_times'],
    electrodes: ['electrode_indices', 'spike_electrode_indices'],
    clusters: ['clusters', 'spike_clusters'],
  });
  try {
    const { count, columns } = opened;
    if (rate === undefined || columns.get('numbers')?.type.kind !== 'i') {
      parts.unread.push(`${below}: spikes without ${rate === undefined ? 'a sample rate' : 'sample numbers'}`);
      return;
    }
    if (!hasRoomForSpikes(parts, limits, { count, what: below })) return;
    const read = async (name: string): Promise<Float64Array> =>
      (await columns.get(name)?.numbers(0, count)) ?? new Float64Array(count);
    const times = (await read('numbers')).map((sample) => sample / rate);
    const electrodes = await read('electrodes');
    const units = (await read('clusters')).map((cluster, k) => electrodes[k]! * CLUSTERS + (cluster % CLUSTERS));
    const label = spikes.name ?? spikes.folder ?? 'spikes';
    for (const [unit, timesS] of splitByUnit(times, units)) {
      const electrode = Math.floor(unit / CLUSTERS);
      parts.spikes.push(toTrain(`${label} electrode ${electrode} cluster ${unit % CLUSTERS}`, timesS, electrode));
    }
  } finally {
    await opened.close();
  }
}
