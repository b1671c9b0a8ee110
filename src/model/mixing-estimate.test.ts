import { beforeAll, describe, expect, it } from 'vitest';

import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import type { ResponseTable } from '../../protocols/responses.js';
import {
  readRealCultures,
  REAL_CULTURE_PATHS,
  REAL_CULTURES,
  type RealCultures,
} from '../../tests/helpers/real-cultures.js';
import { describeWithRealData } from '../../tests/helpers/real-data.js';
import { tableOfTrials } from '../../tests/helpers/response-tables.js';
import { estimateMixing } from './mixing-estimate.js';

/** Stimuli alone: the estimate needs no responses. */
function stimuli(options: { sourceCount: number; mixing: number; seed: number; sessions?: number }): ResponseTable {
  const { sourceCount, mixing, seed, sessions = 1 } = options;
  const random = openRandomStream(seed, 'pattern');
  const { sources, inputs } = drawPattern({ sourceCount, mixing, inputsPerBlock: 8 }, 256, random);
  const repeat = (values: Uint8Array): Uint8Array => {
    const all = new Uint8Array(values.length * sessions);
    for (let session = 0; session < sessions; session++) all.set(values, session * values.length);
    return all;
  };
  return {
    sessions,
    trialsPerSession: 256,
    sourceCount,
    inputCount: 8 * sourceCount,
    electrodeCount: 1,
    sources: repeat(sources),
    inputs: repeat(inputs),
    counts: new Uint16Array(256 * sessions),
  };
}

describe('the estimate of mixing', () => {
  const cases = [2, 3, 4].flatMap((sourceCount) =>
    [0, 0.25, 0.5].flatMap((mixing) => [1, 2, 3].map((seed) => ({ sourceCount, mixing, seed }))),
  );
  it.each(cases)('recognises the published $mixing with $sourceCount sources (seed $seed)', (design) => {
    const { mixing, estimate, standardError } = estimateMixing(stimuli(design));
    expect(mixing).toBe(design.mixing);
    expect(Math.abs(estimate - design.mixing)).toBeLessThan(4 * standardError);
    expect(standardError).toBeLessThan(0.04);
  });

  it.each([
    { sourceCount: 2, mixing: 0.1, seed: 1 },
    { sourceCount: 2, mixing: 0.4, seed: 1 },
    { sourceCount: 3, mixing: 0.1, seed: 1 },
    { sourceCount: 2, mixing: 1, seed: 1 },
  ])('gives $mixing, which was never published, as it finds it ($sourceCount sources)', (design) => {
    const { mixing, estimate, standardError } = estimateMixing(stimuli(design));
    expect(mixing).toBe(estimate);
    expect(Math.abs(estimate - design.mixing)).toBeLessThan(4 * standardError + 1e-12);
  });

  it('counts the stray inputs of trials with one source on', () => {
    const trial = (sources: readonly number[], inputs: readonly number[]) => ({ sources, inputs, counts: [0] });
    const table = tableOfTrials(4, [
      trial([1, 0], [1, 1, 0, 0]), // none stray
      trial([1, 0], [0, 1, 1, 0]), // one of the own block, one of the other
      trial([0, 1], [1, 0, 1, 1]), // one of the other block
      trial([1, 1], [0, 0, 0, 0]), // says nothing
    ]);
    expect(estimateMixing(table).estimate).toBe(3 / 12);
  });

  it('is no surer of a pattern that was shown a hundred times', () => {
    const once = estimateMixing(stimuli({ sourceCount: 2, mixing: 0.25, seed: 1 }));
    const often = estimateMixing(stimuli({ sourceCount: 2, mixing: 0.25, seed: 1, sessions: 100 }));
    expect(often.estimate).toBeCloseTo(once.estimate, 14);
    expect(often.standardError).toBeCloseTo(once.standardError, 14);
  });
});

describeWithRealData('the estimate of mixing of the published recordings', REAL_CULTURE_PATHS, () => {
  let real: RealCultures;
  beforeAll(async () => {
    real = await readRealCultures();
  });

  it.each(REAL_CULTURES)('is that of its condition: $condition $index', (culture) => {
    expect(estimateMixing(real.tableOf(culture)).mixing).toBe(culture.mixing);
  });
});
