import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { indexing, type IndexedStretch, type JournalIndex } from './journal/journal-index.js';
import { countFrames, describeTtl, sampleNumbersOf } from './raw/derived-columns.js';
import { journalBytes, segmentNumber } from './journal/scan-journal.js';
import { carryOut, carryOutInPieces, type LongWork, type PieceOptions } from './long-work.js';
import { sampleBytes } from './open-recording.js';
import { structureTextOf } from './recover.js';
import { isSameFile } from './disk/is-same-file.js';
import { findDamagedChunks } from './raw/damaged-chunks.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER, TTL_FOLDER } from './raw/structure-oebin.js';
import { findDamagedStates } from './source-state.js';
import { runFolder } from './run-folder.js';
import { writerOf } from './run-lock.js';

/** Something in a recording that is not what was written. */
export interface Problem {
  readonly file: string;
  readonly what: string;
}

/** What a check of a recording found. */
export interface Verification {
  readonly index: JournalIndex;
  readonly problems: readonly Problem[];
  /** What is no damage, and yet worth knowing. */
  readonly remarks: readonly string[];
  /** Process that is writing it; what is there so far is looked at, and the files that it writes at last are not. */
  readonly writer: number | undefined;
  /** What a recovery would do; nothing for one that has ended, or is being written. */
  readonly recovery: readonly string[];
  /** Chunks of raw samples, each held against its checksum, and their seconds. */
  readonly chunks: number;
  readonly rawSeconds: number;
  readonly damagedSeconds: number;
}

/**
 * Holds everything in a recording's folder against its checksums, and files that follow from the journal against it. Reads
 * all, and writes nothing.
 *
 * @throws MeaError `bad-format` for a recording of a newer version; `storage` where the disk refuses
 */
export function verifyRecording(path: string): Verification {
  return carryOut(verifying(path));
}

/** The same, with turns for everybody else in between. @throws besides, the signal's reason */
export function verifyInPieces(path: string, options: Omit<PieceOptions, 'totalBytes'>): Promise<Verification> {
  // The journal is read once more for the files that tell of stimuli.
  return carryOutInPieces(verifying(path), { ...options, totalBytes: 2 * journalBytes(path) + sampleBytes(path) });
}

function* verifying(path: string): LongWork<Verification> {
  // Before the journal: a writer that ends meanwhile has not ended what was read of it.
  const writer = writerOf(runFolder(path).lock);
  const index = yield* indexing(path);
  const isWritten = writer !== undefined && index.end === 'open';
  const problems: Problem[] = [];
  const remarks: string[] = [];
  const recovery: string[] = [];
  index.damage.forEach(({ segment, from, to, isTail }, i) => {
    // A record that is being written looks like this.
    if (isWritten && isTail && segmentNumber(segment) + 1 === index.next.segment) return;
    // What a recovery has told of is told of again, and is no news.
    if (i < index.knownDamage) remarks.push(`${segment}: bytes ${from} to ${to} are no whole record`);
    else problems.push({ file: segment, what: `bytes ${from} to ${to} are no whole record` });
  });
  index.missing.forEach(({ segment, frames, fromSeq }, i) => {
    const what = `${frames} records from number ${fromSeq} on are missing`;
    if (i < index.knownMissing) remarks.push(`${segment}: ${what}`);
    else problems.push({ file: segment, what });
  });
  if (isWritten) {
    remarks.push(`it is being written by process ${writer}: what is there so far was looked at`);
  } else if (index.end === 'open') {
    if (index.looseEnd !== undefined)
      recovery.push(`move what follows byte ${index.looseEnd.offset} of ${index.looseEnd.segment} beside it`);
    problems.push({
      file: path,
      what: 'it was not ended: the last record is none of an end (meactl recover mends it)',
    });
  }
  for (const { lostSeconds, missingFrames } of index.recovered) {
    remarks.push(`recovered: ${lostSeconds.toFixed(2)} s of samples set aside, ${missingFrames} records missing`);
  }
  const { rawStopped, overrunFrames, overrunRecords } = index.told;
  if (rawStopped !== undefined) remarks.push(`raw samples were no longer recorded from some time on: ${rawStopped}`);
  if (overrunFrames > 0) remarks.push(`${overrunFrames} frames came faster than they could be recorded`);
  if (overrunRecords > 0) remarks.push(`${overrunRecords} other records came faster than they could be recorded`);
  if (index.lost.events + index.lost.samples > 0) {
    problems.push({
      file: path,
      what: `its writer lost ${index.lost.events} events and ${index.lost.samples} samples of each channel`,
    });
  }
  yield* compare(join(path, 'session.json'), index.sessionBytes, problems);
  yield* compare(join(path, 'probe.json'), index.probeBytes, problems);
  for (const file of findDamagedStates(runFolder(path).state)) {
    problems.push({ file, what: 'it is no state that was saved whole (the other of the two is used)' });
  }
  const raw = yield* verifyRaw(path, index, { problems, recovery, isWritten });
  if (index.end === 'open' && !isWritten)
    recovery.push('write what is missing of headers and small files, and say in the journal that it was recovered');
  return { index, problems, remarks, recovery, writer: isWritten ? writer : undefined, ...raw };
}

