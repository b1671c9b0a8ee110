import type { LatencyRecord, LedgerRecord } from '../../../protocols/ledger.js';
import { sampleIndex } from '../../../protocols/units.js';
import { latencyRecordSchema, ledgerRecordSchema } from '../ledger-schema.js';
import { sessionFileSchema, type SessionFile } from '../session-file.js';
import { z } from 'zod';
import {
  chunkSchema,
  countSpikes,
  decodeJson,
  eventSchema,
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
import type { FrameType } from './frame.js';
import { carryOut, type LongWork } from '../long-work.js';
import { OVERRUN, RAW_STOPPED } from '../raw/stretch-ends.js';
import {
  bytesOf,
  listSegments,
  scanJournal,
  segmentNumber,
  type DamagedBytes,
  type JournalItem,
  type MissingFrames,
  type ScannedFrame,
} from './scan-journal.js';

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
  /** What a recorder told was not kept: when it could not follow, and by the last word of raw samples that stopped. */
  readonly told: {
    readonly overrunFrames: number;
    readonly overrunRecords: number;
    readonly rawStopped: string | undefined;
  };
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
  return carryOut(indexing(folder));
}

/** The same, piece by piece. */
export function* indexing(folder: string): LongWork<JournalIndex> {
  const builder = new IndexBuilder();
  for (const item of scanJournal(folder)) {
    builder.take(item);
    yield bytesOf(item);
  }
  return builder.finish(folder);
}

