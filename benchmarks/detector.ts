import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openRandomStream } from '../protocols/random.js';
import { sampleIndex } from '../protocols/units.js';
import { normaliseSections } from '../src/pipeline/detector-memory.js';
import {
  GATE_SIGMA,
  MEDIAN_OF_SIGMA,
  NOISE_STEPS,
  planDetector,
  type SpikeDetectorSettings,
} from '../src/pipeline/detector-settings.js';
import { detectInFloat64 } from '../src/pipeline/reference/detect-in-float64.js';
import { createSpikeDetector } from '../src/pipeline/spike-detector.js';
import { copyRate, printLine } from './measure.js';

// The whole spike detector, from raw int16 blocks to batches of spikes, in million samples per CPU second of one core:
// band-pass, gated noise, threshold, peak, dead time. Beside it, in turns with it and on the same samples, the float64
// reference in plain TypeScript, and the same loop in C (benchmarks/native/detector.c, gcc -O3 -mavx2), which finds the same
// spikes but is not fed from outside, sorts nothing and knows no masks, rails or gaps. Without fused multiplication the C
// rounds as the kernels do; with it, which is another arithmetic, it is shown in brackets. The best of several runs each,
// because the others measure the machine's other guests. Asked for: 500 at 10 spikes a second and channel, 250 at 75; 5
// times the reference; 0.4 of C.
const SAMPLE_RATE_HZ = 20_000;
const GAIN_UV = 0.195;
const NOISE_BITS = 25;
/** Rms after the band-pass, about: all start from it, so that nothing has to settle. */
const NOISE_UV = 2.65;
const ROUNDS = 10;
const SHAPE = [-0.3, -0.8, -1, -0.85, -0.5, -0.1, 0.2, 0.35, 0.35, 0.28, 0.2, 0.12, 0.06];

interface Scene {
  readonly channels: number;
  readonly frames: number;
  readonly spikesPerSecond: number;
}

/** White noise with spikes of 6 to 14 times its filtered rms, 2 ms or more apart; (frames, channels). */
function renderScene({ channels, frames, spikesPerSecond }: Scene): Int16Array {
  const random = openRandomStream(1, 'benchmark-detector');
  const normals = Int16Array.from({ length: 65_536 }, () => Math.round(NOISE_BITS * random.normal()));
  const samples = new Int16Array(channels * frames);
  for (let i = 0; i < samples.length; i++) samples[i] = normals[random.integer(65_536)]!;
  const gap = SAMPLE_RATE_HZ / spikesPerSecond - 40;
  for (let c = 0; c < channels; c++) {
    for (let at = -gap * Math.log(1 - random.uniform()); at < frames - SHAPE.length;) {
      const size = 115 + 150 * random.uniform();
      const first = Math.floor(at) * channels + c;
      SHAPE.forEach((value, i) => (samples[first + i * channels]! += Math.round(value * size)));
      at += 40 - gap * Math.log(1 - random.uniform());
    }
  }
  return samples;
}

function settingsOf(channels: number): SpikeDetectorSettings {
  const initialUv = new Float32Array(channels).fill(NOISE_UV);
  return {
    channels,
    sampleRateHz: SAMPLE_RATE_HZ,
    gainUv: GAIN_UV,
    railGuardMs: 0,
    noise: { mode: 'adaptive', initialUv },
  };
}

/** Million samples per CPU second of a piece of work. */
function rateOf(samples: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return samples / (user + system);
}

interface Run {
  /** Spikes of one more pass over the scene. */
  readonly pass: () => number;
}

function createRun(channels: number, samples: Int16Array, blockFrames: number): Run {
  const detector = createSpikeDetector(settingsOf(channels));
  const size = blockFrames * channels;
  const blocks = Array.from({ length: samples.length / size }, (_, i) => samples.slice(i * size, (i + 1) * size));
  let next = 0;
  return {
    pass() {
      let spikes = 0;
      for (const part of blocks) {
        const block = { firstSample: sampleIndex(next), frames: blockFrames, channels, samples: part };
        spikes += detector.processInt16(block).samples.length;
        next += blockFrames;
      }
      return spikes;
    },
  };
}

/** Programs in C. */
interface Native {
  /** Rounds after each operation. */
  readonly plain: string;
  /** With fused multiplication and addition. */
  readonly fused: string;
}

/** The C program, compiled in both ways; or why not. */
function compileNative(folder: string): Native | { readonly reason: string } {
  const source = fileURLToPath(new URL('../../benchmarks/native/detector.c', import.meta.url));
  const native = { plain: join(folder, 'plain'), fused: join(folder, 'fused') };
  const flags = { plain: ['-ffp-contract=off'], fused: ['-mfma'] };
  for (const kind of ['plain', 'fused'] as const) {
    const args = ['-O3', '-mavx2', ...flags[kind], '-o', native[kind], source];
    const { status, stderr, error } = spawnSync('gcc', args, { encoding: 'utf8' });
    if (error !== undefined) return { reason: `gcc cannot be run (${error.message}); apt-get install gcc` };
    if (status !== 0) return { reason: `gcc failed: ${stderr}` };
  }
  return native;
}

