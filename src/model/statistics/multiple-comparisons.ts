import { MeaError } from '../../../protocols/errors.js';

/**
 * Holm's step-down correction: the chance of any false claim in the family stays below the level, whatever the tests'
 * dependence.
 *
 * Source: Holm 1979; the adjusted p of Wright 1992.
 *
 * @returns corrected p in the order of `pValues`
 * @throws MeaError `bad-input` for a p outside [0, 1]
 */
export function correctHolm(pValues: readonly number[]): number[] {
  const order = ascendingOrder(pValues);
  const corrected = new Array<number>(pValues.length).fill(1);
  let running = 0;
  order.forEach((index, step) => {
    running = Math.max(running, Math.min(1, (pValues.length - step) * pValues[index]!));
    corrected[index] = running;
  });
  return corrected;
}

function ascendingOrder(pValues: readonly number[]): number[] {
  const bad = pValues.find((p) => !(p >= 0 && p <= 1));
  if (bad !== undefined) {
    throw new MeaError('bad-input', { what: 'Bad p-value', got: String(bad), wanted: 'a number in [0, 1]' });
  }
  return pValues.map((_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!);
}
