import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../../protocols/units.js';
import { createSeenSamples } from './seen-samples.js';

function response(window: readonly [number, number], usedSamples?: readonly [number, number]) {
  const [first, end] = [sampleIndex(window[0]), sampleIndex(window[1])];
  if (usedSamples === undefined) return { window: [first, end] } as const;
  return { window: [first, end], usedSamples: [sampleIndex(usedSamples[0]), sampleIndex(usedSamples[1])] } as const;
}

describe('the samples of the responses so far', () => {
  it('reach from the first of the first response to the last of the last, those that were used', () => {
    const seen = createSeenSamples();
    expect(seen.spansOf('all')).toBeUndefined();
    seen.addResponse(response([100, 200], [40, 210]));
    seen.addResponse(response([500, 600]));
    expect(seen.spansOf('all')).toEqual([[40, 600]]);
  });

  it('are those of a session once it has ended, and never those of one that began anew', () => {
    const seen = createSeenSamples();
    seen.addResponse(response([100, 200]));
    expect(seen.spansOf('sessions')).toBeUndefined();
    seen.restartSession();
    seen.addResponse(response([300, 400]));
    expect(seen.spansOf('sessions')).toBeUndefined();
    seen.endSession();
    expect(seen.spansOf('sessions')).toEqual([[300, 400]]);
    seen.addResponse(response([700, 800]));
    expect(seen.spansOf('sessions')).toEqual([[300, 400]]);
    // Who was told of them was told of all.
    expect(seen.spansOf('all')).toEqual([[100, 800]]);
  });

  it('stand for each clock of the device alone, in their order', () => {
    const seen = createSeenSamples();
    seen.addResponse(response([1000, 1100]));
    seen.endSession();
    seen.addResponse(response([50, 60]));
    seen.addResponse(response([70, 80]));
    expect(seen.spansOf('all')).toEqual([
      [1000, 1100],
      [50, 80],
    ]);
    seen.endSession();
    expect(seen.spansOf('sessions')).toEqual(seen.spansOf('all'));
  });

  it('given out once do not change any more', () => {
    const seen = createSeenSamples();
    seen.addResponse(response([0, 10]));
    const before = seen.spansOf('all');
    seen.addResponse(response([20, 30]));
    expect(before).toEqual([[0, 10]]);
  });
});