/** Rate and spikes of a few passes in C. */
function runNative(
  path: string,
  file: string,
  { channels, blockFrames }: { channels: number; blockFrames: number },
): number[] {
  const plan = planDetector(settingsOf(channels));
  const { values, gain } = normaliseSections(plan);
  const sections = [0, 4].flatMap((at) => [values[at]!, values[at + 2]!, values[at + 3]!]);
  const levels = [plan.threshold, GATE_SIGMA].map((level) => level / MEDIAN_OF_SIGMA);
  const { searchFrames, deadFrames, ringFrames, gateFrames, ringSlope, epochFrames } = plan;
  const frames = [searchFrames, deadFrames, ringFrames, gateFrames];
  const words = [
    gain * GAIN_UV,
    ...sections,
    ...levels,
    NOISE_UV * MEDIAN_OF_SIGMA,
    ...frames,
    ringSlope,
    NOISE_STEPS[3],
  ];
  const args = [file, channels, blockFrames, epochFrames, 3].map(String);
  const { status, stdout } = spawnSync(path, args, { encoding: 'utf8', input: words.join(' ') });
  return status === 0 ? stdout.trim().split(' ').map(Number) : [Number.NaN, Number.NaN];
}

function compare(scene: Scene, folder: string, native: Native | undefined): void {
  const { channels, frames, spikesPerSecond } = scene;
  const samples = renderScene(scene);
  const file = join(folder, 'samples.i16');
  if (native !== undefined) writeFileSync(file, samples);
  const few = samples.subarray(0, channels * Math.max(200, Math.min(frames, Math.round(2e6 / channels))));
  const noiseUv = new Float64Array(channels).fill(NOISE_UV);
  let reference = 0;
  for (const blockFrames of [20, 200]) {
    const run = createRun(channels, samples, blockFrames);
    const spikes = run.pass();
    // Until the engine has compiled the kernels for speed.
    for (let i = 0; i < 3e8 / samples.length; i++) run.pass();
    let [best, plain, fused, nativeSpikes] = [0, 0, 0, Number.NaN];
    const passes = Math.ceil(8e6 / samples.length);
    for (let round = 0; round < ROUNDS; round++) {
      const work = (): void => {
        for (let i = 0; i < passes; i++) run.pass();
      };
      best = Math.max(best, rateOf(passes * samples.length, work));
      reference = Math.max(
        reference,
        rateOf(few.length, () => detectInFloat64(planDetector(settingsOf(channels)), few, noiseUv)),
      );
      if (native === undefined) continue;
      const [rate, found] = runNative(native.plain, file, { channels, blockFrames });
      plain = Math.max(plain, rate!);
      nativeSpikes = found!;
      fused = Math.max(fused, runNative(native.fused, file, { channels, blockFrames })[0]!);
    }
    const rateSpikes = (spikes * SAMPLE_RATE_HZ) / samples.length;
    const asked = spikesPerSecond > 10 ? 250 : 500;
    const ofNative =
      native === undefined
        ? ''
        : `, ${(best / plain).toFixed(2)} of C (${plain.toFixed(0)}, ${nativeSpikes} spikes) ` +
          `[${(best / fused).toFixed(2)} of ${fused.toFixed(0)}]`;
    printLine(
      `${channels} channels, blocks of ${blockFrames / 20} ms, ${rateSpikes.toFixed(0)} spikes/s: ${best.toFixed(0)} (asked for: ${asked}), ` +
        `${(best / reference).toFixed(1)} times float64 (${reference.toFixed(0)})${ofNative}; ${spikes} spikes`,
    );
  }
}

/** The rate where one electrode in eight is dead, over that of the same scene with all alive. */
function compareDead(channels: number): void {
  const alive = renderScene({ channels, frames: 4000, spikesPerSecond: 10 });
  const dead = alive.map((value, i) => (i % 8 === 3 ? 11 : value));
  const runs = [alive, dead].map((samples) => createRun(channels, samples, 20));
  const rates = runs.map(() => 0);
  const passes = Math.ceil(8e6 / alive.length);
  for (let round = 0; round < ROUNDS; round++) {
    runs.forEach((run, k) => {
      const work = (): void => {
        for (let i = 0; i < passes; i++) run.pass();
      };
      rates[k] = Math.max(rates[k]!, rateOf(passes * alive.length, work));
    });
  }
  const [all, some] = [rates[0]!, rates[1]!];
  printLine(
    `${channels} channels, blocks of 1 ms, 10 spikes/s, every eighth electrode dead: ${some.toFixed(0)}, ` +
      `${(some / all).toFixed(2)} of all alive (${all.toFixed(0)})`,
  );
}

const folder = mkdtempSync(join(tmpdir(), 'meactl-detector-'));
try {
  printLine(`machine: a copy moves ${copyRate().toFixed(0)} million int16 a CPU second`);
  const native = compileNative(folder);
  if ('reason' in native) printLine(`SKIPPED: comparison with C: ${native.reason}`);
  printLine('million samples per CPU second:');
  for (const channels of [64, 1024, 4096]) {
    for (const spikesPerSecond of [10, 75]) {
      const frames = channels === 4096 ? 2000 : 4000;
      compare({ channels, frames, spikesPerSecond }, folder, 'reason' in native ? undefined : native);
    }
  }
  for (const channels of [64, 1024]) compareDead(channels);
} finally {
  rmSync(folder, { recursive: true });
}
