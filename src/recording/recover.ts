import { closeSync, existsSync, ftruncateSync, fsyncSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../protocols/clock.js';
import { MeaError } from '../../protocols/errors.js';
import type { Disk } from './disk/disk.js';
import { writeSmallFile, writingFile } from './disk/write-small-file.js';
import { indexing, type IndexedStretch, type JournalIndex } from './journal/journal-index.js';
import { JournalWriter } from './journal/journal-writer.js';
import { journalBytes } from './journal/scan-journal.js';
import { carryOut, carryOutInPieces, type LongWork, type PieceOptions } from './long-work.js';
import { encodeJson, type Recovered } from './journal/payloads.js';
import { countFrames, describeTtl, sampleNumbersOf } from './raw/derived-columns.js';
import { isSameFile } from './disk/is-same-file.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER, structureOf, TTL_FOLDER } from './raw/structure-oebin.js';
import { storageError } from './write-all.js';
import { writerOf } from './run-lock.js';
import { runFolder } from './run-folder.js';

/** What was done to a recording that was not ended as it should. */
export interface Recovery {
  /** `whole`: there was nothing to do. */
  readonly outcome: 'whole' | 'recovered';
  readonly index: JournalIndex;
  /** What was done, for a person. */
  readonly actions: readonly string[];
  /** Samples that nobody vouches for, in seconds of the recording. */
  readonly lostSeconds: number;
}

interface Mending {
  readonly disk: Disk;
  /** What was done. */
  readonly actions: string[];
}

/** Samples that no record vouches for are put here, beside the others. */
const SET_ASIDE = 'continuous.unverified.dat';
const COPY_BYTES = 2 ** 20;

/**
 * Brings a recording that was cut off into a state that every reader takes: samples that the journal does not vouch for are
 * set aside in a file of their own, headers and small files are written anew from the journal, and the journal says so in a
 * segment of its own. Nothing that was recorded is overwritten. A second time there is nothing to do.
 *
 * @throws MeaError `missing` for a folder without a journal; `exists` while another process writes it; `bad-format` for a
 *   recording of a newer version; `storage` where the disk refuses
 */
export function recoverRecording(path: string, options: RecoveryOptions): Recovery {
  return carryOut(recovering(path, options));
}

/**
 * The same, with turns for everybody else in between. One that is given up leaves a recording that a second one mends.
 *
 * @throws besides, the signal's reason
 */
export function recoverInPieces(
  path: string,
  { signal, onProgress, ...options }: RecoveryOptions & Omit<PieceOptions, 'totalBytes'>,
): Promise<Recovery> {
  // The journal is read for what is in it, for the files that tell of stimuli, and when it is mended.
  const totalBytes = 3 * journalBytes(path);
  return carryOutInPieces(recovering(path, options), { signal, onProgress, totalBytes });
}

/** What a recovery writes with. */
export interface RecoveryOptions {
  readonly disk: Disk;
  readonly clock: Pick<Clock, 'wallMs'>;
}

function* recovering(path: string, { disk, clock }: RecoveryOptions): LongWork<Recovery> {
  const found = yield* indexing(path);
  if (found.next.segment === 0) {
    throw new MeaError('missing', { what: 'No recording here', wanted: 'a folder with a journal', where: path });
  }
  const writer = writerOf(runFolder(path).lock);
  if (writer !== undefined) {
    throw new MeaError('exists', {
      what: 'The recording is being written by another process',
      got: `process ${writer}`,
      where: path,
      remedy: 'wait until it has ended',
    });
  }
  if (found.end !== 'open') return { outcome: 'whole', index: found, actions: [], lostSeconds: 0 };
  const actions: string[] = [];
  const mending: Mending = { disk, actions };
  const looseBytes = yield* setLooseEndAside(disk, found, actions);
  const index = looseBytes > 0 ? yield* indexing(path) : found;
  restoreSmall(mending, join(path, 'session.json'), index.sessionBytes);
  restoreSmall(mending, join(path, 'probe.json'), index.probeBytes);
  const ttl = yield* describeTtl(path, index.stretches);
  for (const [recording, stretch] of index.stretches) {
    const folder = join(path, NODE_FOLDER, `recording${recording}`);
    if (!existsSync(join(folder, CONTINUOUS_FOLDER))) continue;
    yield* restoreNumbers(mending, join(folder, CONTINUOUS_FOLDER, 'sample_numbers.npy'), {
      stretch,
      isSparse: index.session?.raw === 'stimuli',
    });
    const columns = ttl.get(recording);
    if (columns !== undefined) makeFolders(disk, folder);
    for (const [name, bytes] of Object.entries(columns ?? {})) {
      restoreSmall(mending, join(folder, TTL_FOLDER, name), bytes);
    }
    const structure = structureTextOf(index, stretch);
    if (structure !== undefined) restoreSmall(mending, join(folder, 'structure.oebin'), Buffer.from(structure));
  }
  // At last, so that one who gives up before has not set aside what nobody will count.
  const lost = { bytes: 0, seconds: 0 };
  for (const [recording, stretch] of index.stretches) {
    const { bytes, seconds } = yield* setAside(mending, join(path, NODE_FOLDER, `recording${recording}`), stretch);
    lost.bytes += bytes;
    lost.seconds += seconds;
  }
  if (existsSync(join(path, 'reserve.bin'))) disk.remove(join(path, 'reserve.bin'));
  const torn = index.damage.reduce((sum, { from, to }) => sum + to - from, 0);
  const missing = index.missing.reduce((sum, { frames }) => sum + frames, 0);
  const record: Recovered = {
    wallMs: clock.wallMs(),
    tornBytes: torn,
    missingFrames: missing,
    setAsideBytes: lost.bytes + looseBytes,
    lostSeconds: lost.seconds,
  };
  const journal = new JournalWriter({ disk, folder: path }, index.next);
  try {
    journal.append('recovered', encodeJson(record));
    journal.sync();
  } finally {
    journal.close();
  }
  if (torn > 0) actions.push(`${torn} bytes of the journal are no whole record and are passed over`);
  if (missing > 0) actions.push(`${missing} records of the journal are missing`);
  return { outcome: 'recovered', index: yield* indexing(path), actions, lostSeconds: lost.seconds };
}

/** Text of a stretch's structure.oebin; undefined where the journal has lost what it is made from. */
export function structureTextOf({ session }: JournalIndex, { started, structure }: IndexedStretch): string | undefined {
  return session === undefined ? structure : structureOf(session, started);
}

function makeFolders(disk: Disk, folder: string): void {
  let path = folder;
  for (const part of TTL_FOLDER.split('/')) {
    path = join(path, part);
    if (!existsSync(path)) disk.makeFolder(path);
  }
}

function restoreSmall({ disk, actions }: Mending, path: string, bytes: Uint8Array | undefined): void {
  if (bytes === undefined || (existsSync(path) && Buffer.compare(readFileSync(path), bytes) === 0)) return;
  writeSmallFile(disk, path, bytes);
  actions.push(`${path} was written anew from the journal`);
}

/** As `restoreSmall`, piece by piece: with a number for each frame it is as long as a channel. */
function* restoreNumbers(
  { disk, actions }: Mending,
  path: string,
  { stretch, isSparse }: { readonly stretch: IndexedStretch; readonly isSparse: boolean },
): LongWork<void> {
  if (yield* isSameFile(path, sampleNumbersOf(stretch, isSparse))) return;
  yield* writingFile(disk, path, sampleNumbersOf(stretch, isSparse));
  actions.push(`${path} was written anew from the journal`);
}

/** Takes what stands after the last record that is whole, and was never promised, out of the journal. */
function* setLooseEndAside(disk: Disk, { looseEnd }: JournalIndex, actions: string[]): LongWork<number> {
  if (looseEnd === undefined) return 0;
  const { segment, offset } = looseEnd;
  const { size } = statSync(segment);
  yield* moveTail(disk, { path: segment, from: offset, to: size, aside: `${segment}.unverified` });
  actions.push(`${size - offset} bytes at the end of ${segment}, never promised to be safe, were moved beside it`);
  return size - offset;
}

/** Takes samples after the last one that is vouched for out of continuous.dat, into a file beside it. */
function* setAside(
  { disk, actions }: Mending,
  folder: string,
  { started, chunks }: IndexedStretch,
): LongWork<{ readonly bytes: number; readonly seconds: number }> {
  const path = join(folder, CONTINUOUS_FOLDER, 'continuous.dat');
  if (!existsSync(path)) return { bytes: 0, seconds: 0 };
  const frameBytes = started.channels * 2;
  const vouched = frameBytes * countFrames(chunks);
  const { size } = statSync(path);
  if (size <= vouched) {
    const short = (vouched - size) / frameBytes / started.sampleRateHz;
    if (short > 0) actions.push(`${path} ends ${short.toFixed(2)} s before the journal says`);
    return { bytes: 0, seconds: short };
  }
  const aside = join(folder, CONTINUOUS_FOLDER, SET_ASIDE);
  yield* moveTail(disk, { path, from: vouched, to: size, aside });
  const seconds = (size - vouched) / frameBytes / started.sampleRateHz;
  actions.push(`${seconds.toFixed(2)} s that nobody vouches for were moved from ${path} to ${SET_ASIDE}`);
  return { bytes: size - vouched, seconds };
}

interface Tail {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly aside: string;
}

/** Copies the end of a file into another, which is forced to the disk, and cuts it off. */
function* moveTail(disk: Disk, { path, from, to, aside }: Tail): LongWork<void> {
  const refused = (cause: unknown): MeaError => storageError('Cannot set aside what nobody vouches for', path, cause);
  const fd = attempt(() => openSync(path, 'r+'), refused);
  try {
    const copy = freeName(aside);
    const pieces = piecesOf(fd, { from, to });
    yield* writingFile(disk, copy, pieces);
    // Its copy has a name that lasts.
    attempt(() => {
      ftruncateSync(fd, from);
      fsyncSync(fd);
    }, refused);
  } finally {
    closeSync(fd);
  }
}

function attempt<T>(call: () => T, refused: (cause: unknown) => MeaError): T {
  try {
    return call();
  } catch (cause) {
    throw refused(cause);
  }
}

/** An earlier attempt that died before the cut has left its copy: it is kept. */
function freeName(path: string): string {
  let name = path;
  for (let i = 2; existsSync(name); i++) name = `${path}.${i}`;
  return name;
}

function* piecesOf(fd: number, { from, to }: Pick<Tail, 'from' | 'to'>): Generator<Uint8Array> {
  const piece = Buffer.alloc(COPY_BYTES);
  for (let at = from; at < to;) {
    const count = readSync(fd, piece, 0, Math.min(piece.length, to - at), at);
    if (count === 0) return;
    yield piece.subarray(0, count);
    at += count;
  }
}
