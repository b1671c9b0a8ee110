// What a pulse leaves in the amplifiers, clipped at the rail.
import { AT_RAIL, channels, FAST, FIELD, GROUP_BYTES, groups, records, samples, SLOW } from './layout';

/** Larger than any rail, smaller than what `round` can take. */
const BEYOND: f32 = 1000000;
/** Half a bit is not seen; below half of that both exponentials are forgotten. In bits. */
const FORGOTTEN: f32 = 0.25;

/**
 * Adds decays and field to frames [at, at + frames) and clips. Marks the groups that show the rail, and returns how
 * many groups are still alive: 0 says that another call would change nothing.
 */
export function addArtefact(at: i32, frames: i32, fastDecay: f32, slowDecay: f32): i32 {
  const out = samples + <usize>at * <usize>channels * 2;
  let alive = 0;
  for (let group = 0; group < groups; group++) {
    const record = records + <usize>group * GROUP_BYTES;
    store<i32>(record, 0, AT_RAIL);
    if (!isAlive(record)) continue;
    decayGroup(record, out + ((<usize>group) << 4), frames, f32x4.splat(fastDecay), f32x4.splat(slowDecay));
    if (isAlive(record)) alive++;
  }
  return alive;
}

function isAlive(record: usize): bool {
  const decays = v128.or(
    v128.or(v128.load(record, FAST), v128.load(record, FAST + 16)),
    v128.or(v128.load(record, SLOW), v128.load(record, SLOW + 16)),
  );
  return v128.any_true(v128.or(decays, v128.or(v128.load(record, FIELD), v128.load(record, FIELD + 16))));
}

function clipAndRound(value: v128): v128 {
  const clipped = f32x4.max(f32x4.min(value, f32x4.splat(BEYOND)), f32x4.splat(-BEYOND));
  return i32x4.sub(f32x4.add(clipped, f32x4.splat(12582912)), i32x4.splat(0x4b400000));
}

function isForgotten(fast: v128, slow: v128): v128 {
  return f32x4.lt(f32x4.add(f32x4.abs(fast), f32x4.abs(slow)), f32x4.splat(FORGOTTEN));
}

function decayGroup(record: usize, out: usize, frames: i32, fastDecay: v128, slowDecay: v128): void {
  let fastA = v128.load(record, FAST);
  let fastB = v128.load(record, FAST + 16);
  let slowA = v128.load(record, SLOW);
  let slowB = v128.load(record, SLOW + 16);
  const fieldA = v128.load(record, FIELD);
  const fieldB = v128.load(record, FIELD + 16);
  const stride = (<usize>channels) << 1;
  let target = out;
  let atRail = i16x8.splat(0);
  for (let i = 0; i < frames; i++) {
    const before = v128.load(target);
    const a = clipAndRound(f32x4.add(f32x4.add(fastA, slowA), fieldA));
    const b = clipAndRound(f32x4.add(f32x4.add(fastB, slowB), fieldB));
    const after = i16x8.narrow_i32x4_s(
      i32x4.add(i32x4.extend_low_i16x8_s(before), a),
      i32x4.add(i32x4.extend_high_i16x8_s(before), b),
    );
    v128.store(target, after);
    atRail = v128.or(atRail, v128.or(i16x8.eq(after, i16x8.splat(32767)), i16x8.eq(after, i16x8.splat(-32768))));
    fastA = f32x4.mul(fastA, fastDecay);
    fastB = f32x4.mul(fastB, fastDecay);
    slowA = f32x4.mul(slowA, slowDecay);
    slowB = f32x4.mul(slowB, slowDecay);
    // Sample by sample, so that it does not matter where a call ends; and no denormal number comes up.
    const forgottenA = isForgotten(fastA, slowA);
    const forgottenB = isForgotten(fastB, slowB);
    fastA = v128.andnot(fastA, forgottenA);
    fastB = v128.andnot(fastB, forgottenB);
    slowA = v128.andnot(slowA, forgottenA);
    slowB = v128.andnot(slowB, forgottenB);
    target += stride;
  }
  v128.store(record, fastA, FAST);
  v128.store(record, fastB, FAST + 16);
  v128.store(record, slowA, SLOW);
  v128.store(record, slowB, SLOW + 16);
  store<i32>(record, i32(v128.any_true(atRail)), AT_RAIL);
}
