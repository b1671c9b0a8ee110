import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import type { BlockMessage, StimulusDelivered, StimulusDropped } from '../../protocols/mea-link/messages.js';
import { sampleIndex } from '../../protocols/units.js';
import type { SpikeBatch } from '../../src/pipeline/spike-batch.js';

/** Where spikes are in a recording that is flat otherwise. */
export interface PlannedSpike {
  readonly sample: number;
  readonly electrode: number;
}

/** A recording as a device would send it. */
export interface RecordingPlan {
  readonly channels: number;
  readonly firstSample: number;
  readonly frames: number;
  readonly spikes: readonly PlannedSpike[];
  readonly stimuli?: readonly (StimulusDelivered | StimulusDropped)[];
  /** Stretches [from, to) of samples that never came. */
  readonly gaps?: readonly (readonly [from: number, to: number])[];
}

/** Value of a sample with a spike. */
const SPIKE_VALUE = -100;

/** The same length of pulses for all. */
export const PULSE_SAMPLES = 8;

/** Cuts of the rule for consumers of blocks: the last is the whole. */
export const CUTS: readonly number[] = [1, 2, 7, 13, 2 ** 30];

/** A delivered stimulus. */
export function delivered(stimulusId: number, sample: number, electrodes: readonly number[] = [0]): StimulusDelivered {
  return { type: 'stimulus-delivered', sequence: 0, stimulusId, sample: sampleIndex(sample), slot: 0, electrodes };
}

/** A dropped stimulus. */
export function dropped(
  stimulusId: number,
  atSample: number,
  reason: StimulusDropped['reason'] = 'safety',
): StimulusDropped {
  return { type: 'stimulus-dropped', sequence: 0, stimulusId, atSample: sampleIndex(atSample), reason, message: '' };
}

/** One block, flat but for the spikes in it. */
export function flatBlock(
  firstSample: number,
  frames: number,
  plan: Pick<RecordingPlan, 'channels' | 'spikes'>,
): BlockMessage {
  const samples = new Int16Array(frames * plan.channels);
  for (const { sample, electrode } of plan.spikes) {
    if (sample < firstSample || sample >= firstSample + frames) continue;
    samples[(sample - firstSample) * plan.channels + electrode] = SPIKE_VALUE;
  }
  return {
    type: 'block',
    sequence: 0,
    firstSample: sampleIndex(firstSample),
    frames,
    channels: plan.channels,
    samples,
  };
}

/**
 * The events of one acquisition in blocks of at most `cut` frames. A word about a stimulus comes right before the block
 * that holds its sample, or in the order of its sample where no block does.
 */
export function toDeviceEvents(plan: RecordingPlan, cut: number): DeviceEvent[] {
  const { firstSample, frames, stimuli = [], gaps = [] } = plan;
  const end = firstSample + frames;
  const events: DeviceEvent[] = [{ type: 'stream-started', sequence: 0, firstSample: sampleIndex(firstSample) }];
  const waiting = stimuli.toSorted((a, b) => sampleOf(a) - sampleOf(b));
  let blocks = 0;
  let at = firstSample;
  while (at < end) {
    const gap = gaps.find(([from, to]) => from <= at && at < to);
    const stop = gap?.[1] ?? Math.min(end, at + cut, ...gaps.map(([from]) => from).filter((from) => from > at));
    while (waiting.length > 0 && sampleOf(waiting[0]!) < stop) events.push(waiting.shift()!);
    if (gap === undefined) {
      events.push(flatBlock(at, stop - at, plan));
      blocks++;
    }
    at = stop;
  }
  events.push(...waiting, {
    type: 'stream-ended',
    sequence: 0,
    endSample: sampleIndex(end),
    blocks,
    frames,
    samplesCrc32c: 0,
    check: {
      verdict: 'complete',
      blocks,
      frames,
      samplesCrc32c: 0,
      missingBlocks: 0,
      missingFrames: 0,
      gapMessages: 0,
      gapSamples: 0,
    },
  });
  return events;
}

/** A batch of spikes, and of blind spans [electrode, from, to]. */
export function batchOf(
  [from, to]: readonly [number, number],
  spikes: readonly PlannedSpike[] = [],
  blind: readonly (readonly [electrode: number, from: number, to: number])[] = [],
): SpikeBatch {
  const sorted = spikes
    .filter(({ sample }) => sample >= from && sample < to)
    .sort((a, b) => a.sample - b.sample || a.electrode - b.electrode);
  return {
    from: sampleIndex(from),
    to: sampleIndex(to),
    samples: Float64Array.from(sorted, ({ sample }) => sample),
    electrodes: Uint16Array.from(sorted, ({ electrode }) => electrode),
    amplitudesUv: new Float32Array(sorted.length).fill(SPIKE_VALUE),
    blind: {
      electrodes: Uint16Array.from(blind, ([electrode]) => electrode),
      from: Float64Array.from(blind, ([, first]) => first),
      to: Float64Array.from(blind, ([, , end]) => end),
    },
  };
}

function sampleOf(stimulus: StimulusDelivered | StimulusDropped): number {
  return stimulus.type === 'stimulus-delivered' ? stimulus.sample : stimulus.atSample;
}
