import { describe, expect, it } from 'vitest';

import { drawFaultMix } from './fault-mixes.js';
import { runScenario } from './run-scenario.js';

/** `npm run bench -- fault-mixes 1000` runs as many as one likes. */
const MIXES = 50;
const FIRST_SEED = 7001;

describe('any mix of faults', () => {
  it(`loses nothing silently: made = delivered + gaps, for seeds ${FIRST_SEED} to ${FIRST_SEED + MIXES - 1}`, async () => {
    const applied = new Map<string, number>();
    const failures: string[] = [];
    let gaps = 0;
    let stimuli = 0;
    let duplicates = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + MIXES; seed++) {
      const mix = drawFaultMix(seed);
      const outcome = await runScenario(mix);
      for (const [name, count] of outcome.applied) applied.set(name, (applied.get(name) ?? 0) + count);
      gaps += outcome.counters.gaps;
      stimuli += outcome.stimuli;
      duplicates += outcome.counters.duplicates;
      expect(outcome.counters.delivered, mix.faults.join(' ')).toBeGreaterThan(0);
      if (outcome.unaccounted.length > 0) failures.push(`seed ${seed}: ${outcome.unaccounted[0]!}`);
    }
    expect(failures).toEqual([]);
    // The faults did strike, every one of them, and left their marks.
    expect(applied.size).toBe(12);
    for (const [name, count] of applied) expect(count, name).toBeGreaterThan(5);
    expect(stimuli).toBeGreaterThan(200);
    expect(gaps).toBeGreaterThan(20);
    expect(duplicates).toBeGreaterThan(1000);
  });
});
