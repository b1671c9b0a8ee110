import { expect } from 'vitest';

import type { SpikeBatch } from '../../src/pipeline/spike-batch.js';

/** Everything that batches hold, joined, with blind stretches joined where they touch. */
export interface JoinedSpikes {
  readonly samples: number[];
  readonly electrodes: number[];
  readonly amplitudesUv: number[];
  /** (channels) beginnings and ends in turns. */
  readonly blind: number[][];
}

/** Joins batches, and expects that they follow each other without a hole and keep to their stretch. */
export function joinBatches(batches: readonly SpikeBatch[], channels: number): JoinedSpikes {
  const blind = Array.from({ length: channels }, (): number[] => []);
  const joined: JoinedSpikes = { samples: [], electrodes: [], amplitudesUv: [], blind };
  batches.forEach((batch, b) => {
    if (b > 0) expect(batch.from).toBe(batches[b - 1]!.to);
    batch.samples.forEach((sample, i) => {
      expect(sample).toBeGreaterThanOrEqual(batch.from);
      expect(sample).toBeLessThan(batch.to);
      joined.samples.push(sample);
      joined.electrodes.push(batch.electrodes[i]!);
      joined.amplitudesUv.push(batch.amplitudesUv[i]!);
    });
    batch.blind.electrodes.forEach((electrode, i) => {
      expect(batch.blind.from[i]).toBeGreaterThanOrEqual(batch.from);
      expect(batch.blind.to[i]).toBeLessThanOrEqual(batch.to);
      const spans = blind[electrode]!;
      if (spans.at(-1) === batch.blind.from[i]) spans.pop();
      else spans.push(batch.blind.from[i]!);
      spans.push(batch.blind.to[i]!);
    });
  });
  return joined;
}
