import { PLASTICITY_NAMES } from '../../protocols/culture-names.js';
import { describe, expect, it } from 'vitest';

import { drawPattern } from '../../protocols/mixed-sources.js';
import { openRandomStream } from '../../protocols/random.js';
import { EmulatedCulture } from '../culture.js';

function patternOf(seed: number): ReturnType<typeof drawPattern> {
  const design = { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 };
  return drawPattern(design, 256, openRandomStream(seed, 'pattern'));
}

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