interface Findings {
  readonly problems: Problem[];
  readonly recovery: string[];
  readonly isWritten: boolean;
}

function* verifyRaw(
  path: string,
  index: JournalIndex,
  { problems, recovery, isWritten }: Findings,
): LongWork<Pick<Verification, 'chunks' | 'rawSeconds' | 'damagedSeconds'>> {
  const ttl = index.stretches.size > 0 ? yield* describeTtl(path, index.stretches) : undefined;
  let chunks = 0;
  let rawSeconds = 0;
  let damagedSeconds = 0;
  const last = Math.max(...index.stretches.keys());
  for (const [recording, stretch] of index.stretches) {
    const folder = join(path, NODE_FOLDER, `recording${recording}`);
    const { sampleRateHz } = stretch.started;
    const isGrowing = isWritten && recording === last;
    const { sound, bad, looseBytes } = yield* verifyStretch(folder, stretch, problems);
    if (looseBytes > 0 && !isGrowing) {
      const file = join(folder, CONTINUOUS_FOLDER, 'continuous.dat');
      problems.push({ file, what: `${looseBytes} bytes at its end are vouched for by no record` });
      const seconds = looseBytes / (2 * stretch.started.channels) / sampleRateHz;
      if (index.end === 'open')
        recovery.push(`move ${seconds.toFixed(2)} s that nobody vouches for out of ${file}, beside it`);
    }
    chunks += sound + bad.length;
    rawSeconds += stretch.chunks.reduce((sum, { frames }) => sum + frames, 0) / sampleRateHz;
    for (const { firstFrame, frames } of bad) {
      damagedSeconds += frames / sampleRateHz;
      const from = (firstFrame / sampleRateHz).toFixed(1);
      const to = ((firstFrame + frames) / sampleRateHz).toFixed(1);
      problems.push({
        file: join(folder, CONTINUOUS_FOLDER, 'continuous.dat'),
        what: `the samples from ${from} to ${to} s are not those that were recorded`,
      });
    }
    // Headers follow what they promise: they are compared once they have.
    if (isGrowing) continue;
    const structure = structureTextOf(index, stretch);
    if (structure !== undefined) yield* compare(join(folder, 'structure.oebin'), Buffer.from(structure), problems);
    const numbers = sampleNumbersOf(stretch, index.session?.raw === 'stimuli');
    yield* compare(join(folder, CONTINUOUS_FOLDER, 'sample_numbers.npy'), numbers, problems);
    for (const [name, bytes] of Object.entries(ttl?.get(recording) ?? {})) {
      yield* compare(join(folder, TTL_FOLDER, name), bytes, problems);
    }
  }
  return { chunks, rawSeconds, damagedSeconds };
}

function* verifyStretch(
  folder: string,
  stretch: IndexedStretch,
  problems: Problem[],
): LongWork<{
  readonly sound: number;
  readonly bad: readonly IndexedStretch['chunks'][number][];
  readonly looseBytes: number;
}> {
  const path = join(folder, CONTINUOUS_FOLDER, 'continuous.dat');
  if (!existsSync(path)) {
    if (stretch.chunks.length > 0) problems.push({ file: path, what: 'it is not there' });
    return { sound: 0, bad: stretch.chunks, looseBytes: 0 };
  }
  const frameBytes = stretch.started.channels * 2;
  const told = frameBytes * countFrames(stretch.chunks);
  const looseBytes = Math.max(0, statSync(path).size - told);
  const bad = yield* findDamagedChunks(path, stretch);
  return { sound: stretch.chunks.length - bad.length, bad, looseBytes };
}

function* compare(
  file: string,
  wanted: Uint8Array | Iterable<Uint8Array> | undefined,
  problems: Problem[],
): LongWork<void> {
  if (wanted === undefined) return;
  if (!existsSync(file)) problems.push({ file, what: 'it is not there' });
  else if (!(yield* isSameFile(file, wanted instanceof Uint8Array ? [wanted] : wanted))) {
    problems.push({ file, what: 'it is not what the journal says it was' });
  }
}
