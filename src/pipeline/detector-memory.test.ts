import { describe, expect, it } from 'vitest';
import { DETECTOR_RECORD } from './detector-layout.js';
import { layOutDetector } from './detector-memory.js';
import { planDetector } from './detector-settings.js';
import { openKernels } from './open-kernels.js';

describe('the count of samples that a noise estimate has seen', () => {
  it('ends long before it wraps around, also while a dead channel keeps its group counting', () => {
    const kernels = openKernels();
    const plan = planDetector({ channels: 8, sampleRateHz: 20_000, gainUv: 1 });
    const memory = layOutDetector(kernels, plan, { historyFrames: 0, isFedRows: false });
    const words = new Int32Array(kernels.memory.buffer, memory.records, memory.recordBytes / 4);
    const samples = new Int16Array(kernels.memory.buffer, memory.input, 8 * plan.epochFrames);
    for (let i = 0; i < samples.length; i++) samples[i] = (i * 37) % 50;
    // Channel 0 has been seen for nearly 15 hours, the others not at all.
    words[DETECTOR_RECORD.seen / 4] = 2 ** 30 - 10;
    words[DETECTOR_RECORD.stage / 4] = 3;
    const run = kernels.find('runDetector');
    const stages: number[] = [];
    for (let epoch = 0; epoch < 20; epoch++) {
      expect(run(memory.settings, 0, memory.input, 0, plan.epochFrames, 0, 0)).toBe(plan.epochFrames);
      stages.push(words[DETECTOR_RECORD.stage / 4]!);
    }
    // Of the others nobody is settled yet.
    expect(words[DETECTOR_RECORD.settling / 4]).toBe(254);
    expect(words[DETECTOR_RECORD.seen / 4]).toBe(2 ** 30);
    expect(new Set(stages)).toEqual(new Set([3]));
  });
});
