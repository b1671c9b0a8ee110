import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { hertz, milliseconds, sampleIndex } from '../../protocols/units.js';
import type { CultureSettings } from '../../sim-device/culture-settings.js';
import { createEmulatedCultureSource } from '../../sim-device/emulated-culture-source.js';
import type { ActivityKnobs } from '../../sim-device/rig/activity-settings.js';
import { createEmulatedRig, type CulturedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { MAX_RENDER_FRAMES, type EmulatedRig } from '../../sim-device/rig/emulated-rig.js';
import type { TruthRecord } from '../../sim-device/rig/spike-event.js';
import { DEFAULT_NOISE } from '../../sim-device/voltages/voltage-settings.js';
import { biphasicPulse, blackSquares, channelOf } from './emulated-voltages.js';
import {
  type AmplitudeAtDistance,
  averageByDistance,
  correlate,
  countBursts,
  fitLength,
  meanOf,
  meanSpectrum,
  measureBandRms,
  measureFano,
  measureSlope,
  pickLargest,
} from './signal-statistics.js';
import { type DetectedSpike, highPass, noiseLevelOf, SpikeDetector } from './spike-detector.js';

/** Units as large as the array may see them, all alike: 300 uV in 5 uV of noise, so that every one is detected. */
const LARGE_UNITS: Partial<ActivityKnobs> = { amplitudeMedianUv: 300, amplitudeSigma: 0 };
/** Nobody fires. */
const SILENT: Partial<ActivityKnobs> = { spontaneousHz: 0, noisyShare: 0, burstHz: 0 };
/** 100 uV in the default noise: no noise crosses it, and every large unit does. */
const THRESHOLD_SIGMAS = 20;
/** So far apart electrodes see nothing of each other's units. */
const WIDE_PITCH_UM = 1000;
/** Signal that noise levels are taken of; what is measured begins after it. */
const CALIBRATION_S = 1;
const SPIKE_CHANNELS = { rows: 4, columns: 4, pitchUm: WIDE_PITCH_UM } as const;
const SPIKE_RATE = hertz(10_000);
const DEFAULT_RATE_HZ = 20_000;

/** Length and seed of a run. */
export interface RunLength {
  readonly seconds: number;
  readonly seed: number;
}

/** What a run of detected spikes is made of, and how many there truly were. */
interface DetectedRun {
  readonly spikes: readonly DetectedSpike[];
  readonly firstSample: number;
  readonly trueSpikes: number;
}

function cultureOf(seed: number): CultureSettings {
  return { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed };
}

/** (frames, channels), copied. */
function collect(rig: EmulatedRig, frames: number): Int16Array {
  const all = new Int16Array(frames * rig.channels);
  for (let done = 0; done < frames; done += MAX_RENDER_FRAMES) {
    all.set(rig.render(Math.min(MAX_RENDER_FRAMES, frames - done)), done * rig.channels);
  }
  return all;
}

function channelsOf(samples: Int16Array, channels: number): Float64Array[] {
  return Array.from({ length: channels }, (_, c) => channelOf(samples, c, channels));
}

/** A detector with thresholds from the rig's next second. */
function calibrate(rig: EmulatedRig): SpikeDetector {
  const head = collect(rig, CALIBRATION_S * rig.sampleRateHz);
  const levels = channelsOf(head, rig.channels).map((values) => noiseLevelOf(highPass(values, rig.sampleRateHz)));
  return new SpikeDetector(
    Float64Array.from(levels, (level) => THRESHOLD_SIGMAS * level),
    { sampleRateHz: rig.sampleRateHz, firstSample: rig.nextSample },
  );
}

/** Spikes that are found in the samples of 16 electrodes far apart with large units. */
function detect(activity: Partial<ActivityKnobs>, { seconds, seed }: RunLength): DetectedRun {
  let trueSpikes = 0;
  const firstSample = CALIBRATION_S * SPIKE_RATE;
  const rig = createEmulatedRig({
    culture: { ...cultureOf(seed), sampleRateHz: SPIKE_RATE },
    geometry: SPIKE_CHANNELS,
    activity: { ...LARGE_UNITS, ...activity },
    onTruth: (record) => {
      if (record.type === 'spike' && record.sample >= firstSample) trueSpikes++;
    },
  });
  const detector = calibrate(rig);
  for (let left = seconds * SPIKE_RATE; left > 0; left -= MAX_RENDER_FRAMES) {
    detector.push(rig.render(Math.min(MAX_RENDER_FRAMES, left)));
  }
  return { spikes: detector.spikes(), firstSample, trueSpikes };
}

/** A burst rate in Hz as the samples show it. */
export function measureBurstRate(
  burstHz: number,
  length: RunLength,
): { readonly hz: number; readonly bursts: number; readonly detectedShare: number } {
  const { spikes, trueSpikes } = detect({ burstHz }, length);
  const bursts = countBursts(spikes, { channels: 16, sampleRateHz: SPIKE_RATE });
  return { hz: bursts / length.seconds, bursts, detectedShare: spikes.length / trueSpikes };
}

/** Fano factor of counts in 1 s and rate, for a spontaneous rate of 5 Hz, as the samples show them. */
export function measureSpontaneous(
  spontaneousFano: number,
  length: RunLength,
): { readonly fano: number; readonly hz: number; readonly detectedShare: number } {
  const activity = { ...SILENT, spontaneousHz: 5, spontaneousFano };
  const { spikes, firstSample, trueSpikes } = detect(activity, length);
  const span = { first: firstSample, seconds: length.seconds, channels: 16, sampleRateHz: SPIKE_RATE };
  return {
    fano: measureFano(spikes, span),
    hz: spikes.length / length.seconds / 16,
    detectedShare: spikes.length / trueSpikes,
  };
}

/**
 * Spikes on a 6 x 6 array of pitch 50 um, averaged by distance from the electrode that sees them best. Their times are
 * those of the detector too, not of the truth: its filter leads by up to a sample, which takes 4 % off all averages alike
 * and leaves the length as it is.
 */
export function measureFallOff(
  spikeLengthUm: number,
  { seconds, seed }: RunLength,
): { readonly lengthUm: number; readonly spikes: number; readonly amplitudes: readonly AmplitudeAtDistance[] } {
  const rig = createEmulatedRig({
    culture: cultureOf(seed),
    geometry: { rows: 6, columns: 6, pitchUm: 50 },
    activity: { ...LARGE_UNITS, ...SILENT, spontaneousHz: 1 },
    voltages: { spikeLengthUm },
  });
  const { sampleRateHz, gainUvPerBit, positions } = rig;
  const detector = calibrate(rig);
  const first = rig.nextSample;
  const samples = collect(rig, seconds * sampleRateHz);
  detector.push(samples);
  const spikes = pickLargest(detector.spikes(), sampleRateHz).map((spike) => ({
    ...spike,
    sample: spike.sample - first,
  }));
  const amplitudes = averageByDistance(samples, spikes, { positions, sampleRateHz }).map(
    ({ distanceUm, amplitude }) => ({ distanceUm, amplitude: amplitude * gainUvPerBit }),
  );
  return { lengthUm: fitLength(amplitudes), spikes: spikes.length, amplitudes };
}

/** What is set about the noise, or was measured of it. */
export interface NoiseFigures {
  readonly rmsUv: number;
  readonly slope: number;
  readonly neighbourCorrelation: number;
}

/** Noise of an 8 x 8 array on which nobody fires, with hum and drift as by default; and what distant pairs share. */
export function measureNoise(
  { rmsUv, slope, neighbourCorrelation }: NoiseFigures,
  { seconds, seed }: RunLength,
): NoiseFigures & { readonly pairs: number; readonly distantCorrelation: number } {
  const rig = createEmulatedRig({
    culture: cultureOf(seed),
    activity: SILENT,
    voltages: { noise: { rmsUv, flickerExponent: slope, neighbourCorrelation } },
  });
  const { sampleRateHz, gainUvPerBit } = rig;
  const channels = channelsOf(collect(rig, seconds * sampleRateHz), 64);
  const spectrum = meanSpectrum(channels, sampleRateHz);
  const filtered = channels.map((values) => highPass(values, sampleRateHz));
  const pairsAt = (right: number, down: number): number[] =>
    filtered.flatMap((values, c) => {
      const isInside = (c % 8) + right < 8 && c + 8 * down < 64;
      return isInside ? [correlate(values, filtered[c + right + 8 * down]!)] : [];
    });
  const near = [...pairsAt(1, 0), ...pairsAt(0, 1)];
  return {
    rmsUv: measureBandRms(spectrum) * gainUvPerBit,
    slope: measureSlope(spectrum, DEFAULT_NOISE.lineHz),
    neighbourCorrelation: meanOf(near),
    pairs: near.length,
    distantCorrelation: meanOf([...pairsAt(4, 0), ...pairsAt(0, 4)]),
  };
}

/** Longest time that a channel of each kind is at the rail after a stimulus, in ms. */
export interface RailTimes {
  readonly pulsedMs: number;
  readonly otherMs: number;
}

/** Pulses all 32 black squares of an 8 x 8 array at once, again and again, and counts samples at the rail. */
export function measureRailTimes(stimuli: number, seed: number): RailTimes {
  const rig = createEmulatedRig({ culture: cultureOf(seed), stimulatedElectrodes: blackSquares() });
  const pulses = blackSquares().map((electrode) => biphasicPulse(electrode));
  const longest = [0, 0];
  for (let k = 0; k < stimuli; k++) {
    rig.deliver(pulses, rig.nextSample + 100);
    const samples = collect(rig, rig.sampleRateHz / 2);
    for (const [c, values] of channelsOf(samples, 64).entries()) {
      const railed = values.filter((value) => value >= 32767 || value <= -32768).length;
      const kind = blackSquares().includes(c) ? 0 : 1;
      longest[kind] = Math.max(longest[kind]!, (1000 * railed) / rig.sampleRateHz);
    }
  }
  return { pulsedMs: longest[0]!, otherMs: longest[1]! };
}

/** Counts after stimuli that truth tells, beside those of the trial-level culture. */
export interface EvokedCounts {
  readonly trials: number;
  /** Spikes in 10 to 30 ms after the pulses. */
  readonly spikes: number;
  /** Counts (trial and electrode) in 10 to 30 ms that are not the culture's. */
  readonly different: number;
  /** Change of the number of spikes when the window is shifted, and sum of the sizes of all counts' changes; shares. */
  readonly shifts: readonly { readonly ms: number; readonly net: number; readonly moved: number }[];
}

/** Stimulates with patterns of two mixed sources, one a second. */
export async function measureEvokedCounts(trials: number, seed: number): Promise<EvokedCounts> {
  const truth: Extract<TruthRecord, { type: 'spike' }>[] = [];
  const culture = cultureOf(seed);
  const rig = createEmulatedRig({
    culture,
    onTruth: (record) => {
      if (record.type === 'spike') truth.push(record);
    },
  });
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 };
  const { inputs } = drawPattern(design, trials, openRandomStream(seed, 'pattern'));
  const source = createEmulatedCultureSource({ ...culture, trialPeriodMs: milliseconds(1000) });
  const requests = Array.from({ length: trials }, (_, trial) => ({
    session: 0,
    trial,
    inputs: inputs.slice(32 * trial, 32 * (trial + 1)),
    atSample: sampleIndex(trial * DEFAULT_RATE_HZ + 100),
  }));
  for (const { inputs: pattern, atSample } of requests) stimulateAndRender(rig, pattern, atSample);
  const counted: Uint16Array[] = [];
  for await (const { counts } of source.run(requests, new AbortController().signal)) counted.push(counts.slice());
  const countAt = (ms: number): Uint16Array[] =>
    countWindows(
      truth,
      requests.map(({ atSample }) => atSample + (10 + ms) * 20),
    );
  const seen = countAt(0);
  const total = sumOf(seen);
  const shifts = [-2, 2].map((ms) => {
    const shifted = countAt(ms);
    return { ms, net: sumOf(shifted) / total - 1, moved: differenceOf(seen, shifted, Math.abs) / total };
  });
  return { trials, spikes: total, different: differenceOf(seen, counted, (gap) => (gap === 0 ? 0 : 1)), shifts };
}

