import { rowCount } from '../../../protocols/responses.js';
import type { RecordedFile } from '../../../protocols/recording/recorded-file.js';
import { readResponseFile } from '../response-file.js';
import { createParts, toRecordedFile } from './opened-parts.js';

/**
 * Recognises a MATLAB file of evoked responses. It holds counts for each trial, no signals and no spikes; `meactl fit` reads it.
 *
 * @throws MeaError what `readResponseFile` throws
 */
export async function openResponses(path: string): Promise<RecordedFile> {
  const { variable, tables } = await readResponseFile(path);
  const parts = createParts();
  tables.forEach((table, culture) => {
    const size = `${rowCount(table)} trials x ${table.electrodeCount} electrodes`;
    parts.unread.push(`${variable}, culture ${culture}: responses, ${size}; meactl fit reads them`);
  });
  return toRecordedFile({ format: 'responses', path }, parts, []);
}
