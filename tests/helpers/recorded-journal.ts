import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { hertz } from '../../protocols/units.js';
import { virtualClock } from '../../src/clock.js';
import { systemDisk } from '../../src/recording/disk/disk.js';
import { FRAME_BYTES, putFrame, type FrameType } from '../../src/recording/journal/frame.js';
import { indexJournal } from '../../src/recording/journal/journal-index.js';
import { JournalWriter, segmentName, type JournalPosition } from '../../src/recording/journal/journal-writer.js';
import { listSegments, scanJournal } from '../../src/recording/journal/scan-journal.js';
import { openLedgerWriter, type LedgerWriter } from '../../src/recording/ledger-writer.js';
import { describeProbe } from '../../src/recording/probe-file.js';
import { toPort } from '../../src/recording/recorder-port.js';
import { Recorder, type RecorderNotice, type RecorderOptions } from '../../src/recording/recorder.js';
import { RECORDING_VERSION, type SessionFile } from '../../src/recording/session-file.js';
import type { RunPosition } from '../../src/recording/source-state.js';

/** What session.json says in a test. */
export function testSession(changes: Partial<SessionFile> = {}): SessionFile {
  return {
    version: RECORDING_VERSION,
    id: 'test',
    kind: 'run',
    startedAt: '2000-01-01T00:00:00.000Z',
    program: { meactl: '0.0.0', node: 'v0' },
    provenance: 'emulated',
    device: { name: 'emulated-culture 1' },
    sampleRateHz: hertz(20_000),
    channels: 64,
    array: { rows: 8, columns: 8 },
    raw: 'none',
    configuration: {},
    ...changes,
  };
}

/** What a test recorder is opened with. */
interface TestRecorderOptions extends Partial<Pick<RecorderOptions, 'clock' | 'ledgerBatch' | 'reserveBytes'>> {
  readonly position?: RunPosition;
  readonly onNotice?: (notice: RecorderNotice) => void;
}

/**
 * A ledger on the real disk, in a folder that is there; it goes on where there is a journal. Time stands still unless a
 * clock is given, so that nothing but the ledger's own batches decides what is written.
 */
export function openTestLedger(folder: string, options: TestRecorderOptions = {}): LedgerWriter {
  const { position, onNotice = () => undefined, clock = virtualClock(), reserveBytes = 4096, ledgerBatch } = options;
  const isContinued = listSegments(folder).length > 0;
  const recorder = toPort(
    (told) =>
      new Recorder({
        disk: systemDisk(),
        clock,
        folder,
        session: testSession(),
        probe: describeProbe({ rows: 8, columns: 8 }),
        continued: isContinued ? { journal: indexJournal(folder).next, recording: 0 } : undefined,
        ledgerBatch,
        reserveBytes,
        onNotice: told,
      }),
    onNotice,
  );
  return openLedgerWriter({ recorder, state: join(folder, 'source-state.bin'), position });
}

/** A frame in its place on the disk. */
export interface PlacedFrame {
  readonly name: FrameType;
  readonly segment: string;
  readonly from: number;
  readonly to: number;
  readonly payload: Uint8Array;
}

/** All whole frames of a folder's journal, in order. */
export function journalFrames(folder: string): readonly PlacedFrame[] {
  const frames: PlacedFrame[] = [];
  for (const item of scanJournal(folder)) {
    if (item.type !== 'frame') continue;
    const { name, segment, offset, payload } = item;
    // A view of what is being read until here.
    const copy = Uint8Array.from(payload);
    frames.push({ name, segment, from: offset, to: offset + FRAME_BYTES + copy.length, payload: copy });
  }
  return frames;
}

/** Appends frames to a journal of its own segment. */
export function writeFrames(
  folder: string,
  position: JournalPosition,
  frames: readonly (readonly [type: FrameType, payload: string | Uint8Array])[],
): void {
  const journal = new JournalWriter({ disk: systemDisk(), folder }, position);
  for (const [type, payload] of frames) {
    journal.append(type, typeof payload === 'string' ? Buffer.from(payload) : payload);
  }
  journal.sync();
  journal.close();
}

/** The first bytes of a frame of the ledger that was being written when the program died. */
export interface TornRecord {
  readonly line: string;
  readonly bytes: number;
}

/**
 * Makes a folder's journal one of these records of a ledger, and of the first bytes of another, in place of what there is.
 * The folder, session.json and probe.json are made where they are not there.
 */
export function writeJournal(folder: string, lines: readonly string[], torn?: TornRecord): void {
  mkdirSync(folder, { recursive: true });
  for (const segment of listSegments(folder)) rmSync(segment);
  const beside = { session: testSession(), probe: describeProbe({ rows: 8, columns: 8 }) };
  const copies = Object.entries(beside).map(([name, value]) => {
    const path = join(folder, `${name}.json`);
    if (!existsSync(path)) writeFileSync(path, JSON.stringify(value));
    return readFileSync(path);
  });
  writeFrames(folder, { segment: 0, seq: 0 }, [
    ['session', copies[0]!],
    ['probe', copies[1]!],
    ...lines.map((line) => ['ledger', line] as const),
  ]);
  if (torn === undefined) return;
  const payload = Buffer.from(torn.line);
  const frame = Buffer.alloc(payload.length + FRAME_BYTES);
  putFrame(frame, 0, { type: 'ledger', seq: lines.length + 2, payload });
  writeFileSync(join(folder, segmentName(0)), frame.subarray(0, torn.bytes), { flag: 'a' });
}

/**
 * Cuts a journal off as if the program had died then: it keeps so many records of the ledger, what lies between them, and
 * the first bytes of what follows.
 */
export function cutJournal(folder: string, records: number, tornBytes = 0): void {
  const last = journalFrames(folder).filter(({ name }) => name === 'ledger')[records - 1];
  if (last === undefined) throw new Error(`there are fewer than ${records} records`);
  const segments = listSegments(folder);
  for (const later of segments.slice(segments.indexOf(last.segment) + 1)) rmSync(later);
  truncateSync(last.segment, last.to + tornBytes);
}

/** Puts the journal of one folder in place of that of another. */
export function replaceJournal(folder: string, by: string): void {
  for (const segment of listSegments(folder)) rmSync(segment);
  for (const segment of listSegments(by)) copyFileSync(segment, join(folder, basename(segment)));
}

/** Bytes of all segments, one after the other. */
export function journalBytes(folder: string): Buffer {
  return Buffer.concat(listSegments(folder).map((segment) => readFileSync(segment)));
}
