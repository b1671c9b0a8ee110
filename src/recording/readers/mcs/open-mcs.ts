import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { createParts, toRecordedFile } from '../opened-parts.js';
import { readAnalogStream } from './analog-stream.js';
import { countSegments, readEventStream, readTimeStampStream, type McsStream } from './event-streams.js';
import { trimmed } from './trimmed.js';

/** Streams of one recording; more is no file of this recorder. */
const MAX_STREAMS = 1000;

/**
 * Reads a Multi Channel Systems `.h5` file: analog streams in volts as signals, events as marks, time stamps of spikes as
 * trains. Cut-outs are counted, not read.
 *
 * @throws MeaError `bad-format`
 */
export async function readMcs(file: Hdf5File): Promise<RecordedFile> {
  const parts = createParts();
  const recordings = (await file.list('/Data')).filter(({ type }) => type === 'group').map(({ name }) => name);
  for (const recording of recordings) {
    const named = recordings.length === 1 ? '' : `${recording}/`;
    for (const stream of await listStreams(file, `/Data/${recording}/AnalogStream`, named))
      await readAnalogStream(file, stream, parts);
    for (const stream of await listStreams(file, `/Data/${recording}/EventStream`, named))
      await readEventStream(file, stream, parts);
    for (const stream of await listStreams(file, `/Data/${recording}/TimeStampStream`, named))
      await readTimeStampStream(file, stream, parts);
    for (const stream of await listStreams(file, `/Data/${recording}/SegmentStream`, named))
      await countSegments(file, stream, parts);
    const others = (await file.list(`/Data/${recording}`)).filter(({ name }) => name.startsWith('Frame'));
    parts.unread.push(...others.map(({ name }) => `/Data/${recording}/${name} is not read`));
  }
  const attributes = await file.attributes('/Data');
  const program = [trimmed(attributes.ProgramName), trimmed(attributes.ProgramVersion)].filter((text) => text !== '');
  const writtenBy = program.length === 0 ? undefined : program.join(' ');
  return toRecordedFile({ format: 'mcs', path: file.path, writtenBy }, parts, [file]);
}

async function listStreams(file: Hdf5File, path: string, recording: string): Promise<McsStream[]> {
  const groups = (await file.list(path)).filter(({ type }) => type === 'group');
  if (groups.length > MAX_STREAMS)
    throw new MeaError('bad-format', {
      what: 'Too many streams',
      got: String(groups.length),
      wanted: `at most ${MAX_STREAMS}`,
      where: `${file.path}, ${path}`,
    });
  const streams: McsStream[] = [];
  for (const { name } of groups) {
    const attributes = await file.attributes(`${path}/${name}`);
    const label = trimmed(attributes.Label);
    streams.push({
      path: `${path}/${name}`,
      name: `${recording}${label === '' ? name : label}`,
      subType: trimmed(attributes.DataSubType),
    });
  }
  return streams;
}
