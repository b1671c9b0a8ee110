import { describe, expect, it } from 'vitest';

import { openRandomStream, shuffleInPlace } from '../../protocols/random.js';
import { compareCultures } from './compare-cultures.js';
import type {
  ComparedPair,
  CompareOptions,
  CultureComparison,
  CultureRow,
  MetricDefinition,
  MetricValue,
  RefusedPair,
} from './culture-comparison.js';
import { CULTURE_METRICS } from './culture-comparison.js';

const ERROR: MetricDefinition = { name: 'errX91to100', label: 'prediction error', unit: 'squared units of x' };
const RATE: MetricDefinition = { name: 'evokedRate', label: 'evoked rate', unit: 'spikes per trial' };
const PHI: MetricDefinition = { name: 'phi1', label: 'phi1', unit: 'nats', needsControlBaseline: true };
const FAST = { resamples: 499 } as const;

// Reference figures of the published cultures: mean squared error over sessions 91-100.
const BIC = [0.172, 0.168, 0.26, 0.369, 0.236, 0.298];
const MIX0 = [0.097, 0.181, 0.08, 0.162];

function rowsOf(group: string, values: readonly MetricValue[], more: Partial<CultureRow> = {}): CultureRow[] {
  return values.map((value, i) => ({
    culture: `${group}.mat#${more.batch ?? ''}${i}`,
    group,
    baseline: { source: 'own', value: 2.6 },
    values: { [ERROR.name]: value },
    ...more,
  }));
}

function onlyPair(comparison: CultureComparison, metric: string): ComparedPair | RefusedPair {
  const pairs = comparison.metrics.find((entry) => entry.metric.name === metric)?.pairs ?? [];
  expect(pairs).toHaveLength(1);
  return pairs[0]!;
}

function comparedPair(comparison: CultureComparison, metric: string = ERROR.name): ComparedPair {
  const pair = onlyPair(comparison, metric);
  if (pair.type === 'refused') throw new Error(pair.reason);
  return pair;
}

function compareError(rows: readonly CultureRow[], options: CompareOptions = {}): CultureComparison {
  return compareCultures(rows, { metrics: [ERROR], ...FAST, ...options });
}

