import { z } from 'zod';
import type { IndexedStretch } from '../journal/journal-index.js';
import { decodeJson, eventSchema } from '../journal/payloads.js';
import { bytesOf, scanJournal } from '../journal/scan-journal.js';
import type { LongWork } from '../long-work.js';
import { endsStretch, RAW_STOPPED } from './stretch-ends.js';
import { encodeNpyHeader, encodeNpyValues } from './npy-column.js';
import { columnOf, encodeTtl, startEdges, stimulusEdges, type TtlFiles } from './ttl-files.js';

const scheduledSchema = z.looseObject({
  type: z.literal('stimulus-scheduled'),
  stimulusId: z.number(),
  durationSamples: z.number(),
});
const deliveredSchema = z.looseObject({
  type: z.literal('stimulus-delivered'),
  stimulusId: z.number(),
  sample: z.number(),
});

/**
 * sample_numbers.npy of a stretch as its journal tells it, piece by piece: the first number alone, or one for each frame where
 * samples do not follow each other.
 */
export function* sampleNumbersOf({ started, chunks }: IndexedStretch, isSparse: boolean): Generator<Uint8Array> {
  if (!isSparse) {
    yield columnOf('<i8', [started.firstSample]);
    return;
  }
  yield encodeNpyHeader(
    '<i8',
    chunks.reduce((sum, { frames }) => sum + frames, 0),
  );
  for (const { firstSample, frames } of [...chunks].sort((a, b) => a.firstFrame - b.firstFrame)) {
    yield encodeNpyValues(
      '<i8',
      Float64Array.from({ length: frames }, (_, i) => firstSample + i),
    );
  }
}

/** Frames of continuous.dat that chunks vouch for: they may be more than a call takes arguments. */
export function countFrames(chunks: IndexedStretch['chunks']): number {
  return chunks.reduce((most, { firstFrame, frames }) => Math.max(most, firstFrame + frames), 0);
}

/** (recording) names and bytes of the files that tell of its stimuli. */
export function* describeTtl(
  folder: string,
  stretches: ReadonlyMap<number, IndexedStretch>,
): LongWork<ReadonlyMap<number, TtlFiles>> {
  const lengths = new Map<number, number>();
  const edges = new Map(
    [...stretches].map(([recording, { started }]) => [recording, [...startEdges(started.firstSample)]]),
  );
  let isOpen = false;
  for (const item of scanJournal(folder)) {
    yield bytesOf(item);
    if (item.type === 'frame' && item.name === 'recording-started') isOpen = true;
    // Another writer goes on after it.
    if (item.type === 'frame' && (item.name === 'recovered' || item.name === 'clean-stop')) isOpen = false;
    if (item.type !== 'frame' || item.name !== 'event') continue;
    const { recording, event } = decodeJson(item.payload, eventSchema, item.segment);
    if (endsStretch(event.type) || event.type === RAW_STOPPED) isOpen = false;
    const scheduled = scheduledSchema.safeParse(event);
    if (scheduled.success) lengths.set(scheduled.data.stimulusId, scheduled.data.durationSamples);
    const delivered = deliveredSchema.safeParse(event);
    if (!delivered.success) continue;
    const { stimulusId, sample } = delivered.data;
    const length = lengths.get(stimulusId) ?? 0;
    lengths.delete(stimulusId);
    if (length > 0 && isOpen) edges.get(recording)?.push(...stimulusEdges(sample, length));
  }
  return new Map(
    [...edges].map(([recording, own]) => [recording, encodeTtl(own, stretches.get(recording)!.started.sampleRateHz)]),
  );
}
