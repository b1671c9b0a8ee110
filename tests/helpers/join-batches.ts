import type { SpikeBatch } from '../../src/pipeline/spike-batch.js';

/** Everything that batches hold, joined, with blind stretches joined where they touch. */
export interface JoinedSpikes {
  readonly samples: number[];
  readonly electrodes: number[];
  readonly amplitudesUv: number[];
  /** (channels) beginnings and ends in turns. */
  readonly blind: number[][];
}

/** Joins batches; throws where they do not follow each other without a hole, or do not keep to their stretch. */
export function joinBatches(batches: readonly SpikeBatch[], channels: number): JoinedSpikes {
  const blind = Array.from({ length: channels }, (): number[] => []);
  const joined: JoinedSpikes = { samples: [], electrodes: [], amplitudesUv: [], blind };
  batches.forEach((batch, b) => {
    if (b > 0 && batch.from !== batches[b - 1]!.to) throw outside(batch, `ends at ${batches[b - 1]!.to}`);
    batch.samples.forEach((sample, i) => {
      if (!(sample >= batch.from && sample < batch.to)) throw outside(batch, `a spike at ${sample}`);
      joined.samples.push(sample);
      joined.electrodes.push(batch.electrodes[i]!);
      joined.amplitudesUv.push(batch.amplitudesUv[i]!);
    });
    batch.blind.electrodes.forEach((electrode, i) => {
      const [from, to] = [batch.blind.from[i]!, batch.blind.to[i]!];
      if (!(from >= batch.from && from < to && to <= batch.to)) throw outside(batch, `blind from ${from} to ${to}`);
      const spans = blind[electrode]!;
      if (spans.at(-1) === from) spans.pop();
      else spans.push(from);
      spans.push(to);
    });
  });
  return joined;
}

// No `expect` for each spike: a recording has hundreds of thousands of batches.
function outside({ from, to }: SpikeBatch, what: string): Error {
  return new Error(`a batch of ${from} to ${to}: ${what}`);
}
