// White and 1/f noise, correlated between neighbours; hum; baseline.
import {
  BASELINE,
  channels,
  drawn,
  drawnStride,
  FAR_SHARE,
  FLICKER_0,
  FLICKER_1,
  FLICKER_2,
  GAIN,
  generator,
  GROUP_BYTES,
  groups,
  HUM,
  humRows,
  lineWave,
  lineWaveLength,
  NEAR_SHARE,
  records,
  samples,
  SLOPE,
  TILE,
} from './layout';

let pole0: f32 = 0;
let pole1: f32 = 0;
let pole2: f32 = 0;
let weight0: f32 = 0;
let weight1: f32 = 0;
let weight2: f32 = 0;
let nearOffset: usize = 0;
let farOffset: usize = 0;

/** Poles and weights of the flicker filter, and how many channels back the two correlated neighbours are. */
export function configureNoise(p0: f32, p1: f32, p2: f32, w0: f32, w1: f32, w2: f32, near: i32, far: i32): void {
  pole0 = p0;
  pole1 = p1;
  pole2 = p2;
  weight0 = w0;
  weight1 = w1;
  weight2 = w2;
  nearOffset = <usize>near * 2;
  farOffset = <usize>far * 2;
}

/**
 * Writes `frames` frames of noise, hum and baseline from frame `at` of the output on.
 * `tick` is the sample's number since the baseline's last knot, `linePhase` its place in the mains' period.
 */
export function renderNoise(at: i32, frames: i32, tick: i32, linePhase: i32): void {
  let done = 0;
  let phase = linePhase;
  while (done < frames) {
    const tile = (tick + done) / TILE;
    const count = min(frames - done, (tile + 1) * TILE - tick - done);
    drawRows(count);
    phase = fillHum(phase, count);
    const out = samples + <usize>(at + done) * <usize>channels * 2;
    // Backwards: the last group of a row may write beyond it, and the next row's first group comes after.
    for (let group = groups - 1; group >= 0; group--) filterGroup(group, out, count, <f32>tile);
    done += count;
  }
}

/** The mains' wave of the tile's frames, so that the inner loop need not wrap. */
function fillHum(linePhase: i32, count: i32): i32 {
  let phase = linePhase;
  for (let i = 0; i < count; i++) {
    store<i16>(humRows + ((<usize>i) << 1), load<i16>(lineWave + ((<usize>phase) << 1)));
    phase++;
    if (phase == lineWaveLength) phase = 0;
  }
  return phase;
}

/**
 * Rows of near-Gaussian white noise, int16 of variance 8 (2^16 - 1) / 12, mean 0: signed sums of 8 uniform bytes.
 * xoshiro128+ (Blackman & Vigna 2018) in four lanes, two words a group, frame after frame. Of the 16 sums of two bytes
 * every channel gets four; those that two channels share enter one of them with the opposite sign, which leaves the two
 * uncorrelated.
 */
function drawRows(count: i32): void {
  let s0 = v128.load(generator, 0);
  let s1 = v128.load(generator, 16);
  let s2 = v128.load(generator, 32);
  let s3 = v128.load(generator, 48);
  const mean = i16x8.splat(510);
  const end = (<usize>groups) << 4;
  for (let row = 0; row < count; row++) {
    const target = drawn + <usize>row * drawnStride;
    for (let i: usize = 0; i < end; i += 16) {
      const a = i32x4.add(s0, s3);
      let t = i32x4.shl(s1, 9);
      s2 = v128.xor(s2, s0);
      s3 = v128.xor(s3, s1);
      s1 = v128.xor(s1, s2);
      s0 = v128.xor(s0, s3);
      s2 = v128.xor(s2, t);
      s3 = v128.or(i32x4.shl(s3, 11), i32x4.shr_u(s3, 21));
      const b = i32x4.add(s0, s3);
      t = i32x4.shl(s1, 9);
      s2 = v128.xor(s2, s0);
      s3 = v128.xor(s3, s1);
      s1 = v128.xor(s1, s2);
      s0 = v128.xor(s0, s3);
      s2 = v128.xor(s2, t);
      s3 = v128.or(i32x4.shl(s3, 11), i32x4.shr_u(s3, 21));
      const pairsA = i16x8.extadd_pairwise_i8x16_u(a);
      const pairsB = i16x8.extadd_pairwise_i8x16_u(b);
      const sum = i16x8.sub(i16x8.add(pairsA, pairsB), mean);
      const difference = i16x8.sub(pairsA, pairsB);
      const crossed = v128.shuffle<i64>(difference, difference, 1, 0);
      v128.store(target + i, i16x8.add(sum, crossed));
    }
  }
  v128.store(generator, s0, 0);
  v128.store(generator, s1, 16);
  v128.store(generator, s2, 32);
  v128.store(generator, s3, 48);
}

