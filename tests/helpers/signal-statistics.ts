import type { ElectrodePosition } from '../../sim-device/voltages/voltage-settings.js';
import { periodogramOf } from './emulated-voltages.js';
import type { DetectedSpike } from './spike-detector.js';

/** Power density of a signal: bin i is at i binHz. */
export interface Spectrum {
  readonly density: Float64Array;
  readonly binHz: number;
}

/** Where the slope is fitted: above the drift of the baseline, below the corner of the 1/f noise. */
const SLOPE_BAND_HZ: readonly [least: number, most: number] = [3, 200];
const RECORDING_BAND_HZ = [300, 3000] as const;
/** So far from the mains and its harmonics a bin is free of hum. */
const HUM_WIDTH_HZ = 4;
/** Time in which the channels of a burst must fire, their least share, and the least time between two bursts. */
const BURST_WINDOW_S = 0.1;
const BURST_SHARE = 0.4;
const BURST_GAP_S = 0.25;
/** Detections closer than this on several channels are one spike, of the channel that sees it largest. */
const SAME_SPIKE_MS = 0.4;
/** The baseline of a spike is the mean of this span before its peak. */
const BASELINE_MS = [3, 1.5] as const;
/** Averages below this are left out of the fit of the fall-off: the noise of the average, and spikes not drawn. */
const LEAST_FITTED_UV = 5;

/** Mean spectrum of several channels, in squared units of theirs per Hz. */
export function meanSpectrum(channels: readonly Float64Array[], sampleRateHz: number): Spectrum {
  const size = 2 ** Math.floor(Math.log2(1.7 * sampleRateHz));
  const density = new Float64Array(size / 2);
  for (const values of channels) {
    periodogramOf(values, size, sampleRateHz).forEach((power, i) => (density[i]! += power / channels.length));
  }
  return { density, binHz: sampleRateHz / size };
}

/**
 * Exponent of a power density that falls as 1/f to it: a line through the logarithms of 3 to 200 Hz, equal weight to each
 * third of an octave, bins near `lineHz` and its harmonics left out.
 */
export function measureSlope({ density, binHz }: Spectrum, lineHz: number): number {
  const points: (readonly [number, number])[] = [];
  for (let low = SLOPE_BAND_HZ[0]; low < SLOPE_BAND_HZ[1]; low *= 2 ** (1 / 3)) {
    const free: number[] = [];
    for (let i = Math.ceil(low / binHz); i * binHz < low * 2 ** (1 / 3); i++) {
      const harmonic = Math.max(1, Math.round((i * binHz) / lineHz)) * lineHz;
      if (Math.abs(i * binHz - harmonic) > HUM_WIDTH_HZ) free.push(i);
    }
    if (free.length === 0) continue;
    points.push([Math.log(meanOf(free) * binHz), Math.log(meanOf(free.map((i) => density[i]!)))]);
  }
  return -fitLine(points).slope;
}

/** Root mean square in 300 to 3000 Hz. */
export function measureBandRms({ density, binHz }: Spectrum): number {
  let power = 0;
  for (let i = Math.ceil(RECORDING_BAND_HZ[0] / binHz); i * binHz <= RECORDING_BAND_HZ[1]; i++) {
    power += density[i]! * binHz;
  }
  return Math.sqrt(power);
}

