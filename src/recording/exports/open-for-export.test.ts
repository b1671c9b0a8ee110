import { mkdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../../../protocols/units.js';
import { sessionOf, valueOf } from '../../../tests/helpers/recording-scenario.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { systemDisk } from '../disk/disk.js';
import { describeProbe } from '../probe-file.js';
import { Recorder } from '../recorder.js';
import type { RawPolicy } from '../session-file.js';
import { openForExport } from './open-for-export.js';
import { readBlocks } from './signal-blocks.js';

const root = temporaryFolder('for-export');
const CHANNELS = 3;
const BLOCK = 50;
/** Samples of the recording, at 1000 a second, and those of its stimuli. */
const SAMPLES = 6000;
const STIMULI = [1000, 1200, 3000, 4500];

function record(folder: string, raw: RawPolicy): void {
  mkdirSync(folder);
  const recorder = new Recorder({
    disk: systemDisk(),
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
    folder,
    session: sessionOf({ seconds: 6, channels: CHANNELS, raw }),
    probe: describeProbe({ rows: 1, columns: CHANNELS }),
    reserveBytes: 1024,
    onNotice: () => undefined,
  });
  recorder.event({ type: 'stream-started' });
  for (let sample = 0; sample < SAMPLES; sample += BLOCK) {
    const samples = Int16Array.from({ length: BLOCK * CHANNELS }, (_, i) =>
      valueOf(sample + Math.floor(i / CHANNELS), i % CHANNELS),
    );
    recorder.block({ firstSample: sampleIndex(sample), frames: BLOCK, channels: CHANNELS, samples });
    const stimulusId = STIMULI.indexOf(sample + BLOCK);
    if (stimulusId < 0) continue;
    const stimulus = { stimulusId, sample: sample + BLOCK, electrodes: [0] };
    const scheduled = { type: 'stimulus-scheduled', ...stimulus, durationSamples: 3 };
    const delivered = { type: 'stimulus-delivered', ...stimulus };
    recorder.event(scheduled);
    recorder.event(delivered);
  }
  recorder.event({ type: 'stream-ended' });
  recorder.close();
}

/** First sample and length of each signal, after each sample was held against what was recorded. */
async function checkSignals(raw: RawPolicy): Promise<number[][]> {
  const folder = `${root}/${raw}`;
  record(folder, raw);
  const opened = await openForExport(folder, 'refuse', { signal: new AbortController().signal });
  const found: number[][] = [];
  for (const reader of opened.signals) {
    const { firstSample, frames } = reader.signal;
    const read: number[] = [];
    for await (const { samples } of readBlocks(reader, { blockFrames: 77, signal: new AbortController().signal })) {
      read.push(...samples);
    }
    const wanted = Array.from({ length: frames * CHANNELS }, (_, i) =>
      valueOf(firstSample + Math.floor(i / CHANNELS), i % CHANNELS),
    );
    expect(read).toEqual(wanted);
    await expect(reader.readBlock(frames, 1)).rejects.toThrow('No such frames in the recording');
    found.push([firstSample, frames]);
  }
  await opened.close();
  return found;
}

describe('a recording opened for export', () => {
  it('has one signal, where all samples were kept', async () => {
    expect(await checkSignals('all')).toEqual([[0, SAMPLES]]);
  });

  it('has a signal for each window, where samples around stimuli were kept', async () => {
    // From 100 ms before to 400 ms after; two windows lie in each other.
    expect(await checkSignals('stimuli')).toEqual([
      [900, 700],
      [2900, 500],
      [4400, 500],
    ]);
  });
});
