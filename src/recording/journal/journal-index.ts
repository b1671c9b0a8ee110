import type { LatencyRecord, LedgerRecord } from '../../../protocols/ledger.js';
import { sampleIndex } from '../../../protocols/units.js';
import { latencyRecordSchema, ledgerRecordSchema } from '../ledger-schema.js';
import { sessionFileSchema, type SessionFile } from '../session-file.js';
import { z } from 'zod';
import {
  chunkSchema,
  decodeJson,
  gapSchema,
  recordingStartedSchema,
  recoveredSchema,
  stopSchema,
  syncSchema,
  type RawChunk,
  type RawGap,
  type RecordingStarted,
  type Recovered,
  type SyncMark,
} from './payloads.js';
import { listSegments, scanJournal, segmentNumber, type DamagedBytes, type MissingFrames } from './scan-journal.js';

const structureSchema = z.object({ recording: z.int().min(1), text: z.string() });

/** A stretch of raw samples as the journal tells of it. */
export interface IndexedStretch {
  readonly started: RecordingStarted;
  readonly chunks: RawChunk[];
  readonly gaps: RawGap[];
  /** Newest text of its structure.oebin. */
  structure: string | undefined;
}

/** How a recording ended: `clean` and `recovered` ones are whole as far as they go; `open` may still be written. */
export type RecordingEnd = 'clean' | 'recovered' | 'open';

/** What there is in a journal, without what is long: memory grows with the seconds that were recorded, slowly. */
export interface JournalIndex {
  readonly folder: string;
  readonly session: SessionFile | undefined;
  /** Bytes of session.json and probe.json as they were written. */
  readonly sessionBytes: Uint8Array | undefined;
  readonly probeBytes: Uint8Array | undefined;
  readonly stretches: ReadonlyMap<number, IndexedStretch>;
  readonly frames: number;
  readonly counts: { ledger: number; trials: number; spikes: number; events: number; models: number; snippets: number };
  readonly lastSync: SyncMark | undefined;
  readonly end: RecordingEnd;
  readonly recovered: readonly Recovered[];
  readonly lost: { readonly events: number; readonly samples: number };
  readonly damage: readonly DamagedBytes[];
  readonly missing: readonly MissingFrames[];
  /** Of `damage` and `missing`: those that a recovery found and told. */
  readonly knownDamage: number;
  readonly knownMissing: number;
  /**
   * Where the journal of a program that lost its power stops being whole: after it at most one word of safety follows, so
   * that nothing there was promised. Undefined where it is whole.
   */
  readonly looseEnd: { readonly segment: string; readonly offset: number } | undefined;
  /** Where a writer goes on. */
  readonly next: { readonly segment: number; readonly seq: number };
  readonly newestLatency: LatencyRecord | undefined;
}

/**
 * Reads a journal once, from its beginning.
 *
 * @throws MeaError `bad-format` for a record that is whole and makes no sense, or is of a newer version
 */