/** Numbers of at most 2^22 in size to int32: added to 1.5 x 2^23 they stand, rounded to even, in the low bits. */
function round(value: v128): v128 {
  return i32x4.sub(f32x4.add(value, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

/** One group of channels through a tile: neighbours mixed in, the flicker filter, rounding, baseline and hum. */
function filterGroup(group: i32, out: usize, count: i32, step: f32): void {
  const record = records + <usize>group * GROUP_BYTES;
  let source = drawn + ((<usize>group) << 4);
  let target = out + ((<usize>group) << 4);
  const stride = (<usize>channels) << 1;
  const p0 = f32x4.splat(pole0);
  const p1 = f32x4.splat(pole1);
  const p2 = f32x4.splat(pole2);
  const w0 = f32x4.splat(weight0);
  const w1 = f32x4.splat(weight1);
  const w2 = f32x4.splat(weight2);
  let a0 = v128.load(record, FLICKER_0);
  let b0 = v128.load(record, FLICKER_0 + 16);
  let a1 = v128.load(record, FLICKER_1);
  let b1 = v128.load(record, FLICKER_1 + 16);
  let a2 = v128.load(record, FLICKER_2);
  let b2 = v128.load(record, FLICKER_2 + 16);
  const gainA = v128.load(record, GAIN);
  const gainB = v128.load(record, GAIN + 16);
  const near = v128.load(record, NEAR_SHARE);
  const far = v128.load(record, FAR_SHARE);
  const hum = v128.load(record, HUM);
  const steps = f32x4.splat(step);
  const baseline = i16x8.narrow_i32x4_s(
    round(f32x4.add(v128.load(record, BASELINE), f32x4.mul(v128.load(record, SLOPE), steps))),
    round(f32x4.add(v128.load(record, BASELINE + 16), f32x4.mul(v128.load(record, SLOPE + 16), steps))),
  );
  for (let i = 0; i < count; i++) {
    const own = v128.load(source);
    const mixed = i16x8.add(
      i16x8.add(own, i16x8.q15mulr_sat_s(v128.load(source - nearOffset), near)),
      i16x8.q15mulr_sat_s(v128.load(source - farOffset), far),
    );
    const a = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(mixed)), gainA);
    const b = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(mixed)), gainB);
    a0 = f32x4.add(f32x4.mul(a0, p0), a);
    b0 = f32x4.add(f32x4.mul(b0, p0), b);
    a1 = f32x4.add(f32x4.mul(a1, p1), a);
    b1 = f32x4.add(f32x4.mul(b1, p1), b);
    a2 = f32x4.add(f32x4.mul(a2, p2), a);
    b2 = f32x4.add(f32x4.mul(b2, p2), b);
    const sumA = f32x4.add(f32x4.add(a, f32x4.mul(a0, w0)), f32x4.add(f32x4.mul(a1, w1), f32x4.mul(a2, w2)));
    const sumB = f32x4.add(f32x4.add(b, f32x4.mul(b0, w0)), f32x4.add(f32x4.mul(b1, w1), f32x4.mul(b2, w2)));
    const wave = i16x8.q15mulr_sat_s(v128.load16_splat(humRows + ((<usize>i) << 1)), hum);
    const noise = i16x8.narrow_i32x4_s(round(sumA), round(sumB));
    v128.store(target, i16x8.add_sat_s(i16x8.add_sat_s(noise, baseline), wave));
    source += drawnStride;
    target += stride;
  }
  v128.store(record, a0, FLICKER_0);
  v128.store(record, b0, FLICKER_0 + 16);
  v128.store(record, a1, FLICKER_1);
  v128.store(record, b1, FLICKER_1 + 16);
  v128.store(record, a2, FLICKER_2);
  v128.store(record, b2, FLICKER_2 + 16);
}
