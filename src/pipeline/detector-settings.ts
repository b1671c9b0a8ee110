import { MeaError } from '../../protocols/errors.js';
import { DEFAULT_BAND, designBandPass, type BandPassSettings, type FilterSection } from './design-band-pass.js';

/** Which way spikes point. */
export type SpikePolarity = 'negative' | 'positive' | 'both';

/** Where an electrode lies, in micrometres. */
export interface SitePosition {
  readonly xUm: number;
  readonly yUm: number;
}

/** How the noise of a channel is estimated, which its threshold is a multiple of. */
export interface NoiseSettings {
  /** `adaptive` follows the noise; `frozen` stays, after a baseline, what it is then. */
  readonly mode: 'adaptive' | 'frozen';
  /** Time seen before a frozen estimate stands still; 10,000 ms unless given, and not less than `settleMs`. */
  readonly baselineMs?: number;
  /** Time seen before a threshold is trusted; the channel is blind until then. 2000 ms unless given. */
  readonly settleMs?: number;
  /** (channels) uV rms known beforehand: nothing has to settle then. */
  readonly initialUv?: Float32Array;
}

const POLARITY_SIGN = { negative: -1, both: 0, positive: 1 } as const;

/** What a spike detector is to do. All times are rounded to whole samples, at least one. */
export interface SpikeDetectorSettings {
  readonly channels: number;
  readonly sampleRateHz: number;
  /** Microvolts of one bit of the raw samples. */
  readonly gainUv: number;
  /** 300-3000 Hz, second order on either side, unless given. */
  readonly band?: BandPassSettings;
  /** Threshold in multiples of the noise; 5 unless given. */
  readonly threshold?: number;
  readonly polarity?: SpikePolarity;
  /** From the crossing on, the largest excursion of this time is the spike; 0.5 ms unless given, at most the dead time. */
  readonly searchMs?: number;
  /** Two peaks are never closer than this: until then no crossing counts, nor the falling end of one. 2 ms unless given. */
  readonly deadMs?: number;
  /**
   * The filter rings after a spike: a crossing must exceed a share of the last peak, `share` (0.7 unless given) at the
   * peak, falling linearly to nothing `ms` (4 unless given) after it.
   */
  readonly ringing?: { readonly ms?: number; readonly share?: number };
  readonly noise?: NoiseSettings;
  /** Taken off every channel after the band-pass, over those that can be seen. */
  readonly reference?: 'none' | 'mean' | 'median';
  /** Electrodes that are not looked at: not detected on, not in the reference, blind throughout. */
  readonly excluded?: readonly number[];
  /** Blind time after a masked stretch; 0.5 ms unless given. */
  readonly guardMs?: number;
  /** Samples on end at the int16 rail that are still seen; 0 unless given. */
  readonly railSamples?: number;
  /** Blind time after the rail, a gap or silence; unless given, until the filter's answer to a step has died away. */
  readonly railGuardMs?: number;
  /** A channel below `belowUv` (0.2 unless given) for `afterMs` (100 unless given) is dead: blind until it speaks. */
  readonly silence?: { readonly belowUv?: number; readonly afterMs?: number };
  /** Of spikes within `withinMs` (0.3 unless given) on electrodes within `radiusUm`, only the largest is kept. */
  readonly duplicates?: {
    readonly positions: readonly SitePosition[];
    readonly radiusUm: number;
    readonly withinMs?: number;
  };
  /** Keeps the filtered voltage around each peak (1 ms either side unless given) for up to `capacity` spikes at a time. */
  readonly snippets?: { readonly capacity: number; readonly beforeMs?: number; readonly afterMs?: number };
  /** Samples between changes of the levels; 2 ms, from 16 to 40, unless given. */
  readonly epochFrames?: number;
}

