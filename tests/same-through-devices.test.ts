import { expect, test } from 'vitest';
import { runSameTrials, type LabName } from './helpers/same-trials.js';

const TRIALS = 10;
/** The test's time goes on by 1 ms: so far from its sample a trigger may come. */
const RESOLUTION_SAMPLES = 30;

test.each<LabName>(['intan-rhx-pulse-pal', 'open-ephys-stimjim', 'open-ephys-pulse-pal'])(
  'trials through %s have the spikes and the counts of those through MEA-Link',
  { timeout: 300_000 },
  async (name) => {
    const { there, meaLink } = await runSameTrials(name, TRIALS);
    expect(there.trials).toHaveLength(TRIALS);
    expect(there.left.length).toBeGreaterThan(TRIALS / 2);
    expect(meaLink.left).toEqual(there.left);
    expect(meaLink.spikes).toEqual(there.spikes);
    expect(meaLink.trials.map(({ counts }) => counts)).toEqual(there.trials.map(({ counts }) => counts));
    for (const { plannedSample, deliveredSample, delivery } of there.trials) {
      expect(Math.abs(deliveredSample - plannedSample)).toBeLessThanOrEqual(RESOLUTION_SAMPLES);
      expect(['delivered', 'nothing-as-asked']).toContain(delivery);
    }
    // Something answers.
    const all = there.trials.flatMap(({ counts }) => counts);
    expect(all.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(TRIALS);
  },
);
