import { MeaError } from '../../protocols/errors.js';
import type { CultureSettings } from '../culture-settings.js';
import type { ElectrodePosition } from '../voltages/voltage-settings.js';
import { layOutElectrodes } from './electrode-layout.js';

/** What the array sees of a culture's units, and when they fire. None of it is fitted to recordings. */
export interface ActivityKnobs {
  /** Median and standard deviation of ln of the log-normal amplitudes, drawn again outside `amplitudeRangeUv`. */
  readonly amplitudeMedianUv: number;
  readonly amplitudeSigma: number;
  readonly amplitudeRangeUv: readonly [least: number, most: number];
  /** Times from the negative peak to the positive one, uniform over units. */
  readonly widthRangeMs: readonly [least: number, most: number];
  /** Absolute refractory times, uniform over units. */
  readonly refractoryRangeMs: readonly [least: number, most: number];
  /** Spontaneous rate of an electrode, and of a share of noisy ones (log-uniform in `noisyRangeHz`). */
  readonly spontaneousHz: number;
  readonly noisyShare: number;
  readonly noisyRangeHz: readonly [least: number, most: number];
  /** Fano factor of an electrode's spontaneous counts over windows much longer than 0.1 s: 1 for Poisson, or above. */
  readonly spontaneousFano: number;
  /** Network bursts: rate, length, share of electrodes in each, mean number of spikes of each of their units. */
  readonly burstHz: number;
  readonly burstMs: number;
  readonly burstShare: number;
  readonly burstSpikesPerUnit: number;
  /** Evoked spikes outside the response window, as a share of those inside. */
  readonly lateShare: number;
  /** Chance that a pulse excites a unit directly on its own electrode; falls linearly to 0 at `directReachUm`, 1.5 pitches by default. */
  readonly directChance: number;
  readonly directReachUm: number;
}

/** Everything that the activity of an emulated culture depends on besides its stimuli and rests. */
export interface ActivitySettings {
  /** By default as many electrodes as there are positions, and an input for each that is stimulated. */
  readonly culture: CultureSettings;
  /** One position for each of the culture's electrodes; by default a square grid of pitch 200 um. */
  readonly positions?: readonly ElectrodePosition[] | undefined;
  /** Recording-electrode index of each of the culture's inputs, rising; by default those of the trial-level culture. */
  readonly stimulatedElectrodes?: readonly number[] | undefined;
  readonly knobs?: Partial<ActivityKnobs> | undefined;
}

const DEFAULT_KNOBS: Omit<ActivityKnobs, 'directReachUm'> = {
  amplitudeMedianUv: 60,
  amplitudeSigma: 0.6,
  amplitudeRangeUv: [20, 300],
  widthRangeMs: [0.28, 0.45],
  refractoryRangeMs: [1, 2],
  spontaneousHz: 0.2,
  noisyShare: 0.05,
  noisyRangeHz: [5, 50],
  spontaneousFano: 1,
  burstHz: 0.02,
  burstMs: 200,
  burstShare: 0.8,
  burstSpikesPerUnit: 1,
  lateShare: 0.15,
  directChance: 0.5,
};

/** `directReachUm` unless another is asked for. */
const DIRECT_REACH_PITCHES = 1.5;

/** Bounds of each knob, both ends of a range included. */
const BOUNDS: Readonly<Record<keyof ActivityKnobs, readonly [least: number, most: number]>> = {
  amplitudeMedianUv: [1, 5000],
  amplitudeSigma: [0, 3],
  amplitudeRangeUv: [1, 5000],
  widthRangeMs: [0.1, 1],
  refractoryRangeMs: [0.1, 5],
  spontaneousHz: [0, 100],
  noisyShare: [0, 1],
  noisyRangeHz: [0.001, 200],
  spontaneousFano: [1, 20],
  burstHz: [0, 1],
  burstMs: [10, 1000],
  burstShare: [0, 1],
  burstSpikesPerUnit: [0, 20],
  lateShare: [0, 0.8],
  directChance: [0, 1],
  directReachUm: [0, 1e5],
};

/**
 * The knobs with their defaults.
 *
 * @param pitchUm least distance between two electrodes
 * @throws MeaError `bad-input` naming the knob that cannot be
 */
export function completeActivityKnobs(knobs: Partial<ActivityKnobs>, pitchUm: number): ActivityKnobs {
  const full = { ...DEFAULT_KNOBS, directReachUm: DIRECT_REACH_PITCHES * pitchUm, ...knobs };
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    const value: unknown = Reflect.get(full, name);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    const ends = values.map(Number);
    const inside = ends.every((end) => end >= least && end <= most);
    if (inside && ends.every((end, k) => k === 0 || end >= ends[k - 1]!)) continue;
    throw new MeaError('bad-input', {
      what: `Bad ${name} of the emulated activity`,
      got: values.join(' to '),
      wanted: `${values.length > 1 ? 'a rising range' : 'a number'} from ${least} to ${most}`,
    });
  }
  const [smallest, largest] = full.amplitudeRangeUv;
  if (full.amplitudeMedianUv >= smallest && full.amplitudeMedianUv <= largest) return full;
  throw new MeaError('bad-input', {
    what: 'Bad amplitudeMedianUv of the emulated activity',
    got: String(full.amplitudeMedianUv),
    wanted: `inside amplitudeRangeUv, ${smallest} to ${largest}`,
  });
}

/** Electrode positions of an array that none were given for: a square, its last row perhaps not full. */
export function layOutSquare(electrodes: number): readonly ElectrodePosition[] {
  const columns = Math.ceil(Math.sqrt(electrodes));
  return layOutElectrodes({ rows: Math.ceil(electrodes / columns), columns }).slice(0, electrodes);
}
