import { sampleIndex } from '../../../protocols/units.js';
import type { BlindSpans, SpikeBatch } from '../spike-batch.js';

/**
 * Cuts a long batch into batches of at most so many samples, so that what is kept of it does not grow with its length. A
 * short one comes back as it is. Columns of the parts are views where nothing had to be cut.
 */
export function* sliceBatch(batch: SpikeBatch, maxSamples: number): Generator<SpikeBatch, void, undefined> {
  if (batch.to - batch.from <= maxSamples) {
    yield batch;
    return;
  }
  const spans = byBeginning(batch.blind);
  let carried: BlindSpan[] = [];
  let nextSpan = 0;
  let spike = 0;
  for (let from: number = batch.from; from < batch.to; from += maxSamples) {
    const to = Math.min(batch.to, from + maxSamples);
    const firstSpike = spike;
    while (spike < batch.samples.length && batch.samples[spike]! < to) spike++;
    while (nextSpan < spans.length && spans[nextSpan]!.from < to) carried.push(spans[nextSpan++]!);
    yield {
      from: sampleIndex(from),
      to: sampleIndex(to),
      samples: batch.samples.subarray(firstSpike, spike),
      electrodes: batch.electrodes.subarray(firstSpike, spike),
      amplitudesUv: batch.amplitudesUv.subarray(firstSpike, spike),
      blind: clip(carried, from, to),
    };
    carried = carried.filter((span) => span.to > to);
  }
}

interface BlindSpan {
  readonly electrode: number;
  readonly from: number;
  readonly to: number;
}

function byBeginning({ electrodes, from, to }: BlindSpans): BlindSpan[] {
  const spans = Array.from(electrodes, (electrode, i) => ({ electrode, from: from[i]!, to: to[i]! }));
  return spans.sort((a, b) => a.from - b.from || a.electrode - b.electrode);
}

function clip(spans: readonly BlindSpan[], first: number, end: number): BlindSpans {
  return {
    electrodes: Uint16Array.from(spans, ({ electrode }) => electrode),
    from: Float64Array.from(spans, ({ from }) => Math.max(from, first)),
    to: Float64Array.from(spans, ({ to }) => Math.min(to, end)),
  };
}
