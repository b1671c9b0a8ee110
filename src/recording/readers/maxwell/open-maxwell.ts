import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import type { Hertz } from '../../../../protocols/units.js';
import { createParts, toRecordedFile, type OpenedParts } from '../opened-parts.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readRows } from '../hdf5/dataset-reading.js';
import { readMaxwellRecording } from './read-recording.js';
import { readOldMaxwell } from './read-old.js';

/** Recordings of all wells of a plate; more is no file of this recorder. */
const MAX_RECORDINGS = 10_000;

/**
 * Reads a MaxWell `.raw.h5` file: spikes, electrodes and settings of each recording of each well, and the raw signal where it
 * is not behind the vendor's filter.
 *
 * @throws MeaError `bad-format`
 */
export async function readMaxwell(file: Hdf5File): Promise<RecordedFile> {
  const parts = createParts();
  const isOld = (await file.describe('/sig')) !== undefined;
  const rates = new Set(isOld ? [await readOldMaxwell(file, parts)] : await readAllRecordings(file, parts));
  const version = await readText(file, '/mxw_version');
  const layout = await readText(file, '/version');
  const writtenBy = [
    version === undefined ? '' : `MaxLab Live ${version}`,
    layout === undefined ? '' : `format ${layout}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
  return toRecordedFile(
    {
      format: 'maxwell',
      path: file.path,
      writtenBy: writtenBy === '' ? undefined : writtenBy,
      sampleRateHz: rates.size === 1 ? Array.from(rates)[0] : undefined,
    },
    parts,
    [file],
  );
}

/** @returns the rate of each recording */
async function readAllRecordings(file: Hdf5File, parts: OpenedParts): Promise<Hertz[]> {
  const recordings = await findRecordings(file);
  if (recordings.length === 0)
    throw new MeaError('bad-format', {
      what: 'No recordings',
      wanted: '/wells/well000/rec0000, or /data_store',
      where: file.path,
    });
  if (recordings.length > MAX_RECORDINGS)
    throw new MeaError('bad-format', { what: 'Too many recordings', got: String(recordings.length), where: file.path });
  const rates: Hertz[] = [];
  for (const recording of recordings) rates.push(await readMaxwellRecording(file, recording, parts));
  return rates;
}

/** Paths of the recordings, by well; by their number in the store where the file names no wells. */
async function findRecordings(file: Hdf5File): Promise<{ path: string; name: string }[]> {
  const groupsOf = async (path: string): Promise<string[]> =>
    (await file.list(path)).filter(({ type }) => type === 'group').map(({ name }) => name);
  const found: { path: string; name: string }[] = [];
  for (const well of await groupsOf('/wells'))
    for (const recording of await groupsOf(`/wells/${well}`))
      found.push({ path: `/wells/${well}/${recording}`, name: `${well}/${recording}` });
  if (found.length > 0) return found;
  return (await groupsOf('/data_store')).map((name) => ({ path: `/data_store/${name}`, name }));
}

async function readText(file: Hdf5File, path: string): Promise<string | undefined> {
  const [text] = await readRows(file, path);
  return typeof text === 'string' && text !== '' ? text.trim() : undefined;
}
