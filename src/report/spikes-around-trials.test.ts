import { describe, expect, it } from 'vitest';
import { frameOf, framesOf, trialOf } from '../../tests/helpers/stimulus-frames.js';
import {
  spikesAroundTrials,
  type SpikeFrame,
  type SpikesAroundTrial,
  type StimulusTrial,
} from './spikes-around-trials.js';

const SPAN = [-50, 100] as const;

async function around(
  frames: readonly SpikeFrame[],
  trials: readonly StimulusTrial[],
): Promise<readonly SpikesAroundTrial[]> {
  const found: SpikesAroundTrial[] = [];
  for await (const trial of spikesAroundTrials(framesOf(frames), trials, SPAN)) found.push(trial);
  return found;
}

describe('spikesAroundTrials', () => {
  it('gives the spikes and blind spans from the first sample of the span to the last, counted from the stimulus', async () => {
    const trial = trialOf({ deliveredSample: 1000, counts: [1, 0] });
    const frame = frameOf([900, 1200], {
      spikes: [
        [949, 0],
        [950, 1],
        [1015, 0],
        [1099, 1],
        [1100, 0],
      ],
      blind: [
        [940, 955, 0],
        [1000, 1004, 1],
        [1100, 1110, 0],
      ],
    });
    expect(await around([frame], [trial])).toEqual([
      {
        trial,
        spikes: { samples: [-50, 15, 99], electrodes: [1, 0, 1] },
        blind: { electrodes: [0, 1], from: [-50, 0], to: [-45, 4] },
      },
    ]);
  });

  it.each([1, 2, 7, 13, 1000])(
    'does not depend on frames of %i samples, of which silent ones are missing',
    async (cut) => {
      const trials = [1000, 1120, 1400].map((deliveredSample, trial) =>
        trialOf({ trial, deliveredSample, counts: trial === 2 ? [0, 0] : [1, 1] }),
      );
      const spikes = [1011, 1025, 1090, 1131, 1132].map((sample, i) => [sample, i % 2] as const);
      const frames: SpikeFrame[] = [];
      for (let from = 900; from < 1900; from += cut) {
        const own = spikes.filter(([sample]) => sample >= from && sample < from + cut);
        if (own.length > 0) frames.push(frameOf([from, from + cut], { spikes: own }));
      }
      const found = await around(frames, trials);
      expect(found.map(({ trial, spikes: { samples } }) => [trial.trial, samples])).toEqual([
        [0, [11, 25, 90]],
        [1, [-30, 11, 12]],
        [2, []],
      ]);
    },
  );

  it('takes the stretch with the recorded counts where the same samples come again', async () => {
    const trials = [
      trialOf({ trial: 0, deliveredSample: 1000, counts: [1, 0] }),
      trialOf({ trial: 1, deliveredSample: 1500, counts: [0, 2] }),
    ];
    const frames = [
      frameOf([900, 1200], { spikes: [[1012, 0]] }),
      // Of a trial that was cut off: it was carried out again below.
      frameOf([1400, 1516], { spikes: [[1511, 1]] }),
      frameOf([1400, 1700], {
        spikes: [
          [1511, 1],
          [1520, 1],
          [1560, 0],
        ],
      }),
    ];
    const found = await around(frames, trials);
    expect(found.map(({ trial, spikes: { samples } }) => [trial.trial, samples])).toEqual([
      [0, [12]],
      [1, [11, 20, 60]],
    ]);
  });

  it('gives out no trial whose counts the spikes are not', async () => {
    const trial = trialOf({ deliveredSample: 1000, counts: [2, 0] });
    expect(await around([frameOf([900, 1200], { spikes: [[1012, 0]] })], [trial])).toEqual([]);
    expect(await around([], [trial])).toEqual([]);
  });
});
