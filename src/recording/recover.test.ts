import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFrames } from '../../tests/helpers/recorded-journal.js';
import { sessionOf } from '../../tests/helpers/recording-scenario.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { systemDisk } from './disk/disk.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER } from './raw/structure-oebin.js';
import { recoverRecording } from './recover.js';
import type { RawPolicy } from './session-file.js';
import { verifyRecording } from './verify.js';

const root = temporaryFolder('recover');
const clock = { wallMs: () => 0 };

/** A recording of one channel that was cut off: chunks as its journal tells them, and as many bytes of samples. */
function cutOff(name: string, { raw, chunks, bytes }: { raw: RawPolicy; chunks: readonly object[]; bytes: number }) {
  const folder = join(root, name);
  const data = join(folder, NODE_FOLDER, 'recording1', CONTINUOUS_FOLDER, 'continuous.dat');
  mkdirSync(dirname(data), { recursive: true });
  writeFileSync(data, new Uint8Array(bytes));
  const started = { recording: 1, firstSample: 0, channels: 1, sampleRateHz: 1000, because: 'start' };
  writeFrames(folder, { segment: 0, seq: 0 }, [
    ['session', JSON.stringify(sessionOf({ seconds: 1, channels: 1, raw }))],
    ['recording-started', JSON.stringify(started)],
    ...chunks.map((chunk) => ['chunk', JSON.stringify(chunk)] as const),
  ]);
  return { folder, data };
}

function chunksOf(count: number, frames: number): object[] {
  return Array.from({ length: count }, (_, i) => {
    return { recording: 1, firstFrame: i * frames, frames, firstSample: i * frames, crc: 0 };
  });
}

it('recovers a recording of more seconds than a call takes arguments', () => {
  const { folder, data } = cutOff('long', { raw: 'all', chunks: chunksOf(150_000, 1), bytes: 300_010 });
  expect(recoverRecording(folder, { disk: systemDisk(), clock }).lostSeconds).toBe(0.005);
  expect(statSync(data).size).toBe(300_000);
});

it('looks at the number of each frame piece by piece, however many there are', () => {
  const { folder, data } = cutOff('sparse', { raw: 'stimuli', chunks: chunksOf(3000, 100_000), bytes: 0 });
  writeFileSync(join(dirname(data), 'sample_numbers.npy'), new Uint8Array(128));
  const { problems } = verifyRecording(folder);
  expect(problems.map(({ file }) => file)).toContain(join(dirname(data), 'sample_numbers.npy'));
});

it('cuts off what nobody vouches for only once its copy has a name that lasts', () => {
  const { folder, data } = cutOff('named', { raw: 'all', chunks: chunksOf(10, 1), bytes: 30 });
  const system = systemDisk();
  const sizes: number[] = [];
  const disk = {
    ...system,
    syncFolder: (path: string) => {
      if (path === dirname(data)) sizes.push(statSync(data).size);
      system.syncFolder(path);
    },
  };
  recoverRecording(folder, { disk, clock });
  expect(sizes[0]).toBe(30);
  expect(readFileSync(data)).toHaveLength(20);
  expect(readFileSync(join(dirname(data), 'continuous.unverified.dat'))).toHaveLength(10);
});
