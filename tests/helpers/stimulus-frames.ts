import { sampleIndex } from '../../protocols/units.js';
import type { SpikeFrame, StimulusTrial } from '../../src/report/spikes-around-trials.js';

/** A trial with its response window 10 to 30 samples after the stimulus, unless given. */
export function trialOf(
  keys: Pick<StimulusTrial, 'deliveredSample' | 'counts'> & Partial<StimulusTrial>,
): StimulusTrial {
  const at = keys.deliveredSample;
  return { session: 0, trial: 0, sources: '10', window: [at + 10, at + 30], ...keys };
}

/** A record of spikes [sample, electrode] and blind spans [from, to, electrode]. */
export function frameOf(
  [from, to]: readonly [number, number],
  {
    spikes = [],
    blind = [],
  }: {
    readonly spikes?: readonly (readonly [sample: number, electrode: number])[];
    readonly blind?: readonly (readonly [from: number, to: number, electrode: number])[];
  },
): SpikeFrame {
  return {
    from: sampleIndex(from),
    to: sampleIndex(to),
    samples: Float64Array.from(spikes, ([sample]) => sample),
    electrodes: Uint16Array.from(spikes, ([, electrode]) => electrode),
    blind: {
      from: Float64Array.from(blind, ([first]) => first),
      to: Float64Array.from(blind, ([, end]) => end),
      electrodes: Uint16Array.from(blind, ([, , electrode]) => electrode),
    },
  };
}

/** Records one after the other, as a recording gives them. */
export async function* framesOf(frames: readonly SpikeFrame[]): AsyncGenerator<SpikeFrame, void, undefined> {
  await Promise.resolve();
  yield* frames;
}
