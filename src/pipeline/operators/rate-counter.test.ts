import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import { batchOf, type PlannedSpike } from '../../../tests/helpers/spike-recording.js';
import { RateCounter, type SpikeRates } from './rate-counter.js';

const at = (sample: number, electrode = 0): PlannedSpike => ({ sample, electrode });
const everyone = (from: number, to: number): [number, number, number][] => [
  [0, from, to],
  [1, from, to],
];

describe('spike rates', () => {
  it('count each interval once it has settled, on the grid of the sample clock', () => {
    const counter = new RateCounter({ electrodes: 2, intervalSamples: 100 });
    const spikes = [at(100), at(199, 1), at(199), at(200, 1)];
    expect(counter.push(batchOf([100, 199], spikes))).toEqual([]);
    expect(counter.push(batchOf([199, 200], spikes))).toEqual([
      { type: 'spike-rates', fromSample: 100, toSample: 200, counts: Uint32Array.of(2, 1), skippedIntervals: 0 },
    ]);
    expect(counter.push(batchOf([200, 310], spikes)).map(({ counts }) => counts)).toEqual([Uint32Array.of(0, 1)]);
    expect(counter.end()).toMatchObject([{ fromSample: 300, blindFraction: Float32Array.of(0.9, 0.9) }]);
    expect(counter.end()).toEqual([]);
  });

  it('are the same for every cut into batches, blind spans included', () => {
    const random = openRandomStream(3, 'rates');
    const spikes = Array.from({ length: 500 }, () => at(37 + random.integer(4000), random.integer(2)));
    const spans = [[0, 150, 420], [1, 300, 1900], [0, 1000, 1800], [0, 2500, 2501]] as const; // prettier-ignore
    const run = (cut: number): SpikeRates[] => {
      const counter = new RateCounter({ electrodes: 2, intervalSamples: 100 });
      const rates: SpikeRates[] = [];
      for (let from = 37; from < 4000; from += cut) {
        const to = Math.min(4000, from + cut);
        const blind = spans
          .map(([e, a, b]) => [e, Math.max(a, from), Math.min(b, to)] as const)
          .filter(([, a, b]) => b > a);
        rates.push(...counter.push(batchOf([from, to], spikes, blind)));
      }
      return [...rates, ...counter.end()];
    };
    const whole = run(1e6);
    for (const cut of [1, 2, 7, 13, 250]) expect(run(cut), `cut ${cut}`).toEqual(whole);
    // Both are blind in [1000, 1800).
    expect(whole.map(({ fromSample }) => fromSample)).not.toContain(1300);
    expect(whole.find(({ fromSample }) => fromSample === 1800)!.skippedIntervals).toBe(8);
    expect(whole.find(({ fromSample }) => fromSample === 400)!.blindFraction).toEqual(Float32Array.of(0.2, 1));
    expect(whole.reduce((sum, { counts }) => sum + counts[0]! + counts[1]!, 0)).toBeGreaterThan(300);
  });

  it.each([
    ['that a batch spans', [batchOf([0, 50], [at(10)]), batchOf([50, 1e12], [], everyone(50, 1e12 - 20))]],
    ['between two batches', [batchOf([0, 50], [at(10)]), batchOf([1e12 - 20, 1e12], [])]],
  ])('pass over a rest of years %s', (_, batches) => {
    const counter = new RateCounter({ electrodes: 2, intervalSamples: 100 });
    const rates = batches.flatMap((batch) => counter.push(batch));
    expect(rates).toMatchObject([
      { fromSample: 0, counts: Uint32Array.of(1, 0), blindFraction: Float32Array.of(0.5, 0.5), skippedIntervals: 0 },
      { fromSample: 1e12 - 100, blindFraction: Float32Array.of(0.8, 0.8), skippedIntervals: 1e10 - 2 },
    ]);
  });

  it('leave out what nobody saw, although each saw something at another time', () => {
    const counter = new RateCounter({ electrodes: 2, intervalSamples: 100 });
    const blind = [[0, 0, 100], [1, 50, 250], [0, 200, 300]] as const; // prettier-ignore
    const rates = counter.push(batchOf([0, 300], [], blind));
    expect(rates.map(({ blindFraction }) => blindFraction)).toEqual([
      Float32Array.of(1, 0.5),
      Float32Array.of(0, 1),
      Float32Array.of(1, 0.5),
    ]);
  });

  it('begin anew when the samples go back', () => {
    const counter = new RateCounter({ electrodes: 2, intervalSamples: 100 });
    counter.push(batchOf([1000, 1050], [at(1010)]));
    const rates = counter.push(batchOf([0, 100], [at(20)]));
    expect(rates.map(({ fromSample, counts }) => [fromSample, counts[0]])).toEqual([
      [1000, 1],
      [0, 1],
    ]);
  });

  it.each([{ intervalSamples: 0 }, { intervalSamples: Number.NaN }, { intervalSamples: 1.5 }, { electrodes: 0 }])(
    'are refused %o',
    (bad) => {
      expect(() => new RateCounter({ electrodes: 2, intervalSamples: 100, ...bad })).toThrow('of the spike rates');
    },
  );
});
