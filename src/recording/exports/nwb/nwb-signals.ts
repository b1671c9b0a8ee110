import { MeaError } from '../../../../protocols/errors.js';
import type { BlockReader, RecordedChannel, RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import type { RecordingContents } from '../../recording-contents.js';
import type { ExportOptions } from '../exporter.js';
import type { ExportWork } from '../export-work.js';
import type { Hdf5Command, Hdf5Writer } from '../hdf5-commands.js';
import { assertUniform, readBlocks } from '../signal-blocks.js';
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

/** Stretches that have a series of their own; more of them become one. */
export const MOST_SERIES = 64;

/**
 * Raw samples: an ElectricalSeries for each stretch, `raw` where there is one, `raw_1`, `raw_2`... where there are more. Very many,
 * as of windows around stimuli, become one series `raw` with a time for each frame.
 */
export async function writeSignals(writing: NwbWriting): Promise<void> {
  const { signals } = writing.contents;
  if (signals.length > MOST_SERIES) {
    assertUniform(writing.contents, 'One series of NWB');
    return writeSeries(writing, signals, '/acquisition/raw');
  }
  for (const [i, reader] of signals.entries()) {
    await writeSeries(writing, [reader], `/acquisition/raw${signals.length === 1 ? '' : `_${i + 1}`}`);
  }
}

async function writeSeries(writing: NwbWriting, readers: readonly BlockReader[], path: string): Promise<void> {
  const { contents, writer, objects, options, work } = writing;
  const [{ signal } = neverEmpty()] = readers;
  const { channels, sampleRateHz } = signal;
  const frames = readers.reduce((sum, reader) => sum + reader.signal.frames, 0);
  const chunkRows = Math.max(1, Math.min(frames, Math.floor(CHUNK_SAMPLES / channels.length)));
  const blockFrames = options.blockFrames ?? chunkRows * CHUNKS_PER_BLOCK;
  const scale = toScale(channels, contents.path);
  const hasTimes = readers.length > 1;
  const description = hasTimes ? `raw samples of ${readers.length} stretches` : `raw samples of ${signal.name}`;
  await writer.apply(objects.group({ path, type: 'ElectricalSeries', attributes: { description, comments: 'none' } }));
  const open = (isWide: boolean): Promise<void> =>
    writer.apply([
      openData(path, { frames, channels: channels.length, isWide, chunkRows, options }),
      ...(hasTimes ? openTimes(path, frames) : []),
    ]);
  let first = 0;
  for (const reader of readers) {
    for await (const block of readBlocks(reader, { blockFrames, signal: options.signal })) {
      if (first === 0) await open(block.samples instanceof Int32Array);
      const { firstSample } = reader.signal;
      const toTime = (_: unknown, i: number): number => (firstSample + block.firstFrame + i) / sampleRateHz;
      const times = hasTimes ? Float64Array.from({ length: block.frames }, toTime) : undefined;
      await writer.apply([
        { type: 'fill', path: `${path}/data`, first, data: block.samples },
        ...(times === undefined ? [] : [{ type: 'fill', path: `${path}/timestamps`, first, data: times } as const]),
      ]);
      first += block.frames;
      work.done(block.samples.length * 2);
    }
  }
  if (first === 0) await open(false);
  await writer.apply(describeSeries(objects, path, { signal, scale, hasTimes }));
}

function neverEmpty(): never {
  throw new MeaError('internal', { what: 'A series without a signal' });
}

function openTimes(path: string, rows: number): Hdf5Command[] {
  const times = `${path}/timestamps`;
  const chunkRows = Math.max(1, Math.min(rows, 2 ** 14));
  return [
    { type: 'rows', path: times, dtype: '<d', rows, rowShape: [], chunkRows, gzip: false },
    { type: 'attribute', path: times, name: 'interval', value: 1, dtype: '<i' },
    { type: 'attribute', path: times, name: 'unit', value: 'seconds' },
  ];
}

interface DataSettings {
  readonly frames: number;
  readonly channels: number;
  readonly isWide: boolean;
  readonly chunkRows: number;
  readonly options: ExportOptions;
}

function openData(path: string, { frames, channels, isWide, chunkRows, options }: DataSettings): Hdf5Command {
  return {
    type: 'rows',
    path: `${path}/data`,
    dtype: isWide ? '<i' : '<h',
    rows: frames,
    rowShape: [channels],
    chunkRows,
    gzip: options.compress === true,
  };
}

interface Series {
  readonly signal: RecordedSignal;
  readonly scale: Scale;
  /** Frames have a time each. */
  readonly hasTimes: boolean;
}

function describeSeries(objects: NwbObjects, path: string, { signal, scale, hasTimes }: Series): Hdf5Command[] {
  const { channels } = signal;
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
    ...(hasTimes ? [] : describeStart(path, signal)),
    { type: 'numbers', path: `${path}/electrodes`, dtype: '<i', data: electrodes, shape: [electrodes.length] },
    ...labelColumn(objects, path, region),
    ...describeChannelScales(path, scale),
  ];
}

function describeStart(path: string, { firstSample, sampleRateHz }: RecordedSignal): Hdf5Command[] {
  const start = `${path}/starting_time`;
  return [
    { type: 'scalar', path: start, dtype: '<d', value: firstSample / sampleRateHz },
    { type: 'attribute', path: start, name: 'rate', value: sampleRateHz, dtype: '<d' },
    { type: 'attribute', path: start, name: 'unit', value: 'seconds' },
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
