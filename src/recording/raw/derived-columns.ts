import { z } from 'zod';
import type { IndexedStretch } from '../journal/journal-index.js';
import { decodeJson, eventSchema } from '../journal/payloads.js';
import { scanJournal } from '../journal/scan-journal.js';
import { endsStretch, RAW_STOPPED } from './stretch-ends.js';
import { columnOf, encodeTtl, type TtlFiles } from './ttl-files.js';

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
 * sample_numbers.npy of a stretch as its journal tells it: the first number alone, or one for each frame where samples do not
 * follow each other.
 */
export function sampleNumbersOf({ started, chunks }: IndexedStretch, isSparse: boolean): Uint8Array {
  if (!isSparse) return columnOf('<i8', [started.firstSample]);
  const numbers = [...chunks]
    .sort((a, b) => a.firstFrame - b.firstFrame)
    .flatMap(({ firstSample, frames }) => Array.from({ length: frames }, (_, i) => firstSample + i));
  return columnOf('<i8', numbers);
}

/** (recording) names and bytes of the files that tell of its stimuli; those without a pulse have none. */
export function describeTtl(
  folder: string,
  stretches: ReadonlyMap<number, IndexedStretch>,
): ReadonlyMap<number, TtlFiles> {
  const lengths = new Map<number, number>();
  const edges = new Map<number, number[]>();
  let isOpen = false;
  for (const item of scanJournal(folder)) {
    if (item.type === 'frame' && item.name === 'recording-started') isOpen = true;
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
    if (length === 0 || !isOpen) continue;
    const numbers = edges.get(recording) ?? [];
    numbers.push(sample, sample + length);
    edges.set(recording, numbers);
  }
  const files = new Map<number, TtlFiles>();
  for (const [recording, numbers] of edges) {
    const stretch = stretches.get(recording);
    if (stretch !== undefined) files.set(recording, encodeTtl(numbers, stretch.started.sampleRateHz));
  }
  return files;
}
