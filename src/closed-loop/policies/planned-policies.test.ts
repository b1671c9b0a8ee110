import { describe, expect, it } from 'vitest';
import type { StimulusPattern } from '../../../protocols/mixed-sources.js';
import { smallExperiment } from '../../../tests/helpers/small-experiment.js';
import { mixedSourcePolicy } from '../pattern-policy.js';
import { listedPolicy } from './listed-policy.js';
import { randomPolicy } from './random-policy.js';
import { shuffledPolicy } from './shuffled-policy.js';

const LARGE = smallExperiment({ mixing: 0.25, trials: 2000, seed: 11 });

/** (inputs) share of trials in which an input is on. */
function ratesOf({ trials, inputs }: StimulusPattern): number[] {
  const width = inputs.length / trials;
  return Array.from({ length: width }, (_, j) => {
    let on = 0;
    for (let i = 0; i < trials; i++) on += inputs[i * width + j]!;
    return on / trials;
  });
}

/** Mean over inputs of the difference in rate with the input's own source on and off. */
function couplingOf({ trials, sources, inputs }: StimulusPattern): number {
  const width = inputs.length / trials;
  const sums = [0, 0];
  const counts = [0, 0];
  for (let i = 0; i < trials; i++) {
    for (let j = 0; j < width; j++) {
      const own = sources[i * 2 + (j < width / 2 ? 0 : 1)]!;
      sums[own]! += inputs[i * width + j]!;
      counts[own]! += 1;
    }
  }
  return sums[1]! / counts[1]! - sums[0]! / counts[0]!;
}

describe('the random policy', () => {
  it('pulses every electrode with its probability, and by no source', () => {
    for (const probability of [0, 0.3, 1]) {
      const pattern = randomPolicy(LARGE, probability).nextTrials(0, 0);
      // Four standard errors of 2,000 trials.
      for (const rate of ratesOf(pattern)) expect(Math.abs(rate - probability)).toBeLessThan(0.042);
      expect(Math.abs(couplingOf(pattern))).toBeLessThan(0.015);
      expect(pattern.sources.reduce((sum, on) => sum + on, 0) / 4000).toBeCloseTo(0.5, 1);
    }
  });

  it('draws each session anew where patterns are fresh, and the same again from the same seed', () => {
    const fresh = smallExperiment({ patterns: 'fresh' });
    expect(randomPolicy(fresh, 0.5).nextTrials(1, 0)).toEqual(randomPolicy(fresh, 0.5).nextTrials(1, 0));
    expect(randomPolicy(fresh, 0.5).nextTrials(1, 0)).not.toEqual(randomPolicy(fresh, 0.5).nextTrials(0, 0));
    const frozen = smallExperiment();
    expect(randomPolicy(frozen, 0.5).nextTrials(3, 0)).toEqual(randomPolicy(frozen, 0.5).nextTrials(0, 0));
  });
});

describe('the shuffled policy', () => {
  it('has the sources and the rates of the mixed-source pattern, and nothing that ties them together', () => {
    const mixed = mixedSourcePolicy(LARGE).nextTrials(0, 0);
    const shuffled = shuffledPolicy(LARGE).nextTrials(0, 0);
    expect(shuffled.sources).toEqual(mixed.sources);
    expect(ratesOf(shuffled)).toEqual(ratesOf(mixed));
    expect(couplingOf(mixed)).toBeGreaterThan(0.45);
    expect(Math.abs(couplingOf(shuffled))).toBeLessThan(0.015);
  });

  it('goes on in the midst of a session with what it would have shown', () => {
    const policy = shuffledPolicy(LARGE);
    const whole = policy.nextTrials(1, 0);
    expect(policy.nextTrials(1, 1990)).toEqual({
      trials: 10,
      sources: whole.sources.slice(-20),
      inputs: whole.inputs.slice(-320),
    });
  });
});

describe('listed patterns', () => {
  const small = smallExperiment();
  const fresh = mixedSourcePolicy(smallExperiment({ patterns: 'fresh', trials: 32 })).nextTrials(0, 0);
  const list = (pattern: StimulusPattern, repeats: boolean) =>
    listedPolicy(small, { name: 'pattern-file', where: 'p.csv', repeats, pattern });

  it('are repeated where they are one session, and shown in turn where they are all', () => {
    const all = list(fresh, true);
    expect(all.nextTrials(2, 3).inputs).toEqual(fresh.inputs.subarray(19 * 32, 24 * 32));
    const one = { trials: 8, sources: fresh.sources.slice(0, 16), inputs: fresh.inputs.slice(0, 256) };
    expect(list(one, true).nextTrials(3, 0)).toEqual(one);
  });

  it('are refused where their number or their size does not fit', () => {
    const cut = { trials: 31, sources: fresh.sources.slice(0, 62), inputs: fresh.inputs.slice(0, 31 * 32) };
    expect(() => list(cut, true)).toThrow(/got 31, expected 8 for every session, or 4 sessions of 8 = 32 \(p\.csv\)/);
    const one = { trials: 8, sources: fresh.sources.slice(0, 16), inputs: fresh.inputs.slice(0, 256) };
    expect(() => list(one, false)).toThrow(/got 8, expected 4 sessions of 8 = 32/);
    expect(() => list({ ...fresh, sources: new Uint8Array(96) }, true)).toThrow(
      /got 3 sources and 32 inputs, expected 2/,
    );
  });
});
