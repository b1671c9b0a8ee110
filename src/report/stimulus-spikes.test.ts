import { describe, expect, it } from 'vitest';
import { frameOf, framesOf, trialOf } from '../../tests/helpers/stimulus-frames.js';
import type { StimulusTrial } from './spikes-around-trials.js';
import {
  collectStimulusSpikes,
  STIMULUS_BINS,
  type StimulusHistogram,
  type StimulusPlan,
  type StimulusSpikes,
} from './stimulus-spikes.js';

/** Four electrodes at 2 kHz, two samples to a bin: 0 and 3 prefer source 1, 1 source 2; electrode 2 is in no ensemble. */
function planOf(trials: readonly StimulusTrial[], sessions: number): StimulusPlan {
  const preferences = Float64Array.of(0.5, -1, 0, 2);
  return {
    trials,
    sampleRateHz: 2000,
    analysis: {
      design: { sourceCount: 2, inputsPerBlock: 2, mixing: 0.25, sessions, trialsPerSession: 2, initialSessions: 1 },
      ensembles: [[0, 3], [1]],
      preferences: { first: preferences, last: preferences },
    },
  };
}

function histogramOf(
  { histograms }: StimulusSpikes,
  of: Pick<StimulusHistogram, 'ensemble' | 'state' | 'span'>,
): StimulusHistogram {
  return histograms.find(
    ({ ensemble, state, span }) => ensemble === of.ensemble && state === of.state && span === of.span,
  )!;
}

/** Bins that hold something else than `usual`: from ms to value. */
function unusual(values: Float64Array, usual: number): Record<number, number> {
  return Object.fromEntries(
    Array.from(values, (value, bin) => [bin - 50, Number(value.toFixed(9))] as const).filter(
      ([, value]) => value !== usual,
    ),
  );
}

const WINDOW = (at: number): readonly [number, number] => [at + 20, at + 60];

