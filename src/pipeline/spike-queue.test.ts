import { describe, expect, it } from 'vitest';

import { SpikeColumns } from './spike-columns.js';
import { SpikeQueue } from './spike-queue.js';

describe('the queue of spikes', () => {
  it('gives spikes by sample and electrode, each once, and keeps what is not settled', () => {
    const queue = new SpikeQueue();
    const out = new SpikeColumns();
    for (const [sample, electrode] of [
      [120, 3],
      [100, 65_000],
      [100, 2],
      [110, 7],
    ] as const) {
      queue.push(sample, electrode, -electrode);
    }
    queue.settle(110, out);
    expect(out.take()).toEqual({
      samples: Float64Array.of(100, 100),
      electrodes: Uint16Array.of(2, 65_000),
      amplitudesUv: Float32Array.of(-2, -65_000),
    });
    queue.settle(200, out);
    expect([...out.take().samples]).toEqual([110, 120]);
  });

  it('gives a spike once even when a gap has settled more than the lag does later', () => {
    const neighbours = [Int32Array.of(1), Int32Array.of(0)];
    const queue = new SpikeQueue({ neighbours, withinFrames: 6 });
    const out = new SpikeColumns();
    queue.push(98, 0, -5);
    queue.settle(100, out);
    queue.settle(95, out);
    queue.settle(120, out);
    expect([...out.take().samples]).toEqual([98]);
  });

  it('keeps the earlier of equal neighbours, and of those at once the lower electrode', () => {
    const queue = new SpikeQueue({ neighbours: [Int32Array.of(1), Int32Array.of(0)], withinFrames: 6 });
    const out = new SpikeColumns();
    queue.push(10, 1, -5);
    queue.push(12, 0, 5);
    queue.push(50, 1, -5);
    queue.push(50, 0, -5);
    queue.settle(100, out);
    expect([...out.take().electrodes]).toEqual([1, 0]);
  });
});
