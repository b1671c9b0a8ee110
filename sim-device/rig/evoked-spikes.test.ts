import { describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { drawLatencyMs } from '../spike-latency.js';
import { EvokedSpikes } from './evoked-spikes.js';
import { SpikeQueue, type QueuedSpike } from './spike-queue.js';

const SEED = 31;

/** Places a response on three electrodes with 1, 4 and 30 units; gives the spikes by sample. */
function place(counts: readonly number[], evoked: readonly number[], trial: number): QueuedSpike[] {
  const population = {
    seed: SEED,
    sampleRateHz: 20_000,
    firstUnit: Uint32Array.of(0, 1, 5, 35),
    living: Float64Array.of(1, 4, 30),
  };
  const queue = new SpikeQueue(35);
  const refractory = new Float64Array(35).fill(40);
  new EvokedSpikes(population, { refractory, lateShare: 0.15 }).add(
    {
      moment: { session: 2, trial, sample: 1000 },
      window: [1200, 1600],
      counts: Uint16Array.from(counts),
      evoked: Uint16Array.from(evoked),
    },
    queue,
  );
  const spikes: QueuedSpike[] = [];
  queue.takeUntil(4000, (spike) => spikes.push(spike));
  return spikes;
}

describe('the evoked spikes of a trial', () => {
  it('come at the latencies that the spike-timing rule draws, in the order of electrodes', () => {
    const evoked = [1, 3, 20];
    const spikes = place(evoked, evoked, 7).filter(({ origin }) => origin === 'evoked');
    const random = openRandomStream(SEED, 'latency', 2, 7);
    const electrodeOf = (unit: number): number => (unit < 1 ? 0 : unit < 5 ? 1 : 2);
    for (const [electrode, count] of evoked.entries()) {
      const expected = Array.from({ length: count }, () => 1000 + Math.floor(20 * drawLatencyMs(random)));
      const measured = spikes.filter(({ unit }) => electrodeOf(unit) === electrode).map(({ sample }) => sample);
      expect(measured).toEqual(expected.sort((a, b) => a - b));
    }
  });

  it('are of different units of their electrode', () => {
    for (let trial = 0; trial < 20; trial++) {
      const units = place([1, 4, 30], [1, 4, 30], trial).filter(({ held }) => held);
      expect(new Set(units.map(({ unit }) => unit)).size).toBe(35);
    }
  });

  it('leave the spontaneous ones of their unit room to be refractory', () => {
    let closest = Infinity;
    for (let trial = 0; trial < 300; trial++) {
      const samples = place([3, 0, 0], [1, 0, 0], trial).filter(({ held }) => held);
      expect(samples.map(({ origin }) => origin).sort()).toEqual(['evoked', 'spontaneous', 'spontaneous']);
      for (const [k, { sample }] of samples.entries()) {
        if (k > 0) closest = Math.min(closest, sample - samples[k - 1]!.sample);
      }
    }
    expect(closest).toBeGreaterThanOrEqual(40);
    expect(closest).toBeLessThan(50);
  });
});
