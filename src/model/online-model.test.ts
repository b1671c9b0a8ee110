import { beforeAll, describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import type { ResponseTable } from '../../protocols/responses.js';
import { differingArrays, findNonFinite, hasSameBytes, largestDifference } from '../../tests/helpers/arrays.js';
import {
  readRealCultures,
  REAL_CULTURE_PATHS,
  REAL_CULTURES,
  type RealCulture,
  type RealCultures,
} from '../../tests/helpers/real-cultures.js';
import { describeWithRealData } from '../../tests/helpers/real-data.js';
import { emulateResponses } from '../../tests/helpers/response-tables.js';
import { designOf } from './analysis.js';
import { NONE_LEFT_OUT } from './electrode-choice.js';
import { summariseResponses, tracesOf } from './fit-published.js';
import {
  createOnlineModel,
  endOnlineSession,
  fitCausal,
  observeOnlineTrial,
  type Calibration,
  type OnlineModel,
  type OnlineModelOptions,
  type TrialEstimate,
} from './online-model.js';
import { listStates } from './states.js';

function optionsFor(table: ResponseTable, initialSessions = 10): OnlineModelOptions {
  return {
    design: designOf(table, { initialSessions, mixing: 0.25 }),
    electrodes: table.electrodeCount,
    baseline: 'own',
  };
}

type Calibrated = Extract<Calibration, { type: 'calibrated' }>;

function calibrated(model: OnlineModel): Calibrated {
  if (model.calibration?.type !== 'calibrated') throw new Error('not calibrated');
  return model.calibration;
}

/**
 * Feeds trials as they come: in blocks that the feeder owns and overwrites after use.
 *
 * @param rows rows of the table to feed, from the first on
 */
function feed(model: OnlineModel, table: ResponseTable, { block, rows }: { block: number; rows: number }) {
  const { sourceCount, inputCount, electrodeCount, trialsPerSession } = table;
  const estimates: (TrialEstimate | undefined)[] = [];
  for (let first = 0; first < rows; first += block) {
    const end = Math.min(first + block, rows);
    const sources = table.sources.slice(first * sourceCount, end * sourceCount);
    const inputs = table.inputs.slice(first * inputCount, end * inputCount);
    const counts = table.counts.slice(first * electrodeCount, end * electrodeCount);
    for (let row = first; row < end; row++) {
      const i = row - first;
      estimates.push(
        observeOnlineTrial(model, {
          sources: sources.subarray(i * sourceCount, (i + 1) * sourceCount),
          inputs: inputs.subarray(i * inputCount, (i + 1) * inputCount),
          counts: counts.subarray(i * electrodeCount, (i + 1) * electrodeCount),
        }),
      );
      if ((row + 1) % trialsPerSession === 0) endOnlineSession(model);
    }
    sources.fill(9);
    inputs.fill(9);
    counts.fill(9);
  }
  return estimates;
}

describeWithRealData('the causal analysis of the published recordings', REAL_CULTURE_PATHS, () => {
  let real: RealCultures;
  const models = new Map<RealCulture, OnlineModel>();
  beforeAll(async () => {
    real = await readRealCultures();
    for (const culture of REAL_CULTURES) {
      const table = real.tableOf(culture);
      const baseline = real.referenceOf(culture, 'baseline').data[0]!;
      models.set(culture, fitCausal(table, { ...optionsFor(table), baseline }));
    }
  });

  it.each(REAL_CULTURES)('gives every reference array: $condition $index', (culture) => {
    const { run, ...model } = models.get(culture)!;
    const { ensembles } = calibrated({ run, ...model });
    const { arrays } = run;
    const fields = new Map<string, ArrayLike<number>>([
      ['x', arrays.x],
      ['xp', arrays.xp],
      ['L', arrays.freeEnergy],
      ['W', arrays.w1.map((w1, i) => w1 - arrays.w0[i]!)],
      ['err_x', arrays.errX],
      ['err_W', arrays.errW],
      ['g1', ensembles[0]!],
      ['g2', ensembles[1]!],
    ]);
    const wanted = real.fieldsOf(culture).filter((name) => name.startsWith('causal_'));
    expect(Array.from(fields.keys(), (name) => `causal_${name}`).sort()).toEqual(wanted.sort());
    const differences = Array.from(fields, ([name, values]) => {
      const { data } = real.referenceOf(culture, `causal_${name}`);
      const limit = data instanceof Float32Array ? 6e-8 : 1e-9;
      return { name, limit, difference: largestDifference(values, data) };
    });
    expect(differences.filter(({ difference, limit }) => difference > limit)).toEqual([]);
  });
});

describe('the online model', () => {
  const table = emulateResponses({ seed: 1, sessions: 30 });
  const options = optionsFor(table);
  const rows = table.sessions * table.trialsPerSession;
  const batch = fitCausal(table, options);
  const stream = createOnlineModel(options);
  const estimates = feed(stream, table, { block: 1, rows });

  it('gives, trial by trial, the bytes of the analysis of the whole table', () => {
    expect(differingArrays(stream.run.arrays, batch.run.arrays)).toEqual([]);
    expect(stream.calibration).toEqual(batch.calibration);
    expect(stream.run.phi).toEqual(batch.run.phi);
  });

  it.each([2, 7, 13, 256, rows])('keeps nothing of the memory that trials came in: blocks of %d', (block) => {
    const model = createOnlineModel(options);
    expect(feed(model, table, { block, rows })).toEqual(estimates);
    expect(differingArrays(model.run.arrays, batch.run.arrays)).toEqual([]);
  });

  it('does not look ahead: after 20 sessions it knows of them what it knows at the end', () => {
    const model = createOnlineModel(options);
    const half = 20 * table.trialsPerSession;
    expect(feed(model, table, { block: 64, rows: half })).toEqual(estimates.slice(0, half));
    for (const name of ['freeEnergy', 'errX', 'errW'] as const) {
      const [now, end] = [model.run.arrays[name], batch.run.arrays[name]];
      expect(hasSameBytes(now.subarray(0, 20), end.subarray(0, 20))).toBe(true);
      expect(Array.from(now.subarray(20))).toEqual(new Array(10).fill(0));
    }
    expect(hasSameBytes(model.run.arrays.x.subarray(0, half), batch.run.arrays.x.subarray(0, half))).toBe(true);
  });

  it('says nothing while it calibrates, and then something on every trial', () => {
    const calibration = 10 * table.trialsPerSession;
    expect(estimates.slice(0, calibration).every((estimate) => estimate === undefined)).toBe(true);
    expect(estimates.slice(calibration).every((estimate) => estimate !== undefined)).toBe(true);
  });

  it('predicts on every trial what the session keeps as its prediction', () => {
    const { xp } = batch.run.arrays;
    estimates.forEach((estimate, row) => {
      if (estimate === undefined) return;
      expect([row, estimate.xp[0], estimate.xp[1]]).toEqual([row, xp[row], xp[rows + row]]);
    });
  });

  it('has a provisional response within 0.06 (rms) of the exact one, equal to it on the last trial of a session', () => {
    const { x } = batch.run.arrays;
    let squares = 0;
    let count = 0;
    estimates.forEach((estimate, row) => {
      if (estimate === undefined) return;
      for (const a of [0, 1]) {
        const difference = estimate.x[a]! - x[a * rows + row]!;
        squares += difference * difference;
        count++;
        if ((row + 1) % table.trialsPerSession === 0) expect(Math.abs(difference)).toBeLessThan(1e-9);
      }
    });
    expect(Math.sqrt(squares / count)).toBeLessThan(0.06);
    expect(squares).toBeGreaterThan(0);
  });

  it('has as provisional response the one of 1.4 with the mean of the last 256 trials', () => {
    const { ensembles, baseline } = calibrated(batch);
    const states = listStates(table.sources, 2);
    const K = table.trialsPerSession;
    const meanOf = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    ensembles.forEach((members, a) => {
      const trace = Array.from({ length: rows }, (_, row) => meanOf(members.map((e) => table.counts[row * 64 + e]!)));
      const m1 = meanOf(trace.slice(0, K));
      const c = [0, 1, 2, 3].map((state) => meanOf(trace.slice(0, K).filter((_, row) => states[row] === state)));
      const y = trace.slice(0, 10 * K).map((count, row) => {
        const first = Math.floor(row / K) * K;
        return count - c[states[row]!]! - (meanOf(trace.slice(first, first + K)) - m1);
      });
      const sigma = Math.sqrt(y.reduce((sum, v) => sum + (v - meanOf(y)) ** 2, 0) / (y.length - 1));
      for (let row = 10 * K; row < rows; row += 97) {
        const shift = meanOf(trace.slice(row - K + 1, row + 1)) - m1;
        const x = 0.5 + (trace[row]! - c[states[row]!]! - shift) / (2 * sigma) + (m1 - baseline) / (4 * baseline);
        expect(Math.abs(estimates[row]!.x[a]! - Math.min(1, Math.max(0, x)))).toBeLessThan(1e-9);
      }
    });
  });

  it('takes as its own baseline the mean count of its ensembles over the initial sessions', () => {
    const states = listStates(table.sources, 2);
    const { ensembles, baseline } = calibrated(batch);
    const { ownBaseline } = tracesOf(table, {
      states,
      ensembles,
      leftOut: NONE_LEFT_OUT,
      statistics: summariseResponses(table, states),
      initialSessions: 10,
    });
    expect(Math.abs(baseline - ownBaseline)).toBeLessThan(1e-12);
    expect(calibrated(fitCausal(table, { ...options, baseline: 1.25 })).baseline).toBe(1.25);
  });

  it('refuses to end a session early, saying how many trials there were', () => {
    const model = createOnlineModel(options);
    feed(model, table, { block: 1, rows: 256 + 3 });
    expect(() => {
      endOnlineSession(model);
    }).toThrow('A session ended early: got 3 trials, expected 256 (session 2)');
  });

  it.each([0, 30, 31, -1, Number.NaN])('refuses %d initial sessions of 30', (initialSessions) => {
    const design = { ...options.design, initialSessions };
    expect.assertions(1);
    try {
      createOnlineModel({ ...options, design });
    } catch (error) {
      expect(isMeaError(error, 'bad-input')).toBe(true);
    }
  });
});

describe('the online model of a culture without an ensemble', () => {
  it('says which sources have none, predicts nothing and goes on', () => {
    const silent = emulateResponses({ seed: 1, sessions: 4, condition: 'ttx' });
    const model = createOnlineModel(optionsFor(silent, 2));
    const estimates = feed(model, silent, { block: 256, rows: 4 * 256 });
    expect(model.calibration).toEqual({
      type: 'ensemble-not-found',
      ensembles: [[], []],
      leftOut: NONE_LEFT_OUT,
      missing: [0, 1],
    });
    expect(estimates.every((estimate) => estimate === undefined)).toBe(true);
    expect(model.row).toBe(4 * 256);
    expect(model.run.phi).toBeUndefined();
    expect(findNonFinite(model.run.arrays)).toEqual([]);
  });

  it('names the one source that nothing prefers', () => {
    const table = emulateResponses({ seed: 1, sessions: 4 });
    const [first] = calibrated(fitCausal(table, optionsFor(table, 2))).ensembles;
    const counts = table.counts.map((count, i) => (first!.includes(i % 64) ? 0 : count));
    const model = fitCausal({ ...table, counts }, optionsFor(table, 2));
    expect(model.calibration).toMatchObject({ type: 'ensemble-not-found', missing: [0] });
  });
});
