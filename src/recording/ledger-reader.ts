import { MeaError } from '../../protocols/errors.js';
import {
  LEDGER_VERSION,
  type ExperimentStarted,
  type LatencyRecord,
  type LedgerRecord,
} from '../../protocols/ledger.js';
import { z } from 'zod';
import { decodeLedgerRecord } from './journal/journal-index.js';
import { decodeJson, decodeText } from './journal/payloads.js';
import { bytesOf, journalBytes, listSegments, scanJournal } from './journal/scan-journal.js';
import { carryOut, carryOutInPieces, type LongWork, type PieceOptions } from './long-work.js';
import { latencyRecordSchema } from './ledger-schema.js';
import { sessionFileSchema, type SessionFile } from './session-file.js';

/** A ledger as it lies on the disk. */
export interface StoredLedger {
  /** The recording's folder. */
  readonly path: string;
  /** JSON of each record, in order. */
  readonly lines: readonly string[];
  readonly records: readonly LedgerRecord[];
  /** Bytes at the journal's end that were being written when the program died; they hold no whole record. */
  readonly tornBytes: number;
  /** What was recorded; undefined where its record is damaged. */
  readonly session: SessionFile | undefined;
  /** Boot of the device that the recording was begun on; undefined where that was not recorded. */
  readonly firstBootId: number | undefined;
  /** Host times, newest last; no comparison reads them. */
  readonly newestLatency: LatencyRecord | undefined;
}

/**
 * Reads the ledger in a recording's journal. Bytes at its end that are no whole record were being written when the program
 * died: they are left out, and counted.
 *
 * @throws MeaError `missing` where there is none; `bad-format` for a journal with records missing in it, for a record that
 *   is none, a ledger that does not begin with its experiment, or one of a newer version
 */
export function readLedger(folder: string): StoredLedger {
  return carryOut(readingLedger(folder));
}

/** The same, with turns for everybody else in between. @throws besides, the signal's reason */
export function readLedgerInPieces(folder: string, options: Omit<PieceOptions, 'totalBytes'>): Promise<StoredLedger> {
  return carryOutInPieces(readingLedger(folder), { ...options, totalBytes: journalBytes(folder) });
}

function* readingLedger(folder: string): LongWork<StoredLedger> {
  const segments = listSegments(folder);
  const last = segments.at(-1);
  if (last === undefined) {
    throw new MeaError('missing', {
      what: 'No ledger to read',
      wanted: 'a recording made by meactl run',
      where: folder,
    });
  }
  const lines: string[] = [];
  const records: LedgerRecord[] = [];
  let tornBytes = 0;
  let newestLatency: LatencyRecord | undefined;
  let session: SessionFile | undefined;
  let firstBootId: number | undefined;
  let hasBegun = false;
  for (const item of scanJournal(folder)) {
    yield bytesOf(item);
    if (item.type === 'missing') throw missingRecords(folder, item);
    if (item.type === 'damage') {
      if (item.isTail && item.segment === last) tornBytes = item.to - item.from;
      continue;
    }
    const where = `${item.segment}, byte ${item.offset}`;
    if (item.name === 'latency') newestLatency = decodeJson(item.payload, latencyRecordSchema, where);
    else if (item.name === 'session') {
      session = decodeJson(item.payload, sessionFileSchema, where);
      if (!hasBegun) firstBootId = session.device.bootId;
      hasBegun = true;
    } else if (item.name === 'ledger') {
      assertNotNewer(item.payload, where);
      lines.push(decodeText(item.payload, where));
      records.push(decodeLedgerRecord(item.payload, where));
    }
  }
  return { path: folder, lines, records, tornBytes, session, firstBootId, newestLatency };
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

function missingRecords(
  folder: string,
  { fromSeq, frames, segment, offset }: { fromSeq: number; frames: number; segment: string; offset: number },
): MeaError {
  return new MeaError('bad-format', {
    what: 'Records are missing in the journal',
    got: `${frames} fewer than were written, from number ${fromSeq}, before byte ${offset} of ${segment}`,
    wanted: 'every record',
    where: folder,
    remedy: 'meactl verify tells what is damaged; what is left can be exported',
  });
}

const versioned = z.object({ type: z.literal('experiment-started'), version: z.number() });

/** Before anything else is asked of a record: a newer version may have records that this one does not know. */
function assertNotNewer(payload: Uint8Array, where: string): void {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(payload, where));
  } catch {
    return;
  }
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
