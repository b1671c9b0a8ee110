import { rowCount, type ResponseTable } from '../../protocols/responses.js';
import { listStates, singleSourceState } from './states.js';

/** Mixing probabilities of the published designs. */
const PUBLISHED_MIXINGS: readonly number[] = [0, 0.25, 0.5];

/** What the stimuli tell about how they were mixed. */
export interface MixingEstimate {
  /** The published design where the stimuli fit one, else the estimate itself. */
  readonly mixing: number;
  /** Share of inputs that followed another source, over trials in which exactly one source was on. */
  readonly estimate: number;
  /** Standard error of the estimate, counting a frozen pattern once. */
  readonly standardError: number;
}

/**
 * Estimates the mixing probability from sources and stimuli: in trials with a single source on, an input of its block is
 * 0, and an input of another block 1, only when it followed another source.
 *
 * With more than two sources an input that follows a third, silent source cannot be told from one that follows its own,
 * which the estimate corrects for.
 */
export function estimateMixing(table: ResponseTable): MixingEstimate {
  const { sourceCount, inputCount, trialsPerSession } = table;
  const states = listStates(table.sources, sourceCount);
  const perBlock = inputCount / sourceCount;
  let strayed = 0;
  let chances = 0;
  for (let row = 0; row < rowCount(table); row++) {
    for (let k = 0; k < sourceCount; k++) {
      if (states[row] !== singleSourceState(k, sourceCount)) continue;
      for (let j = 0; j < inputCount; j++) {
        const isOwn = Math.floor(j / perBlock) === k;
        strayed += isOwn === (table.inputs[row * inputCount + j] === 0) ? 1 : 0;
        // An own input strays with probability m, another block's with m / (sources - 1).
        chances += isOwn ? 1 : 1 / (sourceCount - 1);
      }
    }
  }
  const estimate = chances === 0 ? 0 : strayed / chances;
  const independent = Math.max(1, (chances * trialsPerSession) / rowCount(table));
  const standardError = Math.sqrt(Math.max(estimate * (1 - estimate), 1e-4) / independent);
  const published = PUBLISHED_MIXINGS.find((mixing) => Math.abs(mixing - estimate) <= 4 * standardError);
  return { mixing: published ?? estimate, estimate, standardError };
}
