import { MeaError } from '../../protocols/errors.js';
import { openRandomStream } from '../../protocols/random.js';

/** Sizes of the electrodes' impedances at 1 kHz: a log-normal. */
export interface ImpedanceKnobs {
  readonly medianOhm: number;
  /** Standard deviation of the logarithm. */
  readonly sigma: number;
}

/** 30 um titanium nitride, of the order that makers give. */
export const DEFAULT_IMPEDANCE: ImpedanceKnobs = { medianOhm: 300_000, sigma: 0.3 };

/** Exponents of the constant phase elements: uniform, which gives -77 to -83 degrees. */
const EXPONENTS = [0.86, 0.92] as const;

/** What an impedance meter shows. */
export interface MeasuredImpedance {
  readonly magnitudeOhm: number;
  readonly phaseDegrees: number;
}

/**
 * Impedance of an electrode of a seed: a constant phase element, Z = Z(1 kHz) (1 kHz / f)^n at -90 n degrees. Rounded
 * to 1 Ohm and 0.1 degree.
 *
 * @throws MeaError `bad-input` for a frequency outside 1 Hz to 100 kHz
 */
export function measureImpedance(
  { seed, electrode }: { readonly seed: number; readonly electrode: number },
  frequencyHz: number,
  knobs: ImpedanceKnobs,
): MeasuredImpedance {
  if (!(frequencyHz >= 1 && frequencyHz <= 100_000)) {
    throw new MeaError('bad-input', {
      what: 'Bad frequency to measure an impedance at',
      got: `${frequencyHz} Hz`,
      wanted: '1 Hz to 100 kHz',
    });
  }
  const random = openRandomStream(seed, 'impedance', electrode);
  const atOneKhz = knobs.medianOhm * Math.exp(knobs.sigma * random.normal());
  const exponent = EXPONENTS[0] + (EXPONENTS[1] - EXPONENTS[0]) * random.uniform();
  return {
    magnitudeOhm: Math.round(atOneKhz * (1000 / frequencyHz) ** exponent),
    phaseDegrees: -Math.round(900 * exponent) / 10,
  };
}