/** What has been read of a journal so far. A class because it grows with each frame. */
class IndexBuilder {
  readonly #counts = { ledger: 0, trials: 0, spikes: 0, events: 0, models: 0, snippets: 0 };
  readonly #stretches = new Map<number, IndexedStretch>();
  readonly #damage: DamagedBytes[] = [];
  readonly #missing: MissingFrames[] = [];
  readonly #recovered: Recovered[] = [];
  /** Each place where something is missing, and how many words of safety follow it. */
  #holes: { readonly segment: string; readonly offset: number; syncs: number }[] = [];
  #known = { damage: 0, missing: 0 };
  #session: SessionFile | undefined;
  #sessionBytes: Uint8Array | undefined;
  #probeBytes: Uint8Array | undefined;
  #lastSync: SyncMark | undefined;
  #newestLatency: LatencyRecord | undefined;
  #end: RecordingEnd = 'open';
  #lost = { events: 0, samples: 0 };
  readonly #told: { overrunFrames: number; overrunRecords: number; rawStopped: string | undefined } = {
    overrunFrames: 0,
    overrunRecords: 0,
    rawStopped: undefined,
  };
  #frames = 0;
  #seq = 0;

  take(item: JournalItem): void {
    if (item.type === 'damage') {
      this.#damage.push(item);
      this.#holes.push({ segment: item.segment, offset: item.from, syncs: 0 });
    } else if (item.type === 'missing') {
      this.#missing.push(item);
      this.#holes.push({ segment: item.segment, offset: item.offset, syncs: 0 });
    } else {
      this.#frames += 1;
      this.#seq = item.seq + 1;
      this.#end = 'open';
      if (!this.#takeRaw(item)) this.#takeOther(item);
    }
  }

  finish(folder: string): JournalIndex {
    const last = listSegments(folder).at(-1);
    return {
      folder,
      session: this.#session,
      sessionBytes: this.#sessionBytes,
      probeBytes: this.#probeBytes,
      stretches: this.#stretches,
      frames: this.#frames,
      counts: this.#counts,
      lastSync: this.#lastSync,
      end: this.#end,
      recovered: this.#recovered,
      lost: this.#lost,
      told: this.#told,
      damage: this.#damage,
      missing: this.#missing,
      knownDamage: this.#known.damage,
      knownMissing: this.#known.missing,
      looseEnd: this.#holes.find(({ segment, syncs }) => segment === last && syncs <= 1),
      next: { segment: last === undefined ? 0 : segmentNumber(last) + 1, seq: this.#seq },
      newestLatency: this.#newestLatency,
    };
  }

  /** @returns false for a frame that does not tell of raw samples */
  #takeRaw({ name, payload, segment, offset }: ScannedFrame): boolean {
    const where = `${segment}, byte ${offset}`;
    if (name === 'structure') {
      const { recording, text } = decodeJson(payload, structureSchema, where);
      const stretch = this.#stretches.get(recording);
      if (stretch !== undefined) stretch.structure = text;
    } else if (name === 'recording-started') {
      const started = decodeJson(payload, recordingStartedSchema, where);
      this.#stretches.set(started.recording, { started, chunks: [], gaps: [], structure: undefined });
    } else if (name === 'chunk') this.#takeChunk(decodeJson(payload, chunkSchema, where));
    else if (name === 'gap') {
      const gap = decodeJson(payload, gapSchema, where);
      this.#stretches.get(gap.recording)?.gaps.push(gap);
    } else return false;
    return true;
  }

  #takeChunk(chunk: RawChunk): void {
    let stretch = this.#stretches.get(chunk.recording);
    if (stretch === undefined && this.#session !== undefined) {
      // The record of its beginning is gone: what it said follows from the chunk.
      stretch = { started: inferStart(chunk, this.#session), chunks: [], gaps: [], structure: undefined };
      this.#stretches.set(chunk.recording, stretch);
    }
    stretch?.chunks.push(chunk);
  }

  #takeOther({ name, payload, segment, offset }: ScannedFrame): void {
    const where = `${segment}, byte ${offset}`;
    const counts = this.#counts;
    if (name === 'session') {
      this.#sessionBytes = new Uint8Array(payload);
      this.#session = decodeJson(payload, sessionFileSchema, where);
    } else if (name === 'probe') this.#probeBytes = new Uint8Array(payload);
    else if (name === 'ledger') {
      counts.ledger += 1;
      if (isTrial(payload)) counts.trials += 1;
    } else if (name === 'spikes') counts.spikes += countSpikes(payload);
    else if (name === 'event') {
      counts.events += 1;
      if (LOSSES.some((type) => Buffer.from(payload.buffer, payload.byteOffset, payload.length).includes(type)))
        this.#takeLoss(payload, where);
    } else if (name === 'model') counts.models += 1;
    else if (name === 'snippets') counts.snippets += 1;
    else if (name === 'latency') this.#newestLatency = decodeJson(payload, latencyRecordSchema, where);
    else this.#takeEnd(name, payload, where);
  }

  #takeLoss(payload: Uint8Array, where: string): void {
    const { event } = decodeJson(payload, eventSchema, where);
    if (event.type === RAW_STOPPED) this.#told.rawStopped = String(event.reason);
    else if (event.type === OVERRUN) {
      this.#told.overrunFrames += Number(event.frames);
      // An older recording tells of samples alone.
      this.#told.overrunRecords += Number(event.records ?? 0);
    }
  }

  #takeEnd(name: FrameType, payload: Uint8Array, where: string): void {
    if (name === 'sync') {
      this.#lastSync = decodeJson(payload, syncSchema, where);
      for (const hole of this.#holes) hole.syncs += 1;
    } else if (name === 'clean-stop') {
      this.#lost = decodeJson(payload, stopSchema, where).lost;
      this.#end = 'clean';
    } else if (name === 'recovered') {
      const told = decodeJson(payload, recoveredSchema, where);
      this.#recovered.push(told);
      if (isToldBy(told, this.#damage, this.#missing)) {
        this.#known = { damage: this.#damage.length, missing: this.#missing.length };
      }
      this.#holes = [];
      this.#end = 'recovered';
    }
  }
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

/** By their bytes, as trials: other events are not read. */
const LOSSES = [RAW_STOPPED, OVERRUN].map((type) => Buffer.from(`"type":"${type}"`));

const TRIAL = Buffer.from('{"type":"trial",');

/** By its first bytes: records are many, and their writer is this program. */
function isTrial(payload: Uint8Array): boolean {
  return Buffer.compare(TRIAL, payload.subarray(0, TRIAL.length)) === 0;
}

/** @throws MeaError `bad-format` */
export function decodeLedgerRecord(payload: Uint8Array, where: string): LedgerRecord {
  return decodeJson<LedgerRecord>(payload, ledgerRecordSchema, where);
}
