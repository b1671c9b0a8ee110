import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { describeWithDebianTool, pythonWith, runTool } from '../helpers/debian-tool.js';
import { createLoggedDisk, materialise } from '../helpers/disk-log.js';
import { RATE_HZ, recordScenario, valueOf } from '../helpers/recording-scenario.js';
import { temporaryFolder } from '../helpers/run-cli.js';

const root = temporaryFolder('interop-recording');
const neo = pythonWith('neo');
const SCRIPT = join(import.meta.dirname, 'read_open_ephys_neo.py');

const found = z.object({
  rate: z.number(),
  gains: z.array(z.number()),
  units: z.array(z.string()),
  segments: z.array(
    z.object({
      start: z.number(),
      samples: z.array(z.number()),
      events: z.array(z.tuple([z.number(), z.number()])),
    }),
  ),
});

function record(): ReturnType<typeof createLoggedDisk> {
  const disk = createLoggedDisk();
  const scenario = { seconds: 3, channels: 2, longGapAt: 2000 };
  recordScenario(scenario, { disk, folder: '/recording', count: () => disk.operations.length });
  return disk;
}

function samplesOf(first: number, frames: number): number[] {
  return Array.from({ length: frames * 2 }, (_, i) => valueOf(first + Math.floor(i / 2), i % 2));
}

describeWithDebianTool('a recording opened with Neo as it lies', neo, () => {
  it('has the samples, microvolts, times and stimuli that were recorded', () => {
    const folder = join(root, 'whole');
    materialise(record().operations, '/recording', folder);
    const { rate, gains, units, segments } = found.parse(JSON.parse(runTool(neo, [SCRIPT, folder])));
    expect([rate, gains, units]).toEqual([RATE_HZ, [0.5, 0.5], ['uV']]);
    expect(segments.map(({ start }) => start)).toEqual([0, 2.5]);
    expect(segments.map(({ samples }) => samples)).toEqual([samplesOf(0, 2000), samplesOf(2500, 1000)]);
    // The first sample of the stretch; then after every eighth block of 50 samples, 3 samples long.
    expect(segments[0]!.events.map(([start]) => start)).toEqual([0, 0.1, 0.5, 0.9, 1.3, 1.7]);
    expect(segments[1]!.events.map(([start]) => start)).toEqual([2.5, 2.6, 3, 3.4]);
    segments[0]!.events.forEach(([, duration], i) => {
      expect(duration).toBeCloseTo(i === 0 ? 0.001 : 0.003, 9);
    });
  });

  it('opens without a recovery wherever its program was killed, once there is a sample', () => {
    const { operations } = record();
    const folder = join(root, 'killed');
    const marks = operations.flatMap(({ type }, i) => (type === 'sync' ? [i] : []));
    let opened = 0;
    for (const last of marks.slice(-12)) {
      materialise(operations.slice(0, last), '/recording', folder);
      const { segments } = found.parse(JSON.parse(runTool(neo, [SCRIPT, folder])));
      expect(segments[0]!.samples).toEqual(samplesOf(0, segments[0]!.samples.length / 2));
      opened += 1;
    }
    expect(opened).toBe(12);
  });
});
