import type { EmulatedUnit } from '../rig/spike-event.js';

/** Background of every channel. Defaults: `DEFAULT_NOISE`. */
export interface NoiseSettings {
  /**
   * Root mean square of white and 1/f noise together in the recording band, 300-3000 Hz: the root of their power
   * density integrated over it. Hum and baseline are not part of it; the unfiltered noise up to half the sample rate
   * is larger (10.6 for 5 uV at 20 kHz).
   */
  readonly rmsUv: number;
  /** Below 300 Hz the power density rises as 1/f to this exponent, down to about 1.5 Hz; 0 to 1.5. */
  readonly flickerExponent: number;
  /** Correlation coefficient of the noise of two channels one pitch apart; 0 to 0.3. Of the two diagonals one has
   * about its square, the other none, as has every other pair. */
  readonly neighbourCorrelation: number;
  /** Frequency of the mains: an integer that the samples can show, 50 or 60. */
  readonly lineHz: number;
  /** Root mean square of the hum (mains, its second and third harmonic), mean over the channels, which differ by 30 %. */
  readonly humUv: number;
  /** Standard deviation of the slow drift of the baseline. */
  readonly driftUv: number;
  /** Time in which the baseline forgets where it was (falls to 1/e of it, on average). */
  readonly driftSeconds: number;
  /** How many times the noise of a good channel a noisy one has. */
  readonly noisyFactor: number;
  /** The same of a dead channel, which shows nothing else. */
  readonly deadFactor: number;
}

/** A quiet commercial array: noise 3-10 uV in the band, hum and drift as in most set-ups without a cage. */
export const DEFAULT_NOISE: NoiseSettings = {
  rmsUv: 5,
  flickerExponent: 1,
  neighbourCorrelation: 0.1,
  lineHz: 50,
  humUv: 2,
  driftUv: 20,
  driftSeconds: 4,
  noisyFactor: 4,
  deadFactor: 0.1,
};

/**
 * What a pulse does to the amplifiers, per uA. A channel at distance d from the pulsed electrode sees exp(-d/length) of
 * what the pulsed one sees. During a phase that is `directUvPerUa` times its current; after the last phase with current
 * the sum of two exponentials, both with the sign of that phase. Defaults: `DEFAULT_ARTEFACT`.
 */
export interface ArtefactSettings {
  readonly directUvPerUa: number;
  readonly fastUvPerUa: number;
  /** Time constant of the fast exponential. */
  readonly fastMs: number;
  readonly slowUvPerUa: number;
  /** Time constant of the slow exponential. */
  readonly slowMs: number;
  /** Step on all channels alike after each pulse, which the slow exponential takes back. */
  readonly stepUvPerUa: number;
  /** The length of the fall-off, in units of the array's pitch, so that the dense array is no worse than the wide one. */
  readonly lengthPitches: number;
}

/**
 * Chosen by calculation for +-20 uA, 200 + 200 us on all 32 black squares of an 8 x 8 array, rail 6.4 mV.
 * A neighbour that is not pulsed sees at most 0.25 times the artefact of a pulsed channel: it is off the rail 0.45 ms
 * after the pulse (10 mV x e^(-t/0.6 ms) + 1.5 mV x e^(-t/4 ms) + 0.16 mV), that is 0.85 ms after its beginning. A pulsed
 * channel (43 and 6.5 mV) is off the rail 1.8 ms after the pulse and at 0.65 mV 10 ms after its beginning.
 */
export const DEFAULT_ARTEFACT: ArtefactSettings = {
  directUvPerUa: 20_000,
  fastUvPerUa: 2000,
  fastMs: 0.6,
  slowUvPerUa: 300,
  slowMs: 4,
  stepUvPerUa: 0.25,
  lengthPitches: 0.35,
};

/** Where an electrode lies on the array. */
export interface ElectrodePosition {
  readonly xUm: number;
  readonly yUm: number;
}

/** A channel that is not like the others from the start. */
export interface BadChannel {
  readonly channel: number;
  /** `dead`: faint noise and nothing else; `noisy`: several times the noise. */
  readonly type: 'dead' | 'noisy';
}

/** A fault that sets in later: `stuck` repeats its last sample, `saturated` shows the upper rail, `dead` as above. */
export type ChannelFault = 'none' | 'stuck' | 'saturated' | 'dead';

/** What the voltages are made of. */
export interface VoltageSettings {
  /** 1 to 4096. */
  readonly channels: number;
  /** Integer from 10,000 to 30,000. */
  readonly sampleRateHz: number;
  /** Microvolts of one bit; 0.195 by default, which puts the rail of an int16 at +-6.4 mV. */
  readonly gainUvPerBit?: number;
  readonly seed: number;
  /** One of each channel; channel and electrode have the same number. */
  readonly positions: readonly ElectrodePosition[];
  readonly units: readonly EmulatedUnit[];
  /** Distance in which a spike falls to 1/e; 100 by default. */
  readonly spikeLengthUm?: number;
  readonly noise?: Partial<NoiseSettings>;
  readonly artefact?: Partial<ArtefactSettings>;
  readonly badChannels?: readonly BadChannel[];
}

/** Microvolts of one bit where the settings do not say. */
export const DEFAULT_GAIN_UV_PER_BIT = 0.195;
/** Fall-off of spikes where the settings do not say, in um. */
export const DEFAULT_SPIKE_LENGTH_UM = 100;
