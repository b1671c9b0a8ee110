import { beforeAll, describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import { openRandomStream } from '../../protocols/random.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { findNonFinite, hasSameBytes } from '../../tests/helpers/arrays.js';
import {
  readRealCultures,
  REAL_CULTURE_PATHS,
  REAL_CULTURES,
  type RealCultures,
} from '../../tests/helpers/real-cultures.js';
import { describeWithRealData } from '../../tests/helpers/real-data.js';
import { emulateResponses, tableOfTrials, takeRows } from '../../tests/helpers/response-tables.js';
import {
  analyseCulture,
  designOf,
  ownBaselineOf,
  type AnalysisOptions,
  type CultureAnalysis,
  type FittedCulture,
} from './analysis.js';
import { fitPublished, publishedTraces } from './fit-published.js';
import { fitCausal } from './online-model.js';

const MODES = ['published', 'causal'] as const;

function analyse(table: ResponseTable, options: Partial<AnalysisOptions> = {}): CultureAnalysis {
  return analyseCulture(table, { mode: 'published', initialSessions: 10, mixing: 0.25, baseline: 'own', ...options });
}

function fitted(analysis: CultureAnalysis): FittedCulture {
  if (analysis.outcome.type !== 'fitted') throw new Error(`no ensemble for ${analysis.outcome.missing.join(', ')}`);
  return analysis.outcome;
}

/** Numbers that are not finite, but for those that may be NaN by contract: the verdict's figures, means of no trial. */
function findStrayNumbers(analysis: CultureAnalysis): string[] {
  return findNonFinite(analysis).filter((path) => !/^(verdict|outcome\.responses)/.test(path));
}

describe('the design behind a table', () => {
  const table = emulateResponses({ seed: 1, sessions: 3, trialsPerSession: 4 });

  it('has the sizes of the table, its inputs cut into one block per source', () => {
    expect(designOf(table, { initialSessions: 2, mixing: 0.5 })).toEqual({
      sessions: 3,
      trialsPerSession: 4,
      sourceCount: 2,
      inputsPerBlock: 16,
      initialSessions: 2,
      mixing: 0.5,
    });
  });

  it('needs inputs that divide into blocks', () => {
    expect(() => designOf({ ...table, inputCount: 31 }, { initialSessions: 1, mixing: 0 })).toThrow(
      'The inputs do not divide into one block per source: got 31 inputs, 2 sources, expected a multiple of the number of sources',
    );
  });

  it.each([0, 3, 4, -1, 1.5, Number.NaN])('refuses %d initial sessions of 3', (initialSessions) => {
    expect.assertions(2);
    try {
      designOf(table, { initialSessions, mixing: 0 });
    } catch (error) {
      expect(isMeaError(error, 'bad-input')).toBe(true);
      expect(String(error)).toContain(
        `Bad number of initial sessions: got ${initialSessions}, expected 1 to 2, since the recording has 3 sessions`,
      );
    }
  });
});

describeWithRealData('the analysis of the published recordings', REAL_CULTURE_PATHS, () => {
  let real: RealCultures;
  beforeAll(async () => {
    real = await readRealCultures();
  });

  it.each([
    { name: 'bic 0', number: 0, constantWeights: '0.0126', published: '0.172', empirical: '0.032', x: '0.066 / 0.184' },
    {
      name: 'mix0 0',
      number: 6,
      constantWeights: '0.0613',
      published: '0.097',
      empirical: '0.066',
      x: '0.371 / 0.598',
    },
  ])('has the reference figures of $name', ({ number, constantWeights, published, empirical, x }) => {
    const culture = REAL_CULTURES[number]!;
    const value = real.referenceOf(culture, 'baseline').data[0]!;
    const baseline = { value, source: 'given' } as const;
    const outcome = fitted(analyse(real.tableOf(culture), { mixing: culture.mixing, baseline }));
    const { constantWeightsErrW, lastErrors, empirical: predictor } = outcome.comparison;
    expect(outcome.baseline).toEqual(baseline);
    expect(constantWeightsErrW.toFixed(4)).toBe(constantWeights);
    expect(lastErrors.published?.toFixed(3)).toBe(published);
    expect(lastErrors.empirical?.toFixed(3)).toBe(empirical);
    expect(predictor.method).toBe('repeat-mean');
    const { initialSelectivity, energy } = outcome;
    expect(`${initialSelectivity.toFixed(3)} / ${energy.observed.selectivity.toFixed(3)}`).toBe(x);
  });

  it('has group baselines of 3.49 for bic and 5.89 for mix0', () => {
    const mean = (condition: string): number => {
      const own = REAL_CULTURES.filter((culture) => culture.condition === condition).map((culture) => {
        return ownBaselineOf(real.tableOf(culture), { mode: 'published', initialSessions: 10 })!;
      });
      return own.reduce((sum, value) => sum + value, 0) / own.length;
    };
    expect(mean('bic')).toBeCloseTo(3.49023, 5);
    expect(Math.abs(mean('mix0') - 5.89021055487625)).toBeLessThan(1e-12);
  });
});

describe('the analysis of a culture', () => {
  const table = emulateResponses({ seed: 1, sessions: 40 });
  const published = analyse(table);
  const causal = analyse(table, { mode: 'causal' });

  it('holds no number that is not finite', () => {
    expect(findNonFinite(published)).toEqual([]);
    expect(findNonFinite(causal)).toEqual([]);
  });

  it('is the published fit, or the causal one', () => {
    const [offline, online] = [fitted(published), fitted(causal)];
    const culture = publishedTraces(table, 10);
    const design = designOf(table, { initialSessions: 10, mixing: 0.25 });
    const run = fitPublished(table, culture, { design, baseline: culture.ownBaseline });
    expect(hasSameBytes(offline.arrays.freeEnergy, run.arrays.freeEnergy)).toBe(true);
    expect(offline.baseline).toEqual({ value: culture.ownBaseline, source: 'own' });
    const model = fitCausal(table, { design, electrodes: 64, baseline: 'own' });
    expect(hasSameBytes(online.arrays.xp, model.run.arrays.xp)).toBe(true);
    expect(hasSameBytes(online.energy.observed.freeEnergy, model.run.arrays.freeEnergy)).toBe(true);
    expect(hasSameBytes(offline.energy.observed.freeEnergy, run.arrays.freeEnergy)).toBe(true);
  });

  it('has each predictor`s mean error over the last sessions, and its skill from them', () => {
    const { errors, lastErrors, skill, noiseFloor } = fitted(published).comparison;
    for (const name of ['published', 'constantMean', 'frozenWeights', 'repeatMean', 'lagOneFilter'] as const) {
      const last = errors[name]!.subarray(30).reduce((sum, error) => sum + error / 10, 0);
      expect([name, lastErrors[name]]).toEqual([name, expect.closeTo(last, 12)]);
    }
    expect(skill.publishedAgainstMean).toBeCloseTo(1 - lastErrors.published! / lastErrors.constantMean!, 14);
    expect(skill.publishedAgainstRepeat).toBeCloseTo(1 - lastErrors.published! / lastErrors.repeatMean!, 14);
    expect(skill.empiricalAgainstPublished).toBeCloseTo(1 - lastErrors.empirical! / lastErrors.published!, 14);
    expect(skill.empiricalAgainstMean).toBeCloseTo(1 - lastErrors.empirical! / lastErrors.constantMean!, 14);
    expect(noiseFloor).toBeLessThan(lastErrors.repeatMean!);
    // frozen and updated weights are the same up to the first session after calibration
    expect(errors.frozenWeights!.slice(0, 11)).toEqual(errors.lagOneFilter!.slice(0, 11));
    expect(errors.frozenWeights![11]).not.toBe(errors.lagOneFilter![11]);
  });

  it('keeps the mean raw response of each ensemble by state and session', () => {
    const { responses } = fitted(published);
    const { ensembles, states, traces } = publishedTraces(table, 10);
    expect(responses).toHaveLength(ensembles.length * 4 * 40);
    const rows = Array.from({ length: 256 }, (_, trial) => 7 * 256 + trial).filter((row) => states[row] === 2);
    const mean = rows.reduce((sum, row) => sum + traces[40 * 256 + row]!, 0) / rows.length;
    // ensemble 2, state 10, session 8
    expect(responses[(1 * 4 + 2) * 40 + 7]).toBeCloseTo(mean, 12);
  });

  it('has as evoked rate the mean count over electrodes, trials and the initial sessions', () => {
    const counts = table.counts.subarray(0, 10 * 256 * 64);
    expect(published.evokedRate).toBeCloseTo(counts.reduce((sum, count) => sum + count, 0) / counts.length, 12);
  });

  it('refuses a table whose arrays do not fit', () => {
    expect(() => analyse({ ...table, counts: table.counts.subarray(1) })).toThrow(
      /^Wrong number of values in counts: .*\(responses\)/,
    );
  });

  it('stays finite with a baseline far from the counts', () => {
    for (const value of [0.01, 1e6]) {
      expect(findNonFinite(analyse(table, { baseline: { value, source: 'given' } }))).toEqual([]);
    }
  });
});

describe('the weight of a falling free energy', () => {
  /** A table with its sessions in another order. */
  function withSessions(table: ResponseTable, order: readonly number[]): ResponseTable {
    const { trialsPerSession: trials } = table;
    return takeRows(
      table,
      order.flatMap((session) => Array.from({ length: trials }, (_, trial) => session * trials + trial)),
    );
  }
  const initial = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

  it.each([1, 2, 3])('is more than that of a static culture where learning follows calibration (seed %d)', (seed) => {
    // from session 11 on, every electrode answers its own source with 1 to 6 spikes more
    const whole = emulateResponses({ seed, sessions: 10, trialsPerSession: 64, mixing: 0 });
    const order = Array.from({ length: 40 * 64 }, (_, row) => row % (10 * 64));
    const table = takeRows(whole, order);
    const { ensembles } = publishedTraces(whole, 10);
    const sourceOf = Array.from({ length: 64 }, (_, e) => ensembles.findIndex((members) => members.includes(e)));
    const counts = table.counts.map((count, i) => {
      const [row, source] = [Math.floor(i / 64), sourceOf[i % 64]!];
      const isOwn = source >= 0 && table.sources[row * 2 + source] === 1;
      return count + (isOwn ? Math.max(0, Math.ceil((row / 64 - 9) / 5)) : 0);
    });
    const { energy } = fitted(analyse({ ...table, counts }, { mixing: 0 }));
    expect(energy.beatsStatic).toBe(true);
    const falls = energy.surrogates.staticCulture.map(({ fall }) => fall);
    expect(falls).toHaveLength(20);
    expect(Math.max(...falls)).toBeLessThan(energy.observed.fall);
    const mean = falls.reduce((sum, fall) => sum + fall / 20, 0);
    expect(energy.staticShare).toBeCloseTo(mean / energy.observed.fall, 12);
    expect(energy.staticShare).toBeLessThan(1);
  });

  it('is seldom more than that of a static culture in a static culture (seeds 1 to 5: at most 1)', () => {
    const beating = [1, 2, 3, 4, 5].filter((seed) => {
      const random = openRandomStream(seed, 'static-culture');
      const drawn = Array.from({ length: 30 }, () => random.integer(10));
      const table = withSessions(emulateResponses({ seed, sessions: 10 }), [...initial, ...drawn]);
      return fitted(analyse(table)).energy.beatsStatic;
    });
    expect(beating.length).toBeLessThanOrEqual(1);
  });
});

describe('a culture without an ensemble', () => {
  const silent = emulateResponses({ seed: 1, sessions: 12, condition: 'ttx' });

  it.each(MODES)('is said to have none where no electrode answers (%s)', (mode) => {
    const analysis = analyse(silent, { mode });
    expect(analysis.outcome).toEqual({ type: 'ensemble-not-found', missing: [0, 1] });
    expect(analysis.ensembles).toEqual([[], []]);
    expect(analysis.evokedRate).toBe(0);
    expect(analysis.verdict.answer).toBe('cannot tell');
    expect(findStrayNumbers(analysis)).toEqual([]);
    expect(ownBaselineOf(silent, { mode, initialSessions: 10 })).toBeUndefined();
  });

  it.each(MODES)('names the source that nothing prefers (%s)', (mode) => {
    const table = emulateResponses({ seed: 1, sessions: 12 });
    const members = publishedTraces(table, 10).statistics;
    const second = analyse(table, { mode }).ensembles[1]!;
    const counts = table.counts.map((count, i) => (second.includes(i % members.electrodes) ? 0 : count));
    const analysis = analyse({ ...table, counts }, { mode });
    expect(analysis.outcome).toEqual({ type: 'ensemble-not-found', missing: [1] });
    expect(analysis.ensembles[0]!.length).toBeGreaterThan(0);
    expect(findStrayNumbers(analysis)).toEqual([]);
    expect(ownBaselineOf({ ...table, counts }, { mode, initialSessions: 10 })).toBeUndefined();
  });

  it('is found even where single electrodes are all there is', () => {
    const table = emulateResponses({ seed: 1, sessions: 30 });
    const [one, two] = analyse(table, { mode: 'causal' }).ensembles.map((ensemble) => ensemble[0]!);
    const counts = table.counts.map((count, i) => (i % 64 === one || i % 64 === two ? count : 0));
    for (const mode of MODES) {
      const analysis = analyse({ ...table, counts }, { mode });
      expect(analysis.ensembles).toEqual([[one], [two]]);
      expect(analysis.outcome.type).toBe('fitted');
      expect(findStrayNumbers(analysis)).toEqual([]);
      expect(analysis.verdict.reason).toBe('an ensemble has fewer than 3 electrodes (1 and 1)');
    }
  });
});

describe('the stability of ensembles', () => {
  it('compares the choice from the first half of the initial sessions with that from the second', () => {
    // electrodes 0 and 1 prefer source 1 throughout, electrode 2 in the first two sessions, 3 to 5 source 2 throughout
    const trials = [0, 1, 2, 3, 4].flatMap((session) =>
      [0, 1, 2, 3].map((trial) => {
        const first = trial % 2 === 0;
        const [own, other] = first ? [6, 2] : [2, 6];
        return {
          sources: first ? [1, 0] : [0, 1],
          inputs: first ? [1, 0] : [0, 1],
          counts: [own, own, session < 2 ? own : 4, other, other, other],
        };
      }),
    );
    const { stability } = analyse(tableOfTrials(4, trials), { initialSessions: 4 });
    expect(stability.jaccard).toEqual([2 / 3, 1]);
    expect(stability.stable).toBe(true);
    const moved = trials.map(({ counts, ...rest }) => ({ ...rest, counts: counts.with(1, counts[2]!) }));
    expect(analyse(tableOfTrials(4, moved), { initialSessions: 4 }).stability).toEqual({
      jaccard: [1 / 3, 1],
      stable: false,
    });
  });
});

describe('fresh patterns', () => {
  const table = emulateResponses({ seed: 3, sessions: 40, pattern: 'fresh' });

  it.each(MODES)('are analysed with a ridge in place of the repeat mean (%s)', (mode) => {
    const analysis = analyse(table, { mode });
    expect(findNonFinite(analysis)).toEqual([]);
    const { comparison, arrays } = fitted(analysis);
    expect(arrays.x.every((x) => x >= 0 && x <= 1)).toBe(true);
    expect(comparison.errors.repeatMean).toBeUndefined();
    expect(comparison.lastErrors.repeatMean).toBeUndefined();
    expect(comparison.skill.publishedAgainstRepeat).toBeUndefined();
    expect(comparison.noiseFloor).toBeUndefined();
    expect(comparison.empirical.method).toBe('ridge');
    expect(comparison.skill.empiricalAgainstMean).toBeGreaterThan(0.2);
  });

  it('are analysed where the first session lacks a state', () => {
    const { states } = publishedTraces(table, 10);
    // twelve trials of each session; in the first session none with only source 1 on
    const order = Array.from({ length: 40 }, (_, session) => {
      const rows = Array.from({ length: 256 }, (_, trial) => session * 256 + trial);
      return rows.filter((row) => session > 0 || states[row] !== 2).slice(0, 12);
    }).flat();
    const few = takeRows({ ...table, trialsPerSession: 12 }, order);
    for (const mode of MODES) {
      const analysis = analyse(few, { mode });
      const { responses, arrays } = fitted(analysis);
      expect(responses[2 * 40]).toBeNaN();
      expect(arrays.x.every((x) => x >= 0 && x <= 1)).toBe(true);
      expect(findStrayNumbers(analysis)).toEqual([]);
    }
  });
});

describe('experiments of other sizes', () => {
  it.each([4, 5, 6, 7, 8])('are analysed with %d trials a session, however few show one source', (trials) => {
    const whole = emulateResponses({ seed: 2, sessions: 30, mixing: 0 });
    const { states } = publishedTraces(whole, 10);
    // one trial of each state, and some more: 10, 01, 11, 00, then whatever comes first
    const order = Array.from({ length: 30 }, (_, session) => {
      const rows = Array.from({ length: 256 }, (_, trial) => session * 256 + trial);
      const one = [2, 1, 3, 0].map((state) => rows.find((row) => states[row] === state)!);
      return [...one, ...rows.filter((row) => !one.includes(row))].slice(0, trials);
    }).flat();
    const table = takeRows({ ...whole, trialsPerSession: trials }, order);
    for (const mode of MODES) {
      const analysis = analyse(table, { mode, mixing: 0 });
      expect(fitted(analysis).arrays.x.every((x) => x >= 0 && x <= 1)).toBe(true);
      expect(findStrayNumbers(analysis)).toEqual([]);
      expect(analysis.verdict.reason).not.toContain('NaN');
    }
  });

  it.each([1, 2, 3])(
    'give no stray number with four trials of fresh patterns, whatever comes out (seed %d)',
    (seed) => {
      const table = emulateResponses({ seed, sessions: 30, trialsPerSession: 4, mixing: 0, pattern: 'fresh' });
      for (const mode of MODES) {
        const analysis = analyse(table, { mode, mixing: 0 });
        expect(findStrayNumbers(analysis)).toEqual([]);
        expect(analysis.verdict.reason).not.toContain('NaN');
      }
    },
  );

  it.each([
    { sourceCount: 3, inputsPerBlock: 10, seed: 2 },
    { sourceCount: 4, inputsPerBlock: 8, seed: 2 },
  ])('are analysed with $sourceCount sources', ({ sourceCount, inputsPerBlock, seed }) => {
    const table = emulateResponses({ seed, sessions: 30, sourceCount, inputsPerBlock, mixing: 0 });
    for (const mode of MODES) {
      const analysis = analyse(table, { mode, mixing: 0 });
      const { arrays, qA1, phi } = fitted(analysis);
      expect(findNonFinite(analysis)).toEqual([]);
      const inputs = sourceCount * inputsPerBlock;
      expect([arrays.x.length, arrays.w1.length, arrays.errA.length, qA1.length, phi.phi1.length]).toEqual([
        sourceCount * 30 * 256,
        sourceCount * inputs * 30,
        2 * sourceCount * 30,
        inputs * 2 ** sourceCount,
        sourceCount,
      ]);
      // what each ensemble believes of its own block lies above what it believes of the others
      for (let a = 0; a < sourceCount; a++) {
        const blocks = Array.from({ length: sourceCount }, (_, block) => {
          const weights = Array.from({ length: inputsPerBlock }, (_, j) => {
            return arrays.w1[(a * inputs + block * inputsPerBlock + j) * 30 + 29]!;
          });
          return weights.reduce((sum, w) => sum + w, 0);
        });
        expect(blocks.indexOf(Math.max(...blocks))).toBe(a);
      }
    }
  });

  it('are analysed with a single initial session and one to predict', () => {
    const table = emulateResponses({ seed: 1, sessions: 2 });
    for (const mode of MODES) {
      const analysis = analyse(table, { mode, initialSessions: 1 });
      expect(analysis.outcome.type).toBe('fitted');
      expect(findStrayNumbers(analysis)).toEqual([]);
    }
  });
});
