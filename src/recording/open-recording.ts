import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import type { LedgerRecord, ModelSnapshot } from '../../protocols/ledger.js';
import { sampleIndex } from '../../protocols/units.js';
import { decodeLedgerRecord, indexJournal, type JournalIndex } from './journal/journal-index.js';
import {
  decodeJson,
  decodeSpikes,
  eventSchema,
  modelSchema,
  type RecordedEvent,
  type SpikesPayload,
} from './journal/payloads.js';
import { scanJournal, type ScannedFrame } from './journal/scan-journal.js';
import type { FrameType } from './journal/frame.js';
import { StretchReader, type OnDamagedChunk } from './raw/stretch-reader.js';
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

/**
 * Opens a recording for reading. It is read as it is: one that was cut off is recovered first, see `recoverRecording`.
 *
 * @param onDamaged `refuse` throws at samples that are not what was recorded; `blind` looks at all of them first, and reads
 *   those as blind
 * @throws MeaError `missing` where there is none; `bad-format` for what is no recording, or one of a newer version
 */
export function openRecording(path: string, onDamaged: OnDamagedChunk = 'refuse'): OpenedRecording {
  const index = indexJournal(path);
  const session = readSession(path, index);
  const gainUvPerBit = session.gainUvPerBit ?? 1;
  const signals = [...index.stretches.values()]
    .filter(({ chunks }) => chunks.length > 0)
    .sort((a, b) => a.started.recording - b.started.recording)
    .map((stretch) => {
      const folder = join(path, NODE_FOLDER, `recording${stretch.started.recording}`, CONTINUOUS_FOLDER);
      return new StretchReader({ path: join(folder, 'continuous.dat'), stretch, gainUvPerBit, onDamaged });
    });
  let isClosed = false;
  return {
    path,
    session,
    index,
    signals,
    ledger: () => readFrames(path, 'ledger', toLedgerRecord),
    spikes: () => readFrames(path, 'spikes', toSpikes),
    models: () => readFrames(path, 'model', toModel),
    events: () => readFrames(path, 'event', toEvent),
    stimuli: () => readStimuli(path),
    close: async () => {
      await Promise.resolve();
      if (isClosed) return;
      isClosed = true;
      for (const signal of signals) signal.close();
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

async function* readFrames<T>(
  path: string,
  name: FrameType,
  decode: (frame: ScannedFrame) => T,
): AsyncGenerator<T, void, undefined> {
  await Promise.resolve();
  for (const item of scanJournal(path)) if (item.type === 'frame' && item.name === name) yield decode(item);
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

async function* readStimuli(path: string): AsyncGenerator<RecordedStimulus, void, undefined> {
  const waiting = new Map<number, z.infer<typeof scheduledSchema>>();
  for await (const { event } of readFrames(path, 'event', toEvent)) {
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
