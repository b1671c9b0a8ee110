import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../../protocols/units.js';
import { valueOf, sessionOf, RATE_HZ } from '../../tests/helpers/recording-scenario.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { systemDisk } from './disk/disk.js';
import { openRecording } from './open-recording.js';
import { Recorder } from './recorder.js';
import { verifyRecording } from './verify.js';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const root = temporaryFolder('sparse');
const CHANNELS = 3;
const BLOCK = 50;

/** Records so many ms of samples from one on, with windows around stimuli, as a device tells of it. */
function stream(recorder: Recorder, from: number, { ms, stimuli }: { ms: number; stimuli: readonly number[] }): void {
  recorder.event({ type: 'stream-started' });
  for (let sample = from; sample < from + ms; sample += BLOCK) {
    const samples = Int16Array.from({ length: BLOCK * CHANNELS }, (_, i) =>
      valueOf(sample + Math.floor(i / CHANNELS), i % CHANNELS),
    );
    for (const at of stimuli.filter((due) => due >= sample && due < sample + BLOCK)) {
      recorder.event(Object.assign({ type: 'stimulus-scheduled' }, { stimulusId: at, sample: at, durationSamples: 3 }));
    }
    recorder.block({ firstSample: sampleIndex(sample), frames: BLOCK, channels: CHANNELS, samples });
    for (const at of stimuli.filter((due) => due >= sample && due < sample + BLOCK)) {
      recorder.event(Object.assign({ type: 'stimulus-delivered' }, { stimulusId: at, sample: at, electrodes: [0] }));
    }
  }
  recorder.event({ type: 'stream-ended' });
}

function record(name: string, act: (recorder: Recorder) => void): string {
  const folder = join(root, name);
  mkdirSync(folder);
  const recorder = new Recorder({
    disk: systemDisk(),
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    folder,
    session: sessionOf({ seconds: 1, channels: CHANNELS, raw: 'stimuli' }),
    probe: {},
    reserveBytes: 1024,
    onNotice: () => undefined,
  });
  act(recorder);
  recorder.close();
  return folder;
}

describe('a recording of the samples around stimuli', () => {
  const folder = record('windows', (recorder) => {
    stream(recorder, 1000, { ms: 4000, stimuli: [1500, 3000, 3200] });
    // The device has restarted: its samples begin anew.
    stream(recorder, 100, { ms: 2000, stimuli: [700] });
  });

  it('is as it was written, over the ends of streams too', () => {
    expect(verifyRecording(folder).problems).toEqual([]);
  });

  it('reads each sample where it was, and is blind to those that were not kept', async () => {
    const recording = openRecording(folder);
    const kept: number[] = [];
    for (const reader of recording.signals) {
      const { firstSample, frames, blind } = reader.signal;
      const { samples } = await reader.readBlock(0, frames);
      for (let frame = 0; frame < frames; frame++) {
        const sample = firstSample + frame;
        const isBlind = blind.some(({ from, to }) => sample >= from && sample < to);
        if (!isBlind) kept.push(sample);
        for (let channel = 0; channel < CHANNELS; channel++) {
          expect(samples[frame * CHANNELS + channel]).toBe(isBlind ? 0 : valueOf(sample, channel));
        }
      }
    }
    await recording.close();
    const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
    const [before, after] = [0.1 * RATE_HZ, 0.4 * RATE_HZ];
    expect(kept).toEqual([
      ...span(1500 - before, 1500 + after),
      ...span(3000 - before, 3200 + after),
      ...span(700 - before, 700 + after),
    ]);
  });
});
