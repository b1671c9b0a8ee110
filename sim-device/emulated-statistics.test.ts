import { describe, expect, it } from 'vitest';

import { measureEmulatedStatistics, type StatisticName } from './emulated-statistics.js';

/** Declared before any of them was run, and not to be exchanged for luckier ones. */
const SEEDS = [1001, 1002, 1003, 1004, 1005, 1006];

/**
 * What these six cultures miss, and the ratio to the reference that sixty cultures (1001-1060) give:
 * - drift CV: .83 (bic), .84 (dzp), .88 (mix0): lower than the reference, and not by luck of our seeds. The definition
 *   reproduces the real cultures (.108, .0345), so either the reference's six seeds, which its columns share, were high
 *   (they would be 2.7 standard errors above), or its emulator's drift differed from its description.
 * - mix50, selectivity: .81 and .85, from the few electrodes (.14) that are selective at 50 % mixing.
 * - bic, 95 % electrode mean: 1.10, so that these six are high by luck.
 */
const KNOWN_MISSES = {
  bic: ['electrodeMean95', 'driftCv'],
  dzp: ['driftCv'],
  mix0: ['driftCv'],
  mix50: ['selectivityFirst', 'selectivityLast'],
} as const satisfies Record<string, StatisticName[]>;

describe.each(['bic', 'dzp', 'mix0', 'mix50'] as const)('six emulated cultures of %s', (parameters) => {
  it('agree with the reference in all statistics but the known ones, and in those within a quarter', () => {
    const rows = measureEmulatedStatistics(parameters, SEEDS);
    expect(rows).toHaveLength(15);
    const misses = rows.filter(({ agrees }) => agrees !== true);
    expect(misses.map(({ name }) => name)).toEqual(KNOWN_MISSES[parameters]);
    for (const { name, measured, reference } of misses) {
      expect(Math.abs(measured / reference! - 1), name).toBeLessThan(0.25);
    }
  });
});

describe('cultures of a set without a reference', () => {
  it('are measured all the same', () => {
    const rows = measureEmulatedStatistics('ctrl', [1001, 1002]);
    expect(rows.every(({ measured, reference }) => Number.isFinite(measured) && reference === undefined)).toBe(true);
  });
});
