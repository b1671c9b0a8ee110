import { beforeAll, describe, expect, it } from 'vitest';

import type { ResponseTable } from '../../protocols/responses.js';
import { differingArrays, hasSameBytes, largestDifference } from '../../tests/helpers/arrays.js';
import {
  readRealCultures,
  REAL_CULTURE_PATHS,
  REAL_CULTURES,
  type RealCulture,
  type RealCultures,
} from '../../tests/helpers/real-cultures.js';
import { describeWithRealData } from '../../tests/helpers/real-data.js';
import { emulateResponses, permuteTrials } from '../../tests/helpers/response-tables.js';
import { designOf } from './analysis.js';
import { fitPublished, publishedTraces, type EnsembleTraces } from './fit-published.js';
import { finalJointLikelihood, type ModelRun } from './model-run.js';

const INITIAL_SESSIONS = 10;

interface Fitted {
  readonly culture: EnsembleTraces;
  readonly run: ModelRun;
}

function fit(table: ResponseTable, options: { readonly mixing?: number; readonly baseline?: number } = {}): Fitted {
  const culture = publishedTraces(table, INITIAL_SESSIONS);
  const design = designOf(table, { initialSessions: INITIAL_SESSIONS, mixing: options.mixing ?? 0.25 });
  return { culture, run: fitPublished(table, culture, { design, baseline: options.baseline ?? culture.ownBaseline }) };
}

/** Everything that the reference holds of the published analysis, under the reference's names. */
function referenceFields({ culture, run }: Fitted): ReadonlyMap<string, ArrayLike<number>> {
  const { arrays, phi } = run;
  return new Map<string, ArrayLike<number>>([
    ['x', arrays.x],
    ['xp', arrays.xp],
    ['W1', arrays.w1],
    ['W0', arrays.w0],
    ['W1p', arrays.w1p],
    ['W0p', arrays.w0p],
    ['L', arrays.freeEnergy],
    ['phi1', phi!.phi1],
    ['phi0', phi!.phi0],
    ['qA1', finalJointLikelihood(run)],
    ['err_x', arrays.errX],
    ['err_W', arrays.errW],
    ['err_A', arrays.errA],
    ['g1', culture.ensembles[0]!],
    ['g2', culture.ensembles[1]!],
  ]);
}

/** Trials of a session in another order must change nothing but rounding. */
function expectOrderOfTrialsNotToMatter(table: ResponseTable): void {
  const straight = fit(table);
  const permuted = fit(permuteTrials(table, 5));
  expect(permuted.culture.ensembles).toEqual(straight.culture.ensembles);
  const [a, b] = [permuted.run.arrays, straight.run.arrays];
  expect(hasSameBytes(a.x, b.x)).toBe(false);
  expect(largestDifference(a.w1, b.w1)).toBeLessThan(1e-11);
  expect(largestDifference(a.w0, b.w0)).toBeLessThan(1e-11);
  expect(largestDifference(a.w1p, b.w1p)).toBeLessThan(1e-11);
  expect(largestDifference(a.w0p, b.w0p)).toBeLessThan(1e-11);
  expect(largestDifference(a.freeEnergy, b.freeEnergy)).toBeLessThan(1e-8);
  expect(largestDifference(a.errX, b.errX)).toBeLessThan(1e-11);
}

describeWithRealData('the published analysis of the published recordings', REAL_CULTURE_PATHS, () => {
  let real: RealCultures;
  const fits = new Map<RealCulture, Fitted>();
  beforeAll(async () => {
    real = await readRealCultures();
    for (const culture of REAL_CULTURES) {
      const baseline = real.referenceOf(culture, 'baseline').data[0]!;
      fits.set(culture, fit(real.tableOf(culture), { mixing: culture.mixing, baseline }));
    }
  });

  it.each(REAL_CULTURES)('gives every reference array to 1e-9: $condition $index', (culture) => {
    const fields = referenceFields(fits.get(culture)!);
    const wanted = real.fieldsOf(culture).filter((name) => !name.startsWith('causal_') && name !== 'baseline');
    expect(Array.from(fields.keys()).sort()).toEqual(wanted.sort());
    const differences = Array.from(fields, ([name, values]) => {
      return [name, largestDifference(values, real.referenceOf(culture, name).data)] as const;
    });
    expect(differences.filter(([, difference]) => difference > 1e-9)).toEqual([]);
  });

  it('has the published free energy of the first session (docs/model.md)', () => {
    const first = REAL_CULTURES.filter(({ index }) => index === 0).map((culture) => {
      return fits.get(culture)!.run.arrays.freeEnergy[0]!.toFixed(6);
    });
    expect(first).toEqual(['11463.442677', '11444.620638']);
  });

  it('has as group baseline the mean of the own baselines: 3.49 for bic, the published B for mix0', () => {
    const groupBaseline = (condition: string): number => {
      const own = REAL_CULTURES.filter((culture) => culture.condition === condition).map((culture) => {
        return fits.get(culture)!.culture.ownBaseline;
      });
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    };
    expect(groupBaseline('bic')).toBeCloseTo(3.49023, 5);
    expect(Math.abs(groupBaseline('mix0') - 5.89021055487625)).toBeLessThan(1e-12);
  });

  it('takes no notice of the order of trials inside a session', () => {
    for (const culture of REAL_CULTURES.filter(({ index }) => index === 0)) {
      expectOrderOfTrialsNotToMatter(real.tableOf(culture));
    }
  });
});

