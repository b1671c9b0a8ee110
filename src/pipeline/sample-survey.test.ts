import { describe, expect, test } from 'vitest';
import { hertz, sampleIndex } from '../../protocols/units.js';
import { SampleSurvey } from './sample-survey.js';

const GAIN = 0.195;
const RATE = hertz(20_000);

function survey(samples: Int16Array, { cut, sineHz }: { readonly cut: number; readonly sineHz?: number }) {
  const channels = 2;
  const all = new SampleSurvey({ electrodes: channels, sampleRateHz: RATE, gainUvPerBit: GAIN, sineHz });
  const frames = samples.length / channels;
  for (let first = 0; first < frames; first += cut) {
    const part = Math.min(cut, frames - first);
    all.add({
      firstSample: sampleIndex(first),
      frames: part,
      channels,
      samples: samples.subarray(first * channels, (first + part) * channels),
    });
  }
  return all.electrodes;
}

/** Electrode 0: a sine of 1000 uV at 100 Hz on an offset; electrode 1: always 5. */
const SINE = new Int16Array(2 * 20_000).map((_, i) =>
  i % 2 === 1 ? 5 : Math.round(300 + (1000 / GAIN) * Math.sin((2 * Math.PI * 100 * (i / 2)) / RATE + 0.7)),
);

describe('a survey of samples', () => {
  test.each([1, 7, 128, 20_000])('tells a known sine within 0.1 %%, cut into blocks of %i', (cut) => {
    const [sine, flat] = survey(SINE, { cut, sineHz: 100 });
    expect(Math.abs(sine!.sineUv! / 1000 - 1)).toBeLessThan(0.001);
    expect(sine!.deviationUv).toBeCloseTo(1000 / Math.SQRT2, 0);
    expect(sine!.isFlat).toBe(false);
    expect(flat).toMatchObject({ isFlat: true, deviationUv: 0 });
    expect(flat!.sineUv!).toBeLessThan(0.01);
  });

  test('tells a gain that is off by two percent', () => {
    const [sine] = survey(
      SINE.map((value) => Math.round(value * 1.02)),
      { cut: 500, sineHz: 100 },
    );
    expect(sine!.sineUv! / 1000 - 1).toBeGreaterThan(0.019);
  });

  test('tells how much is saturated, and no amplitude where no sine was asked for', () => {
    const [rail] = survey(
      Int16Array.from({ length: 400 }, (_, i) => (i % 8 === 0 ? 32_767 : 0)),
      { cut: 50 },
    );
    expect(rail).toMatchObject({ saturatedShare: 0.25, sineUv: undefined });
  });
});
