import { microamps, microseconds, microvolts } from '../../protocols/units.js';
import type { Pulse } from '../../protocols/stimulation/stim-pattern.js';
import type { EmulatedUnit } from '../../sim-device/rig/spike-event.js';
import type { VoltageSynth } from '../../sim-device/voltages/voltage-synth.js';
import type { ElectrodePosition } from '../../sim-device/voltages/voltage-settings.js';

/** A grid of `columns` electrodes a row, row by row. */
export function gridPositions(channels: number, columns: number, pitchUm: number): ElectrodePosition[] {
  return Array.from({ length: channels }, (_, i) => ({
    xUm: (i % columns) * pitchUm,
    yUm: Math.floor(i / columns) * pitchUm,
  }));
}

/** A unit of the usual width. */
export function unitAt(electrode: number, amplitudeUv: number): EmulatedUnit {
  return { electrode, amplitudeUv: microvolts(amplitudeUv), widthMs: 0.4, refractoryMs: 2 };
}

/** Negative, then positive current of 200 us each. */
export function biphasicPulse(electrode: number, currentUa = 20): Pulse {
  return {
    electrode,
    phases: [-currentUa, currentUa].map((current) => ({
      currentUa: microamps(current),
      durationUs: microseconds(200),
    })),
  };
}

/** The 32 black squares of an 8 x 8 array. */
export function blackSquares(): number[] {
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => (Math.floor(i / 8) + i) % 2 === 0);
}

/** The next `frames` frames, copied, in calls of at most `block`. */
export function collectFrames(synth: VoltageSynth, frames: number, block = 1024): Int16Array {
  const parts: Int16Array[] = [];
  for (let done = 0; done < frames; done += block) parts.push(synth.render(Math.min(block, frames - done)).slice());
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** One channel of frame-major samples. */
export function channelOf(samples: Int16Array, channel: number, channels: number): Float64Array {
  return Float64Array.from({ length: samples.length / channels }, (_, i) => samples[i * channels + channel]!);
}

/** One-sided power density in squared units per Hz of bins of sampleRate / size: Hann windows of a power of 2, no overlap. */
export function periodogramOf(values: Float64Array, size: number, sampleRateHz: number): Float64Array {
  const density = new Float64Array(size / 2);
  const segments = Math.floor(values.length / size);
  for (let segment = 0; segment < segments; segment++) {
    const real = values.slice(segment * size, (segment + 1) * size);
    const mean = real.reduce((sum, value) => sum + value, 0) / size;
    const imaginary = new Float64Array(size);
    for (let i = 0; i < size; i++) real[i] = (real[i]! - mean) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
    transform(real, imaginary);
    const scale = 2 / (sampleRateHz * size * 0.375 * segments);
    for (let i = 0; i < density.length; i++) density[i] = density[i]! + scale * (real[i]! ** 2 + imaginary[i]! ** 2);
  }
  return density;
}

/** Fast Fourier transform in place, radix 2. */
function transform(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [real[j]!, real[i]!];
    [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
  }
  for (let half = 1; half < size; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-Math.PI * k) / half), Math.sin((-Math.PI * k) / half)];
      for (let a = k; a < size; a += 2 * half) {
        const b = a + half;
        const re = real[b]! * c - imaginary[b]! * s;
        const im = real[b]! * s + imaginary[b]! * c;
        real[b] = real[a]! - re;
        imaginary[b] = imaginary[a]! - im;
        real[a] = real[a]! + re;
        imaginary[a] = imaginary[a]! + im;
      }
    }
  }
}
