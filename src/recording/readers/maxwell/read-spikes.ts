import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { whyUnreadable } from '../hdf5/dataset-reading.js';
import type { OpenedParts } from '../opened-parts.js';
import { hasRoomForSpikes, splitByUnit, toTrain } from '../spike-trains.js';
import type { MaxwellElectrode } from './mapping.js';

/** Rows that are read at once. */
const PIECE_ROWS = 2 ** 20;

/** Where the spikes of one recording are. */
export interface MaxwellSpikes {
  readonly path: string;
  /** Written before the names of trains. */
  readonly recording: string;
  readonly rateHz: number;
  readonly mapping: readonly MaxwellElectrode[];
}

/**
 * Adds one train for each channel that fired. The file gives amplitudes without their unit: they are left out.
 */
export async function readMaxwellSpikes(file: Hdf5File, spikes: MaxwellSpikes, parts: OpenedParts): Promise<void> {
  const { path, recording, rateHz, mapping } = spikes;
  const dataset = await file.describe(path);
  if (dataset === undefined) return;
  const reason = dataset.kind === 'compound' ? whyUnreadable(dataset, file) : 'no table of spikes';
  if (reason !== undefined) {
    parts.unread.push(`${path}: ${reason}`);
    return;
  }
  const count = dataset.shape[0] ?? 0;
  if (!hasRoomForSpikes(parts, file.limits, { count, what: path })) return;
  const times = new Float64Array(count);
  const channels = new Float64Array(count);
  for (let from = 0; from < count; from += PIECE_ROWS) {
    const range = [from, Math.min(count, from + PIECE_ROWS)] as const;
    const [frames, fired] = await file.columns(path, ['frameno', 'channel'], range);
    times.set(frames!, from);
    channels.set(fired!, from);
  }
  const electrodes = new Map(mapping.map(({ channel, electrode }) => [channel, electrode]));
  for (const [channel, frames] of splitByUnit(times, channels)) {
    const name = `${recording === '' ? '' : `${recording} `}channel ${channel}`;
    parts.spikes.push(
      toTrain(
        name,
        frames.map((frame) => frame / rateHz),
        electrodes.get(channel),
      ),
    );
  }
}
