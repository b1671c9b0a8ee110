import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { LEDGER_VERSION, type ExperimentStarted, type LedgerRecord } from '../../protocols/ledger.js';
import { ledgerRecordSchema } from './ledger-schema.js';

/** A ledger as it lies on the disk. */
export interface StoredLedger {
  readonly path: string;
  /** Lines without their line feed, in order. */
  readonly lines: readonly string[];
  /** The record of each line. */
  readonly records: readonly LedgerRecord[];
  /** Length of the whole lines, in bytes: where a writer goes on. */
  readonly wholeBytes: number;
  /** Bytes of a last line that was cut off in writing; they hold no whole record. */
  readonly tornBytes: number;
}

/**
 * Reads a ledger. A last line without its line feed was being written when the program died: it is left out, and
 * counted.
 *
 * @throws MeaError `missing` where there is none; `bad-format` for a whole line that is no record, a ledger that does not
 *   begin with its experiment, or one of a newer version
 */
export function readLedger(path: string): StoredLedger {
  const bytes = readBytes(path);
  const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, wholeBytes).toString('utf8').split('\n').slice(0, -1);
  const records = lines.map((line, i) => parseRecord(line, `${path}, line ${i + 1}`));
  return { path, lines, records, wholeBytes, tornBytes: bytes.length - wholeBytes };
}

/** The first record of a ledger: the experiment and its source. */
export function startOf({ records, path }: StoredLedger): ExperimentStarted {
  const [first] = records;
  if (first?.type !== 'experiment-started') {
    throw new MeaError('bad-format', {
      what: 'A ledger must begin with its experiment',
      got: first === undefined ? 'an empty ledger' : first.type,
      wanted: 'experiment-started',
      where: path,
      ...(first === undefined && { remedy: 'nothing was recorded yet: remove the folder and start again' }),
    });
  }
  return first;
}

const versioned = z.object({ type: z.literal('experiment-started'), version: z.number() });

/** Before anything else is asked of a record: a newer version may have records that this one does not know. */
function assertNotNewer(value: unknown, where: string): void {
  const { data } = versioned.safeParse(value);
  if (data === undefined || data.version <= LEDGER_VERSION) return;
  throw new MeaError('bad-format', {
    what: 'The recording is newer than this program',
    got: `ledger version ${data.version}`,
    wanted: `at most ${LEDGER_VERSION}`,
    where,
    remedy: 'use a newer meactl',
  });
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new MeaError(
      'missing',
      { what: 'No ledger to read', wanted: 'a recording made by meactl run', where: path },
      { cause },
    );
  }
}

function parseRecord(line: string, where: string): LedgerRecord {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new MeaError(
      'bad-format',
      { what: 'A line of the ledger is not JSON', got: excerpt(line), where },
      { cause },
    );
  }
  assertNotNewer(value, where);
  const parsed = ledgerRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MeaError('bad-format', {
    what: 'A line of the ledger is not a record',
    got: excerpt(line),
    wanted: issue === undefined ? 'a record' : `${issue.path.join('.')}: ${issue.message}`,
    where,
  });
}

function excerpt(line: string): string {
  return line.length > 80 ? `${line.slice(0, 77)}...` : line;
}
