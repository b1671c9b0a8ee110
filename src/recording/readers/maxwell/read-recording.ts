import { MeaError } from '../../../../protocols/errors.js';
import { hertz, sampleIndex, type Hertz } from '../../../../protocols/units.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { needDataset, readNumber, readTable, whyUnreadable } from '../hdf5/dataset-reading.js';
import { createHdf5Reader, sampleTypeOf } from '../hdf5/signal-reader.js';
import { findStretches, type Stretch } from '../find-stretches.js';
import type { OpenedParts } from '../opened-parts.js';
import { readMapping, toElectrodes, type MaxwellElectrode } from './mapping.js';
import { readMaxwellSpikes } from './read-spikes.js';

/** The converter: 3.3 V in 1024 steps, where the file does not give the step itself. */
const RANGE_V = 3.3;
const STEPS = 1024;

/**
 * Adds one recording of one well: its spikes, electrodes, and the raw signals of its groups where they can be read.
 *
 * @returns the rate of its clock
 */
export async function readMaxwellRecording(
  file: Hdf5File,
  { path, name }: { path: string; name: string },
  parts: OpenedParts,
): Promise<Hertz> {
  const rateHz = await readNumber(file, `${path}/settings/sampling`);
  if (rateHz === undefined || !(rateHz > 0))
    throw new MeaError('bad-format', {
      what: 'Bad sampling rate',
      got: String(rateHz),
      wanted: 'a rate in Hz',
      where: `${file.path}, ${path}/settings/sampling`,
    });
  const mapping = await readMapping(file, `${path}/settings/mapping`);
  await readMaxwellSpikes(file, { path: `${path}/spikes`, recording: name, rateHz, mapping }, parts);
  const gainUv = await readGainUv(file, `${path}/settings`);
  let rows = new Map<number, number>();
  const groups = (await file.list(`${path}/groups`)).filter(({ type }) => type === 'group');
  for (const group of groups) {
    const signalName = groups.length === 1 ? name : `${name}/${group.name}`;
    const channels = await readGroup(
      file,
      { path: `${path}/groups/${group.name}`, name: signalName, rateHz, gainUv, mapping },
      parts,
    );
    if (channels !== undefined) rows = new Map(channels.map((channel, row) => [channel, row]));
  }
  parts.electrodes.push(...toElectrodes(mapping, name, (channel) => rows.get(channel)));
  return hertz(rateHz);
}

/** Microvolts of one step; undefined where the settings say neither step nor gain. */
export async function readGainUv(file: Hdf5File, settings: string): Promise<number | undefined> {
  const lsb = await readNumber(file, `${settings}/lsb`);
  if (lsb !== undefined && lsb > 0) return lsb * 1e6;
  const gain = await readNumber(file, `${settings}/gain`);
  return gain !== undefined && gain > 0 ? (RANGE_V / (STEPS * gain)) * 1e6 : undefined;
}

interface Group {
  readonly path: string;
  readonly name: string;
  readonly rateHz: number;
  readonly gainUv: number | undefined;
  readonly mapping: readonly MaxwellElectrode[];
}

/** @returns channels of the amplifier in the order of the signal; undefined when it could not be read */
async function readGroup(file: Hdf5File, group: Group, parts: OpenedParts): Promise<readonly number[] | undefined> {
  const raw = await file.describe(`${group.path}/raw`);
  if (raw === undefined) return undefined;
  const type = sampleTypeOf(raw);
  const [width = 0, frames = 0] = raw.shape;
  const channels = await readTable(file, `${group.path}/channels`);
  const reason =
    whyUnreadable(raw, file) ??
    (type === undefined || raw.shape.length !== 2 ? 'samples of an unknown type' : undefined) ??
    (channels?.length === width ? undefined : `${width} rows for ${channels?.length ?? 0} channels`) ??
    (group.gainUv === undefined ? 'the settings say neither lsb nor gain' : undefined);
  if (reason !== undefined || type === undefined || channels === undefined || group.gainUv === undefined) {
    parts.unread.push(`${group.name} raw signal (${width} channels, ${frames} frames): ${reason ?? ''}`);
    return undefined;
  }
  const electrodes = new Map(group.mapping.map(({ channel, electrode }) => [channel, electrode]));
  const described = Array.from(channels, (channel) => {
    const electrode = electrodes.get(channel);
    return {
      name: `channel ${channel}`,
      gainUvPerBit: group.gainUv!,
      offsetUv: type.middle * group.gainUv!,
      ...(electrode !== undefined && { electrode }),
    };
  });
  const stretches = await readStretches(file, `${group.path}/frame_nos`, frames);
  stretches.forEach(({ from, to, first }, k) => {
    const signal = {
      name: stretches.length === 1 ? group.name : `${group.name} (${k + 1})`,
      channels: described,
      sampleRateHz: hertz(group.rateHz),
      firstSample: sampleIndex(first),
      frames: to - from,
      blind: [],
    };
    const rows = described.map((_, row) => row);
    parts.signals.push(createHdf5Reader(file, signal, { dataset: raw, type, channelAxis: 0, rows, firstFrame: from }));
  });
  return Array.from(channels);
}

async function readStretches(file: Hdf5File, path: string, frames: number): Promise<Stretch[]> {
  if ((await file.describe(path)) === undefined) return [{ from: 0, to: frames, first: 0 }];
  const { shape } = await needDataset(file, path);
  if (shape.length !== 1 || shape[0] !== frames)
    throw new MeaError('bad-format', {
      what: 'As many frame numbers as frames are needed',
      got: `(${shape.join(', ')})`,
      wanted: String(frames),
      where: `${file.path}, ${path}`,
    });
  const counterAt = async (frame: number): Promise<number> =>
    Number((await file.numbers(path, [[frame, frame + 1]]))[0]);
  return findStretches(frames, counterAt, `${file.path}, ${path}`);
}
