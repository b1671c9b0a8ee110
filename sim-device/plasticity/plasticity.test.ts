import { PLASTICITY_NAMES } from '../../protocols/culture-names.js';
import { beforeAll, describe, expect, it } from 'vitest';

import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { EmulatedCulture } from '../culture.js';
import type { CultureSettings } from '../culture-settings.js';
import { measureSelectivityGain, type SelectivityGain } from '../selectivity-gain.js';
import { simulateResponses } from '../simulate-responses.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

function patternOf(seed: number): ReturnType<typeof drawPattern> {
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 };
  return drawPattern(design, 256, openRandomStream(seed, 'pattern'));
}

function gainsOf(settings: Omit<CultureSettings, 'seed'>): SelectivityGain[] {
  return SEEDS.map((seed) => {
    const table = simulateResponses({ ...settings, seed }, { patterns: patternOf(seed), sessions: 100 });
    return measureSelectivityGain(table);
  });
}

function countRising(gains: readonly SelectivityGain[]): number {
  return gains.filter(({ counts, index }) => counts > 0 && index > 0).length;
}

function describeGains(gains: readonly SelectivityGain[]): string {
  return gains.map(({ counts, index }) => `${counts.toFixed(2)} / ${index.toFixed(3)}`).join(', ');
}

describe.each(['ctrl', 'dzp'] as const)('over 100 sessions of the %s anatomy, seeds 1 to 10', (parameters) => {
  let frozen: SelectivityGain[];
  beforeAll(() => {
    frozen = gainsOf({ parameters, plasticity: 'hebbian', condition: 'apv' });
  });

  it.each(['hebbian', 'spike-timing'] as const)('the %s rule raises selectivity', (plasticity) => {
    const gains = gainsOf({ parameters, plasticity, condition: 'none' });
    expect(countRising(gains), describeGains(gains)).toBeGreaterThanOrEqual(8);
    const beyondDrift = gains.map(({ counts, index }, k) => ({
      electrodes: 0,
      counts: counts - frozen[k]!.counts,
      index: index - frozen[k]!.index,
    }));
    expect(countRising(beyondDrift), describeGains(beyondDrift)).toBe(SEEDS.length);
  });

  it('dying electrodes do not', () => {
    const gains = gainsOf({ parameters, plasticity: 'dying-electrodes', condition: 'none' });
    expect(countRising(gains), describeGains(gains)).toBeLessThanOrEqual(2);
  });

  it('drift alone does not', () => {
    expect(countRising(frozen), describeGains(frozen)).toBeLessThanOrEqual(5);
  });
});

describe('every rule', () => {
  it.each(PLASTICITY_NAMES)('%s starts with gains of 1 and keeps them under APV', (plasticity) => {
    const culture = new EmulatedCulture({ parameters: 'ctrl', plasticity, condition: 'apv', seed: 3 });
    const { inputs } = patternOf(3);
    const counts = new Uint16Array(64);
    for (let session = 0; session < 3; session++) {
      for (let trial = 0; trial < 256; trial++) {
        culture.respond(inputs.subarray(trial * 32, (trial + 1) * 32), (session * 256 + trial) * 20_000, counts);
        expect(culture.toGains().every((gain) => gain === 1)).toBe(true);
      }
      culture.rest();
    }
  });

  it.each(['free-energy', 'hebbian', 'spike-timing'] as const)(
    '%s changes gains at rests only, around a mean of nil over the pattern',
    (plasticity) => {
      const culture = new EmulatedCulture({ parameters: 'ctrl', plasticity, condition: 'none', seed: 3 });
      const { inputs } = patternOf(3);
      const counts = new Uint16Array(64);
      const firstTrialGains: Float64Array[] = [];
      for (let session = 0; session < 2; session++) {
        const sums = new Float64Array(64);
        for (let trial = 0; trial < 256; trial++) {
          culture.respond(inputs.subarray(trial * 32, (trial + 1) * 32), (session * 256 + trial) * 20_000, counts);
          const gains = culture.toGains();
          if (trial === 0) firstTrialGains.push(gains);
          if (session === 0) expect(gains.every((gain) => gain === 1)).toBe(true);
          const beta = 0.8;
          gains.forEach((gain, e) => (sums[e]! += 4 * Math.atanh(Math.log(gain) / beta)));
        }
        for (const sum of sums) expect(Math.abs(sum / 256)).toBeLessThan(1e-9);
        culture.rest();
      }
      expect(firstTrialGains[1]).not.toEqual(firstTrialGains[0]);
    },
  );
});

describe('dying electrodes', () => {
  it('lose electrodes and units at constant hazards, never gain any, and fall silent', () => {
    const settings = {
      parameters: 'mix0',
      plasticity: 'dying-electrodes',
      condition: 'none',
      electrodes: 2000,
    } as const;
    const culture = new EmulatedCulture({ ...settings, seed: 5, inputs: 2 });
    const counts = new Uint16Array(2000);
    const born = culture.anatomy.units;
    for (let session = 0; session < 100; session++) culture.rest();
    const [units] = culture.snapshot().plasticState;
    const alive = units!.filter((left) => left > 0).length / 2000;
    expect(Math.abs(alive - 0.998 ** 100)).toBeLessThan(4 * Math.sqrt((0.82 * 0.18) / 2000));
    const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(total(units!) / total(born) - 0.998 ** 200)).toBeLessThan(0.04);
    expect(units!.every((left, e) => left <= born[e]!)).toBe(true);
    for (let trial = 0; trial < 200; trial++) {
      culture.respond(Uint8Array.of(1, 1), trial * 20_000, counts);
      expect(counts.every((count, e) => count === 0 || units![e]! > 0)).toBe(true);
    }
    expect(Math.max(...counts)).toBeGreaterThan(0);
  });
});
