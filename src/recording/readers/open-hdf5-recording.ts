import { MeaError } from '../../../protocols/errors.js';
import type { RecordedFile } from '../../../protocols/recording/recorded-file.js';
import { OUTSIDE } from './hdf5/dataset-reading.js';
import { Hdf5File, type Hdf5FileOptions } from './hdf5/hdf5-file.js';
import { readMaxwell } from './maxwell/open-maxwell.js';
import { readMcs } from './mcs/open-mcs.js';
import { readNwb } from './nwb/open-nwb.js';
import { readWaverepo } from './waverepo.js';

/**
 * Opens an HDF5 file of one of the known recorders, recognised by the names in it.
 *
 * @throws MeaError `bad-format` when it is none, or damaged
 */
export async function openHdf5Recording(path: string, options: Hdf5FileOptions): Promise<RecordedFile> {
  const file = await Hdf5File.open(path, options);
  try {
    const entries = await file.list('/');
    const outside = entries.filter(({ type }) => type === 'outside').map(({ name }) => `/${name} ${OUTSIDE}`);
    const names = entries.map(({ name }) => name);
    const recording = await readKnown(file, names);
    return { ...recording, unread: [...recording.unread, ...outside] };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readKnown(file: Hdf5File, names: readonly string[]): Promise<RecordedFile> {
  const attributes = await file.attributes('/');
  const has = (...wanted: string[]): boolean => wanted.every((name) => names.includes(name));
  if ('nwb_version' in attributes) return readNwb(file);
  if ('McsHdf5ProtocolVersion' in attributes && has('Data')) return readMcs(file);
  if (has('spikes', 'sCount')) return readWaverepo(file);
  if (has('wells') || has('data_store') || has('sig', 'mapping')) return readMaxwell(file);
  throw new MeaError('bad-format', {
    what: 'An HDF5 file of an unknown recorder',
    got: names.length === 0 ? 'nothing in it' : names.slice(0, 20).join(', '),
    wanted: 'one of MaxWell, MCS, NWB or the retinal-wave repository',
    where: file.path,
  });
}
