import { describe, expect, it } from 'vitest';

import { sampleIndex } from '../../protocols/units.js';
import type { SpikeDetectorSettings } from './detector-settings.js';
import { createSpikeDetector } from './spike-detector.js';

const SAMPLE_RATE_HZ = 20_000;
/** A wide spike of size 1: about 0.6 of it is left by the filter, which swings to +0.6 and then to -0.1. */
const SHAPE = [-0.1, -0.3, -0.6, -0.9, -1, -0.9, -0.6, -0.2, 0.1, 0.25, 0.3, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05];
const PEAK = 4;

interface Spike {
  readonly sample: number;
  readonly bits: number;
}

/** Samples of the peaks in a channel that shows these spikes and a noise of 5 uV is known for, one bit a uV. */
function detect(spikes: readonly Spike[], special: Partial<SpikeDetectorSettings> = {}): number[] {
  const frames = 2000;
  const samples = Int16Array.from({ length: frames }, (_, i) => (i % 2 === 0 ? 1 : -1));
  for (const { sample, bits } of spikes) {
    SHAPE.forEach((value, i) => (samples[sample - PEAK + i]! += Math.round(bits * value)));
  }
  const detector = createSpikeDetector({
    channels: 1,
    sampleRateHz: SAMPLE_RATE_HZ,
    gainUv: 1,
    noise: { mode: 'frozen', initialUv: Float32Array.of(5) },
    ...special,
  });
  const { samples: found } = detector.processInt16({ firstSample: sampleIndex(0), frames, channels: 1, samples });
  return Array.from(found);
}

describe('the dead time', () => {
  it('is from peak to peak', () => {
    const first = { sample: 1000, bits: 100 };
    const [at] = detect([first]);
    expect(at).toBeGreaterThanOrEqual(1000);
    expect(at).toBeLessThanOrEqual(1003);
    expect(detect([first, { sample: 1039, bits: 100 }])).toEqual([at]);
    expect(detect([first, { sample: 1041, bits: 100 }])).toHaveLength(2);
  });

  it('does not end in the falling flank of a spike within it', () => {
    for (let gap = 20; gap < 38; gap++) {
      expect(
        detect([
          { sample: 1000, bits: 100 },
          { sample: 1000 + gap, bits: 200 },
        ]),
      ).toHaveLength(1);
    }
  });

  it('begins anew with each spike that is found, not with those within it', () => {
    const found = detect([1000, 1030, 1060].map((sample) => ({ sample, bits: 100 })));
    expect(found).toHaveLength(2);
    expect(found[1]! - found[0]!).toBe(60);
  });
});

describe('the rule for ringing', () => {
  const SHORT: Partial<SpikeDetectorSettings> = { deadMs: 0.8 };

  it('holds back what the filter swings to after a large spike', () => {
    const large = [{ sample: 1000, bits: 800 }];
    expect(detect(large, { ...SHORT, ringing: { share: 0 } }).length).toBeGreaterThan(1);
    expect(detect(large, SHORT)).toHaveLength(1);
  });

  it('lets the next spike of its size through, and a smaller one later', () => {
    const large = { sample: 1000, bits: 200 };
    expect(detect([large, { sample: 1020, bits: 200 }], SHORT)).toHaveLength(2);
    expect(detect([large, { sample: 1030, bits: 60 }], SHORT)).toHaveLength(1);
    expect(detect([large, { sample: 1070, bits: 60 }], SHORT)).toHaveLength(2);
  });

  it('heeds large spikes in the dead time', () => {
    const pair = [
      { sample: 1000, bits: 100 },
      { sample: 1022, bits: 800 },
    ];
    expect(detect(pair, { ringing: { share: 0 } }).length).toBeGreaterThan(1);
    expect(detect(pair)).toHaveLength(1);
  });
});
