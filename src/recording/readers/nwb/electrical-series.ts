import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedChannel } from '../../../../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readTable, whyUnreadable } from '../hdf5/dataset-reading.js';
import { isValueList, type Hdf5Dataset, type Hdf5Value } from '../hdf5/hdf5-messages.js';
import { createHdf5Reader, floatTypeOf, sampleTypeOf, type SampleType } from '../hdf5/signal-reader.js';
import type { OpenedParts } from '../opened-parts.js';
import type { NwbElectrode } from './electrode-table.js';
import { readTimes } from './series-times.js';

const MICROVOLTS = 1e6;

/** One object of `acquisition`. */
export interface NwbSeries {
  readonly name: string;
  readonly path: string;
  readonly electrodes: readonly NwbElectrode[];
}

/**
 * Adds an ElectricalSeries: a signal for each stretch without a gap.
 *
 * @returns row of the table of electrodes by channel; undefined when it was not read, or does not say
 */
export async function readElectricalSeries(
  file: Hdf5File,
  series: NwbSeries,
  parts: OpenedParts,
): Promise<readonly number[] | undefined> {
  const { path, name } = series;
  const { neurodata_type: type } = await file.attributes(path);
  if (type !== 'ElectricalSeries') {
    parts.unread.push(`${path} (${typeof type === 'string' ? type : 'no neurodata_type'}) is not read`);
    return undefined;
  }
  const dataset = await file.describe(`${path}/data`);
  const sampleType = dataset === undefined ? undefined : typeOf(dataset);
  const reason = dataset === undefined ? 'it has no data in this file' : whyNot(file, dataset);
  if (dataset === undefined || sampleType === undefined || reason !== undefined) {
    parts.unread.push(`${path}: ${reason ?? ''}`);
    return undefined;
  }
  const [frames = 0, width = 1] = dataset.shape;
  const rows = await readTable(file, `${path}/electrodes`);
  const channels = await readChannels(file, series, { width, rows, middle: sampleType.middle });
  const { rateHz, stretches, unread } = await readTimes(file, path, frames);
  parts.unread.push(...unread);
  stretches.forEach(({ first, from, to }, k) => {
    const signal = {
      name: stretches.length === 1 ? name : `${name} (${k + 1})`,
      channels,
      sampleRateHz: hertz(rateHz),
      firstSample: sampleIndex(first),
      frames: to - from,
      blind: [],
    };
    const all = channels.map((_, channel) => channel);
    const layout = { dataset, type: sampleType, channelAxis: 1, rows: all, firstFrame: from } as const;
    parts.signals.push(createHdf5Reader(file, signal, layout));
  });
  return rows?.length === width ? Array.from(rows) : undefined;
}

function typeOf(dataset: Hdf5Dataset): SampleType | undefined {
  return sampleTypeOf(dataset) ?? floatTypeOf(dataset);
}

function whyNot(file: Hdf5File, dataset: Hdf5Dataset): string | undefined {
  const { kind, shape, size } = dataset;
  if (kind === 'float' && typeOf(dataset) === undefined) return `samples of ${size * 8}-bit floats`;
  if (typeOf(dataset) === undefined || shape.length < 1 || shape.length > 2) return 'samples of an unknown type';
  if (shape.length === 2 && shape[1] === 0) return 'no channels';
  return whyUnreadable(dataset, file);
}

/** Volts are sample x conversion x channel_conversion + offset. */
async function readChannels(
  file: Hdf5File,
  { path, electrodes }: NwbSeries,
  { width, rows, middle }: { width: number; rows: Float64Array | undefined; middle: number },
): Promise<RecordedChannel[]> {
  const attributes = await file.attributes(`${path}/data`);
  const conversion = numberOf(attributes.conversion, 1);
  const offset = numberOf(attributes.offset, 0);
  const byChannel = await readTable(file, `${path}/channel_conversion`);
  if (byChannel !== undefined && byChannel.length !== width)
    throw new MeaError('bad-format', {
      what: 'channel_conversion does not fit the channels',
      got: String(byChannel.length),
      wanted: String(width),
      where: `${file.path}, ${path}`,
    });
  return Array.from({ length: width }, (_, k) => {
    const gainUvPerBit = conversion * (byChannel?.[k] ?? 1) * MICROVOLTS;
    const row = rows?.length === width ? electrodes[rows[k]!] : undefined;
    return {
      name: row?.name ?? `channel ${k}`,
      gainUvPerBit,
      offsetUv: offset * MICROVOLTS + middle * gainUvPerBit,
      ...(row !== undefined && Number.isSafeInteger(row.id) && row.id >= 0 && { electrode: row.id }),
    };
  });
}

function numberOf(value: Hdf5Value | undefined, otherwise: number): number {
  const first = isValueList(value) ? value[0] : value;
  return typeof first === 'number' && Number.isFinite(first) ? first : otherwise;
}
