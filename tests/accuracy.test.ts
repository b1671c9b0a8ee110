import { describe, expect, it } from 'vitest';

import { countEvoked } from './helpers/evoked-counts.js';
import { detectScene, scoreAfterPulses, scoreLevels } from './helpers/score-scene.js';
import { renderScene, SPIKE_SHAPES, type SceneSettings, type SpikeShapeName } from './helpers/scored-scene.js';
import { runSilentTrials } from './helpers/silent-trials.js';

/** Bursts, stimuli and, in all, about 30 spikes a second on each electrode. */
function settingsOf(shape: SpikeShapeName): SceneSettings {
  return {
    seed: 4,
    shape,
    seconds: 15,
    columns: 5,
    isStimulated: true,
    activity: { spontaneousHz: 25, noisyShare: 0, burstHz: 0.2, burstSpikesPerUnit: 2 },
  };
}

describe('the whole pipeline on an emulated culture', () => {
  it.each(SPIKE_SHAPES)('finds spikes of 8 and 12 times the noise, 99 in 100 and hardly any others: %s', (shape) => {
    const scene = renderScene(settingsOf(shape));
    const findings = detectScene(scene);
    const scores = scoreLevels(scene, findings).filter(({ level }) => level === 8 || level === 12);
    expect(scores).toHaveLength(2);
    for (const { truth, recall, precision } of scores) {
      expect(truth).toBeGreaterThan(1000);
      expect(recall).toBeGreaterThanOrEqual(0.99);
      expect(precision).toBeGreaterThanOrEqual(0.99);
    }
    const { spikes, blind, found } = scoreAfterPulses(scene, findings);
    expect(spikes).toBeGreaterThan(300);
    expect(blind).toBeLessThan(0.005 * spikes);
    expect(found / (spikes - blind)).toBeGreaterThan(0.97);
    expect(findings.blindShare).toBeLessThan(0.005);
  });

  it.each(SPIKE_SHAPES)('knows the noise within a fiftieth where electrodes see their own units: %s', (shape) => {
    const scene = renderScene({ ...settingsOf(shape), lengthUm: 10 });
    expect(Math.abs(detectScene(scene).noiseBias)).toBeLessThan(0.02);
  });

  it('sees soon after the pulse, and finds nothing where nothing is', () => {
    const results = runSilentTrials({ seed: 4, trials: 60 }, [{ mode: 'after-stimulus' }, { mode: 'always' }]);
    expect(results).toHaveLength(2);
    for (const { windows, found, pulsedSeenFrom, othersSeenFrom } of results) {
      expect(windows).toBe(64 * 60);
      expect(found).toBeLessThan(windows / 1000);
      // In samples of 50 us: 3 and 6 ms. What saturates cannot be seen.
      expect(othersSeenFrom).toBeLessThanOrEqual(60);
      expect(pulsedSeenFrom).toBeLessThanOrEqual(120);
      expect(pulsedSeenFrom).toBeGreaterThan(30);
    }
  });

  it('counts evoked bursts as they are, less what the dead time of the experiments takes', () => {
    const amplitudes = { amplitudeMedianUv: 80, amplitudeSigma: 0.2, amplitudeRangeUv: [64, 300] } as const;
    const { correlations, pairs } = countEvoked({ seed: 4, trials: 60, parameters: 'ctrl', amplitudes });
    expect(correlations.length).toBeGreaterThan(55);
    expect(correlations.toSorted((a, b) => a - b)[correlations.length >> 1]).toBeGreaterThanOrEqual(0.98);
    const large = pairs.filter(({ thinned }) => thinned >= 4);
    expect(large.length).toBeGreaterThan(200);
    const change = large.reduce((sum, { counted, thinned }) => sum + counted - thinned, 0) / large.length;
    expect(Math.abs(change)).toBeLessThan(0.2);
  });
});
