import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { readLedger, startOf } from './ledger-reader.js';
import { toPattern, type PatternRow, type StoredPatterns } from './pattern-file.js';
import { openRunFolder } from './run-folder.js';

const sized = z.object({ trials: z.int().min(1) });

/**
 * The patterns of a recorded run, all trials one after the other. Their hash is that of the patterns alone: what was
 * answered, interruptions and host times do not count.
 *
 * @param trialsPerSession that the run must have
 * @throws MeaError `missing` where there is no run; `bad-input` where it has other sessions or holds no trial
 */
export function readRunPatterns(path: string, trialsPerSession: number): StoredPatterns {
  const folder = openRunFolder(path);
  const ledger = readLedger(folder.path);
  const { data } = sized.safeParse(startOf(ledger).experiment);
  if (data?.trials !== trialsPerSession) {
    throw new MeaError('bad-input', {
      what: 'The run to take patterns from has other sessions',
      got: `${data?.trials ?? '?'} trials a session`,
      wanted: String(trialsPerSession),
      where: path,
    });
  }
  const trials = new Map<string, PatternRow>();
  // What a session showed before it began anew does not count: its second showing takes the place of the first.
  ledger.records.forEach((record, i) => {
    if (record.type !== 'trial') return;
    const { session, trial, sources, inputs } = record;
    trials.set(`${session}.${trial}`, { line: i + 1, sources, inputs });
  });
  const rows = [...trials.values()];
  const hash = createHash('sha256');
  for (const { sources, inputs } of rows) hash.update(`${sources},${inputs}\n`);
  return { pattern: toPattern(rows, folder.path), sha256: hash.digest('hex') };
}