describe('comparison of cultures', () => {
  it('tests, measures and says in words how two groups differ', () => {
    const comparison = compareError([...rowsOf('bic', BIC), ...rowsOf('mix0', MIX0)]);
    const pair = comparedPair(comparison);
    // scipy.stats.mannwhitneyu(bic, mix0, method='exact'): U = 22, p = 0.038095238095238093
    expect(pair.test).toMatchObject({ statistic: 22, exactness: { type: 'exact', arrangements: 210 } });
    expect(pair.test.p).toBeCloseTo(0.0380952380952381, 14);
    expect(pair.testName).toBe('mann-whitney');
    expect(pair.pCorrected).toBe(pair.test.p);
    expect(pair.cliffsDelta.estimate).toBeCloseTo((2 * 22) / 24 - 1, 14);
    expect(pair.first).toEqual({ group: 'bic', cultures: 6, mean: 1.503 / 6, median: 0.248 });
    expect(pair.difference.estimate).toBeCloseTo(1.503 / 6 - 0.13, 14);
    expect(pair.difference.lower).toBeGreaterThan(0.03);
    expect(pair.difference.upper).toBeLessThan(0.21);
    expect(pair.words).toMatch(
      /^Prediction error: bic 0\.251 \(6 cultures\) against mix0 0\.13 \(4 cultures\), difference 0\.12 \(.* to .*, 95 % interval\) squared units of x\. p = 0\.0381 \(Mann-Whitney, exact\), 0\.0381 after correction for 1 test\. The groups differ in prediction error\. With fewer than 10 cultures in a group the interval is too narrow\.$/,
    );
    expect(comparison.groups).toEqual([
      { group: 'bic', cultures: 6 },
      { group: 'mix0', cultures: 4 },
    ]);
  });

  it('says that 2 against 2 cultures cannot tell, whatever is true', () => {
    const pair = comparedPair(compareError([...rowsOf('a', [1, 2]), ...rowsOf('b', [100, 200])]));
    expect(pair.test.smallestPossibleP).toBeCloseTo(1 / 3, 14);
    expect(pair.canReachLevel).toBe(false);
    expect(pair.words).toContain('no arrangement of them could give p < 0.05 (the smallest possible is 0.333)');
    expect(pair.words).not.toContain('The groups differ');
  });

  it('does not warn of a narrow interval where there are enough cultures', () => {
    const random = openRandomStream(5, 'many-cultures');
    const draw = (): number[] => Array.from({ length: 12 }, () => random.normal());
    const pair = comparedPair(compareError([...rowsOf('a', draw()), ...rowsOf('b', draw())]));
    expect(pair.words).not.toContain('too narrow');
  });

  it('does not call the absence of a finding equality', () => {
    const pair = comparedPair(compareError([...rowsOf('a', [1, 2, 3, 4]), ...rowsOf('b', [1.5, 2.5, 3.5, 2])]));
    expect(pair.canReachLevel).toBe(true);
    expect(pair.words).toContain('No difference is shown, which does not show that they are equal');
  });

  it('compares every pair of groups, in the order asked for', () => {
    const rows = ['c', 'a', 'b'].flatMap((group, i) => rowsOf(group, [i, i + 0.5]));
    const order = (options: CompareOptions): string[] =>
      compareError(rows, options).metrics[0]!.pairs.map((pair) =>
        pair.type === 'compared' ? `${pair.first.group}-${pair.second.group}` : 'refused',
      );
    expect(order({})).toEqual(['a-b', 'a-c', 'b-c']);
    expect(order({ groups: ['c', 'a'] })).toEqual(['c-a']);
  });

  it('corrects over all metrics and pairs', () => {
    const other: MetricDefinition = { name: 'skill', label: 'skill', unit: 'share' };
    const rows = [...rowsOf('bic', BIC), ...rowsOf('mix0', MIX0)].map((row, i) => ({
      ...row,
      values: { ...row.values, skill: [5, 1, 4, 2, 8, 3, 7, 6, 0, 9][i]! },
    }));
    const comparison = compareError(rows, { metrics: [ERROR, other] });
    expect(comparison.testsMade).toBe(2);
    const pair = comparedPair(comparison);
    expect(pair.pCorrected).toBeCloseTo(2 * pair.test.p, 14);
    expect(pair.words).toContain('The difference does not stand after correction, so it is not shown.');
  });

  it('compares means by permutation where that is asked for', () => {
    const pair = comparedPair(compareError([...rowsOf('bic', BIC), ...rowsOf('mix0', MIX0)], { test: 'mean' }));
    expect(pair.testName).toBe('permutation-of-means');
    expect(pair.test.statistic).toBeCloseTo(1.503 / 6 - 0.13, 14);
    expect(pair.words).toContain('permutation of means in 1 batch, exact');
  });
});

describe('exclusions', () => {
  it('list every culture that is left out, with its reason', () => {
    const missing = { missing: 'ensemble 2 not found' };
    const rows = [
      ...rowsOf('a', [1, 2, 3, missing]),
      ...rowsOf('b', [4, 5]),
      { ...rowsOf('b', [6])[0]!, culture: 'contaminated', excluded: 'infected on day 3' },
      {
        ...rowsOf('b', [])[0],
        culture: 'bare',
        group: 'b',
        baseline: { source: 'own', value: 1 } as const,
        values: {},
      },
    ];
    const comparison = compareError(rows);
    expect(comparison.excluded).toEqual([{ culture: 'contaminated', group: 'b', reason: 'infected on day 3' }]);
    expect(comparison.metrics[0]!.exclusions).toEqual([
      { culture: 'a.mat#3', group: 'a', reason: 'ensemble 2 not found' },
      { culture: 'bare', group: 'b', reason: 'not among the results of this culture' },
    ]);
    expect(comparedPair(comparison)).toMatchObject({ first: { cultures: 3 }, second: { cultures: 2 } });
  });

  it('refuse a pair when a group has nothing left, and keep the other pairs', () => {
    const rows = [...rowsOf('a', [1, 2]), ...rowsOf('b', [{ missing: 'no responses' }]), ...rowsOf('c', [3, 4])];
    const { pairs } = compareError(rows).metrics[0]!;
    expect(pairs.map((pair) => (pair.type === 'refused' ? pair.code : pair.type))).toEqual([
      'no-values',
      'compared',
      'no-values',
    ]);
    expect(pairs[0]).toMatchObject({
      reason: 'Prediction error of a and b is not compared: no culture of b has a value.',
    });
  });
});

