import { microamps, microseconds, microvolts } from '../protocols/units.js';
import { updateCrc32c } from '../protocols/mea-link/crc32c.js';
import { openRandomStream } from '../protocols/random.js';
import type { Pulse } from '../protocols/stimulation/stim-pattern.js';
import { VoltageSynth } from '../sim-device/voltages/voltage-synth.js';
import { machineRate, printLine } from './measure.js';

// Emulated voltages at 20 kHz, as multiples of real time on one core: noise, 200 spikes a second on 64 channels (as
// many a channel on more), 32 biphasic pulses each second, CRC-32C over all bytes. Asked for: 150 at 64 channels and 9
// at 1024. The best of several runs, because the others measure the machine's other guests.
const SAMPLE_RATE_HZ = 20_000;

/** What takes part in a run. */
interface Parts {
  readonly spikes: boolean;
  readonly pulses: boolean;
  readonly crc: boolean;
}

interface Rig {
  readonly channels: number;
  readonly columns: number;
  readonly blockFrames: number;
}

function createSynth({ channels, columns }: Rig): VoltageSynth {
  return new VoltageSynth({
    channels,
    sampleRateHz: SAMPLE_RATE_HZ,
    seed: 1,
    positions: Array.from({ length: channels }, (_, i) => ({
      xUm: 200 * (i % columns),
      yUm: 200 * Math.floor(i / columns),
    })),
    units: Array.from({ length: 2 * channels }, (_, i) => ({
      electrode: i >> 1,
      amplitudeUv: microvolts(40 + ((37 * i) % 160)),
      widthMs: 0.3 + 0.05 * (i % 4),
      refractoryMs: 2,
    })),
  });
}

/** Black squares of the array's first 8 x 8 electrodes. */
function checkerboard(columns: number): Pulse[] {
  const phases = [-20, 20].map((current) => ({ currentUa: microamps(current), durationUs: microseconds(200) }));
  return Array.from({ length: 64 }, (_, i) => [i % 8, i >> 3] as const)
    .filter(([x, y]) => (x + y) % 2 === 0)
    .map(([x, y]) => ({ electrode: y * columns + x, phases }));
}

/** One second of the rig, again and again. */
function createRun(rig: Rig, parts: Parts): () => void {
  const synth = createSynth(rig);
  const random = openRandomStream(1, 'benchmark-spikes');
  const pulses = checkerboard(rig.columns);
  const spikesPerBlock = ((rig.channels / 64) * 200 * rig.blockFrames) / SAMPLE_RATE_HZ;
  let crc = 0;
  let due = 0;
  return () => {
    if (parts.pulses) synth.addPulses(pulses, synth.nextSample);
    for (let done = 0; done < SAMPLE_RATE_HZ; done += rig.blockFrames) {
      const frames = Math.min(rig.blockFrames, SAMPLE_RATE_HZ - done);
      for (due += parts.spikes ? spikesPerBlock : 0; due >= 1; due--) {
        const at = synth.nextSample + synth.prePeakSamples + random.integer(rig.blockFrames);
        synth.addSpike(random.integer(2 * rig.channels), at);
      }
      const samples = synth.render(frames);
      if (parts.crc) crc = updateCrc32c(crc, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    }
    if (parts.crc !== (crc !== 0)) throw new Error('the checksum was not made');
    if (parts.pulses !== synth.takeSaturations().length > 0) throw new Error('saturations without pulses, or none');
  };
}

/** Best seconds of work for a second of samples, of each variant; in turns, so that a slow spell hits all of them. */
function bestSeconds(runs: readonly (() => void)[], rounds: number): number[] {
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < rounds; round++) {
    runs.forEach((run, i) => {
      const started = performance.now();
      run();
      best[i] = Math.min(best[i]!, (performance.now() - started) / 1000);
    });
  }
  return best;
}

printLine(`machine: ${machineRate().toFixed(0)} MB/s of a plain sum over 16-bit numbers`);
const ALL: Parts = { spikes: true, pulses: true, crc: true };
const NONE: Parts = { spikes: false, pulses: false, crc: false };
for (const rig of [
  { channels: 64, columns: 8, blockFrames: 20 },
  { channels: 64, columns: 8, blockFrames: 256 },
  { channels: 1024, columns: 32, blockFrames: 20 },
  { channels: 1024, columns: 32, blockFrames: 256 },
]) {
  const variants = [ALL, NONE, { ...NONE, crc: true }, { ...NONE, spikes: true }, { ...NONE, pulses: true }];
  const rounds = rig.channels === 64 ? 200 : 20;
  const [all, noise, crc, spikes, pulses] = bestSeconds(
    variants.map((parts) => createRun(rig, parts)),
    rounds,
  );
  const asked = rig.channels === 64 ? 150 : 9;
  const nanoseconds = (seconds: number): string =>
    ((1e9 * Math.max(0, seconds)) / (rig.channels * SAMPLE_RATE_HZ)).toFixed(2);
  printLine(
    `${rig.channels} channels, blocks of ${rig.blockFrames} frames: ${(1 / all!).toFixed(1)} times real time (asked for: ${asked})`,
  );
  printLine(
    `  ns a sample: ${nanoseconds(all!)}; noise ${nanoseconds(noise!)}, CRC-32C ${nanoseconds(crc! - noise!)}, ` +
      `spikes ${nanoseconds(spikes! - noise!)}, artefacts ${nanoseconds(pulses! - noise!)}`,
  );
}
