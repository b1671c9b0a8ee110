import { MeaError } from '../../../../protocols/errors.js';
import type { RecordedFile } from '../../../../protocols/recording/recorded-file.js';
import { createParts, openHolding, toRecordedFile } from '../opened-parts.js';
import type { ReaderLimits } from '../reader-options.js';
import { findRecordingFolders, nameRecording } from './find-recordings.js';
import { openOpenEphysRecording } from './open-recording.js';

/**
 * Opens a session, a node, an experiment or a recording of the Open Ephys binary format: every recording at and below the
 * folder. Times are seconds of each recording's own sample counter.
 *
 * @throws MeaError `missing` when there is none; `bad-format`, `storage`
 */
export async function openOpenEphys(path: string, limits: ReaderLimits): Promise<RecordedFile> {
  const folders = await findRecordingFolders(path);
  if (folders.length === 0)
    throw new MeaError('missing', { what: 'No structure.oebin', wanted: 'one at or below the folder', where: path });
  return openHolding(async (held) => {
    const parts = createParts();
    const versions = new Set<string>();
    for (const folder of folders) {
      const version = await openOpenEphysRecording(
        folder,
        { parts, held },
        { limits, name: nameRecording(path, folder) },
      );
      if (version !== undefined) versions.add(version);
    }
    const writtenBy = versions.size === 0 ? undefined : Array.from(versions).join(', ');
    return toRecordedFile({ format: 'open-ephys', path, writtenBy }, parts, held);
  });
}
