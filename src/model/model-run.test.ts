import { beforeAll, describe, expect, it } from 'vitest';

import { openRandomStream } from '../../protocols/random.js';
import { drawPattern, inputCountOf } from '../../protocols/mixed-sources.js';
import { hasSameBytes, largestDifference } from '../../tests/helpers/arrays.js';
import { describeWithRealData, readReference, referenceArray, referencePaths } from '../../tests/helpers/real-data.js';
import {
  createModelRun,
  finalJointLikelihood,
  meanSquaredError,
  runSession,
  type ExperimentDesign,
  type ModelRun,
  type SessionData,
} from './model-run.js';

function runAll(design: ExperimentDesign, data: SessionData): ModelRun {
  const run = createModelRun(design);
  for (let session = 0; session < design.sessions; session++) runSession(run, data);
  return run;
}

describeWithRealData('the model on the published control culture', referencePaths('ctrl18'), () => {
  const design = {
    sessions: 100,
    trialsPerSession: 256,
    initialSessions: 10,
    sourceCount: 2,
    inputsPerBlock: 16,
    mixing: 0.25,
  };
  let run: ModelRun;
  let reference: ReturnType<typeof readReference>;
  beforeAll(() => {
    reference = readReference('ctrl18');
    const stimulus = referenceArray(reference, 'stim_o').data;
    const inputs = new Uint8Array(100 * stimulus.length);
    for (let session = 0; session < 100; session++) inputs.set(stimulus, session * stimulus.length);
    run = runAll(design, { x: Float64Array.from(referenceArray(reference, 'c18_x').data), inputs });
  });

  it('gives every reference array but the ensembles and the baseline to 1e-9, from the stored responses', () => {
    const { arrays, phi } = run;
    const fields = new Map<string, ArrayLike<number>>([
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
    ]);
    const wanted = Array.from(reference.keys()).filter((name) => name.startsWith('c18_') && name !== 'c18_baseline');
    expect(Array.from(fields.keys(), (name) => `c18_${name}`).sort()).toEqual(wanted.sort());
    const differences = Array.from(fields, ([name, values]) => {
      return [name, largestDifference(values, referenceArray(reference, `c18_${name}`).data)] as const;
    });
    expect(differences.filter(([, difference]) => difference > 1e-9)).toEqual([]);
  });
});

// 12 sessions of 24 trials, 3 of them initial, responses that follow a noisy version of each source
const SMALL = {
  sessions: 12,
  trialsPerSession: 24,
  initialSessions: 3,
  sourceCount: 2,
  inputsPerBlock: 5,
  mixing: 0.25,
};
const ROWS = SMALL.sessions * SMALL.trialsPerSession;

function smallData(): SessionData & { readonly sources: Uint8Array } {
  const { sources, inputs } = drawPattern(SMALL, ROWS, openRandomStream(3, 'pattern'));
  const random = openRandomStream(3, 'response');
  const x = new Float64Array(2 * ROWS);
  for (let a = 0; a < 2; a++) {
    for (let row = 0; row < ROWS; row++) {
      const on = 0.3 + 0.4 * sources[row * 2 + a]!;
      x[a * ROWS + row] = Math.min(1, Math.max(0, on + 0.3 * random.normal()));
    }
  }
  return { x, inputs, sources };
}