describe('collectStimulusSpikes', () => {
  it('counts spikes and the time that was seen by ensemble, state, time, and first or last session', async () => {
    const trials = [
      trialOf({ session: 0, sources: '10', deliveredSample: 1000, window: WINDOW(1000), counts: [2, 1, 1, 0] }),
      trialOf({ session: 1, sources: '10', deliveredSample: 2000, window: WINDOW(2000), counts: [1, 0, 0, 0] }),
      trialOf({ session: 2, sources: '01', deliveredSample: 3000, window: WINDOW(3000), counts: [0, 1, 0, 1] }),
      // Of a session that is not part of the analysis.
      trialOf({ session: 3, sources: '01', deliveredSample: 4000, window: WINDOW(4000), counts: [0, 1, 0, 0] }),
    ];
    const frames = [
      frameOf([0, 1300], {
        spikes: [
          [900, 3], // -50 ms
          [999, 0], // -0.5 ms: bin -1
          [1020, 0],
          [1021, 0], // both in bin 10
          [1022, 1], // bin 11
          [1022, 2], // of no ensemble
          [1199, 3], // bin 99
          [1200, 3], // too late
        ],
        // Electrode 0 for 1.5 ms, of which half a bin in the second; 2 is nobody's.
        blind: [
          [1000, 1003, 0],
          [1000, 1003, 2],
        ],
      }),
      frameOf([1300, 5000], {
        spikes: [
          [2020, 0],
          [3020, 1],
          [3059, 3],
          [4020, 1],
        ],
      }),
    ];
    const seen = await collectStimulusSpikes(framesOf(frames), planOf(trials, 3));
    expect(seen.missing).toBe(0);
    expect(seen.responseWindowMs).toEqual([10, 30]);
    const first = histogramOf(seen, { ensemble: 0, state: 0b10, span: 'first' });
    expect(first.trials).toBe(1);
    expect(unusual(first.spikes, 0)).toEqual({ [-50]: 1, [-1]: 1, 10: 2, 99: 1 });
    // Two electrodes for 1 ms; electrode 0 was blind in all of bin 0 and half of bin 1.
    expect(unusual(first.timeS, 0.002)).toEqual({});
    expect(unusual(first.seenS, 0.002)).toEqual({ 0: 0.001, 1: 0.0015 });
    expect(unusual(histogramOf(seen, { ensemble: 1, state: 0b10, span: 'first' }).spikes, 0)).toEqual({ 11: 1 });
    const last = histogramOf(seen, { ensemble: 1, state: 0b01, span: 'last' });
    expect([last.trials, unusual(last.spikes, 0), unusual(last.seenS, 0.001)]).toEqual([1, { 10: 1 }, {}]);
    expect(unusual(histogramOf(seen, { ensemble: 0, state: 0b01, span: 'last' }).spikes, 0)).toEqual({ 29: 1 });
    // The session between is in neither.
    const whole = seen.histograms.reduce((sum, { spikes }) => sum + spikes.reduce((a, b) => a + b, 0), 0);
    expect([whole, seen.histograms.length]).toEqual([8, 2 * 2 * 4]);
  });

  it('keeps the first and last trials of each source alone, on the electrodes that preferred it most', async () => {
    const trials = Array.from({ length: 100 }, (_, i) =>
      trialOf({
        session: i,
        sources: ['10', '01', '11', '10'][i % 4]!,
        deliveredSample: 1000 * (i + 1),
        window: WINDOW(1000 * (i + 1)),
        counts: [0, 0, 0, i % 2],
      }),
    );
    // The place of the spike tells the trial.
    const frame = frameOf([0, 200_000], {
      spikes: trials.map(({ deliveredSample }, i) => [deliveredSample + (i % 2 === 1 ? 20 : -100) + (i >> 2), 3]),
      blind: [[1000, 1001, 3]],
    });
    const { rasters } = await collectStimulusSpikes(framesOf([frame]), planOf(trials, 100));
    expect(rasters.map(({ ensemble, electrode }) => [ensemble, electrode])).toEqual([
      [0, 3],
      [1, 1],
      [0, 0],
    ]);
    const { groups } = rasters[0]!;
    expect(groups.map(({ source, span, rows }) => [source, span, rows.length])).toEqual([
      [0, 'first', 20],
      [0, 'last', 20],
      // Of 25 there are not 20 for each end.
      [1, 'first', 13],
      [1, 'last', 12],
    ]);
    expect(groups[0]!.rows.slice(0, 3)).toEqual([
      { spikesMs: [-50], blindMs: [[0, 0.5]], count: 0 },
      { spikesMs: [10], blindMs: [], count: 1 },
      { spikesMs: [-49.5], blindMs: [], count: 0 },
    ]);
    expect(groups[3]!.rows.at(-1)).toEqual({ spikesMs: [22], blindMs: [], count: 1 });
    expect(rasters[1]!.groups[0]!.rows[0]).toEqual({ spikesMs: [], blindMs: [], count: 0 });
  });

  it('says how many trials the recording does not hold, and has bins for any rate', async () => {
    const trials = [
      trialOf({ session: 0, deliveredSample: 5000, counts: [0, 0, 0, 0] }),
      trialOf({ session: 1, deliveredSample: 9000, counts: [3, 0, 0, 0] }),
    ];
    const frame = frameOf([0, 20_000], { spikes: [[6250, 1]] });
    const seen = await collectStimulusSpikes(framesOf([frame]), { ...planOf(trials, 2), sampleRateHz: 12_500 });
    expect(seen.missing).toBe(1);
    const { timeS, spikes } = histogramOf(seen, { ensemble: 1, state: 0b10, span: 'first' });
    // 100 ms are 1250 samples, which is one too late; bins of 12 and 13 samples make up the whole.
    expect(spikes).toEqual(new Float64Array(STIMULUS_BINS));
    expect(timeS.reduce((a, b) => a + b, 0)).toBeCloseTo(0.15, 12);
  });
});
