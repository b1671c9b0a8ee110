import type { SpikeBatch } from '../pipeline/spike-batch.js';
import type { RecordedSpikes } from '../recording/recording-contents.js';

/** How spikes that were found again compare with those that were recorded. */
export interface SpikeComparison {
  readonly recorded: number;
  readonly found: number;
  /** The first one that differs; absent where all are the same, to the bit. */
  readonly difference?: {
    /** Number of the spike, from 0. */
    readonly index: number;
    readonly recorded: string;
    readonly found: string;
  };
}

/** Compares two streams of spikes as they come, without keeping either. */
export interface RunningSpikeComparison {
  /** Spikes that were found again. */
  found(batch: Pick<SpikeBatch, 'samples' | 'electrodes' | 'amplitudesUv'>): void;
  /** Holds what has been found since against what was recorded. */
  compare(): Promise<void>;
  /** To be called at the end: spikes that were recorded and not found are a difference too. */
  finish(): Promise<void>;
  outcome(): SpikeComparison;
}

/**
 * Compares recorded spikes with spikes that are found again: sample, electrode and amplitude, bit by bit.
 *
 * @param isLost true for a sample that the recording does not hold: spikes there are left out on either side
 */
export function createSpikeComparison(
  recorded: AsyncIterable<RecordedSpikes>,
  isLost: (sample: number) => boolean,
): RunningSpikeComparison {
  const batches = recorded[Symbol.asyncIterator]();
  let batch: RecordedSpikes | undefined;
  let at = 0;
  let recordedCount = 0;
  let foundCount = 0;
  let compared = 0;
  let difference: SpikeComparison['difference'];
  let waiting: Pick<SpikeBatch, 'samples' | 'electrodes' | 'amplitudesUv'>[] = [];

  const nextRecorded = async (): Promise<boolean> => {
    for (;;) {
      while (batch === undefined || at >= batch.samples.length) {
        const step = await batches.next();
        if (step.done === true) return false;
        batch = step.value;
        at = 0;
      }
      if (!isLost(batch.samples[at]!)) return true;
      at += 1;
    }
  };
  const compare = async (): Promise<void> => {
    const taken = waiting;
    waiting = [];
    for (const { samples, electrodes, amplitudesUv } of taken) {
      for (let i = 0; i < samples.length; i++) {
        if (isLost(samples[i]!)) continue;
        foundCount += 1;
        const hasRecorded = await nextRecorded();
        if (hasRecorded) recordedCount += 1;
        const was = hasRecorded ? describe(batch!, at) : 'nothing';
        const is = describe({ samples, electrodes, amplitudesUv }, i);
        if (was !== is) difference ??= { index: compared, recorded: was, found: is };
        at += 1;
        compared += 1;
      }
    }
  };
  return {
    found(found) {
      if (found.samples.length > 0) waiting.push(found);
    },
    compare,
    async finish() {
      await compare();
      if (await nextRecorded()) difference ??= { index: compared, recorded: describe(batch!, at), found: 'nothing' };
      for (; await nextRecorded(); at++) recordedCount += 1;
    },
    outcome: () => ({ recorded: recordedCount, found: foundCount, ...(difference !== undefined && { difference }) }),
  };
}

function describe(
  { samples, electrodes, amplitudesUv }: Pick<SpikeBatch, 'samples' | 'electrodes' | 'amplitudesUv'>,
  i: number,
): string {
  return `sample ${samples[i]}, electrode ${electrodes[i]}, ${amplitudesUv[i]} uV`;
}
