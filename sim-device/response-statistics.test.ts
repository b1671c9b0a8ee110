import { describe, expect, it } from 'vitest';

import { isMeaError } from '../protocols/errors.js';
import type { ResponseTable } from '../protocols/responses.js';
import { computeResponseStatistics } from './response-statistics.js';

/** States of the four trials of the pattern: 11, 10, 01, 00, each a pulse at the inputs of its sources. */
const SOURCES = [1, 1, 1, 0, 0, 1, 0, 0];

/** 20 sessions of 4 trials; `countOf` gives the count of (session, trial, electrode). */
function tableOf(
  electrodeCount: number,
  countOf: (session: number, trial: number, e: number) => number,
): ResponseTable {
  const [sessions, trialsPerSession] = [20, 4];
  const counts = new Uint16Array(sessions * trialsPerSession * electrodeCount);
  for (let row = 0; row < sessions * trialsPerSession; row++) {
    for (let e = 0; e < electrodeCount; e++) {
      counts[row * electrodeCount + e] = countOf(Math.floor(row / 4), row % 4, e);
    }
  }
  const repeated = Uint8Array.from({ length: sessions * 8 }, (_, k) => SOURCES[k % 8]!);
  const shape = { sessions, trialsPerSession, sourceCount: 2, inputCount: 2, electrodeCount };
  return { ...shape, sources: repeated, inputs: repeated, counts };
}

function tagOf(table: ResponseTable): boolean {
  try {
    computeResponseStatistics(table);
  } catch (error) {
    return isMeaError(error, 'bad-input');
  }
  return false;
}

describe('the statistics of responses', () => {
  it('are those of a culture counted by hand', () => {
    // Electrode 0 answers 6, 4, 2, 0 to the four states; electrode 1 never.
    const statistics = computeResponseStatistics(tableOf(2, (_, trial, e) => (e === 0 ? [6, 4, 2, 0][trial]! : 0)));
    expect(statistics).toMatchObject({ meanCount: 1.5, quietShare: 0.5, activeShare: 0.5, fano: 0, driftCv: 0 });
    expect(statistics).toMatchObject({ selectiveShare: 0.5, selectivityFirst: 2, selectivityLast: 2, zeroShare: 0.25 });
    expect(statistics.electrodeCv).toBeCloseTo(1, 12);
    expect(statistics.electrodeMean95).toBeCloseTo(0.95 * 3, 12);
    expect(statistics.stimulusCv).toBeCloseTo(Math.sqrt(5) / 3, 12);
    expect(statistics.stateShare).toBeCloseTo(1, 12);
    expect(statistics.patternCorrelation).toBeCloseTo(1, 12);
    expect(statistics.pulseCorrelation).toBeCloseTo(6 / Math.sqrt(40), 12);
  });

  it('take noise from repeats within a block, and drift from session means of the first', () => {
    const noisy = computeResponseStatistics(tableOf(1, (session) => 4 + (session % 2)));
    expect(noisy.fano).toBeCloseTo(2.5 / 9 / 4.5, 12);
    expect(noisy.driftCv).toBeCloseTo(Math.sqrt(2.5 / 9) / 4.5, 12);
    const stepped = computeResponseStatistics(tableOf(1, (session) => (session < 10 ? 4 : 8)));
    expect(stepped).toMatchObject({ fano: 0, driftCv: 0, meanCount: 6 });
  });

  it('refuse too few sessions, another number of sources and a pattern that changes', () => {
    const good = tableOf(1, () => 1);
    const changed = good.inputs.slice();
    changed[changed.length - 1] = 1;
    expect(tagOf({ ...good, sessions: 19 })).toBe(true);
    expect(tagOf({ ...good, sourceCount: 3 })).toBe(true);
    expect(tagOf({ ...good, inputs: changed })).toBe(true);
  });
});
