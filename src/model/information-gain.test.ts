import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../protocols/random.js';
import { createAccumulators, type Accumulators } from './accumulators.js';
import { digamma } from './digamma.js';
import { createGainTables, expectedInformationGain, learnExpected, updateGainTables } from './information-gain.js';
import { createWeights, predictResponse, updateWeights } from './weights.js';
import { packInputs } from './packed-inputs.js';

const PHI = {
  phi1: Float64Array.of(Math.log(0.45), Math.log(0.6)),
  phi0: Float64Array.of(Math.log(0.55), Math.log(0.4)),
};
const INPUTS = 6;

/** A belief after some trials, of another strength for every entry. */
function belief(seed: number): Accumulators {
  const random = openRandomStream(seed, 'belief');
  const held = createAccumulators({ ensembles: 2, inputs: INPUTS, priorTrials: 3000 });
  for (let a = 0; a < 2; a++) {
    held.m1[a]! += 800 * random.uniform();
    held.m0[a]! += 800 * random.uniform();
    for (let i = a * INPUTS; i < (a + 1) * INPUTS; i++) {
      held.h1[i] = held.m1[a]! * (0.2 + 0.6 * random.uniform());
      held.h0[i] = held.m0[a]! * (0.2 + 0.6 * random.uniform());
    }
  }
  return held;
}

/** ln Gamma for large x: Stirling's series, to 1e-12 above 100. */
function lnGamma(x: number): number {
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * x) - 1 / (360 * x ** 3);
}

/** Divergence of Beta(a, b) from Beta(c, d), exactly. */
function divergence([a, b]: readonly [number, number], [c, d]: readonly [number, number]): number {
  const lnBeta = (x: number, y: number): number => lnGamma(x) + lnGamma(y) - lnGamma(x + y);
  return lnBeta(c, d) - lnBeta(a, b) + (a - c) * digamma(a) + (b - d) * digamma(b) + (c - a + d - b) * digamma(a + b);
}

function predict(held: Accumulators, inputs: Uint8Array): Float64Array {
  const weights = createWeights(2, INPUTS);
  updateWeights(weights, held);
  const out = new Float64Array(2);
  const codes = packInputs(inputs, { first: 0, end: 1, width: INPUTS });
  predictResponse(weights, PHI, { trial: { codes, offset: 0 }, out });
  return out;
}

describe('the expected information gain', () => {
  it('is the divergence of the belief that the model would hold afterwards from the one it holds', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const held = belief(seed);
      const random = openRandomStream(seed, 'pattern');
      const inputs = Uint8Array.from({ length: INPUTS }, () => random.integer(2));
      const x = predict(held, inputs);
      let exact = 0;
      for (let a = 0; a < 2; a++) {
        for (let j = 0; j < INPUTS; j++) {
          const [h1, h0] = [held.h1[a * INPUTS + j]!, held.h0[a * INPUTS + j]!];
          const [f1, f0] = [held.m1[a]! - h1, held.m0[a]! - h0];
          const [on, off] = [inputs[j]!, 1 - inputs[j]!];
          exact += divergence([h1 + x[a]! * on, f1 + x[a]! * off], [h1, f1]);
          exact += divergence([h0 + (1 - x[a]!) * on, f0 + (1 - x[a]!) * off], [h0, f0]);
        }
      }
      const tables = createGainTables(held, PHI);
      updateGainTables(tables);
      const gain = expectedInformationGain(tables, inputs);
      expect(gain).toBeGreaterThan(1e-4);
      expect(Math.abs(gain / exact - 1), `seed ${seed}: ${gain}, exactly ${exact}`).toBeLessThan(2e-3);
    }
  });

  it('falls as the belief grows firmer, and is larger for what the belief does not expect', () => {
    const held = createAccumulators({ ensembles: 2, inputs: INPUTS, priorTrials: 3000 });
    // Both ensembles on when the inputs are on, and off when they are off.
    held.h1.fill(2400);
    held.h0.fill(600);
    const gainOf = (strength: number, inputs: Uint8Array): number => {
      const scaled = createGainTables(
        {
          ...held,
          h1: held.h1.map((v) => v * strength),
          m1: held.m1.map((v) => v * strength),
          h0: held.h0.map((v) => v * strength),
          m0: held.m0.map((v) => v * strength),
        },
        PHI,
      );
      updateGainTables(scaled);
      return expectedInformationGain(scaled, inputs);
    };
    const expected = Uint8Array.of(1, 1, 1, 1, 1, 1);
    const odd = Uint8Array.of(1, 1, 1, 1, 1, 0);
    expect(gainOf(1, odd)).toBeGreaterThan(2 * gainOf(1, expected));
    expect(gainOf(2, odd)).toBeCloseTo(gainOf(1, odd) / 2, 12);
  });

  it('learns from a pattern what the model would from the predicted response, and leaves the model alone', () => {
    const held = belief(3);
    const before = held.h1.slice();
    const inputs = Uint8Array.of(1, 0, 1, 1, 0, 0);
    const x = predict(held, inputs);
    const tables = createGainTables(held, PHI);
    updateGainTables(tables);
    learnExpected(tables, inputs);
    expect(held.h1).toEqual(before);
    expect(tables.belief.m1[1]! - held.m1[1]!).toBeCloseTo(x[1]!, 9);
    expect(tables.belief.h1[INPUTS]! - held.h1[INPUTS]!).toBeCloseTo(x[1]!, 9);
    expect(tables.belief.h1[INPUTS + 1]!).toBe(held.h1[INPUTS + 1]!);
    expect(tables.belief.h0[INPUTS + 2]! - held.h0[INPUTS + 2]!).toBeCloseTo(1 - x[1]!, 9);
    expect(tables.belief.m0[0]! - held.m0[0]!).toBeCloseTo(1 - x[0]!, 9);
  });
});