describe('a model run', () => {
  const data = smallData();
  const run = runAll(SMALL, data);
  const { arrays } = run;

  it('has the weights of 1.6: logit of prior and earlier sessions alone', () => {
    const inputCount = inputCountOf(SMALL);
    for (const session of [0, 1, 5, 11]) {
      const before = session * SMALL.trialsPerSession;
      for (let a = 0; a < 2; a++) {
        for (let j = 0; j < inputCount; j++) {
          let [h1, m1, h0, m0] = [1500, 3000, 1500, 3000];
          for (let row = 0; row < before; row++) {
            const x = data.x[a * ROWS + row]!;
            const o = data.inputs[row * inputCount + j]!;
            h1 += x * o;
            m1 += x;
            h0 += (1 - x) * o;
            m0 += 1 - x;
          }
          const at = (a * inputCount + j) * SMALL.sessions + session;
          expect(Math.abs(arrays.w1[at]! - Math.log(h1 / m1 / (1 - h1 / m1)))).toBeLessThan(1e-12);
          expect(Math.abs(arrays.w0[at]! - Math.log(h0 / m0 / (1 - h0 / m0)))).toBeLessThan(1e-12);
        }
      }
    }
  });

  it('has as free energy the sum over trials of x ln x + (1 - x) ln (1 - x) - x ln P(o, 1) - (1 - x) ln P(o, 0)', () => {
    const inputCount = inputCountOf(SMALL);
    const sigmoid = (w: number): number => 1 / (1 + Math.exp(-w));
    for (let session = 0; session < SMALL.sessions; session++) {
      let energy = 0;
      let unlearned = 0;
      for (let a = 0; a < 2; a++) {
        for (let trial = 0; trial < SMALL.trialsPerSession; trial++) {
          const row = session * SMALL.trialsPerSession + trial;
          const x = data.x[a * ROWS + row]!;
          let [on, off] = [run.phi!.phi1[a]!, run.phi!.phi0[a]!];
          unlearned -= x * on + (1 - x) * off - inputCount * Math.LN2;
          for (let j = 0; j < inputCount; j++) {
            const at = (a * inputCount + j) * SMALL.sessions + session;
            const shown = data.inputs[row * inputCount + j] === 1;
            const [q1, q0] = [sigmoid(arrays.w1[at]!), sigmoid(arrays.w0[at]!)];
            on += Math.log(shown ? q1 : 1 - q1);
            off += Math.log(shown ? q0 : 1 - q0);
          }
          const entropy = x * Math.log(x + 1e-6) + (1 - x) * Math.log(1 - x + 1e-6);
          energy += entropy - x * on - (1 - x) * off;
          unlearned += entropy;
        }
      }
      expect(Math.abs(arrays.freeEnergy[session]! - energy)).toBeLessThan(1e-9);
      expect(Math.abs(arrays.unlearnedFreeEnergy[session]! - unlearned)).toBeLessThan(1e-9);
    }
  });

  it('starts unlearned and saves free energy by learning', () => {
    expect(arrays.freeEnergy[0]).toBeCloseTo(arrays.unlearnedFreeEnergy[0]!, 9);
    expect(arrays.freeEnergy[11]).toBeLessThan(arrays.unlearnedFreeEnergy[11]! - 0.1);
  });

  it('has as threshold factors the logs of the mean response over the initial sessions', () => {
    const calibration = SMALL.initialSessions * SMALL.trialsPerSession;
    for (let a = 0; a < 2; a++) {
      const mean = data.x.subarray(a * ROWS, a * ROWS + calibration).reduce((sum, x) => sum + x, 0) / calibration;
      expect(run.phi!.phi1[a]).toBeCloseTo(Math.log(mean), 12);
      expect(run.phi!.phi0[a]).toBeCloseTo(Math.log(1 - mean), 12);
    }
  });

  it('predicts from the initial sessions alone: later responses change nothing of the prediction', () => {
    const calibration = SMALL.initialSessions * SMALL.trialsPerSession;
    const x = data.x.map((value, i) => (i % ROWS < calibration ? value : 1 - value));
    const other = runAll(SMALL, { x, inputs: data.inputs });
    expect(hasSameBytes(other.arrays.xp, arrays.xp)).toBe(true);
    expect(hasSameBytes(other.arrays.w1p, arrays.w1p)).toBe(true);
    expect(hasSameBytes(other.arrays.w0p, arrays.w0p)).toBe(true);
    expect(hasSameBytes(other.arrays.w1, arrays.w1)).toBe(false);
  });

  it('learns its predicted weights from its own output at half the speed (gain 2)', () => {
    const inputCount = inputCountOf(SMALL);
    const [calibration, session] = [SMALL.initialSessions * SMALL.trialsPerSession, 7];
    let [h1, m1] = [2 * 1500, 2 * 3000];
    for (let row = 0; row < session * SMALL.trialsPerSession; row++) {
      const x = row < calibration ? 2 * data.x[row]! : arrays.xp[row]!;
      h1 += x * data.inputs[row * inputCount + 4]!;
      m1 += x;
    }
    const at = 4 * SMALL.sessions + session;
    expect(Math.abs(arrays.w1p[at]! - Math.log(h1 / (m1 - h1)))).toBeLessThan(1e-12);
  });

  it('keeps the predicted weights equal to the learned ones until the prediction starts', () => {
    for (let i = 0; i < arrays.w1.length; i++) {
      const session = i % SMALL.sessions;
      if (session > SMALL.initialSessions) continue;
      expect(Math.abs(arrays.w1p[i]! - arrays.w1[i]!)).toBeLessThan(1e-15);
      expect(Math.abs(arrays.w0p[i]! - arrays.w0[i]!)).toBeLessThan(1e-15);
    }
    expect(Math.max(...arrays.errW.subarray(0, SMALL.initialSessions + 1))).toBeLessThan(1e-30);
    expect(Math.min(...arrays.errW.subarray(SMALL.initialSessions + 1))).toBeGreaterThan(1e-12);
  });

  it('does not look beyond the running session', () => {
    const later = 6 * SMALL.trialsPerSession;
    const x = data.x.map((value, i) => (i % ROWS < later ? value : Number.NaN));
    const cut = createModelRun(SMALL);
    for (let session = 0; session < 6; session++) runSession(cut, { x, inputs: data.inputs });
    expect(cut.session).toBe(6);
    expect(hasSameBytes(cut.arrays.freeEnergy.subarray(0, 6), arrays.freeEnergy.subarray(0, 6))).toBe(true);
    expect(hasSameBytes(cut.arrays.xp.subarray(0, later), arrays.xp.subarray(0, later))).toBe(true);
    expect(cut.arrays.errX[6]).toBe(0);
  });

  it('has errors that are finite where every response is 0 or every response is 1', () => {
    for (const value of [0, 1]) {
      const { arrays: flat } = runAll(SMALL, { x: new Float64Array(2 * ROWS).fill(value), inputs: data.inputs });
      expect(flat.freeEnergy.every(Number.isFinite)).toBe(true);
      expect(flat.xp.every((x) => x >= 0 && x <= 1)).toBe(true);
    }
  });

  it('has as errX the mean squared error over ensembles and trials', () => {
    for (let session = 0; session < SMALL.sessions; session++) {
      let sum = 0;
      for (let i = 0; i < 2 * ROWS; i++) {
        if (Math.floor((i % ROWS) / SMALL.trialsPerSession) === session) sum += (data.x[i]! - arrays.xp[i]!) ** 2;
      }
      expect(arrays.errX[session]).toBeCloseTo(sum / (2 * SMALL.trialsPerSession), 13);
    }
    const all = meanSquaredError(data.x, arrays.xp, { design: SMALL, first: 0, end: SMALL.sessions });
    expect(all).toBeCloseTo(arrays.errX.reduce((sum, error) => sum + error, 0) / SMALL.sessions, 13);
  });
});
