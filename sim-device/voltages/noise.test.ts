import { describe, expect, it } from 'vitest';
import { channelOf, collectFrames, gridPositions, periodogramOf } from '../../tests/helpers/emulated-voltages.js';
import { DEFAULT_GAIN_UV_PER_BIT, type NoiseSettings, type VoltageSettings } from './voltage-settings.js';
import { VoltageSynth } from './voltage-synth.js';

const CHANNELS = 64;
const GAIN = DEFAULT_GAIN_UV_PER_BIT;
const PLAIN = { humUv: 0, driftUv: 0 } as const;

function createSynth(noise: Partial<NoiseSettings>, others: Partial<VoltageSettings> = {}): VoltageSynth {
  return new VoltageSynth({
    channels: CHANNELS,
    sampleRateHz: 20_000,
    seed: 2001,
    positions: gridPositions(CHANNELS, 8, 200),
    units: [],
    noise,
    ...others,
  });
}

/** Mean density over channels in uV^2/Hz. */
function meanDensity(samples: Int16Array, size: number, channels: readonly number[]): Float64Array {
  const mean = new Float64Array(size / 2);
  for (const channel of channels) {
    const density = periodogramOf(channelOf(samples, channel, CHANNELS), size, 20_000);
    for (let i = 0; i < mean.length; i++) mean[i] = mean[i]! + (density[i]! * GAIN * GAIN) / channels.length;
  }
  return mean;
}

function bandRms(density: Float64Array, binHz: number): number {
  let sum = 0;
  for (let i = Math.ceil(300 / binHz); i * binHz <= 3000; i++) sum += density[i]! * binHz;
  return Math.sqrt(sum);
}