describe('batches', () => {
  const batched = [
    ...rowsOf('a', [1, 2, 3], { batch: 'day1' }),
    ...rowsOf('b', [4, 5], { batch: 'day1' }),
    ...rowsOf('a', [101, 102], { batch: 'day2' }),
    ...rowsOf('b', [103, 104, 105], { batch: 'day2' }),
  ];

  it('are compared only inside, so that a difference between them is not a difference between groups', () => {
    const moved = batched.map((row) => {
      const value = row.values[ERROR.name];
      return row.batch === 'day2' && typeof value === 'number'
        ? { ...row, values: { [ERROR.name]: value - 5000 } }
        : row;
    });
    const [plain, shifted] = [comparedPair(compareError(batched)), comparedPair(compareError(moved))];
    expect(plain).toMatchObject({ testName: 'van-elteren', batches: 2 });
    expect(plain.test.p).toBeCloseTo(2 / 100, 14);
    expect(shifted.test).toEqual(plain.test);
    expect(shifted.difference.estimate).toBeCloseTo(plain.difference.estimate, 10);
    expect(shifted.difference.lower).toBeCloseTo(plain.difference.lower, 8);
    expect(shifted.cliffsDelta).toEqual(plain.cliffsDelta);
  });

  it('set aside the cultures whose batch lacks the other group, and say so', () => {
    const pair = comparedPair(compareError([...batched, ...rowsOf('a', [-50, -60], { batch: 'day3' })]));
    expect(pair.setAside.map(({ reason }) => reason)).toEqual([
      'batch day3 has no culture of the other group',
      'batch day3 has no culture of the other group',
    ]);
    expect(pair.first.cultures).toBe(5);
    expect(pair.test.p).toBeCloseTo(2 / 100, 14);
    expect(pair.words).toContain('2 cultures are set aside, for their batch lacks the other group.');
  });

  it('refuse a comparison that would be one of batches', () => {
    const rows = [...rowsOf('a', [1, 2, 3, 4], { batch: 'day1' }), ...rowsOf('b', [5, 6, 7, 8], { batch: 'day2' })];
    expect(onlyPair(compareError(rows), ERROR.name)).toMatchObject({ type: 'refused', code: 'confounded-with-batch' });
  });

  it('warn that a culture alone in its group and batch cannot be resampled', () => {
    const pairs = ['day1', 'day2'].flatMap((batch, i) => [
      ...rowsOf('a', [i, i + 1], { batch }),
      ...rowsOf('b', [i + 2], { batch }),
    ]);
    const pair = comparedPair(compareError(pairs));
    expect(pair.fixedCultures).toBe(2);
    expect(pair.words).toContain(
      '2 cultures are alone of their group in their batch, so the resampling behind the interval cannot move them.',
    );
  });
});

describe('phi', () => {
  /** Four cultures of two groups with phi and rate, and a baseline that each may change. */
  function phiRows(baseline: (group: string, i: number) => CultureRow['baseline']): CultureRow[] {
    return ['bic', 'dzp'].flatMap((group, g) =>
      [0, 1, 2, 3].map((i) => ({
        culture: `${group}#${i}`,
        group,
        baseline: baseline(group, i),
        values: { phi1: -0.6 - g - 0.01 * i, evokedRate: 3 - g - 0.1 * i },
      })),
    );
  }
  const control = { source: 'control', value: 2.478 } as const;
  const options = { metrics: [RATE, PHI], ...FAST };

  it('is compared, beside the evoked rate, where the baseline comes from control cultures', () => {
    const comparison = compareCultures(
      phiRows(() => control),
      options,
    );
    const [phi, rate] = [comparedPair(comparison, 'phi1'), comparedPair(comparison, 'evokedRate')];
    expect(phi.test.p).toBeCloseTo(2 / 70, 14);
    expect(phi.beside).toEqual({
      metric: 'evokedRate',
      p: rate.test.p,
      pCorrected: rate.pCorrected,
      cliffsDelta: rate.cliffsDelta.estimate,
    });
    expect(phi.words).toContain('The evoked rate of the same groups, which phi follows closely, has p = 0.0286.');
    expect(rate.beside).toBeUndefined();
  });

  it.each(['own', 'group', 'given'] as const)(
    'is refused where one baseline is "%s", and the rest goes on',
    (source) => {
      const rows = phiRows((group, i) => (group === 'dzp' && i === 2 ? { source, value: 2.478 } : control));
      const comparison = compareCultures(rows, options);
      const refusal = onlyPair(comparison, 'phi1');
      expect(refusal).toMatchObject({ type: 'refused', code: 'no-control-baseline' });
      expect(refusal).toHaveProperty('reason', expect.stringContaining(`1 of 8 cultures have another (${source})`));
      expect(comparedPair(comparison, 'evokedRate').test.p).toBeCloseTo(2 / 70, 14);
      expect(comparison.testsMade).toBe(1);
    },
  );

  it('is refused where control baselines differ inside a batch', () => {
    const rows = phiRows((group) => ({ source: 'control', value: group === 'bic' ? 2.4 : 2.5 }));
    expect(onlyPair(compareCultures(rows, options), 'phi1')).toMatchObject({ code: 'mixed-control-baselines' });
  });

  it('is compared where each batch has its own control baseline', () => {
    const rows = phiRows((_, i) => ({ source: 'control', value: i < 2 ? 2.4 : 2.5 }));
    const inBatches = rows.map((row) => ({ ...row, batch: row.baseline.value === 2.4 ? 'old lab' : 'new lab' }));
    expect(comparedPair(compareCultures(inBatches, options), 'phi1').batches).toBe(2);
  });

  it('is refused where no evoked rate can stand beside it', () => {
    const rows = phiRows(() => control);
    expect(onlyPair(compareCultures(rows, { ...options, metrics: [PHI] }), 'phi1')).toMatchObject({
      code: 'no-evoked-rate',
    });
    const bare = rows.map((row) => ({ ...row, values: { phi1: 1, evokedRate: { missing: 'not recorded' } } }));
    expect(onlyPair(compareCultures(bare, options), 'phi1')).toMatchObject({ code: 'no-evoked-rate' });
  });

  it('needs a control baseline in the metrics that the program ships', () => {
    const needing = CULTURE_METRICS.filter((metric) => metric.needsControlBaseline === true).map(({ name }) => name);
    expect(needing).toEqual(['phi1', 'phi0']);
    expect(CULTURE_METRICS.map(({ name }) => name)).toContain('evokedRate');
  });
});

