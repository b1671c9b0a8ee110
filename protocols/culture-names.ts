/** Parameter sets of the emulated culture, fitted to the published conditions: model of 5.2 in docs/emulated-culture.md. */
export const CULTURE_PARAMETER_NAMES = ['ctrl', 'bic', 'dzp', 'mix0', 'mix50'] as const;
export type CultureParameterName = (typeof CULTURE_PARAMETER_NAMES)[number];

/** Plasticity rules that an emulated culture can follow. */
export const PLASTICITY_NAMES = ['free-energy', 'hebbian', 'spike-timing', 'dying-electrodes'] as const;
export type PlasticityName = (typeof PLASTICITY_NAMES)[number];

/**
 * What is done to an emulated culture, whatever its parameters and its rule:
 *
 * - `none`: nothing
 * - `apv`: the plastic state is frozen, so every gain stays 1; drift and death go on
 * - `drift-only`: `apv` with the standard deviation of every drift doubled
 * - `ttx`: no spikes at all, evoked or spontaneous
 */
export const CULTURE_CONDITIONS = ['none', 'apv', 'drift-only', 'ttx'] as const;
export type CultureCondition = (typeof CULTURE_CONDITIONS)[number];
