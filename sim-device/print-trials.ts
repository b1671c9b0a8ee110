import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import type { TrialRequest } from '../protocols/trial.js';
import { sampleIndex, seconds } from '../protocols/units.js';
import type { CultureSettings } from './culture-settings.js';
import { createEmulatedCultureSource } from './emulated-culture-source.js';

/** A culture, and the frozen pattern of two sources that it is shown. */
export interface TrialsRun extends CultureSettings {
  readonly sessions: number;
  readonly trials: number;
  readonly mixing: number;
}

/** Inputs that follow each of the two sources. */
const INPUTS_PER_BLOCK = 16;
/** Rest between two sessions (from the design of the published experiment, unconfirmed). */
const REST = seconds(244);

/**
 * Runs an emulated culture and writes one JSON line per trial: session, trial, sources, inputs, delivery,
 * deliveredSample, window and counts, as in `TrialResponse`.
 */
export async function printTrials(run: TrialsRun, write: (text: string) => void): Promise<void> {
  const { sessions, trials, mixing, seed } = run;
  const design = { sourceCount: 2, mixing, inputsPerBlock: INPUTS_PER_BLOCK };
  const pattern = drawPattern(design, trials, openRandomStream(seed, 'pattern'));
  const source = createEmulatedCultureSource(run);
  const { signal } = new AbortController();
  const width = 2 * INPUTS_PER_BLOCK;
  for (let session = 0; session < sessions; session++) {
    const first = source.nextSample();
    const requests = Array.from({ length: trials }, (_, trial): TrialRequest => {
      const inputs = pattern.inputs.subarray(trial * width, (trial + 1) * width);
      return { session, trial, inputs, atSample: sampleIndex(first + trial * source.description.sampleRateHz) };
    });
    for await (const { trial, delivery, deliveredSample, window, counts } of source.run(requests, signal)) {
      const sources = [...pattern.sources.subarray(2 * trial, 2 * trial + 2)];
      const inputs = [...requests[trial]!.inputs];
      const line = { session, trial, sources, inputs, delivery, deliveredSample, window, counts: [...counts] };
      write(`${JSON.stringify(line)}\n`);
    }
    if (session + 1 < sessions) await source.rest(REST);
  }
  await source.close();
}
