import type { SampleBlock } from '../../protocols/sample-block.js';
import type { Hertz } from '../../protocols/units.js';

/** What an electrode showed over a stretch of samples. */
export interface ElectrodeSurvey {
  /** Standard deviation in microvolts. */
  readonly deviationUv: number;
  /** Every sample was the same: nothing is connected, or the channel is off. */
  readonly isFlat: boolean;
  /** Share of samples at either end of the range. */
  readonly saturatedShare: number;
  /** Amplitude in microvolts of the sine that was looked for; undefined where none was. */
  readonly sineUv: number | undefined;
}

const HIGHEST = 32_767;
const LOWEST = -32_768;

interface Sums {
  count: number;
  sum: number;
  squares: number;
  saturated: number;
  lowest: number;
  highest: number;
  sine: number;
  cosine: number;
}

/**
 * Looks at samples of every electrode, to tell whether a recorder is connected as its rig file says. The amplitude of a sine
 * of known frequency is its Fourier component over the stretch; take whole periods.
 */
export class SampleSurvey {
  readonly #gainUvPerBit: number;
  readonly #radians: number | undefined;
  readonly #sums: readonly Sums[];

  /** @param sineHz frequency of a sine that is fed into every electrode */
  constructor(options: {
    readonly electrodes: number;
    readonly sampleRateHz: Hertz;
    readonly gainUvPerBit: number;
    readonly sineHz?: number | undefined;
  }) {
    const { electrodes, sampleRateHz, gainUvPerBit, sineHz } = options;
    this.#gainUvPerBit = gainUvPerBit;
    this.#radians = sineHz === undefined ? undefined : (2 * Math.PI * sineHz) / sampleRateHz;
    this.#sums = Array.from({ length: electrodes }, () => ({
      count: 0,
      sum: 0,
      squares: 0,
      saturated: 0,
      lowest: Infinity,
      highest: -Infinity,
      sine: 0,
      cosine: 0,
    }));
  }

  /** Takes a block; electrodes beyond those that were said are not looked at. */
  add({ firstSample, frames, channels, samples }: SampleBlock): void {
    for (const [electrode, sums] of this.#sums.entries()) {
      for (let frame = 0; frame < frames; frame++) {
        const value = samples[frame * channels + electrode] ?? 0;
        sums.count += 1;
        sums.sum += value;
        sums.squares += value * value;
        if (value >= HIGHEST || value <= LOWEST) sums.saturated += 1;
        if (value < sums.lowest) sums.lowest = value;
        if (value > sums.highest) sums.highest = value;
        if (this.#radians === undefined) continue;
        const phase = this.#radians * (firstSample + frame);
        sums.sine += value * Math.sin(phase);
        sums.cosine += value * Math.cos(phase);
      }
    }
  }

  /** (electrodes) */
  get electrodes(): readonly ElectrodeSurvey[] {
    return this.#sums.map(({ count, sum, squares, saturated, lowest, highest, sine, cosine }) => {
      const n = Math.max(1, count);
      const mean = sum / n;
      return {
        deviationUv: Math.sqrt(Math.max(0, squares / n - mean * mean)) * this.#gainUvPerBit,
        isFlat: lowest >= highest,
        saturatedShare: saturated / n,
        sineUv: this.#radians === undefined ? undefined : (2 / n) * Math.hypot(sine, cosine) * this.#gainUvPerBit,
      };
    });
  }
}
