import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { sampleIndex } from '../../protocols/units.js';
import { designBandPass } from '../../src/pipeline/design-band-pass.js';
import { createSpikeDetector } from '../../src/pipeline/spike-detector.js';
import { filterSections, steadyState } from '../../src/pipeline/reference/filter-sections.js';
import { parseBandPassVectors, type BandPassVector } from '../helpers/band-pass-vectors.js';
import { describeWithDebianTool, pythonWithScipy, runTool } from '../helpers/debian-tool.js';

const SCRIPT = join(import.meta.dirname, 'band_pass_vectors.py');
const KEPT = readFileSync(join(import.meta.dirname, 'band-pass-vectors.json'), 'utf8');

function sectionsOf({ sections }: BandPassVector): ReturnType<typeof designBandPass> {
  return sections.map(([b0, b1, b2, , a1, a2]) => ({ b0: b0!, b1: b1!, b2: b2!, a1: a1!, a2: a2! }));
}

/** The kernels' filtered voltage, one bit a uV: snippets over the whole of a channel, which is told by one large spike. */
function largestDifference(actual: Float64Array, wanted: readonly number[]): number {
  return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
}

function defineComparisons(vectors: readonly BandPassVector[]): void {
  it('filters to the same bits with the same sections and start', () => {
    expect(vectors).toHaveLength(6);
    for (const vector of vectors) {
      const state = Float64Array.from(vector.start);
      const output = filterSections(sectionsOf(vector), Float64Array.from(vector.input), state);
      expect(Array.from(output)).toEqual(vector.output);
    }
  });

  it('starts in the same steady state', () => {
    for (const vector of vectors) {
      const state = steadyState(sectionsOf(vector), vector.input[0]!);
      const largest = Math.max(...vector.start.map(Math.abs));
      expect(largestDifference(state, vector.start)).toBeLessThan(1e-9 * largest);
    }
  });

  it('designs the same filters: sections of one prototype, responses of all', () => {
    for (const { band, sampleRateHz, sections, frequenciesHz, gains, input, output } of vectors) {
      const designed = designBandPass(band, sampleRateHz);
      expect(designed).toHaveLength(sections.length);
      frequenciesHz.forEach((frequency, i) => {
        expect(gainAt(designed, frequency / sampleRateHz)).toBeCloseTo(gains[i]!, 10);
      });
      const own = filterSections(designed, Float64Array.from(input), steadyState(designed, input[0]!));
      expect(largestDifference(own, output)).toBeLessThan(1e-8);
      if (band.type !== 'band-pass') continue;
      designed.forEach(({ b1, b2, a1, a2, b0 }, s) => {
        [b0, b1, b2, 1, a1, a2].forEach((value, k) => {
          expect(value).toBeCloseTo(sections[s]![k]!, 10);
        });
      });
    }
  });
}

/** |H| at a share of the sampling rate. */
function gainAt(sections: ReturnType<typeof designBandPass>, share: number): number {
  const [c, s] = [Math.cos(2 * Math.PI * share), Math.sin(2 * Math.PI * share)];
  const [c2, s2] = [c * c - s * s, 2 * c * s];
  return sections.reduce(
    (gain, { b0, b1, b2, a1, a2 }) =>
      (gain * Math.hypot(b0 + b1 * c + b2 * c2, b1 * s + b2 * s2)) / Math.hypot(1 + a1 * c + a2 * c2, a1 * s + a2 * s2),
    1,
  );
}

describe('the band-pass against vectors that scipy made', () => {
  defineComparisons(parseBandPassVectors(KEPT));
});

describeWithDebianTool('the band-pass against the scipy that is here', pythonWithScipy, () => {
  defineComparisons(parseBandPassVectors(runTool(pythonWithScipy, [SCRIPT, '3000'])));
});

describe('the band-pass of the kernels', () => {
  it('lies within a thousandth of a bit of float64 on noise of 16 bits rms', () => {
    const [channels, frames] = [8, 4000];
    const detector = createSpikeDetector({
      channels,
      sampleRateHz: 20_000,
      gainUv: 1,
      threshold: 0.5,
      searchMs: 0.05,
      deadMs: 0.5,
      silence: { belowUv: 0 },
      railGuardMs: 0,
      noise: { mode: 'frozen', initialUv: new Float32Array(channels).fill(1) },
    });
    const sections = designBandPass({ type: 'cascade', lowHz: 300, highHz: 3000 }, 20_000);
    const samples = gaussianBits(channels * frames);
    const found = detector.processInt16({ firstSample: sampleIndex(0), frames, channels, samples });
    expect(found.samples.length).toBeGreaterThan(1000);
    const filtered = Array.from({ length: channels }, (_, c) => {
      const values = Float64Array.from({ length: frames }, (__, i) => samples[i * channels + c]!);
      return filterSections(sections, values, steadyState(sections, values[0]!));
    });
    const worst = found.samples.reduce((most, sample, i) => {
      return Math.max(most, Math.abs(filtered[found.electrodes[i]!]![sample]! - found.amplitudesUv[i]!));
    }, 0);
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(1e-3);
  });
});

/** Sums of twelve uniform numbers, 16 rms, on an offset of 100. */
function gaussianBits(count: number): Int16Array {
  let state = 1;
  const uniform = (): number => {
    state = (Math.imul(1103515245, state) + 12345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  return Int16Array.from({ length: count }, () => {
    const sum = Array.from({ length: 12 }, uniform).reduce((total, value) => total + value, -6);
    return Math.round(16 * sum) + 100;
  });
}