/** Slope of log density over log frequency from 2 to 200 Hz, equal weight to each third of an octave. */
function slopeOf(density: Float64Array, binHz: number): number {
  const points: (readonly [number, number])[] = [];
  for (let f = 2; f < 200; f *= 2 ** (1 / 3)) {
    const bins = [...density.keys()].filter((i) => i * binHz >= f && i * binHz < f * 2 ** (1 / 3));
    // The mains and its harmonics are no part of the 1/f noise.
    const free = bins.filter((i) => Math.abs(((i * binHz + 25) % 50) - 25) > 4 || i * binHz < 25);
    if (free.length === 0) continue;
    const mean = free.reduce((sum, i) => sum + density[i]!, 0) / free.length;
    points.push([Math.log((free.reduce((sum, i) => sum + i, 0) / free.length) * binHz), Math.log(mean)]);
  }
  const x = points.reduce((sum, [a]) => sum + a, 0) / points.length;
  const y = points.reduce((sum, [, b]) => sum + b, 0) / points.length;
  const covariance = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return covariance / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

function rmsOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function correlationOf(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [a, b].map((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
  const covariance = a.reduce((sum, value, i) => sum + (value - meanA!) * (b[i]! - meanB!), 0) / a.length;
  return covariance / (rmsOf(a) * rmsOf(b));
}

describe('noise of the emulated voltages', () => {
  it.each([
    { rmsUv: 5, flickerExponent: 1 },
    { rmsUv: 8, flickerExponent: 1.3 },
    { rmsUv: 3, flickerExponent: 0.7 },
  ])('has $rmsUv uV in the recording band, and below 300 Hz 1/f^$flickerExponent, as set', (noise) => {
    const samples = collectFrames(createSynth(noise), 1 << 17);
    const density = meanDensity(samples, 1 << 15, [0, 9, 18, 27, 36, 45, 54, 63, 5, 40]);
    const binHz = 20_000 / (1 << 15);
    expect(Math.abs(bandRms(density, binHz) / noise.rmsUv - 1)).toBeLessThan(0.03);
    expect(Math.abs(-slopeOf(density, binHz) / noise.flickerExponent - 1)).toBeLessThan(0.2);
  });

  it('keeps its size in the band at other sample rates', () => {
    for (const sampleRateHz of [10_000, 30_000]) {
      const samples = collectFrames(createSynth(PLAIN, { sampleRateHz }), 1 << 16);
      const density = periodogramOf(channelOf(samples, 11, CHANNELS), 4096, sampleRateHz).map((d) => d * GAIN * GAIN);
      expect(Math.abs(bandRms(density, sampleRateHz / 4096) / 5 - 1), `${sampleRateHz} Hz`).toBeLessThan(0.05);
    }
  });

  it.each([0.1, 0.25])('is correlated by %f between neighbours, and not at all from row to row or far away', (rho) => {
    const samples = collectFrames(createSynth({ ...PLAIN, neighbourCorrelation: rho, flickerExponent: 0 }), 40_000);
    const channel = new Map([...Array(CHANNELS).keys()].map((c) => [c, channelOf(samples, c, CHANNELS)]));
    const mean = (pairs: readonly (readonly [number, number])[]): number =>
      pairs.reduce((sum, [a, b]) => sum + correlationOf(channel.get(a)!, channel.get(b)!), 0) / pairs.length;
    const grid = [...Array(CHANNELS).keys()];
    const sideways = mean(grid.filter((c) => c % 8 < 7).map((c) => [c, c + 1]));
    const upwards = mean(grid.filter((c) => c < 56).map((c) => [c, c + 8]));
    expect(Math.abs(sideways / rho - 1)).toBeLessThan(0.2);
    expect(Math.abs(upwards / rho - 1)).toBeLessThan(0.2);
    // 4 standard errors of a mean over 14 pairs.
    const noise = 4 / Math.sqrt(40_000 * 14);
    const rowEnds = grid.filter((c) => c % 8 === 7 && c < 63).map((c) => [c, c + 1] as const);
    expect(Math.abs(mean(rowEnds))).toBeLessThan(2 * noise);
    expect(Math.abs(mean(grid.filter((c) => c % 8 < 4).map((c) => [c, c + 4])))).toBeLessThan(noise);
  });

  it('is near to a normal distribution, and new in each sample', () => {
    const samples = collectFrames(createSynth({ ...PLAIN, flickerExponent: 0 }), 50_000);
    let [square, fourth, lagged, mean] = [0, 0, 0, 0];
    for (let i = CHANNELS; i < samples.length; i++) {
      const value = samples[i]!;
      mean += value;
      square += value * value;
      fourth += value ** 4;
      lagged += value * samples[i - CHANNELS]!;
    }
    const count = samples.length - CHANNELS;
    const kurtosis = fourth / count / (square / count) ** 2 - 3;
    expect(kurtosis).toBeGreaterThan(-0.2);
    expect(kurtosis).toBeLessThan(0.05);
    expect(Math.abs(lagged / square)).toBeLessThan(0.003);
    expect(Math.abs(mean / count)).toBeLessThan(0.1);
  });

  it('hums at the frequency of the mains and two harmonics', () => {
    for (const lineHz of [50, 60]) {
      const samples = collectFrames(createSynth({ rmsUv: 0, driftUv: 0, humUv: 2, lineHz }), 20_000);
      const rms = [...Array(CHANNELS).keys()].map((c) => rmsOf(channelOf(samples, c, CHANNELS)) * GAIN);
      expect(Math.abs(rms.reduce((sum, value) => sum + value, 0) / CHANNELS / 2 - 1)).toBeLessThan(0.1);
      expect(Math.max(...rms)).toBeLessThan(2.8);
      const period = 20_000 / lineHz;
      const [wave] = [channelOf(samples, 4, CHANNELS)];
      const later = wave.slice(3 * period, 9 * period);
      expect(later.every((value, i) => Math.abs(value - wave[Math.round(i % period)]!) <= 2)).toBe(true);
    }
  });

  it('drifts by tens of microvolts over seconds, smoothly', () => {
    const synth = createSynth({ rmsUv: 0, humUv: 0 });
    const everySecond: number[][] = [];
    let largestStep = 0;
    for (let second = 0; second < 120; second++) {
      for (let part = 0; part < 20; part++) {
        const samples = synth.render(1000);
        if (part === 0) everySecond.push([...samples.slice(0, CHANNELS)]);
        for (let i = CHANNELS; i < samples.length; i += 61) {
          largestStep = Math.max(largestStep, Math.abs(samples[i]! - samples[i - CHANNELS]!));
        }
      }
    }
    const values = everySecond.flat().map((value) => value * GAIN);
    const deviation = rmsOf(Float64Array.from(values));
    expect(Math.abs(deviation / 20 - 1)).toBeLessThan(0.2);
    const [now, later] = [everySecond.slice(0, -4).flat(), everySecond.slice(4).flat()];
    expect(Math.abs(correlationOf(Float64Array.from(now), Float64Array.from(later)) - Math.exp(-1))).toBeLessThan(0.1);
    expect(largestStep).toBeLessThanOrEqual(2);
  });

  it('is several times larger on a noisy channel, and faint and alone on a dead one', () => {
    const badChannels = [
      { channel: 10, type: 'noisy' },
      { channel: 20, type: 'dead' },
    ] as const;
    const samples = collectFrames(createSynth({ noisyFactor: 3, deadFactor: 0.2 }, { badChannels }), 1 << 16);
    const bandOf = (channel: number): number => bandRms(meanDensity(samples, 4096, [channel]), 20_000 / 4096);
    expect(Math.abs(bandOf(10) / bandOf(30) / 3 - 1)).toBeLessThan(0.1);
    expect(Math.abs(bandOf(20) / bandOf(30) / 0.2 - 1)).toBeLessThan(0.1);
    expect(rmsOf(channelOf(samples, 20, CHANNELS)) * GAIN).toBeLessThan(0.2 * 12);
  });
});
