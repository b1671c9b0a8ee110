import type { TrialRecord } from '../../protocols/ledger.js';
import type { SpikesPayload } from '../recording/journal/payloads.js';

/** Spikes and blind spans as a recording holds them, in order of time. */
export type SpikeFrame = Pick<SpikesPayload, 'from' | 'to' | 'samples' | 'electrodes' | 'blind'>;

/** What is asked of the record of a trial. */
export type StimulusTrial = Pick<
  TrialRecord,
  'session' | 'trial' | 'sources' | 'deliveredSample' | 'window' | 'counts'
>;

/** What was found around the stimulus of one trial; samples count from the delivered one. */
export interface SpikesAroundTrial {
  readonly trial: StimulusTrial;
  /** (spikes) columns */
  readonly spikes: { readonly electrodes: readonly number[]; readonly samples: readonly number[] };
  /** (spans) columns: first sample that an electrode could not see, and the first that it saw again */
  readonly blind: {
    readonly electrodes: readonly number[];
    readonly from: readonly number[];
    readonly to: readonly number[];
  };
}

interface OpenTrial extends SpikesAroundTrial {
  readonly spikes: { readonly electrodes: number[]; readonly samples: number[] };
  readonly blind: { readonly electrodes: number[]; readonly from: number[]; readonly to: number[] };
}

/**
 * Cuts out what lies around each stimulus, in one pass over the spikes; it holds the trials that time is passing, no more.
 * Where the device's clock began anew, or a program that died left spikes of a trial that was carried out again, several
 * stretches lie at the same samples: a trial takes the one with the counts that its record has. A trial without one is not
 * given out. A recording has no frame where nothing was found, so that a silent trial is given out without spikes.
 *
 * @param span first sample, and the first after the last, from the delivered one
 */
export async function* spikesAroundTrials(
  frames: AsyncIterable<SpikeFrame>,
  trials: readonly StimulusTrial[],
  span: readonly [from: number, to: number],
): AsyncGenerator<SpikesAroundTrial, void, undefined> {
  const due = trials.toSorted((a, b) => a.deliveredSample - b.deliveredSample);
  const found = new Set<StimulusTrial>();
  let open: OpenTrial[] = [];
  let next = 0;
  let reached = Number.NEGATIVE_INFINITY;

  function openUntil(sample: number): void {
    for (; next < due.length && due[next]!.deliveredSample + span[0] < sample; next++) {
      if (!found.has(due[next]!)) open.push(openTrial(due[next]!));
    }
  }
  /** Takes the trials that end before a sample out of those that are open, and gives those that were found. */
  function closeUntil(sample: number): readonly OpenTrial[] {
    const closed = open.filter(({ trial }) => trial.deliveredSample + span[1] <= sample);
    if (closed.length > 0) open = open.filter((trial) => !closed.includes(trial));
    const whole = closed.filter(holdsItsCounts);
    for (const { trial } of whole) found.add(trial);
    return whole;
  }

  for await (const frame of frames) {
    if (frame.from < reached) {
      yield* closeUntil(Number.POSITIVE_INFINITY);
      next = 0;
    }
    reached = frame.to;
    openUntil(frame.to);
    yield* closeUntil(frame.from);
    for (const trial of open) addFrame(trial, frame, span);
  }
  openUntil(Number.POSITIVE_INFINITY);
  yield* closeUntil(Number.POSITIVE_INFINITY);
}

function openTrial(trial: StimulusTrial): OpenTrial {
  return { trial, spikes: { electrodes: [], samples: [] }, blind: { electrodes: [], from: [], to: [] } };
}

function addFrame({ trial, spikes, blind }: OpenTrial, frame: SpikeFrame, [from, to]: readonly [number, number]): void {
  const at = trial.deliveredSample;
  for (let i = 0; i < frame.samples.length; i++) {
    const sample = frame.samples[i]! - at;
    if (sample < from || sample >= to) continue;
    spikes.samples.push(sample);
    spikes.electrodes.push(frame.electrodes[i]!);
  }
  for (let i = 0; i < frame.blind.from.length; i++) {
    const first = Math.max(from, frame.blind.from[i]! - at);
    const end = Math.min(to, frame.blind.to[i]! - at);
    if (first >= end) continue;
    blind.from.push(first);
    blind.to.push(end);
    blind.electrodes.push(frame.blind.electrodes[i]!);
  }
}

function holdsItsCounts({ trial, spikes }: OpenTrial): boolean {
  const left = Int32Array.from(trial.counts);
  const [first, end] = trial.window.map((sample) => sample - trial.deliveredSample);
  for (const [i, sample] of spikes.samples.entries()) {
    if (sample >= first! && sample < end!) left[spikes.electrodes[i]!]! -= 1;
  }
  return left.every((count) => count === 0);
}
