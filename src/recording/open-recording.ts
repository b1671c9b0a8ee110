import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import type { LedgerRecord, ModelSnapshot } from '../../protocols/ledger.js';
import { sampleIndex } from '../../protocols/units.js';
import { decodeLedgerRecord, indexing, type IndexedStretch, type JournalIndex } from './journal/journal-index.js';
import {
  decodeJson,
  decodeSpikes,
  eventSchema,
  modelSchema,
  type RecordedEvent,
  type SpikesPayload,
} from './journal/payloads.js';
import { bytesOf, journalBytes, scanJournal, type ScannedFrame } from './journal/scan-journal.js';
import { carryOut, carryOutInPieces, createPieceCount, type LongWork, type PieceOptions } from './long-work.js';
import type { FrameType } from './journal/frame.js';
import { findDamagedChunks } from './raw/damaged-chunks.js';
import { StretchReader } from './raw/stretch-reader.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER } from './raw/structure-oebin.js';
import type { RecordedStimulus, RecordingContents } from './recording-contents.js';
import { RECORDING_VERSION, sessionFileSchema, type SessionFile } from './session-file.js';

/** A recording of this program that can be read. */
export interface OpenedRecording extends RecordingContents {
  readonly index: JournalIndex;
  readonly signals: readonly StretchReader[];
  /** With what could not be seen; stretches where nothing was found may be missing. */
  spikes(): AsyncIterable<SpikesPayload>;
  /** What was told besides, each with the frames that had come before it. */
  events(): AsyncIterable<RecordedEvent>;
}

/** What is done with samples that are not those that were recorded: reading them throws, or all are looked at first, and those are blind. */
export type OnDamagedChunk = 'refuse' | 'blind';

/**
 * Opens a recording for reading, and writes nothing. It is read as far as its journal vouches for it, whether it was ended,
 * was cut off, or is still being written.
 *
 * @throws MeaError `missing` where there is none; `bad-format` for what is no recording, or one of a newer version
 */
export function openRecording(path: string, onDamaged: OnDamagedChunk = 'refuse'): OpenedRecording {
  return carryOut(opening(path, onDamaged, undefined));
}

/**
 * The same, with turns for everybody else in between, also when it is read.
 *
 * @throws besides, the signal's reason, from what is read as well
 */
export function openRecordingInPieces(
  path: string,
  onDamaged: OnDamagedChunk,
  options: Omit<PieceOptions, 'totalBytes'>,
): Promise<OpenedRecording> {
  const totalBytes = journalBytes(path) + (onDamaged === 'blind' ? sampleBytes(path) : 0);
  return carryOutInPieces(opening(path, onDamaged, options.signal), { ...options, totalBytes });
}

/** Bytes of raw samples in a recording's folder. */
export function sampleBytes(path: string): number {
  const node = join(path, NODE_FOLDER);
  return (existsSync(node) ? readdirSync(node) : []).reduce((sum, name) => {
    const file = join(node, name, CONTINUOUS_FOLDER, 'continuous.dat');
    return sum + (existsSync(file) ? statSync(file).size : 0);
  }, 0);
}

function* opening(path: string, onDamaged: OnDamagedChunk, signal: AbortSignal | undefined): LongWork<OpenedRecording> {
  const index = yield* indexing(path);
  const session = readSession(path, index);
  const signals: StretchReader[] = [];
  try {
    for (const stretch of listStretches(index)) {
      const folder = join(path, NODE_FOLDER, `recording${stretch.started.recording}`, CONTINUOUS_FOLDER);
      const file = join(folder, 'continuous.dat');
      const damaged = onDamaged === 'blind' ? yield* findDamagedChunks(file, stretch) : [];
      signals.push(new StretchReader({ path: file, stretch, gainUvPerBit: session.gainUvPerBit ?? 1, damaged }));
    }
  } catch (error) {
    for (const reader of signals) reader.close();
    throw error;
  }
  return toOpened({ path, session, index, signals }, signal);
}

function listStretches({ stretches }: JournalIndex): readonly IndexedStretch[] {
  return [...stretches.values()]
    .filter(({ chunks }) => chunks.length > 0)
    .sort((a, b) => a.started.recording - b.started.recording);
}

type Found = Pick<OpenedRecording, 'path' | 'session' | 'index' | 'signals'>;

