import { describe, expect, it } from 'vitest';

import { isMeaError } from '../../protocols/errors.js';
import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { describeWithRealData, readReference, referenceArray, referencePaths } from '../../tests/helpers/real-data.js';
import type { PomdpSettings, PomdpVariant } from './pomdp-agent.js';
import { createPomdpAgent, drawInitialCounts, inferSources, learnTrial, runPomdpAgent } from './pomdp-agent.js';

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}

const DESIGN = { sourceCount: 2, inputsPerBlock: 16, mixing: 0.25 };

function demoSettings(variant: PomdpVariant, seed = 0): PomdpSettings {
  const counts = drawInitialCounts(DESIGN, openRandomStream(seed, 'pomdp-initial-counts'));
  return { variant, sourceCount: 2, inputCount: 32, counts, sourcePrior: [0.5, 0.5] };
}

/** One input, one source: a[1][1] = 3, a[1][0] = 2, a[0][1] = 1, a[0][0] = 4, D = 0.25. */
const TINY = { sourceCount: 1, inputCount: 1, counts: Float64Array.of(3, 2, 1, 4), sourcePrior: [0.25] } as const;

describeWithRealData('the published agent, 25,600 trials', referencePaths('pomdp'), () => {
  it.each(['psi', 'log'] as const)('is reproduced by the %s variant', (variant) => {
    const reference = readReference('pomdp');
    const read = (name: string): ArrayLike<number> => referenceArray(reference, name).data;
    const counts = Float64Array.from(read('a0'));
    const settings = { variant, sourceCount: 2, inputCount: 32, counts, sourcePrior: read('D') };
    const { beliefs, agent } = runPomdpAgent(settings, Uint8Array.from(read('o')));
    expect(beliefs).toHaveLength(51_200);
    expect(largestDifference(beliefs, read(`qs_${variant}`))).toBeLessThan(1e-12);
    // counts grow to 1.1e4, where one rounding is 2e-12
    expect(largestDifference(agent.counts, read(`a_final_${variant}`))).toBeLessThan(1e-10);
  });
});

describe('Bayesian agent', () => {
  it('infers by Bayes with the means of its counts in the log variant', () => {
    const agent = createPomdpAgent({ ...TINY, variant: 'log' });
    const posterior = (0.25 * (3 / 4)) / (0.25 * (3 / 4) + 0.75 * (2 / 6));
    expect(inferSources(agent, [1])[0]).toBeCloseTo(posterior, 14);
    const posteriorOfSilence = (0.25 * (1 / 4)) / (0.25 * (1 / 4) + 0.75 * (4 / 6));
    expect(inferSources(agent, [0])[0]).toBeCloseTo(posteriorOfSilence, 14);
  });

  it('infers with the expected logarithm of a Dirichlet in the psi variant', () => {
    // psi(3) - psi(4) = -1/3 and psi(2) - psi(6) = -(1/2 + 1/3 + 1/4 + 1/5)
    const odds = (0.25 / 0.75) * Math.exp(-1 / 3 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5);
    const agent = createPomdpAgent({ ...TINY, variant: 'psi' });
    expect(inferSources(agent, [1])[0]).toBeCloseTo(odds / (1 + odds), 14);
  });

  it('adds each belief to the counts of what it saw and nothing to the others', () => {
    const agent = createPomdpAgent({ ...TINY, variant: 'psi' });
    learnTrial(agent, [1], [0.75]);
    expect([...agent.counts]).toEqual([3.75, 2.25, 1, 4]);
    learnTrial(agent, [0], [0.5]);
    expect([...agent.counts]).toEqual([3.75, 2.25, 1.5, 4.5]);
  });

  it('leaves the counts it was given alone, and its own while it only infers', () => {
    const settings = demoSettings('psi');
    const given = settings.counts.slice();
    const agent = createPomdpAgent(settings);
    inferSources(agent, new Uint8Array(32).fill(1));
    expect(agent.counts).toEqual(given);
    learnTrial(agent, new Uint8Array(32), [0.5, 0.5]);
    expect(settings.counts).toEqual(given);
  });

  it('gives in a batch what it gives trial by trial, bit for bit', () => {
    const settings = demoSettings('psi');
    const { inputs } = drawPattern(DESIGN, 300, openRandomStream(1, 'pattern'));
    const run = runPomdpAgent(settings, inputs);
    const streamed = createPomdpAgent(settings);
    const beliefs: number[] = [];
    for (let trial = 0; trial < 300; trial++) {
      const row = inputs.subarray(trial * 32, trial * 32 + 32);
      const belief = inferSources(streamed, row);
      learnTrial(streamed, row, belief);
      beliefs.push(...belief);
    }
    expect([...run.beliefs]).toEqual(beliefs);
    expect(run.agent.counts).toEqual(streamed.counts);
  });

  it.each(['psi', 'log'] as const)('separates mixed sources from the demo counts (%s)', (variant) => {
    const pattern = drawPattern(DESIGN, 6000, openRandomStream(2, 'pattern'));
    const { beliefs } = runPomdpAgent(demoSettings(variant), pattern.inputs);
    const agreement = (belief: number, source: number): number => {
      let agree = 0;
      for (let i = 3000; i < 6000; i++) {
        agree += Number(beliefs[2 * i + belief]! > 0.5) === pattern.sources[2 * i + source]! ? 1 : 0;
      }
      return agree / 3000;
    };
    expect(agreement(0, 0)).toBeGreaterThan(0.9);
    expect(agreement(1, 1)).toBeGreaterThan(0.9);
    expect(agreement(0, 1)).toBeLessThan(0.65);
  });

  it('refuses counts, priors and inputs that do not fit', () => {
    const settings = demoSettings('psi');
    const zeroed = settings.counts.slice();
    zeroed[5] = 0;
    const attempts = [
      () => createPomdpAgent({ ...settings, counts: zeroed }),
      () => createPomdpAgent({ ...settings, counts: zeroed.slice(1) }),
      () => createPomdpAgent({ ...settings, sourcePrior: [0.5, 1] }),
      () => createPomdpAgent({ ...settings, sourcePrior: [0.5] }),
      () => inferSources(createPomdpAgent(settings), new Uint8Array(31)),
      () => runPomdpAgent(settings, new Uint8Array(33)),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
        expect.unreachable();
      } catch (error) {
        expect(isMeaError(error, 'bad-input')).toBe(true);
      }
    }
  });
});

describe('initial counts of the demo', () => {
  it('lean by 0.02 to the own source and by 0.01 to the others, with amplitudes from 200 to 400', () => {
    const counts = drawInitialCounts(DESIGN, openRandomStream(3, 'pomdp-initial-counts'));
    const plane = 64;
    const amplitudes: number[] = [];
    for (let cell = 0; cell < plane; cell++) {
      const isOwn = (cell < 32 ? 0 : 1) === cell % 2;
      const total = counts[cell]! + counts[2 * plane + cell]!;
      amplitudes.push(total);
      expect(counts[cell]! / total).toBeCloseTo(isOwn ? 0.52 : 0.51, 12);
      expect(counts[plane + cell]! / total).toBeCloseTo(isOwn ? 0.48 : 0.49, 12);
      expect(counts[plane + cell]! + counts[3 * plane + cell]!).toBeCloseTo(total, 9);
    }
    expect(Math.min(...amplitudes)).toBeGreaterThanOrEqual(200);
    expect(Math.max(...amplitudes)).toBeLessThan(400);
    expect(new Set(amplitudes).size).toBe(plane);
  });
});
