import { describe, expect, it } from 'vitest';

import { runScenario } from './run-scenario.js';
import { SCENARIOS } from './scenarios.js';

describe('device, link and driver in virtual time', () => {
  it.each(SCENARIOS)('$name (seed $seed)', async (scenario) => {
    const { gapCauses = [], verdict, events: wanted = {}, applied } = scenario.expect;
    const outcome = await runScenario(scenario);
    for (const [name, least] of Object.entries(applied)) {
      const count = [...outcome.applied].find(([fault]) => fault === name)?.[1];
      expect(count, `${name} applied`).toBeGreaterThanOrEqual(least);
    }
    expect(outcome.unaccounted).toEqual([]);
    const causes = outcome.events.flatMap((event) => (event.type === 'gap' ? [event.cause] : []));
    expect([...new Set(causes)]).toEqual(gapCauses);
    for (const [type, least] of Object.entries(wanted)) {
      expect(outcome.events.filter((event) => event.type === type).length, type).toBeGreaterThanOrEqual(least);
    }
    const verdicts = outcome.events.flatMap((event) => (event.type === 'stream-ended' ? [event.check.verdict] : []));
    if (verdict !== undefined) expect(verdicts).toEqual([verdict]);
    expect(outcome.counters.blocks).toBeGreaterThan(100);
  });

  it('does the same again for the same seed', async () => {
    const scenario = SCENARIOS.find(({ faults }) => faults.includes('disconnect=1500:200'))!;
    const strip = ({ events }: Awaited<ReturnType<typeof runScenario>>): string =>
      JSON.stringify(
        events.map((event) => (event.type === 'block' ? { ...event, samples: [...event.samples] } : event)),
      );
    const first = strip(await runScenario({ ...scenario, durationMs: 3000 }));
    const second = strip(await runScenario({ ...scenario, durationMs: 3000 }));
    expect(second).toBe(first);
    expect(strip(await runScenario({ ...scenario, durationMs: 3000, seed: 6 }))).not.toBe(first);
  });
});