describe('a comparison as a whole', () => {
  function drawRows(experiment: number, shift = 0): CultureRow[] {
    const random = openRandomStream(21, 'compare-test', experiment);
    return ['day1', 'day2', 'day3'].flatMap((batch, b) =>
      ['a', 'b'].flatMap((group, g) =>
        rowsOf(
          group,
          Array.from({ length: 2 + ((b + g) % 2) }, () => 30 * b + shift * g + random.normal()),
          { batch },
        ),
      ),
    );
  }

  it('does not depend on the order of the rows', () => {
    const rows = [...drawRows(0), ...rowsOf('c', [1, 2, 3, { missing: 'x' }], { batch: 'day1' })];
    for (const test of ['rank', 'mean'] as const) {
      const known = compareError(rows, { test });
      for (let seed = 0; seed < 5; seed++) {
        const shuffled = shuffleInPlace([...rows], openRandomStream(seed, 'row-order'));
        expect(compareError(shuffled, { test })).toEqual(known);
      }
    }
  });

  it('claims a difference at its level where there is none, and finds a large one', () => {
    const claims = (shift: number, test: 'rank' | 'mean'): number => {
      const claimed = Array.from({ length: 400 }, (_, i) =>
        comparedPair(compareError(drawRows(i, shift), { test, resamples: 1 })),
      ).filter(({ pCorrected }) => pCorrected < 0.05);
      return claimed.length / 400;
    };
    for (const test of ['rank', 'mean'] as const) {
      const falseClaims = claims(0, test);
      expect(falseClaims).toBeGreaterThan(0.01);
      expect(falseClaims).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / 400));
      expect(claims(3, test)).toBeGreaterThan(0.9);
    }
  });

  it('goes through JSON unchanged', () => {
    const comparison = compareCultures([...rowsOf('a', [1, 2]), ...rowsOf('b', [3])], FAST);
    expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
    expect(comparison.metrics).toHaveLength(CULTURE_METRICS.length);
  });

  it('refuses a culture listed twice, a single group, a value that is not finite and a bad level', () => {
    const rows = [...rowsOf('a', [1, 2]), ...rowsOf('b', [3])];
    expect(() => compareError([...rows, rows[0]!])).toThrow(/A culture is listed twice: got a\.mat#0/);
    expect(() => compareError(rowsOf('a', [1, 2]))).toThrow(/Too few groups to compare: got a,/);
    expect(() => compareError([...rows, ...rowsOf('c', [Number.NaN])])).toThrow(/errX91to100: got NaN.*\(c\.mat#0\)/);
    expect(() => compareError(rows, { level: 5 })).toThrow(/Bad level/);
  });
});
