import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { OUTSIDE } from '../hdf5/dataset-reading.js';
import { createParts, toRecordedFile, type OpenedParts } from '../opened-parts.js';
import { readElectrodes } from './electrode-table.js';
import { readElectricalSeries } from './electrical-series.js';
import { readTrials } from './trials.js';
import { readUnits } from './units.js';

/**
 * Reads an NWB file: series of integers or floats in `acquisition`, the table of electrodes, units and trials. Everything else that holds
 * data is named in `unread`.
 *
 * @throws MeaError `bad-format`
 */
export async function readNwb(file: Hdf5File): Promise<RecordedFile> {
  const parts = createParts();
  const electrodes = await readElectrodes(file);
  /** Rows of the table of electrodes, by channel of the first signal that was found. */
  let connected: readonly number[] | undefined;
  for (const { name, type } of await file.list('/acquisition')) {
    if (type === 'outside') parts.unread.push(`/acquisition/${name} ${OUTSIDE}`);
    if (type !== 'group') continue;
    const rows = await readElectricalSeries(file, { name, path: `/acquisition/${name}`, electrodes }, parts);
    connected ??= rows;
  }
  const channels = new Map((connected ?? []).map((row, channel) => [row, channel]));
  electrodes.forEach(({ name, xUm, yUm }, row) => {
    const channel = channels.get(row);
    if (xUm !== undefined && yUm !== undefined)
      parts.electrodes.push({ name, ...(channel !== undefined && { channel }), xUm, yUm });
  });
  await readUnits(file, parts);
  await readTrials(file, parts);
  await listOthers(file, parts);
  const version = (await file.attributes('/')).nwb_version;
  const writtenBy = typeof version === 'string' ? `NWB ${version}` : undefined;
  return toRecordedFile({ format: 'nwb', path: file.path, writtenBy }, parts, [file]);
}

async function listOthers(file: Hdf5File, parts: OpenedParts): Promise<void> {
  for (const path of ['/processing', '/stimulus/presentation', '/intervals']) {
    const names = (await file.list(path)).map(({ name }) => name).filter((name) => name !== 'trials');
    parts.unread.push(...names.slice(0, 100).map((name) => `${path}/${name} is not read`));
  }
}
