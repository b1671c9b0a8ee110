import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedChannel } from '../../../../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readRecords, readTable, whyUnreadable } from '../hdf5/dataset-reading.js';
import type { Hdf5Value } from '../hdf5/hdf5-messages.js';
import { createHdf5Reader, sampleTypeOf } from '../hdf5/signal-reader.js';
import type { OpenedParts } from '../opened-parts.js';
import type { McsStream } from './event-streams.js';
import { trimmed } from './trimmed.js';

/** Microseconds in a second: ticks and time stamps are in microseconds. */
const MICROS = 1e6;
const MAX_STRETCHES = 10_000;

/** A row of the samples with what the file says of it. */
interface McsChannel extends RecordedChannel {
  readonly row: number;
  readonly tickUs: number;
}

/** Adds a stream of voltages: a signal for each stretch without a pause. */
export async function readAnalogStream(file: Hdf5File, stream: McsStream, parts: OpenedParts): Promise<void> {
  const path = `${stream.path}/ChannelData`;
  const dataset = await file.describe(path);
  if (dataset === undefined) return;
  const [width = 0, frames = 0] = dataset.shape;
  const type = sampleTypeOf(dataset);
  const info = await readRecords(file, `${stream.path}/InfoChannel`);
  const units = new Set(info.map((record) => trimmed(record.get('Unit'))));
  const reason =
    whyUnreadable(dataset, file) ??
    (type === undefined || dataset.shape.length !== 2 ? 'samples of an unknown type' : undefined) ??
    (units.size === 1 && units.has('V') ? undefined : `no voltages (${Array.from(units).join(', ') || 'no unit'})`);
  if (reason !== undefined || type === undefined) {
    parts.unread.push(`${stream.name} (${stream.subType}, ${width} channels, ${frames} frames): ${reason ?? ''}`);
    return;
  }
  const channels = info.map((record) => toChannel(record, `${file.path}, ${stream.path}`, type.middle));
  assertChannels(channels, width, `${file.path}, ${stream.path}/InfoChannel`);
  const tickUs = channels[0]!.tickUs;
  const stretches = await readStretches(file, stream.path, { frames, tickUs });
  stretches.forEach(({ first, from, to }, k) => {
    const signal = {
      name: stretches.length === 1 ? stream.name : `${stream.name} (${k + 1})`,
      channels: channels.map(({ name, gainUvPerBit, offsetUv }) => ({ name, gainUvPerBit, offsetUv })),
      sampleRateHz: hertz(MICROS / tickUs),
      firstSample: sampleIndex(first),
      frames: to - from,
      blind: [],
    };
    const rows = channels.map(({ row }) => row);
    parts.signals.push(createHdf5Reader(file, signal, { dataset, type, channelAxis: 0, rows, firstFrame: from }));
  });
}

/** Volts are (sample - ADZero) x ConversionFactor x 10^Exponent. */
function toChannel(record: ReadonlyMap<string, Hdf5Value>, where: string, middle: number): McsChannel {
  const number = (key: string): number => Number(record.get(key) ?? Number.NaN);
  const gainUvPerBit = number('ConversionFactor') * 10 ** (number('Exponent') + 6);
  const channel = {
    name: trimmed(record.get('Label')) || `channel ${number('ChannelID')}`,
    gainUvPerBit,
    offsetUv: (middle - number('ADZero')) * gainUvPerBit,
    row: number('RowIndex'),
    tickUs: number('Tick'),
  };
  if (Number.isFinite(channel.gainUvPerBit) && Number.isFinite(channel.offsetUv) && channel.tickUs > 0) return channel;
  throw new MeaError('bad-format', {
    what: 'Bad description of a channel',
    got: `factor ${number('ConversionFactor')}, exponent ${number('Exponent')}, zero ${number('ADZero')}, tick ${channel.tickUs}`,
    wanted: 'numbers, and a tick above 0',
    where: `${where}, ${channel.name}`,
  });
}

function assertChannels(channels: readonly McsChannel[], width: number, where: string): void {
  const rows = new Set(channels.map(({ row }) => row));
  const isGood =
    channels.length > 0 &&
    channels.length === width &&
    rows.size === width &&
    channels.every(({ row, tickUs }) => row >= 0 && row < width && tickUs === channels[0]!.tickUs);
  if (isGood) return;
  throw new MeaError('bad-format', {
    what: 'The channels of a stream do not fit its samples',
    got: `${channels.length} channels, rows ${Array.from(rows).slice(0, 20).join(', ')}`,
    wanted: `each of ${width} rows once, all with the same tick`,
    where,
  });
}

/** Each row of the time stamps is a stretch: its time in microseconds, its first and its last frame. */
async function readStretches(
  file: Hdf5File,
  stream: string,
  { frames, tickUs }: { frames: number; tickUs: number },
): Promise<{ first: number; from: number; to: number }[]> {
  const path = `${stream}/ChannelDataTimeStamps`;
  const stamps = await readTable(file, path);
  if (stamps === undefined) return [{ first: 0, from: 0, to: frames }];
  const count = stamps.length / 3;
  const stretches = Array.from({ length: Math.min(Math.floor(count), MAX_STRETCHES + 1) }, (_, k) => ({
    first: Math.round(stamps[k * 3]! / tickUs),
    from: stamps[k * 3 + 1]!,
    to: stamps[k * 3 + 2]! + 1,
  }));
  const isGood = stretches.every(
    ({ from, to, first }, k) =>
      from === (stretches[k - 1]?.to ?? 0) && to > from && to <= frames && Number.isSafeInteger(first) && first >= 0,
  );
  if (isGood && Number.isInteger(count) && count <= MAX_STRETCHES && (stretches.at(-1)?.to ?? 0) === frames)
    return stretches;
  throw new MeaError('bad-format', {
    what: 'The time stamps do not fit the samples',
    got: `${count} stretches, ${stretches
      .slice(0, 5)
      .map(({ from, to }) => `${from} to ${to - 1}`)
      .join(', ')}`,
    wanted: `stretches that follow each other from frame 0 to ${frames - 1}`,
    where: `${file.path}, ${path}`,
  });
}