/** The settings in samples and uV, checked. */
export interface DetectorPlan {
  readonly channels: number;
  readonly sections: readonly FilterSection[];
  readonly epochFrames: number;
  readonly threshold: number;
  readonly polarity: -1 | 0 | 1;
  readonly searchFrames: number;
  readonly deadFrames: number;
  readonly ringFrames: number;
  /** Share of a peak that a crossing must exceed, for each frame left of `ringFrames` since. */
  readonly ringSlope: number;
  readonly gateFrames: number;
  readonly releaseFrames: number;
  readonly guardFrames: number;
  readonly railGuardFrames: number;
  readonly railSamples: number;
  readonly silentEpochs: number;
  readonly silentLevelUv: number;
  /** Seen samples at which the estimate goes on to finer steps, is gated, is trusted, stands still. */
  readonly stages: readonly [number, number, number, number];
  readonly reference: 0 | 1 | 2;
  readonly excluded: ReadonlySet<number>;
  readonly gainUv: number;
  readonly initialNoiseUv: Float32Array | undefined;
}

/** Median of |x| of Gaussian noise in standard deviations (Quiroga et al. 2004). */
export const MEDIAN_OF_SIGMA = 0.6744897501960817;

/** |y| beyond which the noise is not looked at, in standard deviations, and for how long it is not. */
export const GATE_SIGMA = 3.5;
const GATE_MS = 2;
/** A gate that is shut so long, at four times the weight of open time, is let go: the estimate may be far too low. */
const RELEASE_MS = 100;
/** Relative steps of the noise estimate in its stages: coarse, open, gated, settled, frozen. */
export const NOISE_STEPS = [2e-2, 2e-3, 1e-3, 2e-4, 0] as const;
/** Median that an estimate starts from, uV: the coarse stage finds what is up to 1000 times as much or as little. */
export const FIRST_MEDIAN_UV = 5;
/** No estimate falls below this share of the level of silence. */
export const FLOOR_OF_SILENCE = 0.1;
/** Never, in the kernels' counts. */
export const NEVER = 2 ** 31 - 1;
/** Samples that the kernels count at most for a stage of the noise estimate. */
const MAX_SEEN = 2 ** 30;

/**
 * Settings in samples.
 *
 * @throws MeaError `bad-input` for a number that is none, out of its range or impossible beside the others
 */
export function planDetector(settings: SpikeDetectorSettings): DetectorPlan {
  const { channels, sampleRateHz, gainUv } = settings;
  if (!Number.isInteger(channels)) throw outOfRange('channels', channels, 'a whole number');
  checkRange('channels', channels, [1, 65_535]);
  checkRange('sampleRateHz', sampleRateHz, [1000, 1e6]);
  checkRange('gainUv', gainUv, [1e-6, 1e6]);
  const { threshold = 5, searchMs = 0.5, deadMs = 2, guardMs = 0.5, railSamples = 0 } = settings;
  checkRange('threshold', threshold, [0.5, 1000]);
  checkRange('deadMs', deadMs, [0.5, 1000]);
  checkRange('searchMs', searchMs, [0.05, 10]);
  checkRange('guardMs', guardMs, [0, 1000]);
  checkRange('railSamples', railSamples, [0, 1e6]);
  const { belowUv = 0.2, afterMs = 100 } = settings.silence ?? {};
  checkRange('silence.belowUv', belowUv, [0, 1e6]);
  checkRange('silence.afterMs', afterMs, [1, 1e6]);
  const { ms: ringMs = 4, share = 0.7 } = settings.ringing ?? {};
  checkRange('ringing.ms', ringMs, [0, 1000]);
  checkRange('ringing.share', share, [0, 100]);
  const sections = designBandPass(settings.band ?? DEFAULT_BAND, sampleRateHz);
  const { railGuardMs = (1000 * stepResponseFrames(sections)) / sampleRateHz } = settings;
  checkRange('railGuardMs', railGuardMs, [0, 10_000]);
  const { epochFrames = Math.min(40, Math.max(16, Math.round(sampleRateHz / 500))) } = settings;
  if (!Number.isInteger(epochFrames)) throw outOfRange('epochFrames', epochFrames, 'a whole number');
  checkRange('epochFrames', epochFrames, [4, 64]);
  const frames = (ms: number): number => Math.max(1, Math.round((ms * sampleRateHz) / 1000));
  return {
    channels,
    sections,
    epochFrames,
    threshold,
    polarity: POLARITY_SIGN[settings.polarity ?? 'negative'],
    searchFrames: Math.min(frames(searchMs), frames(deadMs)),
    deadFrames: frames(deadMs),
    ringFrames: frames(ringMs),
    ringSlope: share / frames(ringMs),
    gateFrames: frames(GATE_MS),
    releaseFrames: frames(RELEASE_MS),
    guardFrames: frames(guardMs),
    railGuardFrames: frames(railGuardMs),
    railSamples,
    silentEpochs: Math.max(1, Math.round(frames(afterMs) / epochFrames)),
    silentLevelUv: belowUv,
    stages: planStages(settings.noise, frames),
    reference: planReference(settings.reference),
    excluded: planExcluded(settings),
    gainUv,
    initialNoiseUv: planInitialNoise(settings),
  };
}