export function indexJournal(folder: string): JournalIndex {
  const counts = { ledger: 0, trials: 0, spikes: 0, events: 0, models: 0, snippets: 0 };
  const stretches = new Map<number, IndexedStretch>();
  const damage: DamagedBytes[] = [];
  const missing: MissingFrames[] = [];
  const recovered: Recovered[] = [];
  let session: SessionFile | undefined;
  let sessionBytes: Uint8Array | undefined;
  let probeBytes: Uint8Array | undefined;
  let lastSync: SyncMark | undefined;
  let newestLatency: LatencyRecord | undefined;
  let end: RecordingEnd = 'open';
  let lost = { events: 0, samples: 0 };
  let frames = 0;
  let seq = 0;
  let known = { damage: 0, missing: 0 };
  /** Each place where something is missing, and how many words of safety follow it. */
  const holes: { readonly segment: string; readonly offset: number; syncs: number }[] = [];
  for (const item of scanJournal(folder)) {
    if (item.type === 'damage') {
      damage.push(item);
      holes.push({ segment: item.segment, offset: item.from, syncs: 0 });
      // Torn bytes after the last word are no new word.
      continue;
    }
    if (item.type === 'missing') {
      missing.push(item);
      holes.push({ segment: item.segment, offset: item.offset, syncs: 0 });
      continue;
    }
    const { payload } = item;
    const where = `${item.segment}, byte ${item.offset}`;
    frames += 1;
    seq = item.seq + 1;
    end = 'open';
    switch (item.name) {
      case 'session':
        sessionBytes = new Uint8Array(payload);
        session = decodeJson(payload, sessionFileSchema, where);
        break;
      case 'probe':
        probeBytes = new Uint8Array(payload);
        break;
      case 'structure': {
        const { recording, text } = decodeJson(payload, structureSchema, where);
        const stretch = stretches.get(recording);
        if (stretch !== undefined) stretch.structure = text;
        break;
      }
      case 'recording-started': {
        const started = decodeJson(payload, recordingStartedSchema, where);
        stretches.set(started.recording, { started, chunks: [], gaps: [], structure: undefined });
        break;
      }
      case 'chunk': {
        const chunk = decodeJson(payload, chunkSchema, where);
        let stretch = stretches.get(chunk.recording);
        if (stretch === undefined && session !== undefined) {
          // The record of its beginning is gone: what it said follows from the chunk.
          stretch = { started: inferStart(chunk, session), chunks: [], gaps: [], structure: undefined };
          stretches.set(chunk.recording, stretch);
        }
        stretch?.chunks.push(chunk);
        break;
      }
      case 'gap': {
        const gap = decodeJson(payload, gapSchema, where);
        stretches.get(gap.recording)?.gaps.push(gap);
        break;
      }
      case 'ledger':
        counts.ledger += 1;
        if (isTrial(payload)) counts.trials += 1;
        break;
      case 'latency':
        newestLatency = decodeJson(payload, latencyRecordSchema, where);
        break;
      case 'spikes':
        counts.spikes += new DataView(payload.buffer, payload.byteOffset, payload.length).getUint32(16, true);
        break;
      case 'event':
        counts.events += 1;
        break;
      case 'model':
        counts.models += 1;
        break;
      case 'snippets':
        counts.snippets += 1;
        break;
      case 'sync':
        lastSync = decodeJson(payload, syncSchema, where);
        for (const hole of holes) hole.syncs += 1;
        break;
      case 'clean-stop':
        ({ lost } = decodeJson(payload, stopSchema, where));
        end = 'clean';
        break;
      case 'recovered':
        recovered.push(decodeJson(payload, recoveredSchema, where));
        if (isToldBy(recovered.at(-1)!, damage, missing)) known = { damage: damage.length, missing: missing.length };
        holes.length = 0;
        end = 'recovered';
        break;
    }
  }
  const last = listSegments(folder).at(-1);
  return {
    folder,
    session,
    sessionBytes,
    probeBytes,
    stretches,
    frames,
    counts,
    lastSync,
    end,
    recovered,
    lost,
    damage,
    missing,
    knownDamage: known.damage,
    knownMissing: known.missing,
    looseEnd: holes.find(({ segment, syncs }) => segment === last && syncs <= 1),
    next: { segment: last === undefined ? 0 : segmentNumber(last) + 1, seq },
    newestLatency,
  };
}

function inferStart(chunk: RawChunk, { channels, sampleRateHz }: SessionFile): RecordingStarted {
  const firstSample = sampleIndex(chunk.firstSample - chunk.firstFrame);
  return { recording: chunk.recording, firstSample, channels, sampleRateHz, because: 'stream' };
}

/** A recovery tells of all that is damaged before it: more than it told is new. */
function isToldBy(
  { tornBytes, missingFrames }: Recovered,
  damage: readonly DamagedBytes[],
  missing: readonly MissingFrames[],
): boolean {
  const bytes = damage.reduce((sum, { from, to }) => sum + to - from, 0);
  return bytes === tornBytes && missing.reduce((sum, { frames }) => sum + frames, 0) === missingFrames;
}

const TRIAL = Buffer.from('{"type":"trial",');

/** By its first bytes: records are many, and their writer is this program. */
function isTrial(payload: Uint8Array): boolean {
  return Buffer.compare(TRIAL, payload.subarray(0, TRIAL.length)) === 0;
}

/** @throws MeaError `bad-format` */
export function decodeLedgerRecord(payload: Uint8Array, where: string): LedgerRecord {
  return decodeJson<LedgerRecord>(payload, ledgerRecordSchema, where);
}
