import { describe, expect, it } from 'vitest';
import { cosineOfTurns, exponential, sineOfTurns } from './reproducible-math.js';

const GRID = Array.from({ length: 4001 }, (_, i) => (i - 2000) / 100);

describe('reproducible elementary functions', () => {
  it('agree with the engine on the exponential', () => {
    for (const x of [...GRID, -600, -87.5, 350, 600]) {
      expect(Math.abs(exponential(x) / Math.exp(x) - 1), `exp(${x})`).toBeLessThan(1e-14);
    }
    expect([0, -1e9, 1e9].map(exponential)).toEqual([1, 0, Number.POSITIVE_INFINITY]);
  });

  it('agree with the engine on sine and cosine', () => {
    for (const x of GRID) {
      const turn = x / 7;
      const angle = 2 * Math.PI * (turn - Math.round(turn));
      expect(Math.abs(sineOfTurns(turn) - Math.sin(angle)), `sin of ${turn} turns`).toBeLessThan(1e-14);
      expect(Math.abs(cosineOfTurns(turn) - Math.cos(angle)), `cos of ${turn} turns`).toBeLessThan(1e-14);
    }
    expect(sineOfTurns(0)).toBe(0);
  });
});
