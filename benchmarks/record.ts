import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { openRandomStream } from '../protocols/random.js';
import { hertz, sampleIndex } from '../protocols/units.js';
import { recordEvent } from '../src/cli/record-events.js';
import { systemClock } from '../src/clock.js';
import { systemTimers } from '../src/timers.js';
import { describeProbe } from '../src/recording/probe-file.js';
import type { RecorderPort } from '../src/recording/recorder-port.js';
import { startRecorder } from '../src/recording/start-recorder.js';
import { LOOP_CHANNELS, openLoopRig } from './loop-rig.js';
import { medianOf, printLine, quantileOf } from './measure.js';

// `npm run bench -- record [pairs]`: the recorder's thread with raw samples, checksums, and all of it forced to the disk every
// second: how many times real time it takes blocks, 64 and 1024 channels at 20 kHz. Then the loop's latency (see
// `loop-latency`) with and without a recording of everything, in pairs that take turns. Asked for: 150 and 6 times real time;
// a 99th percentile at most 1.25 times the one without (median of the pairs' ratios).
const [pairs = 10] = process.argv.slice(2).map(Number);
const RATE_HZ = 20_000;
const BLOCK_FRAMES = 200;
const SETTLE_MS = 2500;
const MEASURE_MS = 5000;
const root = mkdtempSync(join(tmpdir(), 'record-'));

try {
  for (const [channels, seconds] of [
    [64, 300],
    [1024, 20],
  ] as const) {
    const folder = newFolder(`throughput-${channels}`);
    const { wallS, lost } = await fill(folder, channels, seconds);
    printLine(
      `${channels} channels: ${(seconds / wallS).toFixed(0)} times real time, ${((seconds * RATE_HZ * channels * 2) / wallS / 1e6).toFixed(0)} MB/s, ${lost} blocks lost, on the disk`,
    );
    rmSync(folder, { recursive: true });
  }
  await compareLoops();
} finally {
  rmSync(root, { recursive: true, force: true });
}

function newFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  return folder;
}

function openPort(folder: string, channels: number, onLost: () => void): Promise<RecorderPort> {
  return startRecorder({
    clock: systemClock(),
    timers: systemTimers(),
    folder,
    session: {
      version: 1,
      id: 'bench',
      kind: 'record',
      startedAt: '2026-01-01T00:00:00.000Z',
      program: { meactl: 'bench', node: process.version },
      provenance: 'emulated',
      device: { name: 'bench' },
      sampleRateHz: hertz(RATE_HZ),
      channels,
      gainUvPerBit: 0.195,
      array: { rows: channels / 8, columns: 8 },
      raw: 'all',
      configuration: {},
    },
    probe: describeProbe({ rows: channels / 8, columns: 8 }),
    onNotice: ({ type }) => {
      if (type === 'overrun' || type === 'failed' || type === 'raw-stopped') onLost();
    },
  });
}

/** Gives the recorder blocks as fast as it takes them, and waits until all is on the disk. */
async function fill(
  folder: string,
  channels: number,
  seconds: number,
): Promise<{ readonly wallS: number; readonly lost: number }> {
  let lost = 0;
  const recorder = await openPort(folder, channels, () => (lost += 1));
  const random = openRandomStream(1, 'noise');
  const noise = new Int16Array(BLOCK_FRAMES * channels * 8).map(() => random.integer(200) - 100);
  const startMs = performance.now();
  for (let block = 0; block < (seconds * RATE_HZ) / BLOCK_FRAMES; block++) {
    const from = (block % 8) * BLOCK_FRAMES * channels;
    const samples = noise.subarray(from, from + BLOCK_FRAMES * channels);
    recorder.block({ firstSample: sampleIndex(block * BLOCK_FRAMES), frames: BLOCK_FRAMES, channels, samples });
    // A device does not wait; this one does, so that the disk is measured and not the memory.
    if (block % 4 === 0) await recorder.untilTaken(2 ** 24);
  }
  await recorder.close();
  return { wallS: (performance.now() - startMs) / 1000, lost };
}

async function compareLoops(): Promise<void> {
  const ratios: number[] = [];
  const all: Record<'without' | 'with', number[]> = { without: [], with: [] };
  for (let pair = 0; pair < pairs; pair++) {
    // In turns, and which is first in turns too.
    const order = pair % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
    const p99 = { without: 0, with: 0 };
    for (const how of order) {
      const us = await measureLoop(how === 'with' ? newFolder(`loop-${pair}`) : undefined);
      p99[how] = quantileOf(us, 0.99);
      all[how].push(...us);
    }
    ratios.push(p99.with / p99.without);
  }
  for (const how of ['without', 'with'] as const) {
    const [p50, p99] = [0.5, 0.99].map((share) => quantileOf(all[how], share).toFixed(0));
    printLine(`loop ${how} a recording: p50 ${p50} us, p99 ${p99} us (${all[how].length} commands)`);
  }
  printLine(
    `99th percentile with a recording, to that without: ${medianOf(ratios).toFixed(2)} (median of ${pairs} pairs)`,
  );
}

async function measureLoop(folder: string | undefined): Promise<readonly number[]> {
  const loop = await openLoopRig();
  const { rig } = loop;
  let lost = 0;
  const recorder = folder === undefined ? undefined : await openPort(folder, LOOP_CHANNELS, () => (lost += 1));
  rig.events$.subscribe((event) => {
    rig.reportProgress();
    if (recorder !== undefined) recordEvent(recorder, event);
  });
  await loop.arm();
  await sleep(SETTLE_MS);
  loop.clear();
  const untilMs = performance.now() + MEASURE_MS;
  while (performance.now() < untilMs) await sleep(50);
  const { loopUs } = await loop.report();
  await loop.close();
  await recorder?.close();
  if (lost > 0) throw new Error('the recorder lost something');
  await setImmediate();
  return loopUs;
}
