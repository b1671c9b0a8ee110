import type { CultureParameters } from './culture-parameters.js';
import { openRandomStream } from '../protocols/random.js';

/** Most units that one electrode records. */
const MAX_UNITS = 30;

/** What a culture is born with; nothing here changes while it lives. */
export interface Anatomy {
  /** (electrodes) units per electrode, integers in [1, 30]. */
  readonly units: Float64Array;
  /** (electrodes) drive strength S_e, no unit. */
  readonly strength: Float64Array;
  /** (inputs, electrodes) drive weights w_ej, input-major; over the inputs of one electrode they sum to 1. */
  readonly wiring: Float64Array;
}

/** The sizes of a culture. */
export interface CultureSize {
  readonly electrodes: number;
  readonly inputs: number;
}

/** Strength of an electrode that is all but silent, relative to what it would be. */
const SILENT_STRENGTH = 0.05;

/**
 * Grows the anatomy of a seed: N_e = clip(round(exp(muN + sdN n)), 1, 30), S_e = exp(muS + sdS n) (times 0.05 for the
 * silent share), w_ej = softmax over j of sdWiring n_ej. Units, strength, silence and wiring have each their own
 * random stream, so two parameter sets of one seed differ in size and not in luck.
 *
 * Source: docs/emulated-culture.md.
 */
export function growAnatomy(parameters: CultureParameters, seed: number, size: CultureSize): Anatomy {
  const { electrodes, inputs } = size;
  const anatomy = {
    units: new Float64Array(electrodes),
    strength: new Float64Array(electrodes),
    wiring: new Float64Array(inputs * electrodes),
  };
  const unitStream = openRandomStream(seed, 'anatomy-units');
  const strengthStream = openRandomStream(seed, 'anatomy-strength');
  const silenceStream = openRandomStream(seed, 'anatomy-silence');
  const wiringStream = openRandomStream(seed, 'anatomy-wiring');
  const row = new Float64Array(inputs);
  for (let e = 0; e < electrodes; e++) {
    const units = Math.round(Math.exp(parameters.muN + parameters.sdN * unitStream.normal()));
    anatomy.units[e] = Math.min(MAX_UNITS, Math.max(1, units));
    const silent = silenceStream.uniform() < parameters.silentShare;
    const strength = Math.exp(parameters.muS + parameters.sdS * strengthStream.normal());
    anatomy.strength[e] = silent ? SILENT_STRENGTH * strength : strength;
    let sum = 0;
    for (let j = 0; j < inputs; j++) {
      row[j] = Math.exp(parameters.sdWiring * wiringStream.normal());
      sum += row[j]!;
    }
    for (let j = 0; j < inputs; j++) anatomy.wiring[j * electrodes + e] = row[j]! / sum;
  }
  return anatomy;
}
