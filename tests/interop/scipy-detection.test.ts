import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { sampleIndex } from '../../protocols/units.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import { GATE_SIGMA, planDetector } from '../../src/pipeline/detector-settings.js';
import { createSpikePipeline, type SpikePipelineSettings } from '../../src/pipeline/spike-pipeline.js';
import { describeWithDebianTool, pythonWithScipy, runTool } from '../helpers/debian-tool.js';
import { parseScipyDetection, type ScipyDetection } from '../helpers/scipy-detection.js';

const SCRIPT = join(import.meta.dirname, 'detect_spikes.py');
const RATE_HZ = 20_000;
const CHANNELS = 64;
const FRAMES = 14 * RATE_HZ;
const BLOCK = 1000;
/** Nothing counts before: the noise settles. */
const FROM = 5 * RATE_HZ;
/** Disagreements that are listed at most. */
const LISTED = 20;

/** Spikes as sorted keys of sample and electrode, with their amplitudes. */
type Spikes = ReadonlyMap<string, number>;

/** 14 s of a culture that fires by itself, in bursts too. */
function renderRecording(): { readonly samples: Int16Array; readonly gainUv: number } {
  const rig = createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 12 },
    activity: { spontaneousHz: 10, burstHz: 0.2, burstSpikesPerUnit: 2 },
  });
  const samples = new Int16Array(FRAMES * CHANNELS);
  for (let done = 0; done < FRAMES; done += BLOCK) samples.set(rig.render(BLOCK), done * CHANNELS);
  return { samples, gainUv: rig.gainUvPerBit };
}

function toSpikes(
  samples: ArrayLike<number>,
  electrodes: ArrayLike<number>,
  amplitudesUv: ArrayLike<number>,
): Map<string, number> {
  const spikes = new Map<string, number>();
  for (let i = 0; i < samples.length; i++) {
    if (samples[i]! >= FROM) spikes.set(`electrode ${electrodes[i]!} sample ${samples[i]!}`, amplitudesUv[i]!);
  }
  return spikes;
}

/** Every spike that one found and the other did not at that very sample, as far as there is room. */
function listDisagreements(ours: Spikes, theirs: Spikes): { readonly count: number; readonly lines: string[] } {
  const only = (spikes: Spikes, others: Spikes, name: string): string[] =>
    Array.from(spikes)
      .filter(([key]) => !others.has(key))
      .map(([key, uv]) => `${key}, ${uv.toFixed(1)} uV: ${name} alone`);
  const lines = [...only(ours, theirs, 'meactl'), ...only(theirs, ours, 'scipy')].sort();
  const more = lines.length > LISTED ? [`and ${lines.length - LISTED} more`] : [];
  return { count: lines.length, lines: [...lines.slice(0, LISTED), ...more] };
}

describeWithDebianTool('the pipeline against a detector written with scipy', pythonWithScipy, () => {
  const folder = mkdtempSync(join(tmpdir(), 'scipy-detection-'));
  const file = join(folder, 'recording.raw');
  let recording: ReturnType<typeof renderRecording>;

  beforeAll(() => {
    recording = renderRecording();
    writeFileSync(file, recording.samples);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function settingsOf(special: Partial<SpikePipelineSettings>): SpikePipelineSettings {
    const { gainUv } = recording;
    return { channels: CHANNELS, sampleRateHz: RATE_HZ, gainUv, threshold: 5, searchMs: 0.5, deadMs: 2, ...special };
  }

  function detectHere(special: Partial<SpikePipelineSettings>): Spikes {
    const pipeline = createSpikePipeline(settingsOf(special));
    const spikes = new Map<string, number>();
    for (let at = 0; at <= FRAMES; at += BLOCK) {
      const samples = recording.samples.subarray(at * CHANNELS, (at + BLOCK) * CHANNELS);
      const block = { firstSample: sampleIndex(at), frames: BLOCK, channels: CHANNELS, samples };
      const batch = at < FRAMES ? pipeline.push(block) : pipeline.end();
      for (const [key, uv] of toSpikes(batch.samples, batch.electrodes, batch.amplitudesUv)) spikes.set(key, uv);
    }
    return spikes;
  }

  function detectThere(special: Partial<SpikePipelineSettings>, noiseUv?: Float32Array): ScipyDetection {
    const { threshold, searchFrames, deadFrames, ringFrames, ringSlope, gateFrames } = planDetector(
      settingsOf(special),
    );
    const toMs = (frames: number): number => (1000 * frames) / RATE_HZ;
    const settings = {
      channels: CHANNELS,
      sampleRateHz: RATE_HZ,
      gainUv: recording.gainUv,
      lowHz: 300,
      highHz: 3000,
      threshold,
      searchMs: toMs(searchFrames),
      deadMs: toMs(deadFrames),
      ringMs: toMs(ringFrames),
      ringShare: ringSlope * ringFrames,
      gateSigma: GATE_SIGMA,
      gateMs: toMs(gateFrames),
      from: FROM,
      ...(noiseUv !== undefined && { noiseUv: Array.from(noiseUv) }),
    };
    const settingsFile = join(folder, 'settings.json');
    writeFileSync(settingsFile, JSON.stringify(settings));
    return parseScipyDetection(runTool(pythonWithScipy, [SCRIPT, file, settingsFile]));
  }

  function compare(ours: Spikes, { samples, electrodes, amplitudesUv }: ScipyDetection, least: number): void {
    const theirs = toSpikes(samples, electrodes, amplitudesUv);
    const { count, lines } = listDisagreements(ours, theirs);
    const common = Array.from(ours.keys()).filter((key) => theirs.has(key)).length;
    const agreement = common / Math.max(ours.size, theirs.size);
    process.stderr.write(
      `meactl found ${ours.size} spikes, scipy ${theirs.size}, ${common} at the same sample (${agreement.toFixed(5)}); ` +
        `${count} disagreements\n${lines.map((line) => `  ${line}\n`).join('')}`,
    );
    expect(common).toBeGreaterThan(4000);
    expect(agreement).toBeGreaterThanOrEqual(least);
    const differences = Array.from(ours, ([key, uv]) => Math.abs((theirs.get(key) ?? uv) - uv));
    expect(Math.max(...differences)).toBeLessThan(0.01);
  }

  it.each([
    ['a dead time of 2 ms', {}],
    ['a dead time of 0.8 ms', { deadMs: 0.8 }],
  ] as const)('finds the same spikes, each with its own estimate of the noise: %s', (_, special) => {
    compare(detectHere(special), detectThere(special), 0.99);
  });

  it('finds the same spikes but for one in a thousand where the noise is known', () => {
    const noiseUv = Float32Array.from(detectThere({}).noiseUv);
    const noise = { mode: 'frozen', initialUv: noiseUv } as const;
    compare(detectHere({ noise }), detectThere({}, noiseUv), 0.999);
  });
});
