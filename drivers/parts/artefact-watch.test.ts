import { describe, expect, test } from 'vitest';
import { sampleIndex } from '../../protocols/units.js';
import { ArtefactWatch, type ArtefactStep } from './artefact-watch.js';

const CHANNELS = 4;
const FRAMES = 240;

/** A quiet recording with two artefacts of several steps, the first of which begins an electrode at a time. */
function record(): Int16Array {
  const samples = new Int16Array(FRAMES * CHANNELS);
  for (let i = 0; i < samples.length; i++) samples[i] = (i * 7919) % 40;
  for (const [frame, electrode] of [
    [50, 1],
    [51, 2],
    [53, 3],
    [60, 0],
    [170, 0],
  ] as const) {
    samples[frame * CHANNELS + electrode]! += 2000;
  }
  return samples;
}

function lookIn(blockFrames: number): readonly ArtefactStep[] {
  const samples = record();
  const watch = new ArtefactWatch({ aboveUv: 100, gainUvPerBit: 0.2, skewSamples: 2, sampleRateHz: 10_000 });
  const steps: ArtefactStep[] = [];
  for (let from = 0; from < FRAMES; from += blockFrames) {
    const frames = Math.min(blockFrames, FRAMES - from);
    const part = samples.subarray(from * CHANNELS, (from + frames) * CHANNELS);
    steps.push(...watch.look({ firstSample: sampleIndex(1000 + from), frames, channels: CHANNELS, samples: part }));
  }
  return steps;
}

describe('an artefact watch', () => {
  test('tells with which steps artefacts begin, and not those that follow', () => {
    expect(lookIn(FRAMES)).toEqual([
      { sample: 1050, electrodes: [1] },
      { sample: 1051, electrodes: [2] },
      { sample: 1170, electrodes: [0] },
    ]);
  });

  test.each([1, 2, 7, 50, 51, 64])('tells the same in blocks of %i frames', (blockFrames) => {
    expect(lookIn(blockFrames)).toEqual(lookIn(FRAMES));
  });

  test('takes no step over samples that are missing', () => {
    const watch = new ArtefactWatch({ aboveUv: 100, gainUvPerBit: 0.2, skewSamples: 2, sampleRateHz: 10_000 });
    const look = (firstSample: number, value: number): readonly ArtefactStep[] =>
      watch.look({ firstSample: sampleIndex(firstSample), frames: 1, channels: 1, samples: Int16Array.of(value) });
    look(0, 0);
    expect(look(5, 3000)).toEqual([]);
    expect(look(6, 0)).toEqual([{ sample: 6, electrodes: [0] }]);
  });
});
