import { join } from 'node:path';
import { MeaError, isMeaError } from '../../../../protocols/errors.js';
import type { RecordedChannel, SampleSpan } from '../../../../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import { findStretches, type Stretch } from '../find-stretches.js';
import { insideFolder } from '../inside-folder.js';
import { createInterleavedReader } from '../interleaved-reader.js';
import { openNpyColumn } from '../npy-column.js';
import type { Closable, OpenedParts } from '../opened-parts.js';
import { PositionedFile } from '../positioned-file.js';
import { readJson } from '../read-json.js';
import type { ReaderLimits } from '../reader-options.js';
import { readEvents } from './read-events.js';
import { readSpikes } from './read-spikes.js';
import { structureSchema, type OpenEphysStream } from './structure.js';

/** How to open one recording folder. */
export interface OpenEphysRecordingOptions {
  readonly limits: ReaderLimits;
  /** Written before the names of signals, with a slash; empty by default. */
  readonly name?: string;
  /** Sample of the first frame, where it is known from elsewhere; by default `sample_numbers.npy` says. */
  readonly firstSample?: number;
  /** Electrode of a channel, by its number from 0 in its stream. */
  readonly electrodeOf?: (channel: number) => number | undefined;
  readonly blind?: readonly SampleSpan[];
}

/**
 * Opens one recording folder of the Open Ephys binary format (the one with `structure.oebin`), adding what it finds to `parts`
 * and what is to be closed to `held`.
 *
 * @returns version of the program that wrote it, where it says
 * @throws MeaError `missing`, `bad-format`, `storage`
 */
export async function openOpenEphysRecording(
  folder: string,
  into: { readonly parts: OpenedParts; readonly held: Closable[] },
  options: OpenEphysRecordingOptions,
): Promise<string | undefined> {
  const where = join(folder, 'structure.oebin');
  const structure = await readJson(where, structureSchema);
  for (const stream of structure.continuous) await openStream(folder, stream, { ...options, ...into, where });
  const rate = structure.continuous[0]?.sample_rate;
  const read = { ...options, parts: into.parts, folder, where, rate };
  for (const events of structure.events) await readEvents(events, read);
  for (const spikes of structure.spikes) await readSpikes(spikes, read);
  const version = structure['GUI version'];
  return version === undefined ? undefined : `Open Ephys GUI ${version}`;
}

interface StreamContext extends OpenEphysRecordingOptions {
  readonly parts: OpenedParts;
  readonly held: Closable[];
  readonly where: string;
}

async function openStream(folder: string, stream: OpenEphysStream, context: StreamContext): Promise<void> {
  const { parts, held, where } = context;
  assertChannelCount(stream, where);
  const below = insideFolder(join(folder, 'continuous'), stream.folder_name, where);
  const file = await PositionedFile.open(join(below, 'continuous.dat'));
  held.push(file);
  const channels = toChannels(stream, context);
  const frameBytes = channels.length * 2;
  const frames = Math.floor(file.size / frameBytes);
  const tail = file.size - frames * frameBytes;
  if (tail > 0) parts.unread.push(`${file.path}: ${tail} bytes at its end are no whole frame`);
  const { stretches, unread } = await readStretches(below, frames, context);
  parts.unread.push(...unread);
  const streamName = stream.folder_name.replace(/[\\/]+$/, '');
  const name = context.name === undefined || context.name === '' ? streamName : `${context.name}/${streamName}`;
  stretches.forEach(({ from, to, first }, k) => {
    const signal = {
      name: stretches.length === 1 ? name : `${name} (${k + 1})`,
      channels,
      sampleRateHz: hertz(stream.sample_rate),
      firstSample: sampleIndex(first),
      frames: to - from,
      blind: context.blind ?? [],
    };
    parts.signals.push(createInterleavedReader(file, signal, { offset: from * frameBytes, width: channels.length }));
  });
}

function assertChannelCount({ num_channels: declared, channels }: OpenEphysStream, where: string): void {
  if (declared === undefined || declared === channels.length) return;
  throw new MeaError('bad-format', {
    what: 'The channels of a stream are not as many as it says',
    got: String(channels.length),
    wanted: String(declared),
    where,
  });
}

function toChannels({ channels }: OpenEphysStream, { electrodeOf }: StreamContext): RecordedChannel[] {
  return channels.map(({ channel_name, bit_volts, units }, k) => {
    const electrode = electrodeOf?.(k);
    return {
      name: channel_name ?? `CH${k + 1}`,
      gainUvPerBit: bit_volts * (units === 'V' ? 1e6 : units === 'mV' ? 1e3 : 1),
      offsetUv: 0,
      ...(electrode !== undefined && { electrode }),
    };
  });
}

/**
 * A recorder that was stopped hard leaves fewer sample numbers than frames, or a header that claims more than there are; what
 * is certain is the first one.
 */
async function readStretches(
  folder: string,
  frames: number,
  { firstSample }: StreamContext,
): Promise<{ stretches: Stretch[]; unread: string[] }> {
  const whole = (first: number): Stretch[] => [{ from: 0, to: frames, first }];
  if (firstSample !== undefined) return { stretches: whole(firstSample), unread: [] };
  const column = await openSampleNumbers(folder);
  if (column === undefined)
    return { stretches: whole(0), unread: [`${folder}: no sample numbers; the first frame is taken for sample 0`] };
  const { path, numbers } = column;
  try {
    const { length, declared } = numbers;
    const one = async (k: number): Promise<number> => (await numbers.numbers(k, 1))[0]!;
    if (length === 0) return { stretches: whole(0), unread: [`${path}: empty; the first frame is taken for sample 0`] };
    if (length === 1) return { stretches: whole(await one(0)), unread: [] };
    const unread =
      length === frames && declared === frames
        ? []
        : [`${path}: ${declared} sample numbers declared, ${length} there, for ${frames} frames`];
    const known = await findStretches(Math.min(length, frames), one, path);
    // Frames beyond the last number follow it without a known gap.
    return { stretches: known.map((part, k) => (k === known.length - 1 ? { ...part, to: frames } : part)), unread };
  } finally {
    await numbers.close();
  }
}

/** Before version 0.6 the sample numbers are called `timestamps.npy`; afterwards those are seconds. */
async function openSampleNumbers(
  folder: string,
): Promise<{ path: string; numbers: Awaited<ReturnType<typeof openNpyColumn>> } | undefined> {
  for (const name of ['sample_numbers.npy', 'timestamps.npy']) {
    const path = join(folder, name);
    const numbers = await openNpyColumn(path).catch(undefinedWhenMissing);
    if (numbers?.type.kind === 'i') return { path, numbers };
    await numbers?.close();
  }
  return undefined;
}

function undefinedWhenMissing(error: unknown): undefined {
  if (isMeaError(error, 'missing')) return undefined;
  throw error;
}
