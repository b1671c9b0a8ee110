import { beforeAll, describe, expect, it } from 'vitest';
import type { Verdict } from '../src/model/verdict.js';
import { emulateVerdicts } from './helpers/emulated-verdicts.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/** Gains of selectivity of one culture. */
interface Gain {
  readonly counts: number;
  readonly index: number;
}

function gainsOf(verdicts: readonly Verdict[]): readonly Gain[] {
  return verdicts.map(({ counts, index }) => ({ counts: counts.gain, index: index.gain }));
}

function countRising(gains: readonly Gain[]): number {
  return gains.filter(({ counts, index }) => counts > 0 && index > 0).length;
}

function describeGains(gains: readonly Gain[]): string {
  return gains.map(({ counts, index }) => `${counts.toFixed(2)} / ${index.toFixed(3)}`).join(', ');
}

describe.each(['ctrl', 'dzp'] as const)('over 100 sessions of the %s anatomy, seeds 1 to 10', (parameters) => {
  let frozen: readonly Gain[];
  beforeAll(() => {
    frozen = gainsOf(emulateVerdicts({ parameters, plasticity: 'hebbian', condition: 'apv' }, SEEDS));
  });

  it.each(['hebbian', 'spike-timing'] as const)('the %s rule raises selectivity', (plasticity) => {
    const gains = gainsOf(emulateVerdicts({ parameters, plasticity, condition: 'none' }, SEEDS));
    expect(countRising(gains), describeGains(gains)).toBeGreaterThanOrEqual(8);
    const beyondDrift = gains.map(({ counts, index }, k) => ({
      counts: counts - frozen[k]!.counts,
      index: index - frozen[k]!.index,
    }));
    expect(countRising(beyondDrift), describeGains(beyondDrift)).toBe(SEEDS.length);
  });

  it('dying electrodes do not', () => {
    const gains = gainsOf(emulateVerdicts({ parameters, plasticity: 'dying-electrodes', condition: 'none' }, SEEDS));
    expect(countRising(gains), describeGains(gains)).toBeLessThanOrEqual(2);
  });

  it('drift alone does not', () => {
    expect(countRising(frozen), describeGains(frozen)).toBeLessThanOrEqual(5);
  });
});
