import type { RecordingContents } from '../recording-contents.js';

/** How many spikes and stimuli a recording has. */
export interface EventSurvey {
  readonly spikes: number;
  /** (electrodes) spikes of each, up to the last electrode that has any. */
  readonly spikesOf: readonly number[];
  readonly stimuli: number;
  /** Stimuli that left the device with a pulse. */
  readonly pulses: number;
}

/** Reads spikes and stimuli once. */
export async function surveyEvents(contents: RecordingContents, signal: AbortSignal): Promise<EventSurvey> {
  const spikesOf: number[] = [];
  let spikes = 0;
  for await (const { electrodes } of contents.spikes()) {
    signal.throwIfAborted();
    spikes += electrodes.length;
    for (const electrode of electrodes) {
      while (spikesOf.length <= electrode) spikesOf.push(0);
      spikesOf[electrode]!++;
    }
  }
  let stimuli = 0;
  let pulses = 0;
  for await (const { outcome, electrodes } of contents.stimuli()) {
    if (stimuli % 1024 === 0) signal.throwIfAborted();
    stimuli++;
    if (outcome === 'delivered' && electrodes.length > 0) pulses++;
  }
  return { spikes, spikesOf, stimuli, pulses };
}
