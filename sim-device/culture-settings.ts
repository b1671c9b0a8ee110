import type { CultureCondition, CultureParameterName, PlasticityName } from '../protocols/culture-names.js';
import { MeaError } from '../protocols/errors.js';
import { hertz, type Hertz } from '../protocols/units.js';
import type { CultureSize } from './anatomy.js';

/** Which culture: everything that its responses depend on besides the patterns and rests it is given. */
export interface CultureSettings {
  readonly parameters: CultureParameterName;
  readonly plasticity: PlasticityName;
  readonly condition: CultureCondition;
  /** Integer, |seed| <= 2^53 - 1. */
  readonly seed: number;
  /** Number of recording electrodes, 64 by default. */
  readonly electrodes?: number | undefined;
  /** Number of stimulated electrodes, 32 by default. */
  readonly inputs?: number | undefined;
  /** Rate of the device's sample clock, 20 kHz by default; times are given to the culture in its samples. */
  readonly sampleRateHz?: Hertz | undefined;
}

/** Settings with every default filled in. */
export type FullCultureSettings = Required<{ [K in keyof CultureSettings]: Exclude<CultureSettings[K], undefined> }>;

/** Rate of the emulated sample clock unless another is asked for. */
const DEFAULT_SAMPLE_RATE = hertz(20_000);

/**
 * The settings with their defaults.
 *
 * @throws MeaError `bad-input` naming the setting that cannot be
 */
export function completeCultureSettings(settings: CultureSettings): FullCultureSettings {
  const full = {
    parameters: settings.parameters,
    plasticity: settings.plasticity,
    condition: settings.condition,
    seed: settings.seed,
    electrodes: settings.electrodes ?? 64,
    inputs: settings.inputs ?? 32,
    sampleRateHz: settings.sampleRateHz ?? DEFAULT_SAMPLE_RATE,
  };
  requireInteger('seed', full.seed, -Number.MAX_SAFE_INTEGER);
  requireInteger('number of electrodes', full.electrodes, 1);
  requireInteger('number of inputs', full.inputs, 1);
  if (!(full.sampleRateHz > 0 && Number.isFinite(full.sampleRateHz))) {
    throw badSetting('sample rate', full.sampleRateHz, 'a positive number of Hz');
  }
  return full;
}

/** The size of the culture that `settings` ask for. */
export function sizeOf({ electrodes, inputs }: FullCultureSettings): CultureSize {
  return { electrodes, inputs };
}

function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw badSetting(name, value, least > 0 ? `an integer of at least ${least}` : 'an integer');
}

function badSetting(name: string, value: number, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad ${name} of the emulated culture`, got: String(value), wanted });
}
