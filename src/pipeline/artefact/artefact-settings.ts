import { MeaError } from '../../../protocols/errors.js';

/**
 * What is done about stimulus artefacts.
 *
 * - `off`: nothing; samples pass as they are, nothing is blind
 * - `blank`: the pulse and a given time after it are held and blind, as is the rail
 * - `after-stimulus`: that, and SALPA for a while after each blank, then faded out
 * - `always`: SALPA at every sample
 */
export type ArtefactMode = 'off' | 'blank' | 'after-stimulus' | 'always';

/** Where the fit is subtracted: at the middle of its window (lags by half of it), or at its end (no lag, more noise). */
export type SalpaForm = 'symmetric' | 'one-sided';

/** How artefacts are handled; times in ms of the device's clock. Defaults: `DEFAULT_ARTEFACT_HANDLING`. */
export interface ArtefactHandling {
  readonly mode: ArtefactMode;
  readonly form: SalpaForm;
  /** N of the fit over 2N + 1 samples, as a time. */
  readonly halfWindowMs: number;
  /** Blank after the end of each pulse, on all electrodes. */
  readonly blankMs: number;
  /** The same on electrodes that were pulsed; counts where it is the longer one. */
  readonly pulsedBlankMs: number;
  /** Blank after the last sample at the rail. */
  readonly railGuardMs: number;
  /** A sample at or beyond these is at the rail; raw units. */
  readonly railLow: number;
  readonly railHigh: number;
  /** A fit is taken when the residuals of so many of its first samples, summed, are small. */
  readonly probeSamples: number;
  /** Largest such sum, in units of the channel's noise and the root of `probeSamples`. */
  readonly probeThreshold: number;
  /** Blind after a fit was taken, while it still hurts at its edge. */
  readonly edgeGuardMs: number;
  /** SALPA goes on for so long after the last blank sample; `after-stimulus` alone. */
  readonly activeMs: number;
  /** In so long a time what is subtracted then goes to nothing; `after-stimulus` alone. */
  readonly fadeMs: number;
  /** The level that is held through a blank is the mean over so long a time before it. */
  readonly holdMs: number;
}

/**
 * For pulses of 200 + 200 us and the band 300-3000 Hz. N is half of what Wagenaar & Potter used: a cubic over 6 ms cannot
 * follow an exponential of 0.6 ms. On the emulated rig N of 3 ms saw electrodes without a pulse about 1 ms later, pulsed
 * ones 1.5 ms, and took more off spikes right after that.
 */
export const DEFAULT_ARTEFACT_HANDLING: ArtefactHandling = {
  mode: 'after-stimulus',
  form: 'symmetric',
  halfWindowMs: 1.5,
  blankMs: 0.5,
  pulsedBlankMs: 0.5,
  railGuardMs: 0.25,
  railLow: -32_768,
  railHigh: 32_767,
  probeSamples: 5,
  probeThreshold: 2.5,
  edgeGuardMs: 0,
  activeMs: 100,
  fadeMs: 20,
  holdMs: 1,
};

/** Noise of a channel where nobody says, in uV rms. */
export const DEFAULT_NOISE_UV = 5;

/** The handling in samples, checked. */
export interface ArtefactPlan {
  readonly mode: ArtefactMode;
  readonly form: SalpaForm;
  /** N: the fit's window is 2N + 1 samples. */
  readonly halfWindow: number;
  readonly blank: number;
  readonly pulsedBlank: number;
  readonly railGuard: number;
  readonly railLow: number;
  readonly railHigh: number;
  readonly probeSamples: number;
  readonly probeThreshold: number;
  readonly edgeGuard: number;
  readonly active: number;
  readonly fade: number;
  readonly hold: number;
}

/** Smallest N: a cubic over fewer samples leaves next to nothing. */
const LEAST_HALF_WINDOW = 8;
/** Largest N for which the kernel's 32-bit sums hold every int16 (2 (N^2 + N) 2^16 < 2^31). */
const LARGEST_HALF_WINDOW = 126;

/**
 * Brings the handling to samples.
 *
 * @throws MeaError `bad-input` for what is not a number, negative, or cannot be computed at this rate
 */
export function planArtefactHandling(handling: ArtefactHandling, sampleRateHz: number): ArtefactPlan {
  requireRange('the sample rate in Hz', sampleRateHz, { from: 1, to: 1e6 });
  const samplesOf = (name: keyof ArtefactHandling, ms: number): number => {
    requireRange(name, ms, { from: 0, to: 10_000 });
    return Math.round((ms * sampleRateHz) / 1000);
  };
  const plan: ArtefactPlan = {
    mode: handling.mode,
    form: handling.form,
    halfWindow: samplesOf('halfWindowMs', handling.halfWindowMs),
    blank: samplesOf('blankMs', handling.blankMs),
    pulsedBlank: samplesOf('pulsedBlankMs', handling.pulsedBlankMs),
    railGuard: samplesOf('railGuardMs', handling.railGuardMs),
    railLow: handling.railLow,
    railHigh: handling.railHigh,
    probeSamples: handling.probeSamples,
    probeThreshold: handling.probeThreshold,
    edgeGuard: samplesOf('edgeGuardMs', handling.edgeGuardMs),
    active: samplesOf('activeMs', handling.activeMs),
    fade: samplesOf('fadeMs', handling.fadeMs),
    hold: Math.max(1, samplesOf('holdMs', handling.holdMs)),
  };
  const { halfWindow } = plan;
  requireInteger('samples of half a window', halfWindow, { from: LEAST_HALF_WINDOW, to: LARGEST_HALF_WINDOW });
  requireInteger('probeSamples', plan.probeSamples, { from: 1, to: halfWindow });
  requireInteger('samples of the edge guard', plan.edgeGuard, { from: 0, to: halfWindow });
  requireInteger('samples of the hold', plan.hold, { from: 1, to: 2 * halfWindow + 1 });
  requireInteger('railLow', plan.railLow, { from: -32_768, to: 32_767 });
  requireInteger('railHigh', plan.railHigh, { from: plan.railLow + 1, to: 32_767 });
  requireRange('probeThreshold', plan.probeThreshold, { from: Number.MIN_VALUE, to: 1e6 });
  return plan;
}

/** Requires a finite number in [from, to]. */
export function requireRange(
  name: string,
  value: number,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  if (value >= from && value <= to) return;
  throw new MeaError('bad-input', {
    what: `Bad artefact handling: ${name}`,
    got: String(value),
    wanted: `${from} to ${to}`,
  });
}

/** Requires an integer in [from, to]. */
export function requireInteger(
  name: string,
  value: number,
  range: { readonly from: number; readonly to: number },
): void {
  requireRange(name, Number.isInteger(value) ? value : Number.NaN, range);
}

/**
 * Largest sum of the first residuals at which a fit is taken, in raw units, as float32. Not less than half a bit each:
 * a channel that shows nothing at all is not blind.
 */
export function probeLimit({ probeSamples, probeThreshold }: ArtefactPlan, noiseUv: number, gain: number): number {
  return Math.fround(Math.max((probeThreshold * Math.sqrt(probeSamples) * noiseUv) / gain, probeSamples / 2));
}
