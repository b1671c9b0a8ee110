import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { CultureSettings } from '../../sim-device/culture-settings.js';
import { simulateResponses } from '../../sim-device/simulate-responses.js';
import { judgeLearning, type Verdict } from '../../src/model/verdict.js';

/** The verdict on a culture of each seed after 100 sessions of a frozen pattern of its own, 25 % mixing. */
export function emulateVerdicts(settings: Omit<CultureSettings, 'seed'>, seeds: readonly number[]): readonly Verdict[] {
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 };
  return seeds.map((seed) => {
    const patterns = drawPattern(design, 256, openRandomStream(seed, 'pattern'));
    return judgeLearning(simulateResponses({ ...settings, seed }, { patterns, sessions: 100 }), 10);
  });
}
