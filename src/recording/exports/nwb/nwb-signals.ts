import { MeaError } from '../../../../protocols/errors.js';
import type { BlockReader, RecordedChannel } from '../../../../protocols/recording/block-reader.js';
import type { RecordingContents } from '../../recording-contents.js';
import type { ExportOptions } from '../exporter.js';
import type { ExportWork } from '../export-work.js';
import type { Hdf5Command, Hdf5Writer } from '../hdf5-commands.js';
import { readBlocks } from '../signal-blocks.js';
import { ELECTRODES } from './nwb-file.js';
import type { NwbObjects } from './nwb-objects.js';
import { labelColumn, openTable } from './nwb-table.js';

/** Samples of a chunk of the file, and chunks of a block that is written at once. */
const CHUNK_SAMPLES = 2 ** 17;
const CHUNKS_PER_BLOCK = 8;

/** What the parts of an NWB file are written with. */
export interface NwbWriting {
  readonly contents: RecordingContents;
  readonly writer: Hdf5Writer;
  readonly objects: NwbObjects;
  readonly options: ExportOptions;
  readonly work: ExportWork;
}

/** Raw samples: an ElectricalSeries for each stretch, `raw` where there is one, `raw_1`, `raw_2`... where there are more. */
export async function writeSignals(writing: NwbWriting): Promise<void> {
  const { signals } = writing.contents;
  for (const [i, reader] of signals.entries()) {
    const path = `/acquisition/raw${signals.length === 1 ? '' : `_${i + 1}`}`;
    await writeSeries(writing, reader, path);
  }
}

async function writeSeries(writing: NwbWriting, reader: BlockReader, path: string): Promise<void> {
  const { contents, writer, objects, options, work } = writing;
  const { frames, channels } = reader.signal;
  const chunkRows = Math.max(1, Math.min(frames, Math.floor(CHUNK_SAMPLES / channels.length)));
  const blockFrames = options.blockFrames ?? chunkRows * CHUNKS_PER_BLOCK;
  const scale = toScale(channels, contents.path);
  const description = `raw samples of ${reader.signal.name}`;
  await writer.apply(objects.group({ path, type: 'ElectricalSeries', attributes: { description, comments: 'none' } }));
  let first = 0;
  let isOpen = false;
  for await (const { samples } of readBlocks(reader, { blockFrames, signal: options.signal })) {
    if (!isOpen)
      await writer.apply([openData(path, reader, { isWide: samples instanceof Int32Array, chunkRows, options })]);
    isOpen = true;
    await writer.apply([{ type: 'fill', path: `${path}/data`, first, data: samples }]);
    first += samples.length / channels.length;
    work.done(samples.length * 2);
  }
  if (!isOpen) await writer.apply([openData(path, reader, { isWide: false, chunkRows, options })]);
  await writer.apply(describeSeries(objects, path, { reader, scale }));
}

interface DataSettings {
  readonly isWide: boolean;
  readonly chunkRows: number;
  readonly options: ExportOptions;
}

function openData(path: string, { signal }: BlockReader, { isWide, chunkRows, options }: DataSettings): Hdf5Command {
  return {
    type: 'rows',
    path: `${path}/data`,
    dtype: isWide ? '<i' : '<h',
    rows: signal.frames,
    rowShape: [signal.channels.length],
    chunkRows,
    gzip: options.compress === true,
  };
}

interface Series {
  readonly reader: BlockReader;
  readonly scale: Scale;
}

function describeSeries(objects: NwbObjects, path: string, { reader, scale }: Series): Hdf5Command[] {
  const { channels, firstSample, sampleRateHz } = reader.signal;
  const electrodes = Int32Array.from(channels, ({ electrode }, channel) => electrode ?? channel);
  const region = {
    name: 'electrodes',
    description: 'electrode of each channel',
    dtype: '<i',
    table: ELECTRODES,
  } as const;
  return [
    { type: 'attribute', path: `${path}/data`, name: 'conversion', value: scale.conversion, dtype: '<d' },
    { type: 'attribute', path: `${path}/data`, name: 'offset', value: scale.offset, dtype: '<d' },
    { type: 'attribute', path: `${path}/data`, name: 'resolution', value: -1, dtype: '<d' },
    { type: 'attribute', path: `${path}/data`, name: 'unit', value: 'volts' },
    { type: 'scalar', path: `${path}/starting_time`, dtype: '<d', value: firstSample / sampleRateHz },
    { type: 'attribute', path: `${path}/starting_time`, name: 'rate', value: sampleRateHz, dtype: '<d' },
    { type: 'attribute', path: `${path}/starting_time`, name: 'unit', value: 'seconds' },
    { type: 'numbers', path: `${path}/electrodes`, dtype: '<i', data: electrodes, shape: [electrodes.length] },
    ...labelColumn(objects, path, region),
    ...describeChannelScales(path, scale),
  ];
}

function describeChannelScales(path: string, { ofChannels }: Scale): Hdf5Command[] {
  if (ofChannels === undefined) return [];
  const dataset = `${path}/channel_conversion`;
  const data = Float32Array.from(ofChannels);
  return [
    { type: 'numbers', path: dataset, dtype: '<f', data, shape: [data.length] },
    { type: 'attribute', path: dataset, name: 'axis', value: 1, dtype: '<i' },
  ];
}

/** Volts are raw x conversion x that of the channel + offset. */
interface Scale {
  readonly conversion: number;
  readonly offset: number;
  /** Absent where all channels are alike. */
  readonly ofChannels?: readonly number[];
}

function toScale(channels: readonly RecordedChannel[], where: string): Scale {
  const gains = channels.map(({ gainUvPerBit }) => gainUvPerBit);
  const [gain = 1] = gains;
  const offsets = new Set(channels.map(({ offsetUv }) => offsetUv));
  if (offsets.size > 1) {
    throw new MeaError('bad-input', {
      what: 'NWB has one offset of voltages for all channels, and this recording has several',
      got: `${offsets.size} offsets`,
      where,
    });
  }
  const [offsetUv = 0] = offsets;
  const offset = offsetUv / 1e6;
  if (gains.every((other) => other === gain)) return { conversion: gain / 1e6, offset };
  return { conversion: 1e-6, offset, ofChannels: gains };
}

/** Stretches that were filled in or cannot be trusted: the table `invalid_times`, where there are any. */
export async function writeInvalidTimes({ contents, writer, objects }: NwbWriting): Promise<void> {
  const spans = contents.signals.flatMap(({ signal: { blind, sampleRateHz } }) =>
    blind.map(({ from, to }) => ({ fromS: from / sampleRateHz, toS: to / sampleRateHz })),
  );
  if (spans.length === 0) return;
  const table = await openTable(writer, objects, {
    path: '/intervals/invalid_times',
    type: 'TimeIntervals',
    description: 'what stands in the raw samples there was not recorded',
    order: ['start_time', 'stop_time'],
    rows: spans.length,
    numbers: [
      { name: 'start_time', description: 'first sample, seconds', dtype: '<d' },
      { name: 'stop_time', description: 'first sample after it, seconds', dtype: '<d' },
    ],
  });
  await table.add(
    'start_time',
    Float64Array.from(spans, ({ fromS }) => fromS),
  );
  await table.add(
    'stop_time',
    Float64Array.from(spans, ({ toS }) => toS),
  );
  await table.finish(spans.length);
}