function toOpened({ path, session, index, signals }: Found, signal: AbortSignal | undefined): OpenedRecording {
  let isClosed = false;
  const readFrames = <T>(name: FrameType, decode: (frame: ScannedFrame) => T): AsyncGenerator<T, void, undefined> =>
    framesOf({ path, signal, name, decode });
  return {
    path,
    session,
    index,
    signals,
    ledger: () => readFrames('ledger', toLedgerRecord),
    spikes: () => readFrames('spikes', toSpikes),
    models: () => readFrames('model', toModel),
    events: () => readFrames('event', toEvent),
    stimuli: () => pairStimuli(readFrames('event', toEvent)),
    close: async () => {
      await Promise.resolve();
      if (isClosed) return;
      isClosed = true;
      for (const reader of signals) reader.close();
    },
  };
}

function readSession(path: string, { sessionBytes }: JournalIndex): SessionFile {
  const file = join(path, 'session.json');
  const bytes = sessionBytes ?? (existsSync(file) ? readFileSync(file) : undefined);
  if (bytes === undefined) {
    throw new MeaError('missing', {
      what: 'No recording here',
      got: 'neither a journal nor a session.json',
      wanted: 'the output folder of meactl run or meactl record',
      where: path,
    });
  }
  const version = z.object({ version: z.number() });
  const { version: found } = decodeJson(bytes, version, file);
  if (found > RECORDING_VERSION) {
    throw new MeaError('bad-format', {
      what: 'The recording is newer than this program',
      got: `version ${found}`,
      wanted: `at most ${RECORDING_VERSION}`,
      where: file,
      remedy: 'use a newer meactl',
    });
  }
  return decodeJson(bytes, sessionFileSchema, file);
}

interface FrameReading<T> {
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly name: FrameType;
  readonly decode: (frame: ScannedFrame) => T;
}

/** Frames of one type. Others have their turn in between, also where there are none of them for long. */
async function* framesOf<T>({ path, signal, name, decode }: FrameReading<T>): AsyncGenerator<T, void, undefined> {
  const countPiece = createPieceCount();
  for (const item of scanJournal(path)) {
    if (item.type === 'frame' && item.name === name) yield decode(item);
    if (!countPiece(bytesOf(item))) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
}

function whereOf({ segment, offset }: ScannedFrame): string {
  return `${segment}, byte ${offset}`;
}

function toLedgerRecord(frame: ScannedFrame): LedgerRecord {
  return decodeLedgerRecord(frame.payload, whereOf(frame));
}

function toSpikes(frame: ScannedFrame): SpikesPayload {
  return decodeSpikes(frame.payload, whereOf(frame));
}

function toModel(frame: ScannedFrame): ModelSnapshot {
  const { w1, w0, ...sizes } = decodeJson(frame.payload, modelSchema, whereOf(frame));
  return { ...sizes, w1: Float64Array.from(w1), w0: Float64Array.from(w0) };
}

function toEvent(frame: ScannedFrame): RecordedEvent {
  return decodeJson(frame.payload, eventSchema, whereOf(frame));
}

const scheduledSchema = z.looseObject({
  type: z.literal('stimulus-scheduled'),
  stimulusId: z.number(),
  sample: z.number(),
  electrodes: z.array(z.number()),
  amplitudeUa: z.exactOptional(z.number()),
  phaseWidthUs: z.exactOptional(z.number()),
});
const endSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('stimulus-delivered'),
    stimulusId: z.number(),
    sample: z.number(),
    electrodes: z.array(z.number()),
  }),
  z.looseObject({ type: z.literal('stimulus-dropped'), stimulusId: z.number(), atSample: z.number() }),
]);

async function* pairStimuli(events: AsyncIterable<RecordedEvent>): AsyncGenerator<RecordedStimulus, void, undefined> {
  const waiting = new Map<number, z.infer<typeof scheduledSchema>>();
  for await (const { event } of events) {
    const scheduled = scheduledSchema.safeParse(event);
    if (scheduled.success) waiting.set(scheduled.data.stimulusId, scheduled.data);
    const end = endSchema.safeParse(event);
    if (!end.success) continue;
    const { stimulusId } = end.data;
    const asked = waiting.get(stimulusId);
    waiting.delete(stimulusId);
    const pulse = {
      ...(asked?.amplitudeUa !== undefined && { amplitudeUa: asked.amplitudeUa }),
      ...(asked?.phaseWidthUs !== undefined && { phaseWidthUs: asked.phaseWidthUs }),
    };
    if (end.data.type === 'stimulus-delivered') {
      const { sample, electrodes } = end.data;
      yield { stimulusId, atSample: sampleIndex(sample), outcome: 'delivered', electrodes, ...pulse };
    } else {
      const electrodes = asked?.electrodes ?? [];
      yield { stimulusId, atSample: sampleIndex(end.data.atSample), outcome: 'dropped', electrodes, ...pulse };
    }
  }
}
