import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../tests/helpers/spike-recording.js';
import { sliceBatch } from './slice-batch.js';

const spikes = [3, 9, 10, 10, 19, 20, 34].map((sample, k) => ({ sample, electrode: k % 2 }));

describe('a sliced batch', () => {
  it('is cut at every so many samples, spikes and blind spans with it', () => {
    const batch = batchOf([0, 35], spikes, [
      [1, 2, 4],
      [1, 8, 32],
      [0, 10, 20],
    ]);
    expect(Array.from(sliceBatch(batch, 10))).toEqual([
      batchOf([0, 10], spikes, [
        [1, 2, 4],
        [1, 8, 10],
      ]),
      batchOf([10, 20], spikes, [
        [1, 10, 20],
        [0, 10, 20],
      ]),
      batchOf([20, 30], spikes, [[1, 20, 30]]),
      batchOf([30, 35], spikes, [[1, 30, 32]]),
    ]);
  });

  it('comes back as it is when it is short', () => {
    const batch = batchOf([5, 15], spikes);
    expect(Array.from(sliceBatch(batch, 10))[0]).toBe(batch);
  });
});