function stimulateAndRender(rig: CulturedRig, pattern: Uint8Array, sample: number): void {
  const electrodes = rig.stimulatedElectrodes.filter((_, j) => pattern[j] === 1);
  rig.deliver(
    electrodes.map((electrode) => biphasicPulse(electrode)),
    sample,
  );
  for (let left = rig.sampleRateHz; left > 0; left -= MAX_RENDER_FRAMES) rig.render(Math.min(MAX_RENDER_FRAMES, left));
}

/** (windows)(64) spikes in windows of 20 ms. */
function countWindows(
  spikes: readonly { readonly sample: number; readonly electrode: number }[],
  starts: readonly number[],
): Uint16Array[] {
  const counts = starts.map(() => new Uint16Array(64));
  for (const { sample, electrode } of spikes) {
    const trial = Math.floor(sample / DEFAULT_RATE_HZ);
    const delay = sample - (starts[trial] ?? Infinity);
    if (delay >= 0 && delay < 400) counts[trial]![electrode]! += 1;
  }
  return counts;
}

function sumOf(counts: readonly Uint16Array[]): number {
  return counts.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);
}

function differenceOf(a: readonly Uint16Array[], b: readonly Uint16Array[], weigh: (gap: number) => number): number {
  return a.reduce((sum, row, trial) => sum + row.reduce((part, n, e) => part + weigh(n - b[trial]![e]!), 0), 0);
}
