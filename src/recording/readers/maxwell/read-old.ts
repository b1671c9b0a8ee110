import { MeaError } from '../../../../protocols/errors.js';
import { hertz, sampleIndex, type Hertz } from '../../../../protocols/units.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { whyUnreadable } from '../hdf5/dataset-reading.js';
import { createHdf5Reader, sampleTypeOf } from '../hdf5/signal-reader.js';
import type { OpenedParts } from '../opened-parts.js';
import { readMapping, toElectrodes, type MaxwellElectrode } from './mapping.js';
import { readGainUv } from './read-recording.js';
import { readMaxwellSpikes } from './read-spikes.js';

/** The older layout does not say its rate: it has only this one. */
const RATE_HZ = 20_000;

/**
 * Adds the recording of the layout of 2016: samples of all channels in `/sig`, one row each.
 *
 * @returns its rate
 */
export async function readOldMaxwell(file: Hdf5File, parts: OpenedParts): Promise<Hertz> {
  const mapping = await readMapping(file, '/mapping');
  await readMaxwellSpikes(file, { path: '/proc0/spikeTimes', recording: '', rateHz: RATE_HZ, mapping }, parts);
  const signal = await readSignal(file, mapping, parts);
  parts.electrodes.push(...toElectrodes(mapping, '', (channel) => signal.get(channel)));
  return hertz(RATE_HZ);
}

/** @returns channel of the signal by channel of the amplifier; empty when the signal could not be read */
async function readSignal(
  file: Hdf5File,
  mapping: readonly MaxwellElectrode[],
  parts: OpenedParts,
): Promise<ReadonlyMap<number, number>> {
  const dataset = await file.describe('/sig');
  if (dataset === undefined) return new Map();
  const [height = 0, frames = 0] = dataset.shape;
  const type = sampleTypeOf(dataset);
  const gainUv = await readGainUv(file, '/settings');
  const reason =
    whyUnreadable(dataset, file) ??
    (type === undefined || dataset.shape.length !== 2 ? 'samples of an unknown type' : undefined) ??
    (mapping.length === 0 ? 'no channel is connected to an electrode' : undefined) ??
    (gainUv === undefined ? 'the settings say neither lsb nor gain' : undefined);
  if (reason !== undefined || type === undefined || gainUv === undefined) {
    parts.unread.push(`raw signal (${height} rows, ${frames} frames): ${reason ?? ''}`);
    return new Map();
  }
  const outside = mapping.find(({ channel }) => channel >= height);
  if (outside !== undefined)
    throw new MeaError('bad-format', {
      what: 'A channel that is not in the signal',
      got: `channel ${outside.channel}`,
      wanted: `0 to ${height - 1}`,
      where: `${file.path}, /mapping`,
    });
  const signal = {
    name: 'sig',
    channels: mapping.map(({ channel, electrode }) => ({
      name: `channel ${channel}`,
      gainUvPerBit: gainUv,
      offsetUv: type.middle * gainUv,
      electrode,
    })),
    sampleRateHz: hertz(RATE_HZ),
    firstSample: sampleIndex(0),
    frames,
    blind: [],
  };
  const rows = mapping.map(({ channel }) => channel);
  parts.signals.push(createHdf5Reader(file, signal, { dataset, type, channelAxis: 0, rows, firstFrame: 0 }));
  return new Map(rows.map((channel, k) => [channel, k]));
}