/** Pearson's correlation coefficient. */
export function correlate(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

/**
 * Variance over mean of a channel's counts in windows of 1 s, mean over the channels.
 *
 * @param spikes by time, from sample `first` on
 */
export function measureFano(
  spikes: readonly DetectedSpike[],
  span: { readonly first: number; readonly seconds: number; readonly channels: number; readonly sampleRateHz: number },
): number {
  const windows = Math.floor(span.seconds);
  const counts = Array.from({ length: span.channels }, () => new Float64Array(windows));
  for (const { sample, channel } of spikes) {
    const window = Math.floor((sample - span.first) / span.sampleRateHz);
    if (window >= 0 && window < windows) counts[channel]![window]! += 1;
  }
  const fanos = counts.map((row) => {
    const mean = meanOf(row);
    return row.reduce((sum, count) => sum + (count - mean) ** 2, 0) / (windows - 1) / mean;
  });
  return meanOf(fanos);
}

/**
 * Counts network bursts: 40 % of the channels fire within 0.1 s; what is closer than 0.25 s is one burst.
 *
 * @param spikes by time
 */
export function countBursts(
  spikes: readonly DetectedSpike[],
  { channels, sampleRateHz }: { readonly channels: number; readonly sampleRateHz: number },
): number {
  const inWindow = new Uint32Array(channels);
  const least = Math.ceil(BURST_SHARE * channels);
  let active = 0;
  let oldest = 0;
  let bursts = 0;
  let last = -Infinity;
  for (const { sample, channel } of spikes) {
    inWindow[channel]! += 1;
    if (inWindow[channel] === 1) active++;
    for (; spikes[oldest]!.sample < sample - BURST_WINDOW_S * sampleRateHz; oldest++) {
      const left = spikes[oldest]!.channel;
      inWindow[left]! -= 1;
      if (inWindow[left] === 0) active--;
    }
    if (active < least) continue;
    if (sample - last > BURST_GAP_S * sampleRateHz) bursts++;
    last = sample;
  }
  return bursts;
}

/** Of detections that several channels made of one spike the largest. */
export function pickLargest(spikes: readonly DetectedSpike[], sampleRateHz: number): readonly DetectedSpike[] {
  const reach = (SAME_SPIKE_MS * sampleRateHz) / 1000;
  const picked: DetectedSpike[] = [];
  let first = 0;
  while (first < spikes.length) {
    let end = first + 1;
    while (end < spikes.length && spikes[end]!.sample - spikes[end - 1]!.sample <= reach) end++;
    picked.push(spikes.slice(first, end).reduce((most, spike) => (spike.size > most.size ? spike : most)));
    first = end;
  }
  return picked;
}

/** Size of the average spike at a distance from the electrode that sees it best. */
export interface AmplitudeAtDistance {
  readonly distanceUm: number;
  readonly amplitude: number;
}

/**
 * Averages all channels at the times of spikes and sorts them by distance, nearest first.
 *
 * @param samples (frames, channels), not filtered
 * @param spikes with samples that count from the first frame
 */
export function averageByDistance(
  samples: Int16Array,
  spikes: readonly DetectedSpike[],
  { positions, sampleRateHz }: { readonly positions: readonly ElectrodePosition[]; readonly sampleRateHz: number },
): readonly AmplitudeAtDistance[] {
  const channels = positions.length;
  const [from, to] = BASELINE_MS.map((ms) => Math.round((ms * sampleRateHz) / 1000));
  const sums = new Map<number, { sum: number; count: number }>();
  for (const { sample, channel } of spikes) {
    if (sample < from! || sample * channels >= samples.length) continue;
    for (let c = 0; c < channels; c++) {
      const [a, b] = [positions[channel]!, positions[c]!];
      const distanceUm = Math.round(Math.hypot(a.xUm - b.xUm, a.yUm - b.yUm));
      let baseline = 0;
      for (let back = from!; back > to!; back--) baseline += samples[(sample - back) * channels + c]!;
      const amplitude = baseline / (from! - to!) - samples[sample * channels + c]!;
      const entry = sums.get(distanceUm) ?? { sum: 0, count: 0 };
      sums.set(distanceUm, { sum: entry.sum + amplitude, count: entry.count + 1 });
    }
  }
  return [...sums]
    .map(([distanceUm, { sum, count }]) => ({ distanceUm, amplitude: sum / count }))
    .sort((a, b) => a.distanceUm - b.distanceUm);
}

/** Distance in which amplitudes (in uV) fall to 1/e: a line through their logarithms, from 5 uV up. */
export function fitLength(amplitudes: readonly AmplitudeAtDistance[]): number {
  const seen = amplitudes.filter(({ amplitude }) => amplitude >= LEAST_FITTED_UV);
  return -1 / fitLine(seen.map(({ distanceUm, amplitude }) => [distanceUm, Math.log(amplitude)])).slope;
}

/** Arithmetic mean. */
export function meanOf(values: Float64Array | readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function fitLine(points: readonly (readonly [x: number, y: number])[]): { readonly slope: number } {
  const x = meanOf(points.map(([value]) => value));
  const y = meanOf(points.map(([, value]) => value));
  const covariance = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return { slope: covariance / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0) };
}
