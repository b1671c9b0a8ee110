import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import {
  readRealCultures,
  REAL_CULTURE_PATHS,
  REAL_CULTURES,
  type RealCultures,
} from '../../tests/helpers/real-cultures.js';
import {
  dataPath,
  describeWithRealData,
  readReference,
  referenceArray,
  referencePaths,
} from '../../tests/helpers/real-data.js';
import { designOf } from './analysis.js';
import {
  errorsBySession,
  isPatternRepeated,
  meanOfLast,
  noiseFloor,
  predictConstantMean,
  predictRepeatMean,
  predictWithWeights,
  skillScore,
  type ComparisonData,
} from './comparators.js';
import { fitPublished, publishedTraces } from './fit-published.js';
import { createModelRun, runSession } from './model-run.js';

const SUMMARY_PATH = 'isomura2023/reference_summary.json';
const figures = z.object({
  pub: z.number(),
  mean: z.number(),
  frozen: z.number(),
  rep: z.number(),
  filt: z.number(),
  floor: z.number(),
});
type Figures = z.infer<typeof figures>;
const summarySchema = z.array(z.object({ condition: z.string(), culture: z.number(), post91_100: figures }));

/** Mean squared errors of sessions 91-100, under the reference's names. */
function figuresOf(data: ComparisonData): Figures {
  const { design, arrays } = data;
  const last = (predicted: Float64Array): number => meanOfLast(errorsBySession(design, arrays.x, predicted), 10);
  return {
    pub: last(arrays.xp),
    mean: last(predictConstantMean(data)),
    frozen: last(predictWithWeights(data, (session) => Math.min(session, 10))),
    rep: last(predictRepeatMean(data)),
    filt: last(predictWithWeights(data, (session) => session)),
    floor: noiseFloor(data, 10),
  };
}

function largestGap(got: Figures, wanted: Figures): number {
  const others = new Map(Object.entries(wanted));
  return Math.max(...Object.entries(got).map(([name, value]) => Math.abs(value - others.get(name)!)));
}

describeWithRealData(
  'the comparators on the published recordings',
  [...REAL_CULTURE_PATHS, ...referencePaths('ctrl18'), SUMMARY_PATH],
  () => {
    let real: RealCultures;
    let summary: z.infer<typeof summarySchema>;
    beforeAll(async () => {
      real = await readRealCultures();
      summary = summarySchema.parse(JSON.parse(readFileSync(dataPath(SUMMARY_PATH), 'utf8')));
    });
    const wantedOf = (condition: string, culture: number): Figures =>
      summary.find((entry) => entry.condition === condition && entry.culture === culture)!.post91_100;

    it.each(REAL_CULTURES)('have the reference errors of sessions 91-100 to 1e-9: $condition $index', (culture) => {
      const table = real.tableOf(culture);
      const traces = publishedTraces(table, 10);
      const design = designOf(table, { initialSessions: 10, mixing: culture.mixing });
      const baseline = real.referenceOf(culture, 'baseline').data[0]!;
      const { arrays, phi } = fitPublished(table, traces, { design, baseline });
      const got = figuresOf({ design, arrays, phi: phi!, inputs: table.inputs });
      expect(largestGap(got, wantedOf(culture.condition, culture.index))).toBeLessThan(1e-9);
    });

    it('have the reference errors of the control culture, from its stored responses', () => {
      const reference = readReference('ctrl18');
      const pattern = Uint8Array.from(referenceArray(reference, 'stim_o').data);
      const inputs = new Uint8Array(100 * pattern.length);
      for (let session = 0; session < 100; session++) inputs.set(pattern, session * pattern.length);
      const design = {
        sessions: 100,
        trialsPerSession: 256,
        initialSessions: 10,
        sourceCount: 2,
        inputsPerBlock: 16,
        mixing: 0.25,
      };
      const run = createModelRun(design);
      const x = Float64Array.from(referenceArray(reference, 'c18_x').data);
      for (let session = 0; session < 100; session++) runSession(run, { x, inputs });
      const got = figuresOf({ design, arrays: run.arrays, phi: run.phi!, inputs });
      expect(largestGap(got, wantedOf('ctrl', 18))).toBeLessThan(1e-9);
    });
  },
);

