import { MeaError } from '../protocols/errors.js';
import type { StimulusPattern } from '../protocols/mixed-sources.js';
import type { ResponseTable } from '../protocols/responses.js';
import { EmulatedCulture } from './culture.js';
import type { CultureSettings } from './culture-settings.js';

/** What a culture is shown: a pattern for each session, one trial a second unless told otherwise. */
export interface SimulatedExperiment {
  /** The same pattern in every session, or the pattern of each session (all of one size). */
  readonly patterns: StimulusPattern | ((session: number) => StimulusPattern);
  readonly sessions: number;
  /** Time from pulse to pulse, 1 s by default. */
  readonly trialPeriodS?: number | undefined;
}

/**
 * Runs a culture over whole sessions with a rest after each, at once and without a device around it: the counts are
 * those of `createEmulatedCultureSource` with the same settings and patterns, bit for bit. The number of electrodes and
 * the rest of the settings keep their defaults; the number of inputs is that of the patterns.
 *
 * @throws MeaError `bad-input` for patterns that differ in size or do not fit the culture
 */
export function simulateResponses(settings: CultureSettings, experiment: SimulatedExperiment): ResponseTable {
  const { patterns, sessions } = experiment;
  const patternOf = typeof patterns === 'function' ? patterns : () => patterns;
  const first = patternOf(0);
  const trials = first.trials;
  const inputCount = first.inputs.length / trials;
  const sourceCount = first.sources.length / trials;
  const culture = new EmulatedCulture({ inputs: inputCount, ...settings });
  const { electrodes, sampleRateHz } = culture.settings;
  requireEqual('inputs', inputCount, culture.settings.inputs);
  const period = Math.round((experiment.trialPeriodS ?? 1) * sampleRateHz);
  const rows = sessions * trials;
  const sources = new Uint8Array(rows * sourceCount);
  const inputs = new Uint8Array(rows * inputCount);
  const counts = new Uint16Array(rows * electrodes);
  for (let session = 0; session < sessions; session++) {
    const pattern = patternOf(session);
    requireEqual(`values in the pattern of session ${session}`, pattern.inputs.length, trials * inputCount);
    sources.set(pattern.sources, session * trials * sourceCount);
    inputs.set(pattern.inputs, session * trials * inputCount);
    for (let trial = 0; trial < trials; trial++) {
      const row = session * trials + trial;
      const stimulus = pattern.inputs.subarray(trial * inputCount, (trial + 1) * inputCount);
      culture.respond(stimulus, row * period, counts.subarray(row * electrodes, (row + 1) * electrodes));
    }
    culture.rest();
  }
  return {
    sessions,
    trialsPerSession: trials,
    sourceCount,
    inputCount,
    electrodeCount: electrodes,
    sources,
    inputs,
    counts,
  };
}

function requireEqual(what: string, got: number, wanted: number): void {
  if (got === wanted) return;
  throw new MeaError('bad-input', { what: `Wrong number of ${what}`, got: String(got), wanted: String(wanted) });
}
