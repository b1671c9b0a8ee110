import type { OpenedRecording } from './open-recording.js';

/** Samples that were seen when they came, and are not in the recording any more. */
export interface LostSamples {
  /** True where any of the samples [from, to) is one, or so near to one that what was found there depends on it. */
  touches(from: number, to: number): boolean;
}

/** What a detector finds depends on samples so long after. */
const MARGIN_MS = 100;

/**
 * The samples after the last sync mark of a program that was killed, or after the disk had refused them: what was found in
 * them is in the journal, they are not. They reach up to where the recording went on.
 */
export function findLostSamples({ index, signals, session }: OpenedRecording): LostSamples {
  const margin = Math.ceil((MARGIN_MS * session.sampleRateHz) / 1000);
  const order = [...index.stretches.values()].sort((a, b) => a.started.recording - b.started.recording);
  const spans: { readonly from: number; readonly to: number }[] = [];
  order.forEach(({ started }, i) => {
    const next = order[i + 1]?.started;
    const hasStopped = index.end !== 'clean' || index.told.rawStopped !== undefined;
    const isCut = next === undefined ? hasStopped : next.because === 'resumed';
    if (!isCut) return;
    const signal = signals.find((reader) => reader.signal.name === `recording${started.recording}`)?.signal;
    const end = started.firstSample + (signal?.frames ?? 0);
    // By another clock nothing is known of what comes between.
    const isLater = next !== undefined && next.firstSample >= end;
    spans.push({ from: end - margin, to: isLater ? next.firstSample : Infinity });
  });
  return { touches: (from, to) => spans.some((span) => from < span.to && to > span.from) };
}