/** 4 sessions of 2 trials, the first 2 initial; two ensembles of one input each. */
function handmade(x: readonly number[], inputs: readonly number[]): ComparisonData {
  const design = { sessions: 4, trialsPerSession: 2, initialSessions: 2, sourceCount: 2, inputsPerBlock: 1, mixing: 0 };
  const run = createModelRun(design);
  for (let session = 0; session < 4; session++) {
    runSession(run, { x: Float64Array.from(x), inputs: Uint8Array.from(inputs) });
  }
  return { design, arrays: run.arrays, phi: run.phi!, inputs: Uint8Array.from(inputs) };
}

describe('the comparators', () => {
  const frozen = [1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1];
  const data = handmade(
    [
      ...[0.2, 0.4, 0.4, 0.8, 0.5, 0.9, 0.7, 0.3], // ensemble 1, session by session
      ...[0.6, 0.8, 0.2, 0.4, 0.1, 0.8, 0.1, 0.2], // ensemble 2
    ],
    frozen,
  );

  it('predict the mean over the initial sessions, for every trial', () => {
    // (0.2 + 0.4 + 0.4 + 0.8) / 4 and (0.6 + 0.8 + 0.2 + 0.4) / 4
    predictConstantMean(data).forEach((value, i) => {
      expect(value).toBeCloseTo(i < 8 ? 0.45 : 0.5, 15);
    });
  });

  it('predict the mean of the same trial over the initial sessions', () => {
    const wanted = [0.3, 0.6, 0.4, 0.6]; // (0.2 + 0.4) / 2, (0.4 + 0.8) / 2; (0.6 + 0.2) / 2, (0.8 + 0.4) / 2
    predictRepeatMean(data).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[(i < 8 ? 0 : 2) + (i % 2)]!, 15);
    });
  });

  it('predict with the weights of the session that they are asked for', () => {
    const initial = predictWithWeights(data, () => 0);
    // W = 0: every trial gets the prior, whatever is shown
    initial.forEach((value, i) => {
      expect(value).toBeCloseTo(Math.exp(data.phi.phi1[i < 8 ? 0 : 1]!), 14);
    });
    const filtered = predictWithWeights(data, (session) => session);
    expect(filtered[2]).toBeCloseTo(data.arrays.xp[2]!, 14); // an initial session: the model's own fit
    expect(filtered[0]).not.toBe(filtered[6]);
  });

  it('have their error per session, and its mean over the last sessions', () => {
    const errors = errorsBySession(data.design, data.arrays.x, predictRepeatMean(data));
    // session 4: 0.7 - 0.3, 0.3 - 0.6; 0.1 - 0.4, 0.2 - 0.6
    expect(errors[3]).toBeCloseTo((0.16 + 0.09 + 0.09 + 0.16) / 4, 15);
    // session 3: 0.5 - 0.3, 0.9 - 0.6; 0.1 - 0.4, 0.8 - 0.6
    expect(errors[2]).toBeCloseTo((0.04 + 0.09 + 0.09 + 0.04) / 4, 15);
    expect(meanOfLast(errors, 2)).toBeCloseTo((0.5 + 0.26) / 8, 15);
  });

  it('have as floor the variance of the same trial over the last sessions, divisor n - 1', () => {
    // pairs of sessions 3 and 4: half of each squared difference: 0.2, 0.6; 0, 0.6
    expect(noiseFloor(data, 2)).toBeCloseTo((0.04 + 0.36 + 0 + 0.36) / 2 / 4, 15);
  });

  it('know whether the pattern repeats', () => {
    expect(isPatternRepeated(Uint8Array.from(frozen), 4)).toBe(true);
    expect(isPatternRepeated(Uint8Array.from(frozen.with(15, 0)), 4)).toBe(false);
    expect(isPatternRepeated(Uint8Array.from(frozen.with(0, 0)), 4)).toBe(false);
    expect(isPatternRepeated(Uint8Array.from([1, 0, 1]), 1)).toBe(true);
  });

  it('give skill: 1 for no error, 0 for the error of the reference, below 0 for more', () => {
    expect([0, 0.2, 0.4].map((error) => skillScore(error, 0.2))).toEqual([1, 0, -1]);
    expect(skillScore(0, 0)).toBe(0);
    expect(skillScore(0.1, 0)).toBe(0);
  });
});
