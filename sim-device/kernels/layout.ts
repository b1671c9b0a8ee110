// Where things lie in memory. The TypeScript side (voltages/synthesis-kernels.ts) repeats the offsets.

/** Channels in a group: the lanes of an i16x8. */
export const LANES: i32 = 8;

/**
 * One record a group. A field of float32 is two vectors (channels 0-3 and 4-7), one of int16 is one vector.
 * Noise: three flicker states, the gain of the white noise, the shares of two neighbours (Q15), the amplitude of the
 * hum, the baseline and its slope. Artefact: fast and slow exponential, the potential during a pulse, rail mark.
 */
export const FLICKER_0: usize = 0;
export const FLICKER_1: usize = 32;
export const FLICKER_2: usize = 64;
export const GAIN: usize = 96;
export const NEAR_SHARE: usize = 128;
export const FAR_SHARE: usize = 144;
export const HUM: usize = 160;
export const BASELINE: usize = 192;
export const SLOPE: usize = 224;
export const FAST: usize = 256;
export const SLOW: usize = 288;
export const FIELD: usize = 320;
export const AT_RAIL: usize = 352;
export const GROUP_BYTES: usize = 384;

/** Frames that are drawn before they are filtered; the baseline moves in steps of as many samples. */
export const TILE: i32 = 16;
/** Space around the drawn rows, in bytes: a neighbour's offset reaches back by as much as a row. */
const MARGIN: usize = 64;

export let channels: i32 = 0;
export let groups: i32 = 0;
/** Bytes from one row of drawn noise to the next: not a power of two, so that rows do not share cache sets. */
export let drawnStride: usize = 0;
export let generator: usize = 0;
export let records: usize = 0;
export let lineWave: usize = 0;
export let lineWaveLength: i32 = 0;
export let humRows: usize = 0;
export let drawn: usize = 0;
export let samples: usize = 0;

let free: usize = 0;

function take(bytes: usize): usize {
  const start = (free + 63) & ~63;
  free = start + bytes;
  return start;
}

/** Lays out the memory for so many channels, samples in a period of the mains, and frames in a call. */
export function layOut(channelCount: i32, waveLength: i32, maxFrames: i32): void {
  channels = channelCount;
  groups = (channelCount + LANES - 1) / LANES;
  lineWaveLength = waveLength;
  free = __heap_base;
  generator = take(64);
  records = take(<usize>groups * GROUP_BYTES);
  lineWave = take(<usize>waveLength * 2);
  humRows = take(<usize>TILE * 2);
  const row = <usize>groups * 16;
  drawnStride = row + 64;
  drawn = take(row + MARGIN + <usize>TILE * drawnStride) + row + MARGIN;
  samples = take(<usize>channelCount * <usize>maxFrames * 2 + 64);
  const missing = <i32>((free + 0xffff) >> 16) - memory.size();
  if (missing > 0) memory.grow(missing);
}

export function groupsAddress(): usize {
  return records;
}
export function lineWaveAddress(): usize {
  return lineWave;
}
export function generatorAddress(): usize {
  return generator;
}
export function samplesAddress(): usize {
  return samples;
}
