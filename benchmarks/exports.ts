import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openRandomStream } from '../protocols/random.js';
import type { BlockReader } from '../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../protocols/units.js';
import { EXPORT_FORMATS, type ExportFormat } from '../src/recording/exports/exporter.js';
import { EXPORTERS } from '../src/recording/exports/exporters.js';
import type { RecordedSpikes, RecordingContents } from '../src/recording/recording-contents.js';
import { makeRecording } from '../tests/helpers/recording-fixture.js';
import { printLine } from './measure.js';

// `npm run bench -- exports [channels]`: a made-up recording of one and of four minutes, noise and 10 spikes a second on each
// channel, written in each format by a process of its own. What a process holds at most must not grow with the recording.

const RATE = 20_000;
const SPIKE_HZ = 10;
const LENGTHS_S = [60, 240];
/** A process may hold this much more for four times the recording. */
const MOST_GROWTH_MIB = 32;

const [first, format, seconds] = process.argv.slice(2);
const channels = Number(first ?? 64);
if (format !== undefined && isFormat(format)) await exportOnce(format, Number(seconds));
else compareFormats();

function isFormat(name: string): name is ExportFormat {
  return EXPORT_FORMATS.some((known) => known === name);
}

interface Measured {
  readonly seconds: number;
  readonly peakMiB: number;
  readonly bytes: number;
}

function compareFormats(): void {
  for (const each of [...EXPORT_FORMATS, 'nwb-gzip']) {
    const [short, long] = LENGTHS_S.map((length) => runOnce(each, length));
    if (short === undefined || long === undefined) return;
    const [, lengthS = 0] = LENGTHS_S;
    const growth = long.peakMiB - short.peakMiB;
    printLine(
      `${each.padEnd(12)} ${channels} channels, ${lengthS} s: ${(lengthS / long.seconds).toFixed(0)} times real time, ` +
        `${(long.bytes / 2 ** 20).toFixed(0)} MiB, process at most ${long.peakMiB.toFixed(0)} MiB (${growth.toFixed(0)} more than for ${LENGTHS_S[0] ?? 0} s)`,
    );
    if (growth > MOST_GROWTH_MIB) process.exitCode = 1;
  }
}

function runOnce(name: string, length: number): Measured {
  const self = fileURLToPath(import.meta.url);
  const env = { ...process.env, ...(name === 'nwb-gzip' && { COMPRESS: '1' }) };
  const argv = [self, String(channels), name === 'nwb-gzip' ? 'nwb' : name, String(length)];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(stderr.slice(-2000));
  const [took = 0, peakMiB = 0, bytes = 0] = stdout.split(' ').map(Number);
  return { seconds: took, peakMiB, bytes };
}

async function exportOnce(name: ExportFormat, length: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'meactl-bench-'));
  try {
    const contents = makeLong(length);
    const started = performance.now();
    const options = { signal: new AbortController().signal, createdAt: '2026-01-01T00:00:00.000Z' };
    const path = join(folder, 'out');
    await EXPORTERS[name](contents, path, { ...options, compress: process.env.COMPRESS === '1' });
    const took = (performance.now() - started) / 1000;
    printLine(`${took} ${process.resourceUsage().maxRSS / 1024} ${sizeOf(path)}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sizeOf(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size;
  return readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
}

/** One stretch of noise, made of the same second over and over. */
function makeLong(length: number): RecordingContents {
  const columns = Math.ceil(Math.sqrt(channels));
  const { contents } = makeRecording({ rows: Math.ceil(channels / columns), columns, stretches: [1], sessions: 3 });
  const random = openRandomStream(1, 'bench-exports');
  const second = Int16Array.from({ length: RATE * channels }, () => Math.round(40 * random.normal()));
  const frames = length * RATE;
  const reader: BlockReader = {
    signal: {
      name: 'noise',
      channels: Array.from({ length: channels }, (_, i) => ({ name: `E${i}`, gainUvPerBit: 0.195, offsetUv: 0 })),
      sampleRateHz: hertz(RATE),
      firstSample: sampleIndex(0),
      frames,
      blind: [],
    },
    readBlock: (from, wanted) => {
      const samples = new Int16Array(Math.min(wanted, frames - from) * channels);
      for (let done = 0; done < samples.length;) {
        const start = (from * channels + done) % second.length;
        const piece = second.subarray(start, Math.min(second.length, start + samples.length - done));
        samples.set(piece, done);
        done += piece.length;
      }
      return Promise.resolve({ firstFrame: from, frames: samples.length / channels, channels, samples });
    },
  };
  return {
    ...contents,
    session: { ...contents.session, channels },
    signals: [reader],
    spikes: () => makeSpikes(length),
  };
}

async function* makeSpikes(length: number): AsyncGenerator<RecordedSpikes> {
  const random = openRandomStream(2, 'bench-exports');
  const count = SPIKE_HZ * channels;
  for (let at = 0; at < length; at++) {
    await Promise.resolve();
    const samples = Float64Array.from({ length: count }, () => at * RATE + random.integer(RATE)).sort();
    yield {
      from: sampleIndex(at * RATE),
      to: sampleIndex((at + 1) * RATE),
      samples,
      electrodes: Uint16Array.from({ length: count }, () => random.integer(channels)),
      amplitudesUv: Float32Array.from({ length: count }, () => -50),
    };
  }
}
