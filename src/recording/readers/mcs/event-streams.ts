import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { countOf, readAll, readRecords, whyUnreadable } from '../hdf5/dataset-reading.js';
import type { Hdf5Dataset } from '../hdf5/hdf5-messages.js';
import type { OpenedParts } from '../opened-parts.js';
import { hasRoomForSpikes, toTrain } from '../spike-trains.js';
import { trimmed } from './trimmed.js';

/** One stream of a recording. */
export interface McsStream {
  readonly path: string;
  /** As its user sees it. */
  readonly name: string;
  readonly subType: string;
}

/** Adds events, (2, events) microseconds: when, and for how long. */
export async function readEventStream(file: Hdf5File, stream: McsStream, parts: OpenedParts): Promise<void> {
  const labels = await readLabels(file, `${stream.path}/InfoEvent`, 'EventID');
  for (const { dataset, id } of await listEntities(file, stream, { prefix: 'EventEntity_', parts })) {
    const count = dataset.shape.at(-1) ?? 0;
    if (dataset.shape.length !== 2 || dataset.shape[0] !== 2) {
      parts.unread.push(`${dataset.path}: events of an unknown shape`);
    } else if (count > file.limits.marks - parts.marks.length) {
      parts.unread.push(`${dataset.path}: ${count} events, more than are kept`);
    } else {
      const values = await readAll(file, dataset);
      const label = [stream.name, labels.get(id)].filter((text) => text !== undefined && text !== '').join(' ');
      for (let k = 0; k < count; k++) {
        const durationS = values[count + k]! / 1e6;
        parts.marks.push({ timeS: values[k]! / 1e6, ...(durationS > 0 && { durationS }), label });
      }
    }
  }
}

/** Adds time stamps, 10^Exponent seconds each: trains where they are spikes, marks otherwise. */
export async function readTimeStampStream(file: Hdf5File, stream: McsStream, parts: OpenedParts): Promise<void> {
  const info = `${stream.path}/InfoTimeStamp`;
  const labels = await readLabels(file, info, 'TimeStampEntityID');
  const exponents = new Map(
    (await readRecords(file, info)).map((record) => [
      Number(record.get('TimeStampEntityID')),
      Number(record.get('Exponent')),
    ]),
  );
  for (const { dataset, id } of await listEntities(file, stream, { prefix: 'TimeStampEntity_', parts })) {
    const count = countOf(dataset.shape);
    const unitS = 10 ** (exponents.get(id) ?? -6);
    const name = `${stream.name} ${labels.get(id) ?? id}`;
    if (stream.subType === 'NeuralSpike') {
      if (!hasRoomForSpikes(parts, file.limits, { count, what: dataset.path })) continue;
      const times = (await readAll(file, dataset)).map((time) => time * unitS);
      parts.spikes.push(toTrain(name, times, id));
    } else if (count > file.limits.marks - parts.marks.length) {
      parts.unread.push(`${dataset.path}: ${count} time stamps, more than are kept`);
    } else {
      for (const time of await readAll(file, dataset)) parts.marks.push({ timeS: time * unitS, label: name });
    }
  }
}

/** Says how many cut-outs there are; they are not read. */
export async function countSegments(file: Hdf5File, stream: McsStream, parts: OpenedParts): Promise<void> {
  const stamps = await listEntities(file, stream, { prefix: 'SegmentData_ts_', parts });
  const count = stamps.reduce((sum, { dataset }) => sum + countOf(dataset.shape), 0);
  parts.unread.push(`${stream.name}: ${count} cut-outs of ${stamps.length} channels are not read`);
}

/** Datasets `prefix<id>` of a stream that can be read, by number. */
async function listEntities(
  file: Hdf5File,
  stream: McsStream,
  { prefix, parts }: { prefix: string; parts: OpenedParts },
): Promise<{ dataset: Hdf5Dataset; id: number }[]> {
  const entities: { dataset: Hdf5Dataset; id: number }[] = [];
  for (const { name, type } of await file.list(stream.path)) {
    const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (type !== 'dataset' || !/^\d+$/.test(digits)) continue;
    const dataset = await file.describe(`${stream.path}/${name}`);
    if (dataset === undefined) continue;
    const reason = dataset.kind === 'integer' ? whyUnreadable(dataset, file) : 'no integers';
    if (reason === undefined) entities.push({ dataset, id: Number(digits) });
    else parts.unread.push(`${dataset.path}: ${reason}`);
  }
  return entities.sort((a, b) => a.id - b.id);
}

/** What each entity is called: its own label, or those of the channels that it comes from. */
async function readLabels(file: Hdf5File, path: string, idKey: string): Promise<Map<number, string>> {
  const records = await readRecords(file, path);
  return new Map(
    records.map((record) => [
      Number(record.get(idKey)),
      trimmed(record.get('Label')) || trimmed(record.get('SourceChannelLabels')),
    ]),
  );
}
