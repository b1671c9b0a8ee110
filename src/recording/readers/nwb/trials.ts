import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readTable } from '../hdf5/dataset-reading.js';
import type { OpenedParts } from '../opened-parts.js';

const TRIALS = '/intervals/trials';

/** Adds a mark for each trial, as long as it took. */
export async function readTrials(file: Hdf5File, parts: OpenedParts): Promise<void> {
  const starts = await readTable(file, `${TRIALS}/start_time`);
  if (starts === undefined) return;
  const stops = await readTable(file, `${TRIALS}/stop_time`);
  const ids = await readTable(file, `${TRIALS}/id`);
  if (starts.length > file.limits.marks - parts.marks.length) {
    parts.unread.push(`${TRIALS}: ${starts.length} trials, more than are kept`);
    return;
  }
  starts.forEach((timeS, k) => {
    const durationS = (stops?.[k] ?? Number.NaN) - timeS;
    parts.marks.push({ timeS, ...(durationS >= 0 && { durationS }), label: `trial ${ids?.[k] ?? k}` });
  });
}
