import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import type { CultureCondition } from '../protocols/culture-names.js';
import { simulateResponses } from '../sim-device/simulate-responses.js';
import { rateInterval } from '../src/model/statistics/rate-interval.js';
import { judgeLearning, type VerdictAnswer } from '../src/model/verdict.js';
import { printLine } from './measure.js';

// False and true positive rates of the verdict on emulated cultures: 200 seeds of each kind, each with a pattern of its
// own. Asked for: apv and drift-only at most 10 of 200 `learned`, ctrl at least 180 of 200.
const SEEDS = 200;
const FIRST_SEED = 5001;
const KINDS: readonly (readonly [name: string, condition: CultureCondition])[] = [
  ['ctrl', 'none'],
  ['ctrl with apv', 'apv'],
  ['ctrl, drift only, doubled', 'drift-only'],
];

function judge(condition: CultureCondition, seed: number): VerdictAnswer {
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 };
  const patterns = drawPattern(design, 256, openRandomStream(seed, 'pattern'));
  const settings = { parameters: 'ctrl', plasticity: 'free-energy', condition, seed } as const;
  return judgeLearning(simulateResponses(settings, { patterns, sessions: 100 }), 10).answer;
}

for (const [name, condition] of KINDS) {
  const answers = Array.from({ length: SEEDS }, (_, i) => judge(condition, FIRST_SEED + i));
  const count = (answer: VerdictAnswer): number => answers.filter((given) => given === answer).length;
  const { lower, upper } = rateInterval(count('learned'), SEEDS);
  const interval = `95 % interval ${(100 * lower).toFixed(1)} to ${(100 * upper).toFixed(1)} %`;
  printLine(
    `${name}: learned ${count('learned')} of ${SEEDS} (${interval}), not ${count('not')}, cannot tell ${count('cannot tell')}`,
  );
}