/** Frames after which the answer to a step of 1 stays below a fiftieth, at most 1 s. */
function stepResponseFrames(sections: readonly FilterSection[]): number {
  const state = sections.map((): [number, number] => [0, 0]);
  let last = 0;
  for (let i = 0; i < 20_000; i++) {
    let value = 1;
    sections.forEach(({ b0, b1, b2, a1, a2 }, s) => {
      const [z, w] = state[s]!;
      const y = b0 * value + z;
      state[s] = [b1 * value - a1 * y + w, b2 * value - a2 * y];
      value = y;
    });
    if (Math.abs(value) > 0.02) last = i;
  }
  return last + 1;
}

/** Refuses a number outside of [low, high], NaN included. */
export function checkRange(name: string, value: number, [low, high]: readonly [number, number]): void {
  if (!(value >= low && value <= high)) throw outOfRange(name, value, `${low} to ${high}`);
}

function planStages(
  noise: NoiseSettings = { mode: 'adaptive' },
  frames: (ms: number) => number,
): readonly [number, number, number, number] {
  const { mode, settleMs = 2000, baselineMs = 10_000 } = noise;
  checkRange('noise.settleMs', settleMs, [100, 600_000]);
  checkRange('noise.baselineMs', baselineMs, [settleMs, 86_400_000]);
  const settle = frames(settleMs);
  checkRange('noise.baselineMs in samples', frames(baselineMs), [settle, MAX_SEEN]);
  const end = mode === 'frozen' ? frames(baselineMs) : NEVER;
  return [Math.round(settle / 20), Math.round(settle / 2), settle, end];
}

function planReference(reference: SpikeDetectorSettings['reference'] = 'none'): 0 | 1 | 2 {
  switch (reference) {
    case 'none':
      return 0;
    case 'mean':
      return 1;
    case 'median':
      return 2;
  }
}

function planExcluded({ channels, excluded = [] }: SpikeDetectorSettings): ReadonlySet<number> {
  for (const electrode of excluded) {
    if (!Number.isInteger(electrode)) throw outOfRange('excluded', electrode, 'whole numbers');
    checkRange('excluded', electrode, [0, channels - 1]);
  }
  return new Set(excluded);
}

function planInitialNoise({ channels, noise }: SpikeDetectorSettings): Float32Array | undefined {
  const initialUv = noise?.initialUv;
  if (initialUv === undefined) return undefined;
  if (initialUv.length !== channels) throw outOfRange('noise.initialUv.length', initialUv.length, String(channels));
  for (const level of initialUv) checkRange('noise.initialUv', level, [1e-3, 1e6]);
  return initialUv;
}

function outOfRange(name: string, value: number, wanted: string): MeaError {
  return new MeaError('bad-input', {
    what: 'A setting of the spike detector is out of range',
    got: `${name} ${value}`,
    wanted,
  });
}