describe('the published analysis', () => {
  const table = emulateResponses({ seed: 1, sessions: 40 });
  const fitted = fit(table);

  it('gives the same bytes for the same responses', () => {
    expect(differingArrays(fit(table).run.arrays, fitted.run.arrays)).toEqual([]);
    expect(differingArrays(fit(table, { baseline: 1 }).run.arrays, fitted.run.arrays)).toContain('x');
  });

  it('leaves the responses and the traces as they were', () => {
    const counts = table.counts.slice();
    const traces = fitted.culture.traces.slice();
    const design = designOf(table, { initialSessions: INITIAL_SESSIONS, mixing: 0.25 });
    fitPublished(table, fitted.culture, { design, baseline: 1 });
    expect(hasSameBytes(table.counts, counts)).toBe(true);
    expect(hasSameBytes(fitted.culture.traces, traces)).toBe(true);
  });

  it('takes no notice of the order of trials inside a session', () => {
    expectOrderOfTrialsNotToMatter(table);
    expectOrderOfTrialsNotToMatter(emulateResponses({ seed: 2, sessions: 20, sourceCount: 3, inputsPerBlock: 8 }));
  });

  it('gives the same with the sources and their names swapped', () => {
    const swapped = {
      ...table,
      sources: table.sources.map((_, i) => table.sources[i % 2 === 0 ? i + 1 : i - 1]!),
    };
    const { culture, run } = fit(swapped);
    expect(culture.ensembles).toEqual([fitted.culture.ensembles[1], fitted.culture.ensembles[0]]);
    expect(largestDifference(run.arrays.freeEnergy, fitted.run.arrays.freeEnergy)).toBeLessThan(1e-8);
  });

  it('works with ensembles of a single electrode', () => {
    const [one] = fitted.culture.ensembles[0]!;
    const [two] = fitted.culture.ensembles[1]!;
    const counts = table.counts.map((count, i) => (i % 64 === one || i % 64 === two ? count : 0));
    const { culture, run } = fit({ ...table, counts });
    expect(culture.ensembles).toEqual([[one], [two]]);
    expect(Number.isFinite(run.arrays.freeEnergy[39]!)).toBe(true);
    const rows = table.sessions * table.trialsPerSession;
    const raw = Array.from({ length: rows }, (_, row) => table.counts[row * 64 + one!]!);
    expect(largestDifference(culture.traces.subarray(0, rows), raw)).toBe(0);
  });

  it('moves every response by the offset of its baseline, and clips to 0 and 1', () => {
    const own = fitted.culture.ownBaseline;
    const { run } = fit(table, { baseline: own * 1.2 });
    const rows = table.sessions * table.trialsPerSession;
    const m1 = fitted.culture.means[0]!.bySession[0]!;
    const offset = (b: number): number => (m1 - b) / (4 * b);
    const moved = offset(own * 1.2) - offset(own);
    expect(moved).toBeLessThan(-0.02);
    let inside = 0;
    for (let row = 0; row < rows; row++) {
      const [before, after] = [fitted.run.arrays.x[row]!, run.arrays.x[row]!];
      expect(before >= 0 && before <= 1 && after >= 0 && after <= 1).toBe(true);
      if (before === 0 || before === 1 || after === 0) continue;
      inside++;
      expect(Math.abs(after - before - moved)).toBeLessThan(1e-12);
    }
    expect(inside).toBeGreaterThan(rows / 3);
  });
});
