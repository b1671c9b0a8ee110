import type { CultureParameterName } from '../protocols/culture-names.js';
import { MeaError } from '../protocols/errors.js';

/** The sizes that make one emulated culture differ in kind from another. Exponents and shares have no unit. */
export interface CultureParameters {
  /** Mean of the natural logarithm of the units per electrode. */
  readonly muN: number;
  /** Standard deviation of the natural logarithm of the units per electrode. */
  readonly sdN: number;
  /** Share of electrodes whose drive is nearly nil. */
  readonly silentShare: number;
  /** Mean of the natural logarithm of the drive strength. */
  readonly muS: number;
  /** Standard deviation of the natural logarithm of the drive strength. */
  readonly sdS: number;
  /** Spread of the wiring before its softmax: larger is sparser. */
  readonly sdWiring: number;
  /** Exponent of the input-output curve. */
  readonly gamma: number;
  /** Stationary standard deviation of the drift of each electrode, natural logarithm of drive. */
  readonly sdDrift: number;
  /** Sets the drift of single connections, natural logarithm of weight (see `session-drift.ts`). */
  readonly sdPatternDrift: number;
  /** Depth of the plastic gain: G lies in [exp(-beta), exp(beta)]. */
  readonly beta: number;
  /** Prior strength of the plasticity rule, in trials. */
  readonly lambda: number;
}

const DIAZEPAM = {
  muN: 1.567,
  sdN: 0.431,
  silentShare: 0.056,
  muS: -0.452,
  sdS: 0.423,
  sdWiring: 3.396,
  gamma: 2.503,
  sdDrift: 0.2,
  sdPatternDrift: 0.599,
  beta: 0.05,
  lambda: 1000,
} as const;

/**
 * The parameter sets of the emulated culture: `bic`, `dzp`, `mix0` and `mix50` are fitted to the published responses
 * of those conditions (beta and lambda chosen by hand from a small grid); `ctrl` is `dzp` with more units and a deeper
 * plastic gain, and is not fitted.
 *
 * Source: the table in docs/emulated-culture.md, from the responses of Isomura et al. 2023.
 */
export const CULTURE_PARAMETERS = {
  ctrl: { ...DIAZEPAM, muN: 1.7, beta: 0.8 },
  bic: {
    muN: 1.956,
    sdN: 0.663,
    silentShare: 0.1,
    muS: -0.375,
    sdS: 0.512,
    sdWiring: 3.251,
    gamma: 2.23,
    sdDrift: 0.17,
    sdPatternDrift: 0.62,
    beta: 0.05,
    lambda: 1000,
  },
  dzp: DIAZEPAM,
  mix0: {
    muN: 2.597,
    sdN: 0.333,
    silentShare: 0.213,
    muS: -0.038,
    sdS: 0.933,
    sdWiring: 3.5,
    gamma: 2.405,
    sdDrift: 0.094,
    sdPatternDrift: 0.103,
    beta: 0.1,
    lambda: 300,
  },
  mix50: {
    muN: 1.756,
    sdN: 0.952,
    silentShare: 0.131,
    muS: -0.323,
    sdS: 0.312,
    sdWiring: 2.593,
    gamma: 1.864,
    sdDrift: 0.1,
    sdPatternDrift: 0.505,
    beta: 0.3,
    lambda: 1000,
  },
} as const satisfies Record<CultureParameterName, CultureParameters>;

/** The mixing of the experiments that each set was fitted to: probability that an input follows the other source. */
export const MIXING_OF_PARAMETERS = {
  ctrl: 0.25,
  bic: 0.25,
  dzp: 0.25,
  mix0: 0,
  mix50: 0.5,
} as const satisfies Record<CultureParameterName, number>;

/**
 * The name `text` as one of `choices`.
 *
 * @throws MeaError `bad-input` naming the choices
 */
export function parseChoice<T extends string>(text: string, choices: readonly T[], what: string): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) {
    throw new MeaError('bad-input', { what: `Unknown ${what}`, got: text, wanted: `one of ${choices.join(', ')}` });
  }
  return found;
}
